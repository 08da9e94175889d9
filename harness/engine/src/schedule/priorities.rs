//! Random priorities with a few changes: PCT (Burckhardt, Kothari, Musuvathi and
//! Nagarakatte, "A randomized scheduler with probabilistic guarantees of finding
//! bugs", ASPLOS 2010).
//!
//! Guarantee: a bug that needs d orderings between n tasks shows in a run of k steps
//! with d - 1 changes with probability 1/(n·k^(d-1)) at least.

use super::options::{Options, Policy};
use crosswire_model::TaskId;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[derive(Debug)]
pub(super) struct Priorities {
    random: ChaCha8Rng,
    /// By task.
    priorities: Vec<u64>,
    /// The steps at which the running task is overtaken, ascending.
    changes: Vec<u64>,
    /// The lowest priority so far.
    lowest: u64,
}

/// First priorities lie above it, those after a fall below.
const MIDDLE: u64 = u64::MAX / 2;

impl Priorities {
    pub fn new(seed: u64, changes: u32, horizon: u32) -> Priorities {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut changes: Vec<u64> = (0..changes)
            .map(|_| random.random_range(0..u64::from(horizon.max(1))))
            .collect();
        changes.sort_unstable();
        Priorities {
            random,
            priorities: Vec::new(),
            changes,
            lowest: MIDDLE,
        }
    }
}

impl Policy for Priorities {
    fn choose(&mut self, options: &Options) -> TaskId {
        let newest = options.ready.iter().map(|id| id.index()).max().unwrap_or(0);
        while self.priorities.len() <= newest {
            let priority = self.random.random_range(MIDDLE..u64::MAX);
            self.priorities.push(priority);
        }
        let mut overtaken = options.gives_way();
        while self.changes.first().is_some_and(|at| *at <= options.number) {
            self.changes.remove(0);
            overtaken = true;
        }
        if let (true, Some(task)) = (overtaken, options.current) {
            self.lowest -= 1;
            if let Some(priority) = self.priorities.get_mut(task.index()) {
                *priority = self.lowest;
            }
        }
        *options
            .ready
            .iter()
            .max_by_key(|id| self.priorities[id.index()])
            .expect("somebody is ready")
    }
}
