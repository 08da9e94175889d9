//! Telling a loop that waits from a computation.

use crate::inside::remote::next;
use crosswire_kernel::Tid;
use crosswire_kernel::regs;
use crosswire_kernel::tracee::{self, Stop, Stopped};
use std::io;

/// Instructions within which a waiting loop is expected to come round.
const INSTRUCTIONS: u32 = 2_000;

/// Observed activity of a task.
#[derive(Debug)]
pub(crate) enum Spins {
    /// It repeats itself; it is stopped in the loop.
    Yes(Stopped),
    /// It makes progress; it has been resumed.
    No,
    /// It reached this stop during the observation.
    Stopped(Tid, Stop),
}

/// Stops a task that runs its own code, steps through it, and says whether all
/// its registers return to the same values. With `stop` it stays stopped in any case.
pub(crate) fn look(tid: Tid, stop: bool) -> io::Result<Spins> {
    tracee::interrupt(tid)?;
    match next(tid)? {
        Stop::Trap => {}
        other => return Ok(Spins::Stopped(tid, other)),
    }
    if stop {
        return Ok(Spins::Yes(Stopped::reported(tid)));
    }
    let first = regs::read(tid)?;
    for _ in 0..INSTRUCTIONS {
        Stopped::reported(tid).single_step();
        match next(tid)? {
            Stop::Signal(libc::SIGTRAP) => {}
            other => return Ok(Spins::Stopped(tid, other)),
        }
        if regs::read(tid)?.same_as(&first) {
            return Ok(Spins::Yes(Stopped::reported(tid)));
        }
    }
    Stopped::reported(tid).resume(0);
    Ok(Spins::No)
}
