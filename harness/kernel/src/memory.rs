//! Reading and writing the memory of a task that is stopped or asleep.

use super::Tid;
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
        -1 => Err(io::Error::last_os_error()),
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
        -1 => Err(io::Error::last_os_error()),
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
        -1 => Err(io::Error::last_os_error()),
        count if count as usize == bytes.len() => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
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
