//! What a run knows of files.

use super::numbers::{Inode, Numbers};
use super::renames::Renames;
use super::times::TimesOf;
use crate::finish::sweep;
use std::collections::{HashMap, HashSet};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::SystemTime;

/// The file behind a descriptor, as far as it matters to those who read or write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Of a regular file or directory.
    pub key: Option<Inode>,
    /// It holds bytes as files on disks do: reading and writing never wait for anybody. Those
    /// in `/proc` and the like have no length.
    pub is_plain: bool,
}

impl Opened {
    pub(super) fn of(data: &Metadata) -> Opened {
        let has_key = data.is_file() || data.is_dir();
        Opened {
            key: has_key.then(|| (data.dev(), data.ino())),
            is_plain: data.is_file() && data.len() > 0,
        }
    }
}

/// What a run knows of files.
#[derive(Debug)]
pub(crate) struct Files {
    pub(super) numbers: Numbers,
    pub(super) times: TimesOf,
    /// What is behind descriptors, by process, as long as no call can have changed that.
    pub open: HashMap<(usize, u64), Opened>,
    /// Files on devices of the machine whose last name the run has taken away. A new file may
    /// get the number of such a one.
    pub(super) removed: HashSet<Inode>,
    /// The one that goes if the call under way succeeds.
    pub(super) going: Option<Inode>,
    /// The run has made, changed or locked files on devices of the machine.
    pub touches_machine: bool,
    /// The device of its message queues, if it has any.
    pub(super) queues: Option<u64>,
    /// Other keys of files that were there before the run, which they have under further names.
    linked: HashMap<Inode, Inode>,
    /// Some are watched: inotify(7).
    pub(super) watches: bool,
    pub(super) renames: Renames,
    /// When the run began, in nanoseconds since 1970.
    pub(super) began: u64,
}

impl Files {
    /// Tells whether the run has made or changed what has no number of its own.
    pub fn has_made(&self) -> bool {
        self.touches_machine || self.queues.is_some()
    }

    /// Takes note of a further name of a file, under which it has another key.
    pub(super) fn link(&mut self, file: Inode, further: Inode) {
        if file != further {
            let first = self.first_key(file);
            self.linked.insert(further, first);
        }
    }

    /// Returns the key under which a file was known first.
    pub(super) fn first_key(&self, key: Inode) -> Inode {
        self.linked.get(&key).copied().unwrap_or(key)
    }
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
            queues: None,
            linked: HashMap::new(),
            watches: false,
            renames: Renames::default(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_in_proc_are_not_plain_and_neither_are_pipes() {
        let of = |path: &str| Opened::of(&fs::metadata(path).expect("it can be looked at"));
        assert!(of("/proc/self/exe").is_plain);
        assert!(!of("/proc/self/stat").is_plain);
        assert!(of("/proc/self/stat").key.is_some());
        assert!(!of("/dev/null").is_plain && of("/dev/null").key.is_none());
        assert!(!of("/proc").is_plain && of("/proc").key.is_some());
    }
}
