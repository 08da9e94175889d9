//! futex(2), between processes: without `FUTEX_PRIVATE_FLAG`.

use super::timespec;
use std::io;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Sleeps while the word has this value, until woken or timed out. The caller must check
/// again, because of spurious wake-ups.
///
/// # Errors
/// `ETIMEDOUT`, `EINTR`; `EAGAIN` if the word had another value.
pub(crate) fn wait(word: &AtomicU32, value: u32, patience: Duration) -> io::Result<()> {
    let time = timespec(patience);
    // SAFETY: word and time outlive the call; the kernel only reads them.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            value,
            &raw const time,
        )
    };
    super::checked(result as libc::c_int).map(drop)
}

/// Wakes this number of tasks that sleep on the word.
pub(crate) fn wake(word: &AtomicU32, count: i32) {
    // SAFETY: the kernel does not look at the word's contents. It cannot fail on an
    // address that is mapped.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, count) };
}
