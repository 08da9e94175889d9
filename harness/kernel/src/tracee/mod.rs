//! ptrace(2) with its states as types: [`wait`] hands out a [`Stopped`] for each task that it
//! reports as stopped, and there is no other way to get one. What needs a stopped task is a method
//! of it, and resuming consumes it.

mod registers;
mod signals;
mod stopped;
mod timer_signal;

pub use signals::{child_of, sender_of};
pub use stopped::{Entering, Stopped};
pub use timer_signal::{queue_timer_signal, timer_of, with_overruns};

use crate::Tid;
use crate::request::done;
use std::io;

/// Reason why a task stopped.
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
}

/// Way in which a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

/// What a task has reported.
#[derive(Debug)]
pub enum Report {
    /// It stopped, for this reason.
    Stopped(Stopped, Stop),
    /// It ended.
    Ended(Tid, Ending),
}

impl Report {
    /// Returns the number of the task.
    pub fn tid(&self) -> Tid {
        match self {
            Report::Stopped(stopped, _) => stopped.tid(),
            Report::Ended(tid, _) => *tid,
        }
    }
}

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
    Report(Report),
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

/// Begins to trace a running task and all it will create. If this thread ends,
/// the kernel kills them.
pub fn seize(tid: Tid) -> io::Result<()> {
    // SAFETY: PTRACE_SEIZE takes all arguments by value.
    done(unsafe { libc::ptrace(libc::PTRACE_SEIZE, tid, 0, OPTIONS) })
}

/// Asks a running or blocked task to stop with [`Stop::Trap`].
pub fn interrupt(tid: Tid) -> io::Result<()> {
    // SAFETY: PTRACE_INTERRUPT takes all arguments by value.
    done(unsafe { libc::ptrace(libc::PTRACE_INTERRUPT, tid, 0, 0) })
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
        tid => decode(tid, status).map(Waited::Report),
    }
}

fn decode(tid: Tid, status: i32) -> io::Result<Report> {
    if libc::WIFEXITED(status) {
        let ending = Ending::Exited(libc::WEXITSTATUS(status));
        return Ok(Report::Ended(tid, ending));
    }
    if libc::WIFSIGNALED(status) {
        let ending = Ending::Killed(libc::WTERMSIG(status));
        return Ok(Report::Ended(tid, ending));
    }
    let stopped = Stopped::reported(tid);
    let signal = libc::WSTOPSIG(status);
    let stop = match status >> 16 {
        libc::PTRACE_EVENT_SECCOMP => Stop::Entry,
        libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_CLONE => Stop::Spawned {
            child: stopped.message()? as Tid,
            vfork: false,
        },
        libc::PTRACE_EVENT_VFORK => Stop::Spawned {
            child: stopped.message()? as Tid,
            vfork: true,
        },
        libc::PTRACE_EVENT_EXEC => Stop::Exec {
            former: stopped.message()? as Tid,
        },
        libc::PTRACE_EVENT_STOP if signal == libc::SIGTRAP => Stop::Trap,
        libc::PTRACE_EVENT_STOP => Stop::Group,
        _ if signal == libc::SIGTRAP | 0x80 => Stop::Exit,
        _ => Stop::Signal(signal),
    };
    Ok(Report::Stopped(stopped, stop))
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

#[cfg(test)]
mod tests;
