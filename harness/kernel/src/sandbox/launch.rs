//! Clones process 1 with as many namespaces as the machine permits.

use std::ffi::{CString, c_int, c_ulong};
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, pthread_sigmask};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt};
use nix::sys::time::TimeVal;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Gid, Pid, Uid};

use super::capabilities::Capabilities;
use super::findings::{NAMESPACES, Refusal, describe};
use super::overlays::{Overlays, c_string};
use super::plan::Plan;
use super::settings::{Isolation, Settings};
use super::shared_block::{OverlayKind, Request, SetUpReport, SharedBlock, Step, message};
use super::{SandboxError, init};
use crate::taken::Inheriting;

/// Process 1 answers within microseconds, unless its tracer keeps it stopped.
const ANSWER_TIMEOUT: i64 = 20;

/// A running process 1.
pub(super) struct Launched {
    pub pid: libc::pid_t,
    pub socket: OwnedFd,
    pub block: SharedBlock,
    /// The `CLONE_NEW*` flags it has; 0 is an ordinary child.
    pub namespaces: c_int,
    pub capabilities: Capabilities,
    /// The directories to overlay, by the numbers process 1 uses.
    pub wanted: Vec<PathBuf>,
    /// Those of them that are overlaid.
    pub overlays: Vec<PathBuf>,
}

pub(super) fn launch(settings: &Settings) -> Result<Launched, SandboxError> {
    let own = fs::read_link("/proc/self").ok();
    if own.is_none_or(|own| own != Path::new(&std::process::id().to_string())) {
        return Err(SandboxError::NoProc);
    }
    let working_dir = fs::canonicalize(&settings.working_dir)
        .and_then(|dir| fs::read_dir(&dir).map(|_| dir))
        .map_err(|source| SandboxError::WorkingDir {
            path: settings.working_dir.clone(),
            source,
        })?;
    let block = SharedBlock::map().map_err(|errno| SandboxError::Memory(Errno::from_raw(errno)))?;
    let launched = launch_in(block, &working_dir, settings);
    if launched.is_err() {
        // SAFETY: no process 1 is left, and nothing else knows the mapping.
        unsafe { block.unmap() };
    }
    launched
}

fn launch_in(
    block: SharedBlock,
    working_dir: &Path,
    settings: &Settings,
) -> Result<Launched, SandboxError> {
    let overlays = Overlays::choose(working_dir, settings.hidden, &settings.executables);
    let mut refusals = Vec::new();
    for namespaces in levels(settings) {
        if namespaces != 0 {
            for hidden in ["/dev", "/proc"] {
                if working_dir.starts_with(hidden) {
                    return Err(SandboxError::HiddenWorkingDir(working_dir.to_owned()));
                }
            }
        }
        match attempt(block, namespaces, working_dir, &overlays, settings.disk_mib) {
            Ok((pid, socket)) => {
                let report = block.set_up();
                if let errno @ 1.. = report.error(Step::WorkingDir) {
                    end(pid);
                    return Err(SandboxError::WorkingDir {
                        path: working_dir.to_owned(),
                        source: std::io::Error::from_raw_os_error(errno),
                    });
                }
                let capabilities = describe(namespaces, &report, &overlays, &refusals);
                let wanted = overlays.paths;
                let outcomes = wanted.iter().zip(report.overlays);
                let overlays = outcomes
                    .filter(|(_, kind)| *kind != OverlayKind::None)
                    .map(|(path, _)| path.clone())
                    .collect();
                return Ok(Launched {
                    pid,
                    socket,
                    block,
                    namespaces,
                    capabilities,
                    wanted,
                    overlays,
                });
            }
            Err(refusal) => refusals.push((namespaces, refusal)),
        }
    }
    let (_, Refusal { what, errno }) = refusals.pop().unwrap_or((
        0,
        Refusal {
            what: "clone".into(),
            errno: Errno::UnknownErrno,
        },
    ));
    Err(SandboxError::Start { what, errno })
}

