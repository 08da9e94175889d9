//! Random priorities with a few changes (PCT, Burckhardt et al., ASPLOS 2010): a
//! bug that needs d orderings shows with probability 1/(n·k^(d−1)) for n tasks
//! and k steps, also where a random walk would have to be lucky k times.

use super::Strategy;
use crate::model::Rule;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

pub(super) struct Priorities;

/// Most known bugs need no more than three orderings.
const MOST_CHANGES: u32 = 3;

impl Strategy for Priorities {
    fn rule(&self, rng: &mut ChaCha8Rng, horizon: u32) -> Rule {
        Rule::Priorities {
            seed: rng.next_u64(),
            changes: rng.random_range(1..=MOST_CHANGES),
            horizon: horizon.max(1),
        }
    }

    fn weight(&self) -> u32 {
        3
    }
}
