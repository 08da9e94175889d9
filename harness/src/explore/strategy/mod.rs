//! How the schedules of an exploration are chosen, one idea a file.

mod priorities;
mod random_walk;

use crate::model::Rule;
use rand_chacha::ChaCha8Rng;

/// A family of schedules.
pub(super) trait Strategy: Send + Sync {
    /// One schedule of the family. `horizon` is the number of steps that the
    /// program takes when nobody interferes.
    fn rule(&self, rng: &mut ChaCha8Rng, horizon: u32) -> Rule;

    /// How often it is chosen, compared with the others.
    fn weight(&self) -> u32;
}

/// Every strategy that an exploration mixes.
pub(super) const ALL: &[&dyn Strategy] = &[&random_walk::RandomWalk, &priorities::Priorities];
