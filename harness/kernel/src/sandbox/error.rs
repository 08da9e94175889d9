//! Failures of a sandbox as a whole.

use std::path::PathBuf;

use nix::errno::Errno;

use super::shared_block::ResetStage;

/// Reason why a sandbox could not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The working directory cannot be entered.
    #[error("entering the working directory {}: {source}", path.display())]
    WorkingDir {
        /// The directory.
        path: PathBuf,
        /// Cause of the failure.
        source: std::io::Error,
    },
    /// The working directory lies where the sandbox puts its own files.
    #[error(
        "the working directory {} lies in /dev or /proc, which programs see differently; \
         choose another one",
        .0.display()
    )]
    HiddenWorkingDir(PathBuf),
    /// Tasks cannot be looked at.
    #[error(
        "/proc does not show the processes of this pid namespace; mount it: \
         `mount -t proc proc /proc`"
    )]
    NoProc,
    /// No memory to share with process 1.
    #[error("mapping memory to share with the sandbox: {}", .0.desc())]
    Memory(Errno),
    /// Not even an ordinary child process could be made.
    #[error("starting the sandbox: {what}: {}", errno.desc())]
    Start {
        /// The step that failed.
        what: String,
        /// Cause of the failure.
        errno: Errno,
    },
    /// Process 1 has ended.
    #[error("the sandbox has ended")]
    Gone,
    /// Process 1 does not answer.
    #[error(
        "the sandbox does not answer; is its process 1 (pid {pid}) kept stopped by its tracer?"
    )]
    Silent {
        /// Process 1.
        pid: libc::pid_t,
    },
    /// A request could not be sent.
    #[error("sending a request to the sandbox: {}", .0.desc())]
    Send(Errno),
    /// Arguments, environment and filter exceed what a sandbox takes.
    #[error("the program's arguments, environment and filter exceed {limit} bytes")]
    TooLarge {
        /// Maximum size, for all programs of a run together.
        limit: usize,
    },
    /// More descriptors than one message can carry.
    #[error("a program can be given at most {limit} descriptors, not {number}")]
    TooManyDescriptors {
        /// Number of descriptors given.
        number: usize,
        /// Maximum number.
        limit: usize,
    },
    /// A part of a reset failed; the sandbox is not clean and must be replaced.
    #[error("resetting the sandbox: {stage}: {}", errno.desc())]
    Reset {
        /// The part.
        stage: &'static str,
        /// Cause of the failure.
        errno: Errno,
    },
}

impl ResetStage {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::EnterIpc => "entering the ipc namespace of the run",
            Self::LeaveIpc => "returning from the ipc namespace of the run",
            Self::Mqueue => "listing message queues",
            Self::Clear => "emptying /dev/shm",
            Self::HostName => "restoring the name of the host",
            Self::Overlay => "overlaying a directory anew",
            Self::WorkingDir => "entering the working directory again",
            Self::FirstPid => "setting the next pid",
        }
    }
}