/// Returns the combinations of namespaces to try, best first.
fn levels(settings: &Settings) -> Vec<c_int> {
    let by_environment = std::env::var_os("CROSSWIRE_ISOLATION").is_some_and(|v| v == "none");
    if settings.isolation == Isolation::None || by_environment {
        return vec![0];
    }
    let all = NAMESPACES.iter().fold(0, |flags, (flag, ..)| flags | flag);
    let mut levels = vec![all, all & !libc::CLONE_NEWNET];
    if Uid::effective().is_root() {
        levels.extend(
            levels
                .clone()
                .iter()
                .map(|flags| flags & !libc::CLONE_NEWUSER),
        );
    }
    levels.push(0);
    levels
}

fn refused(what: &str) -> impl FnOnce(Errno) -> Refusal {
    move |errno| Refusal {
        what: what.into(),
        errno,
    }
}

fn attempt(
    block: SharedBlock,
    namespaces: c_int,
    working_dir: &Path,
    overlays: &Overlays,
    disk_mib: u32,
) -> Result<(libc::pid_t, OwnedFd), Refusal> {
    let (ours, theirs) = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )
    .map_err(refused("socketpair"))?;
    setsockopt(
        &ours,
        sockopt::ReceiveTimeout,
        &TimeVal::new(ANSWER_TIMEOUT, 0),
    )
    .map_err(refused("setsockopt"))?;
    let in_user_namespace = namespaces & libc::CLONE_NEWUSER != 0;
    let plan = Plan {
        block,
        socket: theirs.as_raw_fd(),
        namespaces,
        working_dir: c_string(working_dir),
        is_root: Uid::effective().is_root(),
        trusted_attributes: !in_user_namespace && in_initial_user_namespace(),
        storage_options: CString::new(format!("size={disk_mib}m,mode=0755")).unwrap_or_default(),
        overlays: overlays.plans(),
    };
    block.put_set_up(SetUpReport::BLANK);
    let _inheriting = Inheriting::begin();
    let pid = clone_init(&plan).map_err(|errno| Refusal {
        what: format!("clone with {} namespaces", names_of(namespaces)),
        errno,
    })?;
    drop(theirs);
    let ready = if in_user_namespace {
        write_identity_maps(pid)
    } else {
        Ok(())
    };
    let ready = ready.and_then(|()| set_up(&ours)).and_then(|()| {
        match block.set_up().error(Step::PrivateMounts) {
            0 => Ok(()),
            errno => Err(refused("making mounts private")(Errno::from_raw(errno))),
        }
    });
    // In a pid namespace programs would get other pids in each run, and `/proc` would often be
    // that of the machine. Without one, the trace numbers them.
    let ready = ready.and_then(|()| match block.set_up().error(Step::FirstPid) {
        errno @ 1.. if namespaces != 0 => {
            Err(refused("choosing pids in them")(Errno::from_raw(errno)))
        }
        _ => Ok(()),
    });
    if let Err(refusal) = ready {
        end(pid);
        return Err(refusal);
    }
    Ok((pid, ours))
}

fn names_of(namespaces: c_int) -> String {
    let names: Vec<&str> = NAMESPACES
        .iter()
        .filter(|(flag, ..)| namespaces & flag != 0)
        .map(|(_, _, name)| *name)
        .collect();
    if names.is_empty() {
        "no".into()
    } else {
        names.join(", ")
    }
}

/// Like fork(2). The copy runs [`init::live`] and nothing else.
fn clone_init(plan: &Plan) -> Result<libc::pid_t, Errno> {
    // A signal that arrived before process 1 blocked it would run a handler of the
    // harness there.
    let mut before = SigSet::empty();
    pthread_sigmask(
        SigmaskHow::SIG_BLOCK,
        Some(&SigSet::all()),
        Some(&mut before),
    )?;
    let flags = (plan.namespaces | libc::SIGCHLD) as c_ulong;
    // SAFETY: without CLONE_VM the copy has its own memory, and it only makes
    // system calls that do not depend on what other threads were doing.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    if pid == 0 {
        init::live(plan);
    }
    let pid = Errno::result(pid);
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None)?;
    pid.map(|pid| pid as libc::pid_t)
}

