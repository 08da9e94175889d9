//! What tasks have reported, and what may have happened that others wait for.

use crosswire_kernel::Tid;
use crosswire_kernel::tracee::Report;
use crosswire_model::What;
use std::collections::HashMap;

/// A call that has come back during the current step.
#[derive(Debug)]
pub(crate) struct Completed {
    pub task: usize,
    pub result: i64,
    /// It would have ended at some time.
    pub was_timed: bool,
}

/// Reports since the last settling, and counters of what may concern others.
#[derive(Default)]
pub(crate) struct Reports {
    /// Reports of tasks whose creator has not announced them yet.
    pub(super) unannounced: HashMap<Tid, Report>,
    pub completed: Vec<Completed>,
    /// Tasks that have ended, and how.
    pub(super) ended: Vec<(usize, What)>,
    /// Stopped tasks may have been killed.
    pub(super) recheck: bool,
    signals_sent: u64,
    locks_released: u64,
}

impl Reports {
    /// A task's call has come back.
    pub fn complete(&mut self, task: usize, result: i64, was_timed: bool) {
        self.completed.push(Completed {
            task,
            result,
            was_timed,
        });
    }

    /// Stopped tasks may be killed by what happens now.
    pub fn expect_deaths(&mut self) {
        self.recheck = true;
    }

    /// Grows whenever a signal may have been sent.
    pub fn signals_sent(&self) -> u64 {
        self.signals_sent
    }

    /// A signal may have been sent.
    pub fn signal_sent(&mut self) {
        self.signals_sent += 1;
    }

    /// Grows whenever a file lock may have been released.
    pub fn locks_released(&self) -> u64 {
        self.locks_released
    }

    /// A file lock may have been released.
    pub fn lock_released(&mut self) {
        self.locks_released += 1;
    }
}
