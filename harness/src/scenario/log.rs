//! The log in which the processes of a scenario note what they do.

use super::outcome::{LogOutcome, LogValue};
use crosswire_kernel::oplog::{Answer, CallEntry, NAME_BYTES, OpLog};
use std::sync::Arc;

/// Notes the operations of one process, for the checkers to judge: that one began,
/// and what it answered. Costs no system call and is no schedule point. What was
/// noted stays when the process is killed; an operation in whose midst it died
/// counts as pending: it may have had its effect or not. If it cannot have had one,
/// because the process died before the first call that the operation makes, the
/// operation is left out.
///
/// Each method runs the closure and returns what it returned, unchanged.
pub struct Log {
    entries: Arc<OpLog>,
    process: u32,
}

impl Log {
    pub(super) fn new(entries: Arc<OpLog>, process: u32) -> Log {
        Log { entries, process }
    }

    /// Sends `value`.
    pub fn send<R: LogOutcome>(&self, value: impl LogValue, send: impl FnOnce() -> R) -> R {
        self.op("send", value, send)
    }

    /// Receives a value. `None` means that nothing is there, and nothing will come.
    pub fn recv<R: LogOutcome>(&self, receive: impl FnOnce() -> R) -> R {
        self.op("recv", (), receive)
    }

    /// Acquires the lock. An `Err` means that it was not acquired. For locks that
    /// return a guard see [`begin`](Self::begin).
    pub fn lock<R: LogOutcome>(&self, lock: impl FnOnce() -> R) -> R {
        self.op("lock", (), lock)
    }

    /// Gives the lock back.
    pub fn unlock<R: LogOutcome>(&self, unlock: impl FnOnce() -> R) -> R {
        self.op("unlock", (), unlock)
    }

    /// Does something else, which has a name and perhaps an argument (else `()`).
    ///
    /// # Panics
    /// If the name is longer than 23 bytes.
    pub fn op<R: LogOutcome>(
        &self,
        name: &str,
        value: impl LogValue,
        operation: impl FnOnce() -> R,
    ) -> R {
        let begun = self.begin(name, value);
        let result = operation();
        begun.finish(result.outcome().into());
        result
    }

    /// Notes that an operation begins; what is returned takes its answer. For
    /// operations whose result says nothing by itself, such as a guard:
    ///
    /// ```no_run
    /// # fn f(log: &crosswire::Log, mutex: &std::sync::Mutex<()>) {
    /// let locking = log.begin("lock", ());
    /// let guard = mutex.lock().unwrap();
    /// locking.answer(());
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the name is longer than 23 bytes.
    pub fn begin(&self, name: &str, value: impl LogValue) -> Begun<'_> {
        assert!(
            name.len() <= NAME_BYTES,
            "the operation `{name}` has a name of {} bytes; the log takes {NAME_BYTES}",
            name.len()
        );
        let call = self.entries.call(self.process, name, value.to_log());
        Begun { log: self, call }
    }
}

/// An operation that has begun. Dropped without an answer, it stays pending.
#[must_use = "without an answer the operation stays pending"]
pub struct Begun<'a> {
    log: &'a Log,
    call: CallEntry,
}

impl Begun<'_> {
    /// Logs that it answered with this value (`()`: with none).
    pub fn answer(self, value: impl LogValue) {
        let value = value.to_log();
        self.finish(Answer::Answered(value));
    }

    /// Logs that it failed without an effect.
    pub fn fail(self) {
        self.finish(Answer::Failed);
    }

    fn finish(self, answer: Answer) {
        self.log.entries.answer(self.log.process, self.call, answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::{Outcome, TaskId};

    #[test]
    fn results_pass_through_and_are_noted() {
        let entries = Arc::new(OpLog::create(64).unwrap());
        let log = Log::new(entries.clone(), 0);
        log.send(7_u8, || ());
        assert_eq!(log.recv(|| Some(7_u64)), Some(7));
        assert_eq!(log.recv(|| None::<i32>), None);
        assert_eq!(log.lock(|| Err::<(), _>("busy")), Err("busy"));
        assert_eq!(log.op("size", (), || Ok::<_, ()>(3_usize)), Ok(3));
        let _ = log.begin("wait", true);

        let history = entries.history(&["p".to_owned()], |_| TaskId(1));
        let seen: Vec<_> = history
            .operations
            .iter()
            .map(|o| (o.name.as_str(), o.value, o.answer(), o.answered().is_some()))
            .collect();
        assert_eq!(
            seen,
            [
                ("send", Some(7), None, true),
                ("recv", None, Some(7), true),
                ("recv", None, None, true),
                ("lock", None, None, true),
                ("size", None, Some(3), true),
                ("wait", Some(1), None, false),
            ]
        );
        assert!(matches!(
            history.operations[3].outcome,
            Outcome::Failed { .. }
        ));
    }
}
