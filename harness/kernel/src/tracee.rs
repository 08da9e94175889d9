//! ptrace(2) with its states as types: what needs a stopped task takes a
//! [`Stopped`], and resuming consumes it.

use super::Tid;
use std::io;

/// Reason why a task stopped, or that it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// About to perform a system call (seccomp stop; the entry stop has passed).
    Entry,
    /// A system call has ended.
    Exit,
    /// It created a task.
    Spawned {
        /// The new task.
        child: Tid,
        /// True if the creator waits for it, as vfork(2) does.
        vfork: bool,
    },
    /// It executes a new program.
    Exec {
        /// The tid it had before: a thread takes its leader's (execve(2)).
        former: Tid,
    },
    /// A signal is about to be delivered.
    Signal(i32),
    /// It is stopped as by SIGSTOP.
    Group,
    /// First stop of a new task, or the answer to an interrupt.
    Trap,
    /// It ended with this status.
    Exited(i32),
    /// This signal ended it.
    Killed(i32),
}

/// A task in a ptrace stop.
#[derive(Debug, PartialEq, Eq)]
pub struct Stopped(Tid);

/// Behaviour of [`wait`] when there is nothing to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Sleep until there is.
    Block,
    /// Return at once.
    Poll,
}

/// Result of [`wait`].
#[derive(Debug)]
pub enum Waited {
    /// A task stopped or ended.
    Event(Tid, Stop),
    /// Nothing yet.
    Nothing,
    /// The watchdog's tick interrupted the sleep.
    Tick,
    /// There is no task left to wait for.
    NoTasks,
}

const OPTIONS: libc::c_int = libc::PTRACE_O_TRACESYSGOOD
    | libc::PTRACE_O_TRACECLONE
    | libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_TRACEEXEC
    | libc::PTRACE_O_TRACESECCOMP
    | libc::PTRACE_O_EXITKILL;

pub(super) fn peek_poke_result(result: libc::c_long) -> io::Result<()> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Begins to trace a running task and all it will create. If this thread ends,
/// the kernel kills them.
pub fn seize(tid: Tid) -> io::Result<()> {
    // SAFETY: PTRACE_SEIZE takes all arguments by value.
    peek_poke_result(unsafe { libc::ptrace(libc::PTRACE_SEIZE, tid, 0, OPTIONS) })
}

/// Asks a running or blocked task to stop with [`Stop::Trap`].
pub fn interrupt(tid: Tid) -> io::Result<()> {
    // SAFETY: PTRACE_INTERRUPT takes all arguments by value.
    peek_poke_result(unsafe { libc::ptrace(libc::PTRACE_INTERRUPT, tid, 0, 0) })
}

/// Reports the next stop or end among the tasks of this thread (and only of this
/// thread: other workers, and the program that uses the library, have their own).
pub fn wait(wait: Wait) -> io::Result<Waited> {
    wait_for(-1, wait)
}

/// Waits for one task.
pub fn wait_for(tid: Tid, wait: Wait) -> io::Result<Waited> {
    let mut status = 0;
    let flags = libc::__WALL
        | libc::__WNOTHREAD
        | match wait {
            Wait::Block => 0,
            Wait::Poll => libc::WNOHANG,
        };
    // SAFETY: waitpid writes one int to the address given.
    match unsafe { libc::waitpid(tid, &raw mut status, flags) } {
        0 => Ok(Waited::Nothing),
        -1 => match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::EINTR) => Ok(Waited::Tick),
            error if error.raw_os_error() == Some(libc::ECHILD) => Ok(Waited::NoTasks),
            error => Err(error),
        },
        tid => Ok(Waited::Event(tid, decode(tid, status)?)),
    }
}

