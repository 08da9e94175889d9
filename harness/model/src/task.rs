//! The tasks of a run, and how they are numbered.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One thread under test, numbered by creation from 0 and never by its pid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub u32);

impl TaskId {
    /// The bit of a number that stands for the store buffer of a task.
    const BUFFER: u32 = 1 << 31;

    /// Returns the number as an index into [`Trace::tasks`](super::Trace::tasks); of a store
    /// buffer, that of its task.
    pub fn index(self) -> usize {
        self.owner().0 as usize
    }

    /// Returns the store buffer of a task. It takes steps like a task: in each, its oldest
    /// store becomes visible to others (as the auxiliary threads of Abdulla et al., "Stateless
    /// model checking for TSO and PSO", TACAS 2015).
    #[must_use]
    pub fn buffer(self) -> TaskId {
        TaskId(self.0 | Self::BUFFER)
    }

    /// Tells whether it is a store buffer.
    pub fn is_buffer(self) -> bool {
        self.0 & Self::BUFFER != 0
    }

    /// Returns the task that a store buffer belongs to; of a task, itself.
    #[must_use]
    pub fn owner(self) -> TaskId {
        TaskId(self.0 & !Self::BUFFER)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_buffer() {
            true => write!(f, "#{} (its store buffer)", self.index()),
            false => write!(f, "#{}", self.0),
        }
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
