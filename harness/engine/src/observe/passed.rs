//! Descriptors that go with a message (unix(7), `SCM_RIGHTS`).

use crosswire_kernel::{Tid, memory};
use libc::{SCM_RIGHTS, SOL_SOCKET, cmsghdr};

/// Bytes before the data of a control message.
const HEADER: u64 = size_of::<cmsghdr>() as u64;

/// Offsets of `msg_control` and `msg_controllen` in a `struct msghdr`.
const CONTROL: u64 = 32;
const LENGTH: u64 = 40;

/// Returns the descriptors that the message passes whose `struct msghdr` is at an address, as far
/// as the memory of its task can be read.
pub(crate) fn descriptors(tid: Tid, header: u64) -> Vec<i32> {
    let word = |address: u64| memory::read_word(tid, address).unwrap_or(0);
    let (control, length) = (word(header + CONTROL), word(header + LENGTH));
    let mut passed = Vec::new();
    let mut at = 0;
    // Each is aligned like its header (cmsg(3)).
    while control != 0 && at + HEADER <= length {
        let size = word(control + at).min(length - at);
        let kind = word(control + at + 8);
        if (kind as i32, (kind >> 32) as i32) == (SOL_SOCKET, SCM_RIGHTS) {
            let data = control + at + HEADER;
            let numbers = (0..size.saturating_sub(HEADER) / 4)
                .map_while(|n| memory::read_exact(tid, data + 4 * n).ok());
            passed.extend(numbers.map(i32::from_ne_bytes));
        }
        at += size.max(HEADER).next_multiple_of(8);
    }
    passed
}
