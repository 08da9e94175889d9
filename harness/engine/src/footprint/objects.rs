//! Kernel objects by names that are the same in every run: files by their path, what
//! has no path by who made it.

use crosswire_calls::{Does, Row, is_file_lock_command};
use crosswire_kernel::{Tid, maps, memory};
use crosswire_model::{EVERYTHING, Touch};
use libc::{
    AT_FDCWD, F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_SETFD, O_CREAT, O_TRUNC, c_int,
};
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Known objects of a run.
#[derive(Debug, Default)]
pub(crate) struct ObjectNames {
    /// Names by device and inode.
    names: HashMap<(u64, u64), String>,
    /// ObjectNames created, by task.
    created: HashMap<usize, u32>,
    /// Touches of the operations that are undone when a process ends.
    pub undone: Vec<(usize, Touch)>,
    /// Files behind descriptors, and mapped files, as long as no call can have changed
    /// them.
    descriptors: HashMap<(Tid, i32), Option<Descriptor>>,
    mapped: HashMap<Tid, Vec<Touch>>,
}

/// File behind a descriptor.
#[derive(Debug, Clone)]
pub(crate) struct Descriptor {
    pub name: String,
    /// It has a position: a regular file or directory.
    pub seekable: bool,
}

impl Descriptor {
    /// Returns the touch of closing it: a lock on a file is released, the end of a pipe
    /// is gone.
    pub fn closed(&self) -> Touch {
        match self.seekable {
            true => Touch::add(format!("locks of {}", self.name)),
            false => Touch::add(self.name.clone()),
        }
    }
}

/// In which way a call uses the descriptor that is its first argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Nothing,
    /// Asks for size or state.
    Look,
    Read,
    ReadAt,
    Write,
    Seek,
    Lock,
    Close,
    List,
    /// Changes it without moving its position.
    Change,
}

impl ObjectNames {
    /// Returns the file behind a descriptor; `None` if there is none, or none that
    /// another task could notice.
    pub fn descriptor(&mut self, tid: Tid, number: i32) -> Option<Descriptor> {
        if let Some(known) = self.descriptors.get(&(tid, number)) {
            return known.clone();
        }
        let found = self.look_up(tid, number);
        self.descriptors.insert((tid, number), found.clone());
        found
    }

    /// Memory that the process shares with others: any of its steps may touch it.
    pub fn shared_mappings(&mut self, tid: Tid) -> &[Touch] {
        self.mapped.entry(tid).or_insert_with(|| {
            // A process that has just ended shares nothing.
            let mapped = maps::shared(tid).unwrap_or_default();
            let mut touches: Vec<Touch> = mapped.iter().filter_map(shared_mapping).collect();
            touches.sort_unstable();
            touches.dedup();
            touches
        })
    }

    /// A call may have opened, closed or renamed files.
    pub fn forget_descriptors(&mut self) {
        self.descriptors.clear();
    }

    /// A call may have mapped or renamed files.
    pub fn forget_mappings(&mut self) {
        self.mapped.clear();
    }

    fn look_up(&self, tid: Tid, number: i32) -> Option<Descriptor> {
        let link = format!("/proc/{tid}/fd/{number}");
        let target = fs::read_link(&link).ok()?;
        let target = target.to_string_lossy();
        if matches!(
            &*target,
            "/dev/null" | "/dev/zero" | "/dev/random" | "/dev/urandom"
        ) {
            return None;
        }
        let data = fs::metadata(&link).ok()?;
        let identity = (data.dev(), data.ino());
        let seekable = data.is_file() || data.is_dir();
        let name = match self.names.get(&identity) {
            Some(name) => name.clone(),
            // Who is connected to whom is not looked into.
            None if target.starts_with("socket:") => "sockets".to_owned(),
            None if matches!(&*target, EVENT_FD | TIMER_FD) => target.into_owned(),
            // It shows what others do: processes, changes of files, signals, events.
            None if target.starts_with("anon_inode:") || is_of_kernel(Path::new(&*target)) => {
                EVERYTHING.to_owned()
            }
            None if target.starts_with("pipe:") => target.into_owned(),
            None => file(&target),
        };
        Some(Descriptor { name, seekable })
    }

