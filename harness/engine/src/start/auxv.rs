//! Making a program's start the same every time: without the kernel's vDSO, so that it asks
//! the engine for the time, and with fixed start-up randomness.

use crate::inside::vdso::Kernels;
use crosswire_kernel::memory;
use crosswire_kernel::tracee::Stopped;
use std::io;

/// Rewrites the auxiliary vector (getauxval(3)) of a task that has just executed a
/// new program. Returns where its vDSO is, which it does not find any more.
pub(crate) fn make_deterministic(stopped: &Stopped) -> io::Result<Option<Kernels>> {
    const WORD: u64 = 8;
    let (tid, registers) = (stopped.tid(), stopped.registers()?);
    if !registers.is_64_bit() {
        return Err(io::Error::other(
            "it is a 32-bit program; only 64-bit programs can be run",
        ));
    }
    let stack = registers.stack();
    // The stack holds argc, the arguments, NULL, the environment, NULL, and then
    // the vector's pairs.
    let arguments = memory::read_word(tid, stack)?;
    let mut at = stack + WORD * (arguments + 2);
    while memory::read_word(tid, at)? != 0 {
        at += WORD;
    }
    at += WORD;
    let mut found = None;
    loop {
        let (kind, value) = memory::read_pair(tid, at)?;
        match kind as u64 {
            libc::AT_NULL => return Ok(found),
            libc::AT_SYSINFO_EHDR => {
                memory::write(tid, at, &libc::AT_IGNORE.to_ne_bytes())?;
                let image = value as u64;
                found = Some(Kernels { image, entry: at });
            }
            libc::AT_RANDOM => memory::write(tid, value as u64, b"crosswire random")?,
            _ => {}
        }
        at += 2 * WORD;
    }
}
