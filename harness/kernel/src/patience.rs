//! Waiting for a task that does what the engine wants of it, which never takes long.

use super::Tid;
use super::counter::Moment;
use super::tracee::{self, Report, Wait, Waited};
use std::io;
use std::time::Duration;

/// Wall-clock time that one wait, or several of one purpose, may take together. It is looked
/// at when the [`Ticker`](super::tick::Ticker) of the thread interrupts the wait.
#[derive(Debug)]
pub struct Patience {
    limit: Duration,
    end: Option<Moment>,
}

impl Patience {
    /// Enough for anything that the kernel does at once, on a busy machine.
    pub const SHORT: Duration = Duration::from_secs(10);

    /// Returns the patience for this long. The time begins with the first tick.
    pub fn of(limit: Duration) -> Patience {
        Patience { limit, end: None }
    }

    /// Reports the next stop or end of one task, or of any if `tid` is -1; `None` if there is
    /// no such task.
    ///
    /// # Errors
    /// If it takes too long: `TimedOut`.
    pub fn next(&mut self, tid: Tid) -> io::Result<Option<Report>> {
        loop {
            match tracee::wait_for(tid, Wait::Block)? {
                Waited::Report(report) => return Ok(Some(report)),
                Waited::NoTasks => return Ok(None),
                Waited::Tick | Waited::Nothing => {}
            }
            let limit = self.limit;
            if (self.end.get_or_insert_with(|| Moment::now().after(limit))).is_past() {
                let seconds = limit.as_secs();
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("a task has not stopped for {seconds} seconds"),
                ));
            }
        }
    }
}
