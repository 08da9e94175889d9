//! Terminals: how they are set, and what is on its way through them (ioctl_tty(2), pty(7)).

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::thread;

/// Bytes of a `struct termios` of the kernel (asm-generic/termbits.h); `struct termios2` begins
/// with the same.
pub const SETTINGS: usize = 36;

const LOCAL_MODES: usize = 12;
/// The place of `VTIME` in it.
pub const TIME: usize = 22;
/// The place of `VMIN` in it.
pub const LEAST: usize = 23;

/// Returns the number of a terminal; both ends of a pseudoterminal have the same.
pub fn number(file: &OwnedFd) -> Option<u32> {
    let mut number = 0u32;
    // SAFETY: TIOCGDEV writes one unsigned int.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::TIOCGDEV, &raw mut number) };
    (result == 0).then_some(number)
}

/// Returns how a terminal is set.
pub fn settings(file: &OwnedFd) -> io::Result<[u8; SETTINGS]> {
    let mut settings = [0; SETTINGS];
    // SAFETY: TCGETS writes as many bytes as the kernel's `struct termios` has.
    match unsafe { libc::ioctl(file.as_raw_fd(), libc::TCGETS, settings.as_mut_ptr()) } {
        0 => Ok(settings),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Tells whether reads are limited by `VMIN` and `VTIME` and not by lines (termios(3)).
pub fn is_raw(settings: &[u8]) -> bool {
    let modes: [u8; 4] = settings[LOCAL_MODES..LOCAL_MODES + 4]
        .try_into()
        .expect("four bytes");
    u32::from_ne_bytes(modes) & libc::ICANON == 0
}

/// Waits until what has been written to the other end of a pseudoterminal can be read at this one.
/// A thread of the kernel carries it; who polls waits for that thread, unless there is something
/// to be read anyway.
pub fn catch_up(file: &OwnedFd) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    /// Times that others are let run first. There may be nothing on the way, and nothing says so.
    const PATIENCE: usize = 200;
    let readable = |file: &OwnedFd| {
        let mut polled = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
        poll(&mut polled, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    };
    let held = |file: &OwnedFd| {
        let mut bytes = 0;
        // SAFETY: FIONREAD writes one int.
        unsafe { libc::ioctl(file.as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
        bytes
    };
    let before = held(file);
    for _ in 0..PATIENCE {
        if before == 0 || held(file) != before || !readable(file) {
            break;
        }
        thread::yield_now();
    }
    readable(file);
}
