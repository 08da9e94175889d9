//! The calls that neither the standard library nor `nix` has: System V objects,
//! POSIX semaphores, process-shared pthread objects, futexes, queued signals, and
//! shared mappings. The only unsafe code of this crate.

pub(crate) mod alarm;
pub(crate) mod futex;
pub(crate) mod mapping;
pub(crate) mod mq;
pub(crate) mod posix_semaphore;
pub(crate) mod pthread;
mod shared;
pub(crate) mod signal;
pub(crate) mod sysv;

use std::io;
use std::time::Duration;

/// Converts the result of a call that returns -1 and sets `errno`.
fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}

/// Converts the result of a pthread function, which returns the error number itself.
fn checked_number(result: libc::c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

fn timespec(duration: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: duration.as_secs() as libc::time_t,
        tv_nsec: duration.subsec_nanos().into(),
    }
}

/// Returns the moment that lies so far ahead on a clock.
fn deadline(clock: libc::clockid_t, ahead: Duration) -> libc::timespec {
    let mut now = timespec(Duration::ZERO);
    // SAFETY: `now` is a timespec to write to; the clocks used here exist.
    unsafe { libc::clock_gettime(clock, &mut now) };
    let nanoseconds = now.tv_nsec + libc::c_long::from(ahead.subsec_nanos() as i32);
    libc::timespec {
        tv_sec: now.tv_sec + ahead.as_secs() as libc::time_t + nanoseconds / 1_000_000_000,
        tv_nsec: nanoseconds % 1_000_000_000,
    }
}

/// flock(2) on a bare descriptor: `nix` ties the lock to the life of a value, which
/// is not how a lock that is taken and given back in turns is used.
pub(crate) fn flock(fd: libc::c_int, operation: libc::c_int) -> io::Result<()> {
    // SAFETY: takes numbers only.
    checked(unsafe { libc::flock(fd, operation) }).map(drop)
}
