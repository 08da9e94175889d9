//! Reading and writing the memory of a task that is stopped or asleep.
//!
//! Some containers permit ptrace(2) and refuse process_vm_readv(2) and its sibling: Docker's
//! usual profile did until version 20.10, which Debian 12 has. There `/proc/PID/mem` serves
//! instead, which takes ten times as long.

use super::Tid;
use super::maps;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Reads up to `buffer.len()` bytes; fewer where the mapping ends.
pub fn read(tid: Tid, address: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let local = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: buffer.len(),
    };
    // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`; the
    // remote address is only ever resolved in the other process.
    match unsafe { libc::process_vm_readv(tid, &raw const local, 1, &raw const remote, 1, 0) } {
        -1 => unless_refused(|| read_by_file(tid, address, buffer)),
        count => Ok(count as usize),
    }
}

/// Fills several buffers from their addresses, in one call.
///
/// # Errors
/// If any of it cannot be read; what the buffers hold is undetermined then.
pub fn read_each<const N: usize>(tid: Tid, mut parts: [(u64, &mut [u8]); N]) -> io::Result<()> {
    let wanted: usize = parts.iter().map(|(_, buffer)| buffer.len()).sum();
    let remote = parts.each_ref().map(|(address, buffer)| libc::iovec {
        iov_base: *address as *mut libc::c_void,
        iov_len: buffer.len(),
    });
    let local = parts.each_mut().map(|(_, buffer)| libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    });
    let count = N as libc::c_ulong;
    // SAFETY: the kernel writes at most as much into each buffer as it is long, and the
    // buffers are borrowed for as long as this function runs; the remote addresses are
    // only ever resolved in the other process.
    match unsafe { libc::process_vm_readv(tid, local.as_ptr(), count, remote.as_ptr(), count, 0) } {
        -1 => unless_refused(|| {
            parts.into_iter().try_for_each(|(address, buffer)| {
                match read_by_file(tid, address, buffer)? {
                    count if count == buffer.len() => Ok(()),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                }
            })
        }),
        read if read as usize == wanted => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Reads exactly `N` bytes.
pub fn read_exact<const N: usize>(tid: Tid, address: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    match read(tid, address, &mut bytes)? {
        count if count == N => Ok(bytes),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Reads a 64-bit word.
pub fn read_word(tid: Tid, address: u64) -> io::Result<u64> {
    read_exact(tid, address).map(u64::from_ne_bytes)
}

/// Reads a `struct timespec` or `timeval` as its two words.
pub fn read_pair(tid: Tid, address: u64) -> io::Result<(i64, i64)> {
    let bytes: [u8; 16] = read_exact(tid, address)?;
    let (a, b) = bytes.split_at(8);
    let word = |bytes: &[u8]| i64::from_ne_bytes(bytes.try_into().expect("eight bytes"));
    Ok((word(a), word(b)))
}

/// Reads a string up to its NUL, at most `limit` bytes, as text.
pub fn read_string(tid: Tid, address: u64, limit: usize) -> Option<String> {
    const PAGE: u64 = 4096;
    let mut bytes = Vec::new();
    while bytes.len() < limit {
        let at = address + bytes.len() as u64;
        // Never ask beyond a page's end: the next one may not exist.
        let chunk = ((PAGE - at % PAGE) as usize)
            .min(256)
            .min(limit - bytes.len());
        let mut buffer = [0; 256];
        let count = read(tid, at, &mut buffer[..chunk])
            .ok()
            .filter(|n| *n > 0)?;
        match buffer[..count].iter().position(|b| *b == 0) {
            Some(end) => {
                bytes.extend_from_slice(&buffer[..end]);
                break;
            }
            None => bytes.extend_from_slice(&buffer[..count]),
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes all bytes.
pub fn write(tid: Tid, address: u64, bytes: &[u8]) -> io::Result<()> {
    let local = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: bytes.len(),
    };
    // SAFETY: the kernel only reads `bytes`; the remote address is only ever
    // resolved in the other process.
    match unsafe { libc::process_vm_writev(tid, &raw const local, 1, &raw const remote, 1, 0) } {
        -1 => unless_refused(
            || match permitted(tid, address, bytes.len(), libc::PROT_WRITE)? {
                count if count == bytes.len() => write_over(tid, [(address, bytes)]),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            },
        ),
        count if count as usize == bytes.len() => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Goes another way if a filter has refused the last call; any other error of it stands.
fn unless_refused<T>(other_way: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EPERM | libc::ENOSYS) => other_way(),
        _ => Err(error),
    }
}

fn read_by_file(tid: Tid, address: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let count = permitted(tid, address, buffer.len(), libc::PROT_READ)?;
    read_over(tid, address, &mut buffer[..count])?;
    Ok(count)
}

/// Returns how many of these bytes the task itself may read or write without a gap: the file
/// pays no heed to it, and process_vm_readv(2) does.
fn permitted(tid: Tid, address: u64, length: usize, protection: i32) -> io::Result<usize> {
    let end = address.saturating_add(length as u64);
    let mut reached = address;
    for area in maps::areas(tid)? {
        if area.range.contains(&reached) && area.protection & protection != 0 {
            reached = area.range.end.min(end);
        }
    }
    match (reached - address) as usize {
        0 if length > 0 => Err(io::Error::from_raw_os_error(libc::EFAULT)),
        count => Ok(count),
    }
}

/// Reads exactly as much as the buffer holds, also where the task itself may not
/// (proc_pid_mem(5)).
pub fn read_over(tid: Tid, address: u64, buffer: &mut [u8]) -> io::Result<()> {
    File::open(format!("/proc/{tid}/mem"))?.read_exact_at(buffer, address)
}

/// Writes ranges of bytes, also where the task itself may only read or execute: private pages
/// become copies of its own (proc_pid_mem(5)).
pub fn write_over<'a>(
    tid: Tid,
    ranges: impl IntoIterator<Item = (u64, &'a [u8])>,
) -> io::Result<()> {
    let memory = File::options()
        .write(true)
        .open(format!("/proc/{tid}/mem"))?;
    ranges
        .into_iter()
        .try_for_each(|(address, bytes)| memory.write_all_at(bytes, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_serves_as_the_call_does() {
        const PAGE: usize = 4096;
        let tid = std::process::id() as Tid;
        let page = |protection| {
            // SAFETY: a new mapping, which no other code knows.
            let at = unsafe {
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                libc::mmap(std::ptr::null_mut(), 2 * PAGE, protection, flags, -1, 0)
            };
            assert_ne!(at, libc::MAP_FAILED);
            at
        };
        let both = libc::PROT_READ | libc::PROT_WRITE;
        let (open, closed) = (page(both), page(libc::PROT_NONE));
        // SAFETY: the second page of the mapping above.
        unsafe { libc::mprotect(open.byte_add(PAGE), PAGE, libc::PROT_READ) };
        let (open, closed) = (open as u64, closed as u64);
        write(tid, open, b"abc").expect("it may be written");

        let mut buffers = [[0; 3]; 2];
        let [by_call, by_file] = &mut buffers;
        assert_eq!(read(tid, open, by_call).expect("it may be read"), 3);
        assert_eq!(read_by_file(tid, open, by_file).expect("it may be read"), 3);
        assert_eq!(buffers, [*b"abc"; 2]);
        let fault = |result: io::Result<usize>| result.expect_err("it must fail").raw_os_error();
        assert_eq!(fault(read(tid, closed, &mut [0; 3])), Some(libc::EFAULT));
        assert_eq!(
            fault(read_by_file(tid, closed, &mut [0; 3])),
            Some(libc::EFAULT)
        );
        let written = |at: u64| permitted(tid, at, 2 * PAGE, libc::PROT_WRITE);
        assert_eq!(written(open).expect("one page"), PAGE);
        assert_eq!(fault(written(open + PAGE as u64)), Some(libc::EFAULT));
    }
}
