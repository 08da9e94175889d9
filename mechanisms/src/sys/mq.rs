//! POSIX message queues: mq_overview(7). `nix` has them without a timeout for sending.

use super::{checked, deadline};
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Creates a queue that does not exist yet.
pub(crate) fn create(name: &CStr, messages: usize, bytes: usize) -> io::Result<OwnedFd> {
    // SAFETY: an mq_attr is plain data; name and attributes outlive the call; the
    // descriptor that comes back has no other owner (on Linux a mqd_t is one).
    unsafe {
        let mut attributes: libc::mq_attr = std::mem::zeroed();
        attributes.mq_maxmsg = messages as libc::c_long;
        attributes.mq_msgsize = bytes as libc::c_long;
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
        let mode: libc::mode_t = 0o600;
        let fd = checked(libc::mq_open(
            name.as_ptr(),
            flags,
            mode,
            &raw mut attributes,
        ))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

pub(crate) fn unlink(name: &CStr) -> io::Result<()> {
    // SAFETY: the name outlives the call.
    checked(unsafe { libc::mq_unlink(name.as_ptr()) }).map(drop)
}

/// Sends, waiting until this long from now by the wall clock, which is the only
/// one that mq_timedsend(3) knows.
pub(crate) fn send(
    queue: BorrowedFd<'_>,
    bytes: &[u8],
    priority: u32,
    patience: Duration,
) -> io::Result<()> {
    let until = deadline(libc::CLOCK_REALTIME, patience);
    // SAFETY: bytes and deadline outlive the call.
    checked(unsafe {
        libc::mq_timedsend(
            queue.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            priority,
            &until,
        )
    })
    .map(drop)
}

/// Receives, waiting likewise. `room` is at least the queue's message size.
pub(crate) fn receive(
    queue: BorrowedFd<'_>,
    room: &mut [u8],
    patience: Duration,
) -> io::Result<(usize, u32)> {
    let until = deadline(libc::CLOCK_REALTIME, patience);
    let mut priority = 0;
    // SAFETY: the room, the priority and the deadline outlive the call.
    let length = unsafe {
        libc::mq_timedreceive(
            queue.as_raw_fd(),
            room.as_mut_ptr().cast(),
            room.len(),
            &mut priority,
            &until,
        )
    };
    match usize::try_from(length) {
        Ok(length) => Ok((length, priority)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// Requests a signal for the next message that arrives in the empty queue, once.
pub(crate) fn notify(queue: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    // SAFETY: a sigevent is plain data and outlives the call.
    unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = signal;
        checked(libc::mq_notify(queue.as_raw_fd(), &event)).map(drop)
    }
}
