//! The user namespace in which programs run, below that of process 1.
//!
//! What the sandbox is made of belongs to the outer namespace: its mounts, its pids and
//! process 1. Whoever is root in the inner one alone can neither unmount what covers a
//! directory (nor where it copies the mounts into a namespace of its own: they are locked
//! there, mount_namespaces(7)), nor look into process 1 (ptrace(2), "Ptrace access mode
//! checking"). What programs may rule belongs to the inner one: network, System V objects
//! and queues, the host's name. Runs in process 1, so it allocates nothing (see
//! [`super::raw`]).

use std::ffi::{CStr, c_int, c_ulong};

use super::plan::Plan;
use super::raw::{self, Errno, Fd, Text};

/// Cgroups are the machine's, and who has a namespace of them could mount them.
const NO_CGROUPS: &CStr = c"/proc/sys/user/max_cgroup_namespaces";
const MAP_BYTES: usize = 4096;

/// Makes the namespaces and moves process 1 into those that programs may rule. Returns the
/// user namespace, for programs to enter.
pub(super) fn create(plan: &Plan) -> Result<Fd, Errno> {
    let ruled = libc::CLONE_NEWUTS | plan.namespaces & (libc::CLONE_NEWIPC | libc::CLONE_NEWNET);
    let (wait, release) = raw::pipe()?;
    let made = clone_holder(libc::CLONE_NEWUSER | ruled, wait, release);
    raw::close(wait);
    let entered = made.and_then(|pid| enter(pid, ruled));
    // The end of the pipe is that of the process which holds the namespaces.
    raw::close(release);
    if made.is_ok() {
        raw::await_children();
    }
    entered
}

/// Makes a process that keeps new namespaces until the pipe is closed.
fn clone_holder(namespaces: c_int, wait: Fd, release: Fd) -> Result<libc::pid_t, Errno> {
    let flags = (namespaces | libc::SIGCHLD) as c_ulong;
    // SAFETY: like fork(2); the arguments in which processors differ are 0.
    let pid = unsafe { raw::call(libc::SYS_clone, [flags, 0, 0, 0, 0]) }? as libc::pid_t;
    if pid == 0 {
        raw::close(release);
        if let Ok(limit) = raw::open(NO_CGROUPS, libc::O_WRONLY) {
            let _ = raw::write(limit, b"0");
        }
        let _ = raw::read(wait, &mut [0]);
        raw::exit(0);
    }
    Ok(pid)
}

fn enter(pid: libc::pid_t, ruled: c_int) -> Result<Fd, Errno> {
    // Each id is itself, as in the namespace outside.
    for map in [&b"uid_map"[..], b"gid_map"] {
        let mut ids = [0_u8; MAP_BYTES];
        let own = raw::open(of_process(b"self", map).c_str(), libc::O_RDONLY)?;
        let length = raw::read(own, &mut ids);
        raw::close(own);
        let inner = raw::open(of_number(pid, map).c_str(), libc::O_WRONLY)?;
        let written = raw::write(inner, ids.get(..length?).unwrap_or(&[]));
        raw::close(inner);
        written?;
    }
    for (flag, name) in [
        (libc::CLONE_NEWUTS, &b"ns/uts"[..]),
        (libc::CLONE_NEWIPC, b"ns/ipc"),
        (libc::CLONE_NEWNET, b"ns/net"),
    ] {
        if ruled & flag != 0 {
            let namespace = raw::open(of_number(pid, name).c_str(), libc::O_RDONLY)?;
            let entered = raw::setns(namespace, flag);
            raw::close(namespace);
            entered?;
        }
    }
    raw::open(of_number(pid, b"ns/user").c_str(), libc::O_RDONLY)
}

fn of_number(pid: libc::pid_t, name: &[u8]) -> Text<64> {
    let mut number: Text<24> = Text::new();
    number.push_number(pid.max(0) as u64);
    of_process(number.bytes(), name)
}

fn of_process(process: &[u8], name: &[u8]) -> Text<64> {
    let mut path = Text::of(b"/proc/");
    path.push(process);
    path.push(b"/");
    path.push(name);
    path
}