    /// Names what a call has created.
    pub fn name_new(&mut self, tid: Tid, task: usize, row: &Row, args: [u64; 6], result: i64) {
        let (kind, numbers) = match row.does {
            Does::Pipe => ("pipe", pair(tid, args[0])),
            Does::SocketPair => ("socket pair", pair(tid, args[3])),
            Does::MemoryFile => ("memory file", vec![result as i32]),
            // All eventfds share an inode.
            _ => return,
        };
        let count = self.created.entry(task).or_default();
        *count += 1;
        let name = format!("{kind} #{task}.{count}");
        for number in numbers {
            if let Ok(data) = fs::metadata(format!("/proc/{tid}/fd/{number}")) {
                self.names.insert((data.dev(), data.ino()), name.clone());
            }
        }
        self.forget_descriptors();
    }
}

const EVENT_FD: &str = "anon_inode:[eventfd]";
const TIMER_FD: &str = "anon_inode:[timerfd]";

/// Tells whether a file is one in which the kernel reports on its objects.
fn is_of_kernel(path: &Path) -> bool {
    path.starts_with("/proc") || path.starts_with("/sys")
}

fn pair(tid: Tid, address: u64) -> Vec<i32> {
    let mut bytes = [0; 8];
    match memory::read(tid, address, &mut bytes) {
        Ok(_) => bytes
            .chunks_exact(4)
            .map(|four| i32::from_ne_bytes(four.try_into().expect("four bytes")))
            .collect(),
        Err(_) => Vec::new(),
    }
}

/// Returns a file by its path, whether or not it has been removed since.
pub(crate) fn file(path: &str) -> String {
    format!("file {}", path.trim_end_matches(" (deleted)"))
}

