//! Signals with values, and waiting for them: sigqueue(3), sigwaitinfo(2), and a
//! handler that counts.

use super::{checked, timespec};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Returns the number of the nth real-time signal (signal(7): glibc keeps the first few).
pub(crate) fn real_time(nth: i32) -> i32 {
    libc::SIGRTMIN() + nth
}

/// Sends a signal to a process; 0 only asks whether it is there.
pub(crate) fn send(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: takes numbers only.
    checked(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Queues a signal with a value for a process.
pub(crate) fn queue(pid: i32, signal: i32, value: u32) -> io::Result<()> {
    let value = libc::sigval {
        sival_ptr: value as usize as *mut libc::c_void,
    };
    // SAFETY: takes numbers only; the pointer is never followed.
    checked(unsafe { libc::sigqueue(pid, signal, value) }).map(drop)
}

fn set_of(signal: i32) -> libc::sigset_t {
    // SAFETY: a signal set is plain data, made empty before its use.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, signal);
        set
    }
}

/// Blocks or unblocks a signal in the calling thread.
pub(crate) fn block(signal: i32, blocked: bool) -> io::Result<()> {
    let how = if blocked {
        libc::SIG_BLOCK
    } else {
        libc::SIG_UNBLOCK
    };
    // SAFETY: the set outlives the call, which writes nothing back.
    super::checked_number(unsafe {
        libc::pthread_sigmask(how, &set_of(signal), std::ptr::null_mut())
    })
}

/// Takes a pending signal, which is blocked, waiting for one: its value, and who
/// sent it how (`si_code`).
pub(crate) fn wait(signal: i32, patience: Duration) -> io::Result<(u32, i32)> {
    // SAFETY: set, information and time outlive the call; sigtimedwait fills in the
    // information, of which the value is valid for all bit patterns.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let time = timespec(patience);
        checked(libc::sigtimedwait(&set_of(signal), &mut info, &time))?;
        Ok((info.si_value().sival_ptr as usize as u32, info.si_code))
    }
}

/// Returns a descriptor from which a blocked signal can be read (signalfd(2)).
pub(crate) fn descriptor(signal: i32) -> io::Result<std::os::fd::OwnedFd> {
    use std::os::fd::FromRawFd;
    // SAFETY: the set outlives the call; the descriptor has no other owner.
    unsafe {
        let fd = checked(libc::signalfd(-1, &set_of(signal), libc::SFD_CLOEXEC))?;
        Ok(std::os::fd::OwnedFd::from_raw_fd(fd))
    }
}

/// Number of times the handler has run in this process. The handler only counts: little
/// else is permitted there (signal-safety(7)).
static HANDLED: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::SeqCst);
}

/// Has the handler run at each delivery of a signal.
pub(crate) fn handle(signal: i32) -> io::Result<()> {
    // SAFETY: the handler is async-signal-safe; the structure is plain data.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = count as extern "C" fn(libc::c_int) as libc::sighandler_t;
        checked(libc::sigaction(signal, &action, std::ptr::null_mut())).map(drop)
    }
}

/// Returns the number of times the handler has run since the last call.
pub(crate) fn take_handled() -> u32 {
    HANDLED.swap(0, Ordering::SeqCst)
}

/// Unblocks a signal and sleeps until a handler has run, atomically: in two steps, a
/// process could sleep through a signal that arrives in between (ppoll(2)).
pub(crate) fn sleep_unblocked(signal: i32, patience: Duration) -> io::Result<()> {
    // SAFETY: a null mask only asks; sets and time outlive the calls.
    unsafe {
        let mut mask = std::mem::zeroed();
        let none = std::ptr::null();
        super::checked_number(libc::pthread_sigmask(libc::SIG_BLOCK, none, &mut mask))?;
        libc::sigdelset(&mut mask, signal);
        let time = timespec(patience);
        checked(libc::ppoll(std::ptr::null_mut(), 0, &time, &mask)).map(drop)
    }
}
