//! The tasks of a run, and how they are numbered.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One thread under test, numbered by creation from 0 and never by its pid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub u32);

impl TaskId {
    /// Returns the number as an index into [`Trace::tasks`](super::Trace::tasks).
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A task as the trace knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Name of its process: given by the scenario, or the parent's name and the
    /// child's number (`sh.2`); threads have the name of their process.
    pub process: String,
    /// Task that created it; `None` for those that the harness started.
    pub parent: Option<TaskId>,
    /// The first task of its process (itself, unless it is a further thread).
    pub leader: TaskId,
    /// Its thread id as the program sees it.
    pub tid: i32,
}
