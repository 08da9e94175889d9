//! What a run knows of files.

use super::numbers::{Inode, Numbers};
use super::times::TimesOf;
use crate::finish::sweep;
use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

/// What a run knows of files.
#[derive(Debug)]
pub(crate) struct Files {
    pub(super) numbers: Numbers,
    pub(super) times: TimesOf,
    /// Regular files and directories behind descriptors, by process, as long as no call can
    /// have changed that.
    pub open: HashMap<(usize, u64), Option<Inode>>,
    /// Files on devices of the machine whose last name the run has taken away. A new file may
    /// get the number of such a one.
    pub(super) removed: HashSet<Inode>,
    /// The one that goes if the call under way succeeds.
    pub(super) going: Option<Inode>,
    /// The run has made or changed files on devices of the machine.
    pub touches_machine: bool,
    /// When the run began, in nanoseconds since 1970.
    pub(super) began: u64,
}

impl Default for Files {
    fn default() -> Files {
        Files {
            numbers: Numbers::default(),
            times: TimesOf::default(),
            open: HashMap::new(),
            removed: HashSet::new(),
            going: None,
            touches_machine: false,
            began: now(),
        }
    }
}

/// Returns the time as the kernel writes it into files.
pub(crate) fn now() -> u64 {
    sweep::now().map_or(0, nanoseconds)
}

/// Returns a time of the file system in nanoseconds since 1970.
pub(super) fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}
