//! Calls that were cut short, and that the task makes again: nothing was to be noticed.

use super::session::{Halt, Session};
use super::stops::is_restart;
use crosswire_kernel::probe;

impl Session<'_> {
    /// Tells whether a call was cut short only by signals that the program ignores. The
    /// kernel does not send an ignored signal, except to a task that is traced
    /// (ptrace(2), "Signal-delivery-stop"), and some calls return EINTR for it. Or another thread
    /// has taken the signal, where the kernel restarts the call: it looks for signals once the
    /// task is resumed, which the engine's own calls may come before.
    pub(super) fn was_woken_in_vain(&self, index: usize, result: i64) -> bool {
        let task = &self.tasks[index];
        let ignores = |signals: Vec<i32>| {
            let mut signals = signals.into_iter();
            signals.all(|signal| probe::ignores(task.tid, signal))
        };
        let Ok(stopped) = task.stopped() else {
            return false;
        };
        match stopped.deliverable_signals() {
            // One of those that seem to be blocked may have come.
            Ok(none) if none.is_empty() => {
                is_restart(result) && stopped.pending_signals().is_ok_and(ignores)
            }
            signals => signals.is_ok_and(ignores),
        }
    }

    /// Lets a task repeat the call that was cut short, with the same deadline. The
    /// interruption never happened: whether the signal or the awaited event came first,
    /// in one step of another task, is not a choice of the schedule.
    pub fn begin_again(&mut self, index: usize) -> Result<(), Halt> {
        // Not left to the kernel even after one of its own restart codes: it looks at them
        // only if it finds a signal, which another thread may take first.
        self.repeat_call(index)?;
        let task = &mut self.tasks[index];
        task.begins_again = true;
        task.waits_until = task.timed_wait.map(|wait| wait.deadline);
        Ok(task.take_stopped()?.resume(0)?)
    }

    /// The task has come back to the entry of the call that was cut short.
    pub(super) fn enter_again(&mut self, index: usize) -> Result<(), Halt> {
        self.limit_wait(index)?;
        Ok(self.tasks[index].take_stopped()?.resume_to_exit()?)
    }
}
