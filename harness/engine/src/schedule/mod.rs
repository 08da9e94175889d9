//! Who takes the next step (`choose`): what the plan says, else a rule.
//!
//! The rules by which the next task is chosen, one idea a file. Each says what it
//! guarantees and whose idea it is.

pub(crate) mod choose;
mod drains;
mod options;
mod partial_order;
mod preference;
mod priorities;
mod random_walk;
mod round_robin;
mod suspects;
mod weighted;

pub(crate) use options::{Options, PATIENCE, Policy};

use crosswire_model::Rule;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Returns the rule at work; nothing for [`Rule::RunOn`], which needs no state.
pub(crate) fn of(rule: &Rule) -> Option<Box<dyn Policy>> {
    Some(match rule {
        Rule::RunOn => return None,
        Rule::RandomWalk { seed } => Box::new(random_walk::RandomWalk::new(*seed)),
        Rule::Priorities {
            seed,
            changes,
            horizon,
            by_task,
        } => Box::new(priorities::Priorities::new(
            *seed, *changes, *horizon, by_task,
        )),
        Rule::PartialOrder { seed } => Box::new(partial_order::PartialOrder::new(*seed)),
        Rule::Weighted {
            seed,
            object,
            beside,
            weights,
        } => {
            let objects = object.iter().chain(beside).cloned().collect();
            Box::new(weighted::Weighted::new(*seed, objects, weights))
        }
        Rule::Suspects { seed, sides } => Box::new(suspects::Suspects::new(*seed, sides.len())),
        Rule::RoundRobin { quantum } => Box::new(round_robin::RoundRobin { quantum: *quantum }),
        // The last of them.
        Rule::After { then, .. } => return of(then),
    })
}

/// Returns the number of sleeps of a run that a rule may end early. If all ended early in
/// every run, no run would have sleeps that do what their author intended.
pub(crate) fn early_wakes(rule: &Rule) -> u64 {
    match rule.seed() {
        None => 0,
        Some(seed) => {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            // Apart from the stream that the rule itself draws from.
            random.set_stream(1);
            random.random_range(0..3)
        }
    }
}