fn decode(tid: Tid, status: i32) -> io::Result<Stop> {
    if libc::WIFEXITED(status) {
        return Ok(Stop::Exited(libc::WEXITSTATUS(status)));
    }
    if libc::WIFSIGNALED(status) {
        return Ok(Stop::Killed(libc::WTERMSIG(status)));
    }
    let signal = libc::WSTOPSIG(status);
    Ok(match status >> 16 {
        libc::PTRACE_EVENT_SECCOMP => Stop::Entry,
        libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_CLONE => Stop::Spawned {
            child: event_message(tid)? as Tid,
            vfork: false,
        },
        libc::PTRACE_EVENT_VFORK => Stop::Spawned {
            child: event_message(tid)? as Tid,
            vfork: true,
        },
        libc::PTRACE_EVENT_EXEC => Stop::Exec {
            former: event_message(tid)? as Tid,
        },
        libc::PTRACE_EVENT_STOP if signal == libc::SIGTRAP => Stop::Trap,
        libc::PTRACE_EVENT_STOP => Stop::Group,
        _ if signal == libc::SIGTRAP | 0x80 => Stop::Exit,
        _ => Stop::Signal(signal),
    })
}

fn event_message(tid: Tid) -> io::Result<u64> {
    let mut message: libc::c_ulong = 0;
    // SAFETY: the kernel writes one unsigned long to the address given.
    let result = unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, tid, 0, &raw mut message) };
    peek_poke_result(result).map(|()| message)
}

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
    /// Returns the token for a task that [`wait`] has just reported as stopped.
    pub fn reported(tid: Tid) -> Stopped {
        Stopped(tid)
    }

    /// Returns the call it is about to perform, at [`Stop::Entry`].
    pub fn entering(&self) -> io::Result<Entering> {
        let info = self.syscall_info()?;
        // SAFETY: the kernel fills the union member that `op` names.
        let seccomp = unsafe { info.u.seccomp };
        Ok(Entering {
            call: seccomp.nr as u32,
            args: seccomp.args,
            next: info.instruction_pointer,
            native: info.arch == super::filter::NATIVE_ARCHITECTURE,
        })
    }

    /// Returns the result of the call, at [`Stop::Exit`].
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
        peek_poke_result(result).map(|()| info)
    }

    /// Details of the signal it is about to receive.
    pub fn signal_info(&self) -> io::Result<libc::siginfo_t> {
        // SAFETY: siginfo_t is plain data, for which zero is a value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes one siginfo_t to the address given.
        let result = unsafe { libc::ptrace(libc::PTRACE_GETSIGINFO, self.0, 0, &raw mut info) };
        peek_poke_result(result).map(|()| info)
    }

    /// Replaces the details of the signal it is about to receive.
    pub fn set_signal_info(&self, info: &libc::siginfo_t) -> io::Result<()> {
        // SAFETY: the kernel only reads one siginfo_t from the address given.
        let result =
            unsafe { libc::ptrace(libc::PTRACE_SETSIGINFO, self.0, 0, std::ptr::from_ref(info)) };
        peek_poke_result(result)
    }

    /// For a fault: its code of sigaction(2), and the address.
    pub fn fault(&self) -> io::Result<(i32, u64)> {
        let info = self.signal_info()?;
        // SAFETY: for SIGSEGV and SIGBUS the kernel fills in the address; for others the
        // bytes mean something else, but are there.
        Ok((info.si_code, unsafe { info.si_addr() } as u64))
    }

    /// Replaces the address of the fault it is about to learn of.
    pub fn set_fault_address(&self, address: u64) -> io::Result<()> {
        /// `si_addr` in the kernel's layout of siginfo_t (asm-generic/siginfo.h).
        const ADDRESS: usize = 16;
        let mut info = self.signal_info()?;
        // SAFETY: siginfo_t is plain data of 128 bytes, and 16 is a multiple of eight.
        unsafe {
            (&raw mut info)
                .byte_add(ADDRESS)
                .cast::<u64>()
                .write(address);
        }
        self.set_signal_info(&info)
    }

    /// Makes the signal that it stopped for another one, that of a fault at an address.
    pub fn set_fault(&self, signal: i32, code: i32, address: u64) -> io::Result<()> {
        let mut info = self.signal_info()?;
        info.si_signo = signal;
        info.si_code = code;
        self.set_signal_info(&info)?;
        self.set_fault_address(address)
    }

    /// Returns the signals it has blocked, as bits from signal 1.
    pub fn signal_mask(&self) -> io::Result<u64> {
        let mut mask: u64 = 0;
        // SAFETY: the kernel writes a signal set of the size given to the address.
        let result = unsafe {
            libc::ptrace(
                libc::PTRACE_GETSIGMASK,
                self.0,
                size_of::<u64>(),
                &raw mut mask,
            )
        };
        peek_poke_result(result).map(|()| mask)
    }

    /// Blocks these signals and no others.
    pub fn set_signal_mask(&self, mask: u64) -> io::Result<()> {
        // SAFETY: the kernel reads a signal set of the size given from the address.
        let result = unsafe {
            libc::ptrace(
                libc::PTRACE_SETSIGMASK,
                self.0,
                size_of::<u64>(),
                &raw const mask,
            )
        };
        peek_poke_result(result)
    }

    /// Tells whether an unblocked signal waits to be delivered to it.
    pub fn has_deliverable_signal(&self) -> io::Result<bool> {
        self.deliverable_signals()
            .map(|signals| !signals.is_empty())
    }

    /// Returns the unblocked signals that wait to be delivered to it.
    pub fn deliverable_signals(&self) -> io::Result<Vec<i32>> {
        let mask = self.signal_mask()?;
        let mut signals = self.pending(0)?;
        signals.extend(self.pending(PEEKSIGINFO_SHARED)?);
        signals.retain(|signal| mask >> (signal - 1) & 1 == 0);
        Ok(signals)
    }

    fn pending(&self, flags: u32) -> io::Result<Vec<i32>> {
        #[repr(C)]
        struct PeekArgs {
            offset: u64,
            flags: u32,
            count: i32,
        }
        const ROOM: usize = 32;
        let args = PeekArgs {
            offset: 0,
            flags,
            count: ROOM as i32,
        };
        // SAFETY: siginfo_t is plain data, for which zero is a value.
        let mut infos: [libc::siginfo_t; ROOM] = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel reads `args` and writes at most `count` siginfo_t.
        let count = unsafe {
            libc::ptrace(
                PTRACE_PEEKSIGINFO,
                self.0,
                &raw const args,
                infos.as_mut_ptr(),
            )
        };
        peek_poke_result(count)?;
        Ok(infos[..count as usize].iter().map(|i| i.si_signo).collect())
    }

    /// Lets it run to its next schedule point, delivering `signal` unless 0.
    pub fn resume(self, signal: i32) {
        self.restart(libc::PTRACE_CONT, signal);
    }

    /// Lets it run until its system call ends.
    pub fn resume_to_exit(self) {
        self.restart(libc::PTRACE_SYSCALL, 0);
    }

    /// Tells whether it can perform instructions one by one without noticing: the trap behind
    /// each unblocks SIGTRAP and takes its handler away where the program blocks or ignores
    /// the signal (force_sig_info_to_task in kernel/signal.c).
    pub fn steps_unnoticed(&self) -> bool {
        let blocks = |mask: u64| mask >> (libc::SIGTRAP - 1) & 1 == 1;
        !self.signal_mask().is_ok_and(blocks) && !super::probe::ignores(self.0, libc::SIGTRAP)
    }

    /// Lets it perform one instruction.
    pub fn single_step(self) {
        self.restart(libc::PTRACE_SINGLESTEP, 0);
    }

    /// Leaves it stopped as by SIGSTOP, but lets SIGCONT wake it.
    pub fn listen(self) {
        self.restart(libc::PTRACE_LISTEN, 0);
    }

    /// Stops tracing it, and leaves it stopped as by SIGSTOP.
    pub fn leave_stopped(self) {
        self.restart(libc::PTRACE_DETACH, libc::SIGSTOP);
    }

    fn restart(self, request: libc::c_uint, signal: i32) {
        // A task that was killed while stopped gives ESRCH; its end is reported by
        // `wait`, so there is nothing to do about it here.
        // SAFETY: these requests take all arguments by value.
        unsafe { libc::ptrace(request, self.0, 0, signal) };
    }
}

