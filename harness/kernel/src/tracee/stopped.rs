//! A task in a ptrace stop.

use crate::arch::NATIVE_ARCHITECTURE;
use crate::request::done;
use crate::{Tid, probe};
use std::io;

/// A task in a ptrace stop. [`wait`](super::wait) alone makes one; whatever needs a stopped task is
/// a method of it, and what ends the stop takes it. A task can be killed meanwhile: then methods
/// fail with ESRCH.
///
/// There is none of a number:
///
/// ```compile_fail,E0423
/// let stopped = crosswire_kernel::tracee::Stopped(1);
/// ```
///
/// And none of a task that runs:
///
/// ```compile_fail,E0382
/// fn look_too_late(stopped: crosswire_kernel::tracee::Stopped) -> std::io::Result<u64> {
///     stopped.resume(0)?;
///     stopped.signal_mask()
/// }
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Stopped(Tid);

/// The call a task is about to perform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Entering {
    /// Its number.
    pub call: u32,
    /// Its arguments.
    pub args: [u64; 6],
    /// Address at which the program continues after it.
    pub next: u64,
    /// True if it was made through the 64-bit interface, the only one known here.
    pub native: bool,
}

impl Entering {
    /// What is known of the call.
    pub fn row(&self) -> &'static crosswire_calls::Row {
        crosswire_calls::row(self.call)
    }
}

impl Stopped {
    /// Returns the token for a task that has just been reported as stopped.
    pub(super) fn reported(tid: Tid) -> Stopped {
        Stopped(tid)
    }

    /// Returns the number of the task.
    pub fn tid(&self) -> Tid {
        self.0
    }

    /// Returns what the stop's event tells besides (PTRACE_GETEVENTMSG of ptrace(2)): of a new task
    /// its number, of a new program the number that the caller had.
    pub(super) fn message(&self) -> io::Result<u64> {
        let mut message: libc::c_ulong = 0;
        // SAFETY: the kernel writes one unsigned long to the address given.
        done(unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, self.0, 0, &raw mut message) })
            .map(|()| message)
    }

    /// Returns the call it is about to perform, at [`Stop::Entry`](super::Stop::Entry).
    pub fn entering(&self) -> io::Result<Entering> {
        let info = self.syscall_info()?;
        // SAFETY: the kernel fills the union member that `op` names.
        let seccomp = unsafe { info.u.seccomp };
        Ok(Entering {
            call: seccomp.nr as u32,
            args: seccomp.args,
            next: info.instruction_pointer,
            native: info.arch == NATIVE_ARCHITECTURE,
        })
    }

    /// Returns the result of the call, at [`Stop::Exit`](super::Stop::Exit).
    pub fn result(&self) -> io::Result<i64> {
        let info = self.syscall_info()?;
        // SAFETY: as in `entering`; at an exit stop `op` names `exit`.
        Ok(unsafe { info.u.exit }.sval)
    }

    /// Returns the result of the call, if this is its exit rather than its entry.
    pub fn result_if_exit(&self) -> io::Result<Option<i64>> {
        let info = self.syscall_info()?;
        let is_exit = info.op == libc::PTRACE_SYSCALL_INFO_EXIT;
        // SAFETY: as in `result`.
        Ok(is_exit.then_some(unsafe { info.u.exit }.sval))
    }

    fn syscall_info(&self) -> io::Result<libc::ptrace_syscall_info> {
        // SAFETY: the struct is plain integers, for which zero is a value.
        let mut info: libc::ptrace_syscall_info = unsafe { std::mem::zeroed() };
        let size = size_of_val(&info);
        // SAFETY: the kernel writes at most `size` bytes to the address given.
        let result =
            unsafe { libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, self.0, size, &raw mut info) };
        done(result).map(|()| info)
    }

    /// Writes a word into its code, which it may not write itself: the page becomes a copy of its
    /// own.
    pub fn write_code(&self, address: u64, word: u64) -> io::Result<()> {
        // SAFETY: PTRACE_POKETEXT takes its arguments by value; the address is only ever
        // resolved in the other process.
        done(unsafe { libc::ptrace(libc::PTRACE_POKETEXT, self.0, address, word) })
    }

    /// Tells whether it can perform instructions one by one without noticing: the trap behind
    /// each unblocks SIGTRAP and takes its handler away where the program blocks or ignores
    /// the signal (force_sig_info_to_task in kernel/signal.c).
    pub fn steps_unnoticed(&self) -> bool {
        let blocks = |mask: u64| mask >> (libc::SIGTRAP - 1) & 1 == 1;
        !self.signal_mask().is_ok_and(blocks) && !probe::ignores(self.0, libc::SIGTRAP)
    }

    /// Lets it run to its next schedule point, delivering `signal` unless 0.
    ///
    /// # Errors
    /// As all that resume: only if the kernel refuses. Of a task that has been killed meanwhile,
    /// [`wait`](super::wait) reports the end.
    pub fn resume(self, signal: i32) -> io::Result<()> {
        self.restart("resuming", libc::PTRACE_CONT, signal)
    }

    /// Lets it run until its system call ends.
    ///
    /// # Errors
    /// As [`Stopped::resume`].
    pub fn resume_to_exit(self) -> io::Result<()> {
        self.restart("resuming", libc::PTRACE_SYSCALL, 0)
    }

    /// Lets it perform one instruction.
    ///
    /// # Errors
    /// As [`Stopped::resume`].
    pub fn single_step(self) -> io::Result<()> {
        self.restart("single-stepping", libc::PTRACE_SINGLESTEP, 0)
    }

    /// Leaves it stopped as by SIGSTOP, but lets SIGCONT wake it.
    ///
    /// # Errors
    /// As [`Stopped::resume`].
    pub fn listen(self) -> io::Result<()> {
        self.restart("waiting for SIGCONT to", libc::PTRACE_LISTEN, 0)
    }

    /// Stops tracing it, and leaves it stopped as by SIGSTOP.
    ///
    /// # Errors
    /// As [`Stopped::resume`].
    pub fn leave_stopped(self) -> io::Result<()> {
        self.restart("detaching from", libc::PTRACE_DETACH, libc::SIGSTOP)
    }

    fn restart(self, what: &str, request: libc::c_uint, signal: i32) -> io::Result<()> {
        // SAFETY: these requests take all arguments by value.
        match done(unsafe { libc::ptrace(request, self.0, 0, signal) }) {
            // Killed while it was stopped.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            Err(error) => {
                let failed = format!("{what} task {}: {error}", self.0);
                Err(io::Error::new(error.kind(), failed))
            }
            Ok(()) => Ok(()),
        }
    }
}
