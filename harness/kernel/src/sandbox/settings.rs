//! Settings of a sandbox, and of its resets.

use std::os::fd::BorrowedFd;
use std::path::PathBuf;

/// Settings of a sandbox.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Directory in which programs start.
    pub working_dir: PathBuf,
    /// The name of something in it that programs shall not see, unless one of the
    /// executables lies in it.
    pub hidden: &'static str,
    /// Degree of isolation of programs. The environment variable
    /// `CROSSWIRE_ISOLATION=none` overrides it.
    pub isolation: Isolation,
    /// Programs that will be run. Used only where overlays are refused: `/tmp` is
    /// then replaced by an empty directory unless one of these lies in it.
    pub executables: Vec<PathBuf>,
    /// Mebibytes that programs may write to the overlaid directories together, until they
    /// are cleared.
    pub disk_mib: u32,
}

impl Settings {
    /// Mebibytes that programs may write unless they need more.
    pub const DISK_MIB: u32 = 256;
}

/// Degree of isolation of programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// As far as the machine permits.
    #[default]
    Auto,
    /// Not at all: programs are ordinary child processes.
    None,
}

/// Request for a reset: what to look at and to prepare.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reset<'a> {
    /// The pid that the first process of the next run is to have, at least 2.
    pub next_pid: i32,
    /// The ipc namespace of the run that has ended, if it had one of its own. What
    /// is in it is listed; it ends by itself.
    pub ipc_namespace: Option<BorrowedFd<'a>>,
    /// Look for System V objects.
    pub sysv: bool,
    /// Look for message queues.
    pub mqueue: bool,
    /// Mount the overlays of the working directory, `/tmp` and `/var/tmp` anew even
    /// if the run wrote nothing, because the host has changed files there.
    pub renew: bool,
}