fn set_up(socket: &OwnedFd) -> Result<(), Refusal> {
    send(socket, Request::SetUp, 0, &[]).map_err(refused("asking process 1"))?;
    receive(socket)
        .map(drop)
        .map_err(refused("waiting for process 1"))
}

/// Maps each id to itself: files have the owners they have outside. Without
/// privileges only the harness's own ids can be mapped (user_namespaces(7)).
fn write_identity_maps(pid: libc::pid_t) -> Result<(), Refusal> {
    let write = |file: &str, text: &str| {
        fs::write(format!("/proc/{pid}/{file}"), text).map_err(|error| Refusal {
            what: format!("writing /proc/{pid}/{file}"),
            errno: Errno::from_raw(error.raw_os_error().unwrap_or(0)),
        })
    };
    if Uid::effective().is_root()
        && write("uid_map", &everyone("uid_map")).is_ok()
        && write("gid_map", &everyone("gid_map")).is_ok()
    {
        return Ok(());
    }
    let own = |id: u32| format!("{id} {id} 1\n");
    let uid = write("uid_map", &own(Uid::effective().as_raw()));
    // Written already, if only the groups were refused above.
    let uid = if fs::read_to_string(format!("/proc/{pid}/uid_map")).is_ok_and(|map| !map.is_empty())
    {
        Ok(())
    } else {
        uid
    };
    uid?;
    write("setgroups", "deny")?;
    write("gid_map", &own(Gid::effective().as_raw()))
}

fn in_initial_user_namespace() -> bool {
    // The inode number is fixed in the kernel: PROC_USER_INIT_INO.
    fs::read_link("/proc/self/ns/user").is_ok_and(|link| link.as_os_str() == "user:[4026531837]")
}

/// Returns an identity map of every id that this process's own namespace knows.
fn everyone(file: &str) -> String {
    let map = fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
    map.lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let (first, _, count) = (fields.next()?, fields.next()?, fields.next()?);
            Some(format!("{first} {first} {count}\n"))
        })
        .collect()
}

/// Kills and reaps a process 1 that is not traced.
fn end(pid: libc::pid_t) {
    let pid = Pid::from_raw(pid);
    let _ = kill(pid, Signal::SIGKILL);
    while waitpid(pid, Some(WaitPidFlag::__WALL)) == Err(Errno::EINTR) {}
}

/// Sends a request with descriptors.
pub(super) fn send(
    socket: &OwnedFd,
    request: Request,
    offset: u32,
    fds: &[c_int],
) -> Result<(), Errno> {
    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
    let bytes = message(request, offset);
    let rights = [ControlMessage::ScmRights(fds)];
    let control = if fds.is_empty() { &[][..] } else { &rights[..] };
    let part = [std::io::IoSlice::new(&bytes)];
    loop {
        match sendmsg::<()>(
            socket.as_raw_fd(),
            &part,
            control,
            MsgFlags::MSG_NOSIGNAL,
            None,
        ) {
            Err(Errno::EINTR) => {}
            sent => return sent.map(drop),
        }
    }
}

/// Waits for the answer to a request, a byte.
pub(super) fn receive(socket: &OwnedFd) -> Result<u8, Errno> {
    use nix::sys::socket::{MsgFlags, recv};
    let mut byte = [0_u8];
    loop {
        match recv(socket.as_raw_fd(), &mut byte, MsgFlags::empty()) {
            Ok(0) => return Err(Errno::EPIPE),
            Ok(_) => return Ok(byte[0]),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
