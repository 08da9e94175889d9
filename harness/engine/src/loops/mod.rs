//! Loops that wait: a task that goes round and round until another does something.
//!
//! One rule serves all of them. A task whose steps repeat, without an effect that anybody
//! could notice, *goes round* (`rounds`): others go first, until something has happened
//! (`gate`). When only such tasks can run, each performs one more round, instruction by
//! instruction (`proof`, `path`). If it comes back to the same registers and memory
//! (`snapshot`), or what has changed decides nothing (`dataflow`), then every further round
//! is the same: the loop is *endless*, and waits like a task that sleeps. Time may jump to
//! the next deadline; and if there is none, the run is over, in a livelock that is proved.
//!
//! A loop in which nothing but clock readings decides goes on *until a time*: virtual time
//! passes ever faster, up to the next deadline. Any other loop goes on at its own pace. If
//! nothing happens for long, the run is stalled, which is no proof.
//!
//! A loop without steps (`own_code`) is looked at from time to time; when does not matter,
//! because only a proof counts.

mod dataflow;
mod doubt;
mod effort;
mod gate;
mod of_task;
mod own_code;
mod own_files;
mod path;
mod preemption;
mod private;
mod proof;
mod rounds;
mod snapshot;
mod verdict;
mod waiting;

pub(crate) use of_task::{Interval, Looping, Total};
pub(crate) use own_code::Look;

use std::collections::HashMap;

/// What has happened in a run, as far as loops are concerned.
#[derive(Default)]
pub(crate) struct Loops {
    effects: u64,
    /// Steps that concern no file but those that their task opens in every round.
    own_steps: u64,
    /// Virtual time, and the step, of the last effect.
    quiet_since: (u64, u64),
    /// Time that has passed since then because rounds are long.
    beyond: u64,
    /// By how much time moves on when nothing but time can end the loops.
    pace: u64,
    /// The effects when every loop was given another chance.
    last_chance: Option<u64>,
    /// Steps by address space.
    spaces: HashMap<usize, Steps>,
}

/// Steps of the tasks of one address space.
#[derive(Debug, Clone, Copy, Default)]
struct Steps {
    all: u64,
    /// Those that were unlike the ones before.
    new: u64,
}

impl Loops {
    fn steps_in(&self, space: usize) -> Steps {
        self.spaces.get(&space).copied().unwrap_or_default()
    }

    fn steps_in_mut(&mut self, space: usize) -> &mut Steps {
        self.spaces.entry(space).or_default()
    }

    /// Something happened that a task could notice.
    pub fn something_happened(&mut self, time: u64, step: u64) {
        self.effects += 1;
        self.quiet_since = (time, step);
        (self.beyond, self.pace) = (0, 0);
    }
}
