//! Results of ptrace(2).

use std::io;

/// Turns what a request has returned into a result.
pub(crate) fn done(result: libc::c_long) -> io::Result<()> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
