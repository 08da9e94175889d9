//! A room in which programs run, cut off from the machine and from earlier runs.
//!
//! Each worker thread of the harness has one [`Sandbox`]. It is a long-lived
//! process, "process 1", in new user, pid, ipc, mount and net namespaces. It
//! starts programs on request, and between runs it lists what the last one left
//! and clears it.
//!
//! # What programs see
//!
//! - Their user and group are those of the harness: ids are mapped to
//!   themselves. If the harness is not root, only its own ids are mapped, and
//!   files of others seem to belong to "nobody"; permission checks are as outside.
//! - `/dev/shm` and the message queues are empty, `/proc` shows the sandbox's
//!   pids, the network is a loopback interface.
//! - The working directory, `/tmp` and `/var/tmp` are overlays: the files that are
//!   there can be read, and nothing that is written reaches them. One name in the
//!   working directory is hidden: that of what the harness itself writes there.
//! - `/dev/urandom` and `/dev/random` are files of fixed bytes, addresses are not
//!   randomised, and the first process has the same pid in each run.
//! - The rest of the file system is as outside, and what the harness's user may
//!   write there, programs may. Not so the devices and settings of the machine in
//!   `/dev`, `/proc` and `/sys` (`machine.rs`).
//! - Root is root, but not over the sandbox: programs run in a user namespace below
//!   that of process 1 (`inner.rs`), so that only mounts in namespaces of their own are
//!   theirs, and there the kernel locks those of the sandbox.
//!
//! An overlay differs from an ordinary directory in one respect that programs can
//! notice: when a file of the host is opened for writing, it is copied, and who
//! had it open or mapped for reading keeps the old copy. Files made in the run
//! behave as everywhere. The host should not change the overlaid directories
//! while a sandbox exists; whether programs see that is undefined until the
//! overlays are renewed ([`Reset::renew`]).
//!
//! Where the machine refuses some of this, the sandbox does with less;
//! [`Sandbox::capabilities`] says what is missing and what that means.
//!
//! # Nothing outlives the harness
//!
//! If the harness is killed at any moment, this is what ends the rest:
//!
//! - *Before process 1 has tied itself to the harness*, it only waits for a first
//!   message. The other end of that socket is closed with the harness (copies in
//!   processes just being forked are closed at their exec, or when they have
//!   become process 1 of another sandbox), so the wait ends and with it process 1.
//! - *Afterwards* the kernel kills process 1 when the thread that made it ends
//!   (`PR_SET_PDEATHSIG`). This is why a sandbox cannot be sent to another thread.
//! - Process 1 is the first of a pid namespace: the kernel kills all processes in
//!   it with it, and no process can leave it (pid_namespaces(7)).
//! - Mounts, ipc objects and network end with the last process in their namespace,
//!   descriptors with the processes. No path outside was ever written to.
//!
//! Without a pid namespace, "process 1" is an ordinary child of the harness and a
//! subreaper. It notices the end of the harness by the same socket and then kills
//! all that descends from it; only if it is killed as well does something survive.
//!
//! # Tracing
//!
//! The thread that owns the sandbox may `PTRACE_SEIZE` process 1 with
//! `PTRACE_O_TRACEFORK`, to have programs attached from their first instruction;
//! it must then resume process 1 after each fork event. Process 1 blocks all
//! signals, so it never stops for one. This module waits for process 1 only,
//! never for any child.

mod capabilities;
mod child;
mod error;
mod findings;
mod init;
mod inner;
mod launch;
mod leftovers;
mod machine;
mod overlay;
mod overlays;
mod plain;
mod plan;
mod powers;
mod program;
mod raw;
mod reset;
mod room;
mod settings;
mod shared_block;
mod sweep;
mod sysv;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

pub use capabilities::{Capabilities, Capability, Feature, Loss};
pub use error::SandboxError;
pub use leftovers::{FileKind, Leftovers, SysvKind};
pub use plain::remove_sysv;
pub use program::{Program, SpawnError, SpawnTicket};
pub use settings::{Isolation, Reset, Settings};
pub use shared_block::EXECUTING;

use launch::Launched;
use plain::Known;
use program::Programs;
use shared_block::{Request, ResetRequest, ResetStage, SharedBlock};

