//! How far a process had logged its operations when it did something else.

use crosswire_model::TaskId;

/// The operations that a process began when the log had so many entries, or later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Undone {
    pub leader: TaskId,
    pub since: u64,
}

/// Length of the log when a process began a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Logged {
    /// The last but one. What was logged since then follows what that step did.
    before: u64,
    /// The last.
    last: u64,
}

impl Default for Logged {
    fn default() -> Logged {
        Logged {
            before: u64::MAX,
            last: u64::MAX,
        }
    }
}

impl Logged {
    /// A step of the process begins when the log has `length` entries.
    pub fn begin_step(&mut self, length: u64) {
        self.before = std::mem::replace(&mut self.last, length);
    }

    /// The length of the log when the last step but one began.
    pub fn before(self) -> u64 {
        self.before
    }
}
