//! The operations that the processes of a scenario log, and how far one had logged its own when it
//! did something else.

use crosswire_kernel::oplog::OpLog;
use crosswire_model::{End, History, Operation, TaskId, Trace};

/// Entries that a run may log: a call and an answer each take one.
pub(crate) const MOST: usize = 1 << 16;

/// Returns the operations that the processes of a scenario logged, by the names of those. A run that
/// logged more than there is room for is invalid.
pub(crate) fn history(
    log: &OpLog,
    children: &[String],
    trace: &mut Trace,
    undone: &[Undone],
) -> History {
    if log.overflowed() {
        trace.end = End::Invalid(format!("more than {MOST} log entries in one run"));
    }
    let task_of = |number: usize| {
        let name = children.get(number);
        name.and_then(|name| trace.process(name))
            .unwrap_or(TaskId(0))
    };
    let has_effect = |operation: &Operation| {
        let undone = undone.iter().find(|undone| undone.leader == operation.task);
        operation.answered().is_some() || undone.is_none_or(|u| operation.called < u.since)
    };
    let mut history = log.history(children, task_of);
    history.operations.retain(has_effect);
    history
}

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
