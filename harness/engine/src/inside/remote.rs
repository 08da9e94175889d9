//! System calls that a stopped task makes for the engine, unseen by its program.

use crosswire_kernel::Tid;
use crosswire_kernel::arch::{Register, Registers};
use crosswire_kernel::patience::Patience;
use crosswire_kernel::tracee::{Ending, Report, Stop, Stopped};
use std::io;

/// The calls that tasks make for the engine.
pub(crate) mod made {
    pub use libc::{
        SYS_brk as BRK, SYS_chdir as CHDIR, SYS_clone as CLONE, SYS_close as CLOSE,
        SYS_dup3 as DUP3, SYS_epoll_ctl as EPOLL_CTL, SYS_getpid as GETPID, SYS_ioctl as IOCTL,
        SYS_kill as KILL, SYS_lseek as LSEEK, SYS_madvise as MADVISE, SYS_mincore as MINCORE,
        SYS_mmap as MMAP, SYS_mprotect as MPROTECT, SYS_mremap as MREMAP, SYS_munmap as MUNMAP,
        SYS_openat as OPENAT, SYS_pidfd_open as PIDFD_OPEN, SYS_rseq as RSEQ,
        SYS_rt_sigaction as SIGACTION, SYS_seccomp as SECCOMP,
        SYS_set_robust_list as SET_ROBUST_LIST, SYS_set_tid_address as SET_TID_ADDRESS,
        SYS_setns as SETNS, SYS_setpgid as SETPGID, SYS_shmctl as SHMCTL,
        SYS_sigaltstack as SIGALTSTACK, SYS_socket as SOCKET, SYS_write as WRITE,
    };
}

/// Signals that the processor causes. The kernel forces them on a task that blocks
/// them, and takes away the handler (force_sig_info_to_task in kernel/signal.c).
pub(crate) const FORCED: [i32; 5] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGTRAP,
];

/// A stopped task, borrowed from its program. No signal reaches it meanwhile.
pub(crate) struct Remote {
    /// `None` once it has ended in a call.
    stopped: Option<Stopped>,
    saved: Registers,
    mask: u64,
    gadget: Option<u64>,
    entering: Option<Entry>,
}

/// The entry of a call, at which a task stood when it was borrowed.
struct Entry {
    call: u32,
    /// What the program gets from it, if it is not performed.
    answer: Option<u64>,
}

impl Remote {
    /// Borrows a task that has made a call, and stands right behind the instruction.
    pub fn after_call(stopped: Stopped) -> io::Result<Remote> {
        let mask = block_all_signals(&stopped)?;
        Remote::borrow(stopped, mask)
    }

    /// Borrows a task that stands anywhere in its code; there is a `syscall` instruction
    /// at `gadget`.
    pub fn anywhere(stopped: Stopped, gadget: u64) -> io::Result<Remote> {
        let remote = Remote::after_call(stopped)?;
        Ok(Remote {
            gadget: Some(gadget),
            ..remote
        })
    }

    /// Borrows a task that is about to make a call. It stands there again afterwards, with
    /// arguments that the engine has changed as they are, and with its answer if the engine has
    /// given it one.
    pub fn at_entry(stopped: Stopped, call: u32) -> io::Result<Remote> {
        let answer = match stopped.peek(Register::Call)? {
            u64::MAX => Some(stopped.peek(Register::Result)?),
            _ => None,
        };
        stopped.poke(Register::Call, u64::MAX)?;
        let mask = block_all_signals(&stopped)?;
        let tid = stopped.tid();
        stopped.resume_to_exit()?;
        let remote = Remote::borrow(next_stop(tid, Stop::Exit)?, mask)?;
        Ok(Remote {
            entering: Some(Entry { call, answer }),
            ..remote
        })
    }

    fn borrow(stopped: Stopped, mask: u64) -> io::Result<Remote> {
        Ok(Remote {
            saved: stopped.registers()?,
            stopped: Some(stopped),
            mask,
            gadget: None,
            entering: None,
        })
    }

