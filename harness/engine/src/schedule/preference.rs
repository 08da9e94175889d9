//! Who goes first where nothing else decides.

use crosswire_model::TaskId;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

/// A choice by chance: anew each time, or by priorities that tasks keep. Who only ends others, say,
/// then leaves them the time to do something, in some runs.
#[derive(Debug)]
pub(super) struct Preference {
    /// By task, of which the highest goes first.
    priorities: Option<Vec<u64>>,
}

impl Preference {
    pub fn new(lasts: bool) -> Preference {
        Preference {
            priorities: lasts.then(Vec::new),
        }
    }

    /// Returns one of these tasks, of which there must be some.
    pub fn choose(&mut self, tasks: &[TaskId], random: &mut ChaCha8Rng) -> TaskId {
        let Some(priorities) = &mut self.priorities else {
            return tasks[random.random_range(0..tasks.len())];
        };
        let newest = tasks.iter().map(|task| task.index()).max().unwrap_or(0);
        while priorities.len() <= newest {
            priorities.push(random.next_u64());
        }
        let highest = tasks.iter().max_by_key(|task| priorities[task.index()]);
        *highest.expect("there is one to choose")
    }
}
