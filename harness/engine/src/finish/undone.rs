//! Operations of a killed process that cannot have had an effect.
//!
//! A process that is killed leaves an operation without an answer, which may have had its
//! effect or not. It has had none if nothing that others could notice happened since it
//! began: the process was killed at the entry of its first call, before any access to
//! shared memory, or while that call waited and had taken nothing yet.

use crate::run::session::Session;
use crosswire_model::{Call, TaskId};
use libc::*;

/// The operations that a process began when the log had so many entries, or later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Undone {
    pub leader: TaskId,
    pub since: u64,
}

/// Number of entries in the log when a process began a step.
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

impl Session<'_> {
    /// A task begins a step.
    pub fn note_log(&mut self, index: usize) {
        let length = self.log_length();
        let process = self.tasks[index].process;
        let logged = &mut self.processes[process].logged;
        logged.before = std::mem::replace(&mut logged.last, length);
    }

    /// A task's process is about to be killed before it has made its call, or in a call
    /// that has waited from the first and will have done nothing.
    pub fn note_undone(&mut self, index: usize) {
        let number = self.tasks[index].process;
        // Which thread logged an operation is not known.
        let threads = self.tasks.iter().filter(|task| task.process == number);
        // A mark stands for work in whose midst the process is.
        let is_marked = self.tasks[index].entering.call == Call::MARK.0;
        // Whoever shares memory that is not watched may have written there unnoticed.
        if is_marked || threads.count() > 1 || !self.unwatched.is_empty() {
            return;
        }
        let process = &self.processes[number];
        self.undone.push(Undone {
            leader: process.leader,
            since: process.logged.before,
        });
    }

    /// Tells whether the call in which a task waits has had no effect so far.
    pub fn waits_untouched(&self, index: usize) -> bool {
        let entering = self.tasks[index].entering;
        match c_long::from(entering.call) {
            // Waiting for all of it, it may have taken a part.
            SYS_recvfrom => entering.args[3] & MSG_WAITALL as u64 == 0,
            SYS_recvmsg => entering.args[2] & MSG_WAITALL as u64 == 0,
            SYS_read | SYS_readv | SYS_accept | SYS_accept4 | SYS_flock | SYS_fcntl
            | SYS_msgrcv | SYS_msgsnd | SYS_mq_timedreceive | SYS_mq_timedsend | SYS_semop
            | SYS_semtimedop | SYS_poll | SYS_ppoll | SYS_epoll_wait | SYS_epoll_pwait
            | SYS_rt_sigtimedwait => true,
            SYS_futex => matches!(
                entering.args[1] as i32 & FUTEX_CMD_MASK,
                FUTEX_WAIT | FUTEX_WAIT_BITSET
            ),
            _ => false,
        }
    }
}
