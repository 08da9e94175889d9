//! Start and end of a scenario's processes, and the calls by which they speak to the
//! engine.

use crate::Tid;
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::ForkResult;
use std::ffi::{c_int, c_long};
use std::io::{self, Write};
use std::os::fd::RawFd;
use std::path::PathBuf;

/// The template is ready: the engine clones each run from here.
pub const MARK_TEMPLATE: u32 = 0x4352_0000;
/// A process panicked. Arguments: address and length of the message.
pub const MARK_PANIC: u32 = crosswire_model::Call::PANIC.0;
/// A schedule point of the user's own. Arguments: a number and a value.
pub const MARK_USER: u32 = crosswire_model::Call::MARK.0;

/// Descriptors beyond are left alone: asking about them would cost a system call
/// each.
const DESCRIPTORS: RawFd = 1024;

/// Returns the pid namespace of a process, as its file in `/proc` names it (pid_namespaces(7)).
pub fn pid_namespace(pid: Tid) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

/// Returns the process that a descriptor of a task's stands for (pidfd_open(2)); `None` if it
/// stands for none, or the process is gone.
pub fn of_pidfd(tid: Tid, number: u64) -> Option<Tid> {
    let info = std::fs::read_to_string(format!("/proc/{tid}/fdinfo/{number}")).ok()?;
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    pid.trim().parse().ok().filter(|pid| *pid > 0)
}

/// Returns the time namespace of a process, and the one of children that it creates, as their files
/// in `/proc` name them (time_namespaces(7)).
pub fn time_namespaces(pid: Tid) -> Option<[PathBuf; 2]> {
    let link = |name| std::fs::read_link(format!("/proc/{pid}/ns/{name}")).ok();
    Some([link("time")?, link("time_for_children")?])
}

/// Returns what a process's time namespace for children adds to clocks, as the kernel writes it.
pub fn time_offsets(pid: Tid) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/timens_offsets")).unwrap_or_default()
}

/// Makes a mark. The kernel has no such calls: without an engine that answers in
/// its place, nothing happens and `false` is returned.
pub fn mark(number: u32, a: u64, b: u64) -> bool {
    // The trace shows all six registers; what an earlier call left in them would
    // differ from one replay to the next.
    let unused = 0_u64;
    // SAFETY: no kernel has a call of these numbers (they lie beyond both tables);
    // under the engine they read memory at most.
    unsafe { libc::syscall(c_long::from(number), a, b, unused, unused, unused, unused) == 0 }
}

/// Tells the engine about a panic.
pub fn mark_panic(message: &str) -> bool {
    mark(MARK_PANIC, message.as_ptr() as u64, message.len() as u64)
}

/// Creates a process that has the calling thread only. `None` is the answer in
/// the new process; its creator gets the number.
///
/// # Errors
/// If the kernel permits no further process.
pub fn fork() -> io::Result<Option<nix::unistd::Pid>> {
    // SAFETY: the caller is the only thread, or (before the template mark) the
    // other is a test runner's that waits for this one and holds no lock; the C
    // library puts its own locks right. So the child may do whatever it likes.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Some(child)),
        ForkResult::Child => Ok(None),
    }
}

/// Gives the process a handler for SIGWINCH, a signal that any process may get unasked. It
/// does nothing, and calls that wait fail with EINTR after it (signal(7)): without a handler
/// no call could be interrupted.
pub fn can_be_interrupted() {
    extern "C" fn nothing(_: c_int) {}
    // SAFETY: the handler is async-signal-safe; the structure is plain data, and outlives
    // the call.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(c_int) as libc::sighandler_t;
        libc::sigaction(libc::SIGWINCH, &raw const action, std::ptr::null_mut());
    }
}

/// Ends the process, having written out what it buffered. Runs no destructors and
/// nothing registered to run at exit, which belongs to the process it was forked
/// from.
pub fn exit(status: i32) -> ! {
    // A closed standard output is the process's own affair.
    let _ = io::stdout().flush();
    // SAFETY: flushing every stream and ending the process are possible at any
    // time.
    unsafe {
        libc::fflush(std::ptr::null_mut());
        libc::_exit(status)
    }
}

/// Descriptors from 3 on that are open. One system call.
pub fn open_descriptors() -> Vec<RawFd> {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(DESCRIPTORS, |(soft, _)| {
        RawFd::try_from(soft)
            .unwrap_or(DESCRIPTORS)
            .min(DESCRIPTORS)
    });
    let mut asked: Vec<libc::pollfd> = (3..limit)
        .map(|fd| libc::pollfd {
            fd,
            events: 0,
            revents: 0,
        })
        .collect();
    // SAFETY: pointer and length are those of the vector.
    unsafe { libc::poll(asked.as_mut_ptr(), asked.len() as libc::nfds_t, 0) };
    asked
        .iter()
        .filter(|asked| asked.revents & libc::POLLNVAL == 0)
        .map(|asked| asked.fd)
        .collect()
}

/// Closes every descriptor from 3 on.
///
/// Whatever owns one must not use it again, nor be dropped before
/// [`reserve`] has been called for it.
pub fn close_descriptors() {
    // SAFETY: the caller, the owner of a scenario, only waits from here on.
    unsafe { libc::close_range(3, DESCRIPTORS as u32 - 1, 0) };
}

/// Makes closed descriptors refer to `/dev/null`, so that those who own them can
/// be dropped: the standard library aborts when it finds its descriptor closed.
///
/// # Errors
/// If `/dev/null` cannot be opened.
pub fn reserve(descriptors: &[RawFd]) -> io::Result<()> {
    if descriptors.is_empty() {
        return Ok(());
    }
    // SAFETY: a constant path; the numbers given are closed, so no descriptor
    // is replaced.
    unsafe {
        let null = Errno::result(libc::open(
            c"/dev/null".as_ptr(),
            libc::O_RDWR | libc::O_CLOEXEC,
        ))?;
        for &fd in descriptors.iter().filter(|&&fd| fd != null) {
            Errno::result::<c_int>(libc::dup3(null, fd, libc::O_CLOEXEC))?;
        }
        if !descriptors.contains(&null) {
            libc::close(null);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_without_an_engine_does_nothing() {
        assert!(!mark(MARK_USER, 1, 2));
    }

    #[test]
    fn an_open_descriptor_is_found() {
        use std::os::fd::AsRawFd;
        let file = tempfile::tempfile().unwrap();
        assert!(open_descriptors().contains(&file.as_raw_fd()));
    }
}