// linux/ptrace.h; the libc crate lacks them.
const PTRACE_PEEKSIGINFO: libc::c_uint = 0x4209;
const PEEKSIGINFO_SHARED: u32 = 1;

/// Writes a word into a stopped task's code, which it may not write itself: the page
/// becomes a copy of its own.
pub fn write_code(tid: Tid, address: u64, word: u64) -> io::Result<()> {
    // SAFETY: PTRACE_POKETEXT takes its arguments by value; the address is only ever
    // resolved in the other process.
    peek_poke_result(unsafe { libc::ptrace(libc::PTRACE_POKETEXT, tid, address, word) })
}

/// Sends `signal` to a whole process; whether there is one.
pub fn kill(process: Tid, signal: i32) -> bool {
    // SAFETY: kill takes its arguments by value. A process that has just died
    // gives ESRCH, which is as good as dead.
    let sent = unsafe { libc::kill(process, signal) };
    sent == 0 || nix::errno::Errno::last() != nix::errno::Errno::ESRCH
}

/// Makes sure that the signal which is about to end a process writes no core file, however large
/// the process allows one to be: thousands of runs would fill a disk.
pub fn withhold_core(process: Tid) {
    // A limit of one byte is too little for a file, and keeps the kernel from starting a program
    // that takes core files (core(5); `do_coredump` in fs/coredump.c).
    const NONE: libc::rlim_t = 1;
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel reads and writes one rlimit each. A process that is gone writes nothing.
    unsafe {
        libc::prlimit(process, libc::RLIMIT_CORE, std::ptr::null(), &raw mut limit);
        limit.rlim_cur = NONE.min(limit.rlim_max);
        libc::prlimit(
            process,
            libc::RLIMIT_CORE,
            &raw const limit,
            std::ptr::null_mut(),
        );
    }
}

