//! A random priority for every step to come: POS (Yuan, Yang and Gu, "Partial order
//! aware concurrency sampling", CAV 2018). When a step is taken, the steps that
//! touch the same object in a conflicting way get new priorities; the others keep
//! theirs, so that reordering what commutes uses up no chance.
//!
//! Guarantee: every order of the conflicting steps can come out, and where all
//! conflicts are between two steps each comes out with probability 2^-c for c
//! conflicts, however many steps lie between them.

use super::options::{Options, Policy};
use crosswire_model::{TaskId, conflict_in_data};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct PartialOrder {
    random: ChaCha8Rng,
    /// Of the next step of each task, where it has been drawn.
    priorities: BTreeMap<TaskId, u64>,
}

impl PartialOrder {
    pub fn new(seed: u64) -> PartialOrder {
        PartialOrder {
            random: ChaCha8Rng::seed_from_u64(seed),
            priorities: BTreeMap::new(),
        }
    }
}

impl Policy for PartialOrder {
    fn choose(&mut self, options: &Options) -> TaskId {
        for task in options.ready {
            let random = &mut self.random;
            let priority = self.priorities.entry(*task);
            priority.or_insert_with(|| random.next_u64());
        }
        let chosen = *options
            .ready
            .iter()
            .max_by_key(|task| self.priorities[*task])
            .expect("somebody is ready");
        let touched = options.next_of(chosen);
        // Each step of a process conflicts with a signal that ends it: if priorities were drawn
        // anew for that, no process would come to its end before.
        self.priorities.retain(|task, _| {
            *task != chosen && !conflict_in_data(touched, options.next_of(*task))
        });
        chosen
    }

    fn looks_ahead(&self) -> bool {
        true
    }
}
