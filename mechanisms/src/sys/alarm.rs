//! A timeout for calls that have none, such as msgrcv(2): an alarm that interrupts them.

use super::checked;
use std::io;
use std::time::{Duration, Instant};

/// Interval at which the alarm repeats after the timeout. A single alarm could arrive
/// between the check of the clock and the call, and be lost.
const AGAIN: Duration = Duration::from_millis(10);

extern "C" fn nothing(_: libc::c_int) {}

/// Repeats `call` until it does anything but being interrupted, or the time is over:
/// `None`. Borrows the process's `SIGALRM` and its timer (setitimer(2)), so it is
/// for processes that use neither.
pub(crate) fn within<T>(
    time: Duration,
    mut call: impl FnMut() -> io::Result<T>,
) -> io::Result<Option<T>> {
    let began = Instant::now();
    // A handler, and without SA_RESTART, so that the call ends with EINTR.
    // SAFETY: the handler does nothing; the structure is plain data.
    let before = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
        let mut before = std::mem::zeroed();
        checked(libc::sigaction(libc::SIGALRM, &action, &mut before))?;
        before
    };
    set_timer(time, AGAIN)?;
    let result = loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                if began.elapsed() >= time {
                    break Ok(None);
                }
            }
            result => break result.map(Some),
        }
    };
    set_timer(Duration::ZERO, Duration::ZERO)?;
    // SAFETY: this is what was there before.
    checked(unsafe { libc::sigaction(libc::SIGALRM, &before, std::ptr::null_mut()) })?;
    result
}

fn set_timer(first: Duration, then: Duration) -> io::Result<()> {
    let pair = |time: Duration| libc::timeval {
        tv_sec: time.as_secs() as libc::time_t,
        tv_usec: time.subsec_micros().into(),
    };
    let timer = libc::itimerval {
        it_value: pair(first),
        it_interval: pair(then),
    };
    // SAFETY: `timer` outlives the call, which writes nothing back.
    checked(unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) }).map(drop)
}