/// Numbers of a process's open descriptors.
pub(crate) fn open_descriptors(tid: Tid) -> Vec<u64> {
    let Ok(directory) = fs::read_dir(format!("/proc/{tid}/fd")) else {
        return Vec::new();
    };
    let numbers = directory.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

/// The log in which a scenario's processes note what they do, which is looked at by
/// its length.
const LOG: &str = "crosswire-log";

/// Returns the touch of sharing a file, given its name and whether it may be written.
fn shared_mapping((path, may_change): &(String, bool)) -> Option<Touch> {
    if path.contains(LOG) {
        return None;
    }
    Some(match may_change {
        true => Touch::write(file(path)),
        false => Touch::read(file(path)),
    })
}

/// Returns how a call uses its descriptor, if that is known.
pub(crate) fn usage(row: &Row, args: &[u64; 6]) -> Option<Use> {
    Some(match row.does {
        Does::Read => Use::Read,
        Does::ReadAt => Use::ReadAt,
        Does::Write | Does::Move | Does::CopyRange => Use::Write,
        Does::WriteAt
        | Does::Resize
        | Does::Change
        | Does::Send
        | Does::SendMany
        | Does::Receive
        | Does::ReceiveMany
        | Does::ShutDown
        | Does::Listen
        | Does::Accept
        | Does::QueueSend
        | Does::QueueReceive
        | Does::SocketOption { .. } => Use::Change,
        Does::Inspect => Use::Look,
        Does::Seek => Use::Seek,
        Does::List => Use::List,
        Does::LockFile => Use::Lock,
        Does::Close => Use::Close,
        Does::Duplicate => Use::Nothing,
        Does::Control if is_file_lock_command(args[1]) => Use::Lock,
        Does::Control => match args[1] as c_int {
            F_DUPFD | F_DUPFD_CLOEXEC | F_GETFD | F_SETFD => Use::Nothing,
            F_GETFL => Use::Look,
            _ => Use::Change,
        },
        _ => return None,
    })
}

/// Returns what a call that takes names will touch.
pub(crate) fn paths(tid: Tid, row: &Row, args: &[u64; 6]) -> Vec<Touch> {
    let mut touches = Vec::new();
    for (directory, name) in row.paths() {
        let directory = directory.map(|argument| args[argument] as i32);
        let Some(path) = absolute(tid, directory, args[name]) else {
            // `fstat` in disguise, or nothing that could be read.
            return vec![Touch::everything()];
        };
        of_path(tid, row, args, &path, &mut touches);
    }
    touches
}

fn of_path(tid: Tid, row: &Row, args: &[u64; 6], path: &Path, touches: &mut Vec<Touch>) {
    let inside = |path: &Path| PathBuf::from(format!("/proc/{tid}/root{}", path.display()));
    let is_link = |path: &Path| {
        fs::symlink_metadata(inside(path)).is_ok_and(|data| data.file_type().is_symlink())
    };
    if path.ancestors().any(is_link) || is_of_kernel(path) {
        return touches.push(Touch::everything());
    }
    // The directories on the way may be renamed or removed.
    let on_the_way = path
        .ancestors()
        .skip(1)
        .filter(|path| *path != Path::new("/"));
    touches.extend(on_the_way.map(|path| Touch::read(format!("name {}", path.display()))));
    let present = fs::symlink_metadata(inside(path)).ok();
    let exists = present.is_some();
    let text = path.display();
    let entry = format!("name {text}");
    let content = || file(&text.to_string());
    let makes_entry = |touches: &mut Vec<Touch>| {
        touches.push(Touch::write(entry.clone()));
        let parent = path.parent().unwrap_or(Path::new("/"));
        touches.push(Touch::add(format!(
            "entries of {}",
            file(&parent.display().to_string())
        )));
    };
    match row.does {
        Does::Open => {
            // openat2(2) has its flags in memory.
            let Some(flags) = row.open_flags(args) else {
                return touches.push(Touch::everything());
            };
            match flags & O_CREAT != 0 && !exists {
                true => makes_entry(touches),
                false => touches.push(Touch::read(entry)),
            }
            // Opening a FIFO waits for the other side, and lets it go on (fifo(7)).
            let is_special = present.is_some_and(|data| !data.is_file() && !data.is_dir());
            if exists && (flags & O_TRUNC != 0 || is_special) {
                touches.push(Touch::write(content()));
            }
        }
        Does::Remove
        | Does::Rename
        | Does::Link
        | Does::Symlink
        | Does::MakeDirectory
        | Does::MakeNode => {
            makes_entry(touches);
            touches.push(Touch::write(content()));
            // A directory must be empty, or takes what is in it with it.
            touches.push(Touch::write(format!("entries of {}", content())));
        }
        Does::ChangeFile => touches.extend([Touch::read(entry), Touch::write(content())]),
        _ => touches.extend([Touch::read(entry), Touch::read(content())]),
    }
}

/// Returns the absolute path that a name means, without looking at links.
fn absolute(tid: Tid, directory: Option<i32>, address: u64) -> Option<PathBuf> {
    let name = memory::read_string(tid, address, 4096).filter(|name| !name.is_empty())?;
    let base = match directory {
        _ if name.starts_with('/') => PathBuf::new(),
        None | Some(AT_FDCWD) => fs::read_link(format!("/proc/{tid}/cwd")).ok()?,
        Some(number) => fs::read_link(format!("/proc/{tid}/fd/{number}")).ok()?,
    };
    let mut path = PathBuf::from("/");
    for part in base.join(name).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::ParentDir => drop(path.pop()),
            _ => {}
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_calls::{number, row};

    #[test]
    fn what_is_shared_is_touched_except_for_the_log() {
        let mapped = |path: &str, may_change| shared_mapping(&(path.to_owned(), may_change));
        assert_eq!(
            mapped("/dev/shm/x", true),
            Some(Touch::write("file /dev/shm/x"))
        );
        assert_eq!(
            mapped("/a b (deleted)", false),
            Some(Touch::read("file /a b"))
        );
        assert_eq!(mapped("/memfd:crosswire-log (deleted)", true), None);
    }

    #[test]
    fn what_is_not_known_has_no_usage() {
        let usage = |name| usage(row(number(name).unwrap()), &[0; 6]);
        assert_eq!(usage("pread64"), Some(Use::ReadAt));
        assert_eq!(usage("ioctl"), None);
    }
}
