//! Open files that several runs have one after the other: what a run sets about them shall be gone
//! with it.

use crate::Tid;
use crate::taken::Taken;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Returns an anonymous file that programs write their output to: it never blocks them.
pub fn output_file(name: &str) -> io::Result<File> {
    use nix::sys::memfd::{MFdFlags, memfd_create};
    let file = File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC)?);
    as_new(&file)?;
    Ok(file)
}

/// An open file that several runs have, and its flags when none had it yet.
#[derive(Debug)]
pub struct Lent {
    file: Taken,
    flags: OFlag,
}

impl Lent {
    /// Takes note of a file that a process has open; `None` if the number is free.
    pub fn of(process: Tid, descriptor: i32) -> Option<Lent> {
        let file = Taken::from(process, descriptor).ok()?;
        let flags = fcntl(&file, FcntlArg::F_GETFL).ok()?;
        let flags = OFlag::from_bits_truncate(flags);
        Some(Lent { file, flags })
    }

    /// Takes back what a run has set.
    ///
    /// # Errors
    /// If the kernel refuses the flags.
    pub fn restore(&self) -> io::Result<()> {
        restore(self.file.as_raw_fd(), self.flags)
    }
}

/// Gives an open file these flags, and takes back a lock, and whom it tells what by which signal.
fn restore(file: i32, flags: OFlag) -> io::Result<()> {
    // asm-generic/fcntl.h
    const F_SETSIG: i32 = 10;
    // SAFETY: these commands take a number (fcntl(2)).
    let command = |command, value: i32| unsafe { libc::fcntl(file, command, value) };
    if command(libc::F_SETFL, flags.bits()) != 0 {
        return Err(io::Error::last_os_error());
    }
    command(libc::F_SETOWN, 0);
    command(F_SETSIG, 0);
    // SAFETY: no memory is involved.
    unsafe { libc::flock(file, libc::LOCK_UN) };
    Ok(())
}

/// Makes an output file again what it was, whatever programs have set: flags, lock, mode, and whom
/// it tells what by which signal.
pub fn as_new(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // Emptied between runs, while the writers keep their offset.
    restore(file.as_raw_fd(), OFlag::O_APPEND | OFlag::O_RDWR)?;
    // As memfd_create(2) gives it.
    file.set_permissions(std::fs::Permissions::from_mode(0o777))
}