/// See the [module](self).
#[derive(Debug)]
pub struct Sandbox {
    pid: libc::pid_t,
    /// Names process 1 even if someone else has reaped it; absent before Linux 5.3.
    pidfd: Option<OwnedFd>,
    socket: OwnedFd,
    block: SharedBlock,
    programs: Programs,
    capabilities: Capabilities,
    /// Directories to overlay, by the numbers process 1 uses.
    wanted: Vec<PathBuf>,
    overlays: Vec<PathBuf>,
    /// Without namespaces.
    known: Option<Known>,
    /// Process 1 dies with the thread that made it.
    not_send: PhantomData<*const ()>,
}

impl Sandbox {
    /// Starts process 1 on the CPU and with the priority of the calling thread, and
    /// builds the room. Process 1 is a copy of this process's memory as it is now:
    /// early is cheaper.
    pub fn start(settings: &Settings) -> Result<Self, SandboxError> {
        let Launched {
            pid,
            socket,
            block,
            namespaces,
            capabilities,
            wanted,
            overlays,
        } = launch::launch(settings)?;
        // SAFETY: no pointers; `pid` is a child that has not been reaped.
        let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        // SAFETY: a new descriptor that nothing else owns.
        let pidfd = (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd as i32) });
        Ok(Self {
            pid,
            pidfd,
            socket,
            block,
            programs: Programs::new(block),
            capabilities,
            wanted,
            overlays,
            known: (namespaces == 0).then(Known::now),
            not_send: PhantomData,
        })
    }

    /// Process 1, as the harness sees it.
    pub fn init_pid(&self) -> libc::pid_t {
        self.pid
    }

    /// Directories with a throw-away overlay.
    pub fn overlays(&self) -> &[PathBuf] {
        &self.overlays
    }

    /// What this sandbox has and has not.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Tells whether programs run in namespaces of their own.
    pub fn is_isolated(&self) -> bool {
        self.known.is_none()
    }

    /// Asks process 1 to fork and to execute `program`, which gets the descriptors
    /// under the numbers beside them; of 0, 1 and 2, those not given are
    /// `/dev/null`. Does not wait.
    ///
    /// If there can be no child, process 1 ends, so that a waiter for events
    /// of either learns it; [`spawn_error`](Self::spawn_error) then tells why.
    pub fn request_spawn(
        &mut self,
        program: &Program,
        fds: &[(BorrowedFd<'_>, i32)],
    ) -> Result<SpawnTicket, SandboxError> {
        let (numbers, targets): (Vec<i32>, Vec<i32>) = fds
            .iter()
            .map(|(fd, target)| (fd.as_raw_fd(), *target))
            .unzip();
        if numbers.len() > child::MAX_FDS {
            return Err(SandboxError::TooManyDescriptors {
                number: numbers.len(),
                limit: child::MAX_FDS,
            });
        }
        let ticket = self.programs.write(program, &targets)?;
        self.send(Request::Spawn, ticket.offset, &numbers)?;
        Ok(ticket)
    }

    /// Returns the reason why the program was not executed. `None` if it was, or if it was killed
    /// before, or if it is still on its way: ask after its execve or its end.
    pub fn spawn_error(&self, ticket: SpawnTicket) -> Option<SpawnError> {
        self.programs.error(ticket)
    }

    /// Returns the pid of the program's first process inside the sandbox, once it exists.
    pub fn spawned_pid(&self, ticket: SpawnTicket) -> Option<libc::pid_t> {
        self.programs.pid(ticket)
    }

    /// Lists what the last run left, clears it and prepares the next run. All
    /// earlier tickets expire.
    ///
    /// Call it when no process of the run exists any more. Processes kept as
    /// templates may exist if they have been executed; what they hold open in
    /// `/dev/shm` or the overlaid directories loses its name.
    pub fn reset(&mut self, reset: &Reset<'_>) -> Result<Leftovers, SandboxError> {
        self.programs.forget();
        if let Some(known) = &mut self.known {
            return Ok(known.news(reset));
        }
        self.block.put_request(ResetRequest {
            next_pid: reset.next_pid,
            sysv: reset.sysv,
            mqueue: reset.mqueue,
            renew: reset.renew,
        });
        match reset.ipc_namespace {
            Some(ipc) => self.send(Request::Reset, 0, &[ipc.as_raw_fd()])?,
            None => self.send(Request::Reset, 0, &[])?,
        }
        launch::receive(&self.socket).map_err(|errno| self.unanswered(errno))?;
        let answer = self.block.answer();
        if answer.failed != ResetStage::None {
            return Err(SandboxError::Reset {
                stage: answer.failed.name(),
                errno: Errno::from_raw(answer.error),
            });
        }
        Ok(Leftovers::read(self.block, &answer, &self.wanted))
    }

    /// Calls `look` while the files of process 1 can be looked at through `/proc` by the user whose
    /// harness this is: files of a process that is not dumpable belong to root (proc(5)). Call it
    /// when no process of the run exists any more.
    ///
    /// # Errors
    /// If process 1 is gone or does not answer.
    pub fn show(&self, look: impl FnOnce()) -> Result<(), SandboxError> {
        let ask = |shown| {
            self.send(Request::Show, shown, &[])?;
            launch::receive(&self.socket).map_err(|errno| self.unanswered(errno))
        };
        ask(1)?;
        look();
        ask(0).map(drop)
    }

    /// Lets the next process of a run have this pid, which must be free; tells whether pids
    /// can be chosen here.
    ///
    /// # Errors
    /// If process 1 is gone or does not answer.
    pub fn give_next_pid(&self, pid: libc::pid_t) -> Result<bool, SandboxError> {
        if self.known.is_some() {
            return Ok(false);
        }
        self.send(Request::NextPid, pid as u32, &[])?;
        launch::receive(&self.socket).map_err(|errno| self.unanswered(errno))?;
        Ok(self.block.answer().failed == ResetStage::None)
    }

    fn send(&self, request: Request, offset: u32, fds: &[i32]) -> Result<(), SandboxError> {
        launch::send(&self.socket, request, offset, fds).map_err(|errno| match errno {
            Errno::EPIPE | Errno::ECONNRESET => SandboxError::Gone,
            other => SandboxError::Send(other),
        })
    }

    fn unanswered(&self, errno: Errno) -> SandboxError {
        match errno {
            Errno::EAGAIN => SandboxError::Silent { pid: self.pid },
            _ => SandboxError::Gone,
        }
    }

    fn kill_init(&self) {
        match &self.pidfd {
            // SAFETY: no pointers but a null `siginfo_t` (pidfd_send_signal(2)).
            Some(pidfd) => unsafe {
                libc::syscall(
                    libc::SYS_pidfd_send_signal,
                    pidfd.as_fd().as_raw_fd(),
                    libc::SIGKILL,
                    std::ptr::null::<libc::siginfo_t>(),
                    0,
                );
            },
            None => {
                let _ = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
            }
        }
    }
}

impl Drop for Sandbox {
    /// Kills every process in the sandbox and waits until process 1 is gone.
    fn drop(&mut self) {
        // Long enough for whatever the kernel does to end processes, short enough
        // to notice that it waits for us.
        const PATIENCE: Duration = Duration::from_millis(2);
        // Whatever holds process 1 then, the kernel kills it when this thread ends.
        const LIMIT: Duration = Duration::from_secs(20);
        if self.known.is_some() {
            for pid in plain::descendants(self.pid) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        self.kill_init();
        let init = Pid::from_raw(self.pid);
        let begin = Instant::now();
        loop {
            match waitpid(init, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) if begin.elapsed() > LIMIT => return,
                Ok(WaitStatus::StillAlive) => {
                    // Process 1 ends after all others in its namespace, and of those
                    // the ones that this thread traces only when it has waited for
                    // them (ptrace(2)). All that it traces are in this sandbox.
                    if begin.elapsed() > PATIENCE {
                        for pid in plain::traced_by_this_thread() {
                            if pid != self.pid {
                                let flags = WaitPidFlag::__WALL | WaitPidFlag::WNOHANG;
                                let _ = waitpid(Pid::from_raw(pid), Some(flags));
                            }
                        }
                        std::thread::sleep(PATIENCE / 4);
                    } else {
                        std::thread::yield_now();
                    }
                }
                // A stop that was reported before the kill.
                Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => break,
                Ok(_) => {
                    self.kill_init();
                    let _ = nix::sys::ptrace::cont(init, None);
                }
                Err(Errno::EINTR) => {}
                // Already reaped.
                Err(_) => break,
            }
        }
        // SAFETY: process 1 is gone, and `programs` is not used any more.
        unsafe { self.block.unmap() };
    }
}