/// Sends `signal` to one thread.
pub fn kill_thread(process: Tid, tid: Tid, signal: i32) {
    // SAFETY: tgkill takes its arguments by value.
    unsafe { libc::syscall(libc::SYS_tgkill, process, tid, signal) };
}

/// The kernel's layout of siginfo for timers (asm-generic/siginfo.h): after the three ints
/// and padding come timer id, overrun count and the value.
#[repr(C)]
#[derive(Clone, Copy)]
struct TimerInfo {
    signo: i32,
    errno: i32,
    code: i32,
    pad: i32,
    timer: i32,
    overrun: i32,
    value: u64,
    rest: [u8; 96],
}

const _: () = assert!(size_of::<TimerInfo>() == size_of::<libc::siginfo_t>());

/// Returns the number of the POSIX timer whose signal this is, if it is one's.
pub fn timer_of(info: &libc::siginfo_t) -> Option<i32> {
    // SAFETY: both are plain data of the same size, and the alignment is the same.
    let timer = unsafe { *std::ptr::from_ref(info).cast::<TimerInfo>() };
    (timer.code == libc::SI_TIMER).then_some(timer.timer)
}

/// Returns the details of a POSIX timer's signal with this count of overruns.
pub fn with_overruns(mut info: libc::siginfo_t, overruns: i32) -> libc::siginfo_t {
    // SAFETY: as in `timer_of`.
    unsafe { (*(&raw mut info).cast::<TimerInfo>()).overrun = overruns };
    info
}

/// Queues the signal of a POSIX timer with its value, to a process or one thread.
pub fn queue_timer_signal(process: Tid, thread: Option<Tid>, signal: i32, timer: i32, value: u64) {
    let info = TimerInfo {
        signo: signal,
        errno: 0,
        code: libc::SI_TIMER,
        pad: 0,
        timer,
        overrun: 0,
        value,
        rest: [0; 96],
    };
    // SAFETY: both calls read one siginfo_t, which `info` has the size and layout of.
    unsafe {
        match thread {
            Some(tid) => libc::syscall(
                libc::SYS_rt_tgsigqueueinfo,
                process,
                tid,
                signal,
                &raw const info,
            ),
            None => libc::syscall(libc::SYS_rt_sigqueueinfo, process, signal, &raw const info),
        }
    };
}
