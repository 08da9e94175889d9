//! Who used which contested object when, in one run.

use super::{Mode, TaskId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The uses of each contested object of a run, in the order of its steps.
pub type Contention = BTreeMap<String, Vec<Use>>;

/// One use of an object by one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The step.
    pub step: u64,
    /// The task that took it.
    pub task: TaskId,
    /// In which way.
    pub mode: Mode,
    /// Number of the task's process.
    pub process: usize,
    /// Time of that process: it goes on whenever it creates a process.
    pub time: u32,
    /// What the process knew of the times of all, by number: what its creators and its reaped
    /// children had done.
    pub known: Arc<[u32]>,
}

impl Use {
    /// Tells whether the order of this use and a later one could have been the other, and
    /// matters: they are by two processes, of which one changes the object, and neither
    /// creation nor a wait for an end stands between them.
    pub fn competes_with(&self, later: &Use) -> bool {
        let known = later.known.get(self.process);
        let is_known = known.is_some_and(|time| *time >= self.time);
        let commute = self.mode == later.mode && self.mode != Mode::Write;
        self.process != later.process && !is_known && !commute
    }
}
