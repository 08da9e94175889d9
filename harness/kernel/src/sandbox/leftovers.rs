//! Leftovers of a run.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::shared_block::{IN_MQUEUE, IN_SHM, ResetAnswer, SharedBlock, SysvRecord};
use super::sysv;

/// Leftovers of a run. Every list is sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// New files in the working directory, `/tmp` and `/var/tmp`. Files that were
    /// there before and were changed or deleted are no leftovers.
    pub files: Vec<LeftFile>,
    /// Names in `/dev/shm`.
    pub shm: Vec<String>,
    /// Names of POSIX message queues, without the slash.
    pub mqueues: Vec<String>,
    /// System V objects.
    pub sysv: Vec<SysvLeft>,
    /// There was more than could be listed, or something could not be read.
    pub truncated: bool,
    /// True if the listed objects still exist: without namespaces nothing distinguishes
    /// the run's objects from those of other programs, so nothing is removed.
    pub kept: bool,
    /// The working directory was mounted anew: a process that was started before
    /// sees the old one until it changes to its path again.
    pub fresh_working_dir: bool,
    /// Some directory was mounted anew, and has another device than before.
    pub has_new_mounts: bool,
}

impl Leftovers {
    /// Tells whether the run left nothing.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
            && self.shm.is_empty()
            && self.mqueues.is_empty()
            && self.sysv.is_empty()
            && !self.truncated
    }

    pub(super) fn read(block: SharedBlock, answer: &ResetAnswer, overlays: &[PathBuf]) -> Self {
        let mut left = Self {
            truncated: answer.truncated,
            fresh_working_dir: answer.renewed,
            has_new_mounts: answer.remounted,
            ..Self::default()
        };
        if answer.names_bytes > 0 {
            left.read_names(&block.names(answer.names_bytes as usize), overlays);
        }
        for index in 0..answer.sysv_count as usize {
            left.sysv.extend(block.sysv(index).map(SysvLeft::from));
        }
        left.sort();
        left
    }

    fn read_names(&mut self, mut bytes: &[u8], overlays: &[PathBuf]) {
        while let [place, kind, low, high, rest @ ..] = bytes {
            let length = usize::from(u16::from_le_bytes([*low, *high]));
            let Some((name, rest)) = rest.split_at_checked(length) else {
                break;
            };
            bytes = rest;
            let text = || String::from_utf8_lossy(name).into_owned();
            match *place {
                IN_SHM => self.shm.push(text()),
                IN_MQUEUE => self.mqueues.push(text()),
                overlay => {
                    let root = overlays
                        .get(usize::from(overlay))
                        .map_or(Path::new("/"), |p| p);
                    self.files.push(LeftFile {
                        path: root.join(OsStr::from_bytes(name)),
                        kind: FileKind::from_dirent(*kind),
                    });
                }
            }
        }
    }

    pub(super) fn sort(&mut self) {
        self.files.sort();
        self.shm.sort();
        self.mqueues.sort();
        self.sysv.sort();
    }
}

/// A file that a run left.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftFile {
    /// As the program sees it.
    pub path: PathBuf,
    /// Its type.
    pub kind: FileKind,
}

/// The type of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A Unix domain socket.
    Socket,
    /// A device, or something newer than this program.
    Other,
}

impl FileKind {
    fn from_dirent(kind: u8) -> Self {
        match kind {
            libc::DT_REG => Self::Regular,
            libc::DT_DIR => Self::Directory,
            libc::DT_LNK => Self::Symlink,
            libc::DT_FIFO => Self::Fifo,
            libc::DT_SOCK => Self::Socket,
            _ => Self::Other,
        }
    }
}

/// A System V object that a run left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SysvLeft {
    /// Kind of the object.
    pub kind: SysvKind,
    /// As `msgget`, `semget` or `shmget` returned it.
    pub id: i32,
    /// The key it was made with; 0 is `IPC_PRIVATE`.
    pub key: i32,
}

/// The kinds of System V objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SysvKind {
    /// A message queue.
    Queue {
        /// Messages in it.
        messages: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// A set of semaphores.
    Semaphores {
        /// Number of semaphores in the set.
        count: u64,
    },
    /// A shared memory segment.
    SharedMemory {
        /// Its size.
        bytes: u64,
        /// Processes that have it attached.
        attached: u64,
        /// Pid of its creator; the kernel keeps that for shared memory only.
        creator_pid: i32,
    },
}

impl From<SysvRecord> for SysvLeft {
    fn from(record: SysvRecord) -> Self {
        let SysvRecord {
            kind,
            id,
            key,
            creator_pid,
            size,
            count,
        } = record;
        let kind = match kind {
            sysv::QUEUE => SysvKind::Queue {
                messages: count,
                bytes: size,
            },
            sysv::SEMAPHORES => SysvKind::Semaphores { count: size },
            _ => SysvKind::SharedMemory {
                bytes: size,
                attached: count,
                creator_pid,
            },
        };
        Self { kind, id, key }
    }
}