    /// Makes a call, and returns what the kernel returns.
    pub fn call(&mut self, call: i64, args: [u64; 6]) -> io::Result<i64> {
        let mut registers = self.saved;
        match self.gadget {
            Some(gadget) => registers.enter_at(gadget, call as u64, args),
            None => registers.enter(call as u64, args),
        }
        let mut stopped = self.stopped.take().ok_or_else(gone)?;
        stopped.set_registers(&registers)?;
        loop {
            let tid = stopped.tid();
            stopped.resume_to_exit()?;
            // Calls that the filter lets pass report their entry as well.
            stopped = match next(tid)? {
                // A task that was interrupted stops once more for that.
                Report::Stopped(stopped, Stop::Entry | Stop::Trap) => stopped,
                Report::Stopped(stopped, Stop::Exit) => match stopped.result_if_exit()? {
                    Some(result) => {
                        self.stopped = Some(stopped);
                        return Ok(result);
                    }
                    None => stopped,
                },
                report => return Err(unexpected(&report)),
            };
        }
    }

    /// The same for a call that cannot fail unless something is wrong with the engine.
    pub fn must(&mut self, what: &str, call: i64, args: [u64; 6]) -> io::Result<i64> {
        match self.call(call, args)? {
            error @ -4095..=-1 => {
                let error = io::Error::from_raw_os_error(-error as i32);
                Err(io::Error::new(error.kind(), format!("{what}: {error}")))
            }
            result => Ok(result),
        }
    }

    /// Gives the task back as it was.
    pub fn end(self) -> io::Result<Stopped> {
        let mut stopped = self.stopped.ok_or_else(gone)?;
        let mut registers = self.saved;
        if let Some(entry) = &self.entering {
            registers.enter(u64::from(entry.call), registers.args());
        }
        stopped.set_registers(&registers)?;
        if let Some(entry) = &self.entering {
            let tid = stopped.tid();
            stopped.resume(0)?;
            stopped = next_stop(tid, Stop::Entry)?;
            if let Some(answer) = entry.answer {
                stopped.poke(Register::Call, u64::MAX)?;
                stopped.poke(Register::Result, answer)?;
            }
        }
        stopped.set_signal_mask(self.mask)?;
        Ok(stopped)
    }
}

/// Returns the arguments of mmap(2) for memory that holds code of the engine's and its
/// data.
pub(crate) fn code_area(address: u64, length: u64) -> [u64; 6] {
    let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    let no_file = u64::MAX;
    [address, length, protection as u64, flags as u64, no_file, 0]
}

/// Returns where a task has room for a structure of the engine's: below its stack pointer,
/// beyond the 128 bytes that a function may use without moving it (System V AMD64 ABI, "red
/// zone").
pub(crate) fn room_below_stack(stopped: &Stopped) -> io::Result<u64> {
    const BELOW: u64 = 512;
    Ok((stopped.registers()?.stack() - BELOW) & !15)
}

/// Blocks every signal; the mask before. Calls cause none.
fn block_all_signals(stopped: &Stopped) -> io::Result<u64> {
    let mask = stopped.signal_mask()?;
    stopped.set_signal_mask(u64::MAX)?;
    Ok(mask)
}

/// Blocks every signal that can be put off, for an instruction of the program's; the mask
/// before.
pub(crate) fn block_signals(stopped: &Stopped) -> io::Result<u64> {
    let mask = stopped.signal_mask()?;
    let forced = FORCED.iter().fold(0, |set, signal| set | 1 << (signal - 1));
    // What the program blocks may be waiting for it; only SIGSEGV is the engine's business.
    let blocked = mask & !(1 << (libc::SIGSEGV - 1));
    stopped.set_signal_mask(!forced | blocked)?;
    Ok(mask)
}

/// Waits for what a task reports next that was resumed.
pub(crate) fn next(tid: Tid) -> io::Result<Report> {
    Patience::of(Patience::SHORT).next(tid)?.ok_or_else(gone)
}

fn next_stop(tid: Tid, wanted: Stop) -> io::Result<Stopped> {
    match next(tid)? {
        Report::Stopped(stopped, stop) if stop == wanted => Ok(stopped),
        report => Err(unexpected(&report)),
    }
}

fn gone() -> io::Error {
    io::Error::from_raw_os_error(libc::ESRCH)
}

fn unexpected(report: &Report) -> io::Error {
    io::Error::other(match report {
        Report::Ended(_, Ending::Killed(libc::SIGSYS))
        | Report::Stopped(_, Stop::Signal(libc::SIGSYS)) => {
            "the program's own filter forbids a system call that observing it takes".to_owned()
        }
        Report::Ended(_, ending) => {
            format!("a task that works for the engine ended: {ending:?}")
        }
        Report::Stopped(_, stop) => {
            format!("a task that works for the engine stopped: {stop:?}")
        }
    })
}
