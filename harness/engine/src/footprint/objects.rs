//! Kernel objects by names that are the same in every run: files by their path, what
//! has no path by who made it.

use super::kernel_files;
use crate::files::known;
use crosswire_calls::{Does, Row};
use crosswire_kernel::{Tid, descriptor, memory};
use crosswire_model::{EVERYTHING, Mode, Touch};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Known objects of a run.
#[derive(Debug)]
pub(crate) struct ObjectNames {
    /// Names of what has no path, by the links that proc_pid_fd(5) shows, which hold the inode.
    names: HashMap<String, String>,
    /// Objects created, by task.
    created: HashMap<String, u32>,
    /// Touches of the operations that are undone when a process ends.
    pub undone: Vec<(usize, Touch)>,
    /// What tasks have open, as long as no call can have changed it.
    tables: HashMap<Tid, Table>,
    /// Paths of files that have, or had during the run, a name besides.
    linked: HashSet<String>,
    /// Those of them that the run has made or given names: others keep their numbers (inode(7)).
    numbered: HashSet<String>,
    /// The time when the run began, as the kernel writes it into files.
    began: Duration,
}

impl Default for ObjectNames {
    fn default() -> ObjectNames {
        ObjectNames {
            names: HashMap::new(),
            created: HashMap::new(),
            undone: Vec::new(),
            tables: HashMap::new(),
            linked: HashSet::new(),
            numbered: HashSet::new(),
            began: Duration::from_nanos(known::now()),
        }
    }
}

/// File behind a descriptor.
#[derive(Debug, Clone)]
pub(crate) struct Descriptor {
    pub name: String,
    /// It has a position: a regular file or directory.
    pub seekable: bool,
    pub is_directory: bool,
    /// A file that is open for writing cannot be executed (execve(2), `ETXTBSY`).
    pub may_write: bool,
    /// It never had a name, as pipes have none: its number (inode(7)) depends on who asks first.
    pub is_nameless: bool,
    /// The side of a terminal that sends SIGHUP when it is closed (pty(7)).
    pub hangs_up: bool,
}

impl Descriptor {
    /// Returns the touches of asking for its state.
    pub fn looked_at(&self) -> Vec<Touch> {
        if self.name == EVERYTHING {
            return vec![Touch::everything()];
        }
        let mut touches = vec![Touch::read(&self.name)];
        if self.is_directory {
            touches.push(Touch::read(entries(&self.name)));
        }
        if self.is_nameless {
            touches.push(Touch::write(NUMBERS));
        }
        touches
    }

    /// Returns the touches of closing it: a lock on a file is released, the end of a
    /// pipe is gone.
    pub fn closed(&self) -> Vec<Touch> {
        if self.hangs_up {
            return vec![Touch::everything()];
        }
        // Of what concerns everything, closing does not.
        if self.name == EVERYTHING {
            return Vec::new();
        }
        let mut touches = vec![Touch::add(locks(&self.name))];
        if !self.seekable {
            touches.push(Touch::add(self.name.clone()));
        }
        if self.may_write {
            touches.push(Touch::add(writers(&self.name)));
        }
        touches
    }
}

/// Object of those who have a file open for writing, who add to it, and of those who
/// execute it, who read it: neither is possible as long as the others are there.
pub(crate) fn writers(file: &str) -> String {
    format!("writers of {file}")
}

/// Returns the touches of what changes the name by which a file is known here: all of its
/// objects, since a step that follows touches others than one that comes before.
pub(crate) fn renamed(file: &str) -> [Touch; 4] {
    [
        Touch::write(file),
        Touch::write(locks(file)),
        Touch::write(position(file)),
        Touch::write(writers(file)),
    ]
}

/// Object of the locks on a file.
pub(crate) fn locks(file: &str) -> String {
    format!("locks of {file}")
}

/// Object of the positions in a file: who shares one is not followed.
pub(crate) fn position(file: &str) -> String {
    format!("position in {file}")
}

/// Tells whether an object is only known by descriptors: the positions in a file, a counter, a
/// timer.
pub(crate) fn is_known_by_descriptor(object: &str) -> bool {
    object.starts_with("anon_inode:") || object.starts_with("position in ")
}

/// Tells whether an object is a pipe or a pair of sockets that a process of the run has made.
pub(crate) fn is_made_by_run(object: &str) -> bool {
    object.starts_with("pipe ") || object.starts_with("socket pair ")
}

/// Tells whether what is in a file without a name, or whether anything is, depends on those alone
/// who have it open, and not on time.
pub(super) fn is_written_to(object: &str) -> bool {
    object == EVENT_FD || is_made_by_run(object)
}

/// Object of the numbers that are given to files without a name, one after another, and to those
/// with several.
const NUMBERS: &str = "numbers of files";

/// Object of what is in a directory.
pub(crate) fn entries(directory: &str) -> String {
    format!("entries of {directory}")
}

/// Stands for all files that have several names: which names are the same file is not
/// followed.
const LINKED: &str = "files with several names";

/// What a task has open, as far as it is known.
#[derive(Debug, Default, Clone)]
struct Table {
    /// Files behind descriptors, as [`ObjectNames::descriptor`] returns them.
    behind: HashMap<u64, Option<Descriptor>>,
    /// All descriptors.
    numbers: Option<BTreeSet<u64>>,
    /// The file that is executed.
    executable: Option<Option<String>>,
}

/// What a call may have changed of what its process has open.
pub(crate) enum TableChange {
    /// It has opened these, or has others behind them.
    Opened(Vec<u64>),
    Closed(u64),
    Any,
}

impl Table {
    fn follow(&mut self, change: &TableChange) {
        match change {
            TableChange::Any => {
                self.behind.clear();
                self.numbers = None;
            }
            TableChange::Closed(number) => {
                self.behind.remove(number);
                if let Some(numbers) = &mut self.numbers {
                    numbers.remove(number);
                }
            }
            TableChange::Opened(opened) => {
                for number in opened {
                    self.behind.remove(number);
                }
                if let Some(numbers) = &mut self.numbers {
                    numbers.extend(opened);
                }
            }
        }
    }
}

impl ObjectNames {
    /// Returns the file behind a descriptor; `None` if there is none, or none that
    /// another task could notice.
    pub fn descriptor(&mut self, tid: Tid, number: u64) -> Option<Descriptor> {
        let known = self.tables.get(&tid);
        if let Some(known) = known.and_then(|table| table.behind.get(&number)) {
            return known.clone();
        }
        let found = self.look_up(tid, number);
        let table = self.tables.entry(tid).or_default();
        table.behind.insert(number, found.clone());
        found
    }

    /// Returns all descriptors of a task.
    pub fn numbers(&mut self, tid: Tid) -> &BTreeSet<u64> {
        let table = self.tables.entry(tid).or_default();
        let look = || descriptor::numbers(tid).into_iter().collect();
        table.numbers.get_or_insert_with(look)
    }

    /// Looks at all that a task has open.
    pub fn look_at_all(&mut self, tid: Tid) {
        for number in self.numbers(tid).clone() {
            self.descriptor(tid, number);
        }
        self.executable(tid);
    }

    /// Returns the program that a task executes.
    pub fn executable(&mut self, tid: Tid) -> Option<String> {
        let table = self.tables.entry(tid).or_default();
        let look = || {
            let path = descriptor::executable(tid)?;
            Some(file(&path.to_string_lossy()))
        };
        table.executable.get_or_insert_with(look).clone()
    }

    /// A call may have renamed files that anybody has open.
    pub fn forget_all(&mut self) {
        self.tables.clear();
    }

    /// Tasks execute another program.
    pub fn forget(&mut self, process: &[Tid]) {
        for tid in process {
            self.tables.remove(tid);
        }
    }

    /// A call of a process, which these tasks make up, has changed what it has open.
    pub fn follow(&mut self, process: &[Tid], change: &TableChange) {
        for tid in process {
            if let Some(table) = self.tables.get_mut(tid) {
                table.follow(change);
            }
        }
    }

    /// A task has been created, with the files open that its creator has. Each has its own list of
    /// them, unless they are threads.
    pub fn hand_down(&mut self, creator: Tid, child: Tid) {
        // Its number may be that of one that has ended.
        match self.tables.get(&creator).cloned() {
            Some(table) => self.tables.insert(child, table),
            None => self.tables.remove(&child),
        };
    }

    fn look_up(&mut self, tid: Tid, number: u64) -> Option<Descriptor> {
        let link = format!("/proc/{tid}/fd/{number}");
        let target = fs::read_link(&link).ok()?;
        let target = target.to_string_lossy();
        if matches!(
            &*target,
            "/dev/null" | "/dev/zero" | "/dev/random" | "/dev/urandom"
        ) {
            return None;
        }
        if !target.starts_with('/') {
            return Some(Descriptor {
                name: self.name_without_path(&target),
                seekable: false,
                is_directory: false,
                may_write: false,
                is_nameless: true,
                hangs_up: false,
            });
        }
        let data = fs::metadata(&link).ok()?;
        let seekable = data.is_file() || data.is_dir();
        // proc_pid_fd(5): the link's own permissions are the ways in which it is open.
        let may_write = fs::symlink_metadata(&link).is_ok_and(|link| link.mode() & 0o200 != 0);
        let hangs_up = target.ends_with("/ptmx");
        let name = match is_of_kernel(Path::new(&*target)) {
            // It may show what others do: processes, changes of files.
            true => kernel_files::object(tid, Path::new(&*target))
                .unwrap_or_else(|| EVERYTHING.to_owned()),
            false => {
                self.note_names(Path::new(&*target), &data);
                file(&target)
            }
        };
        Some(Descriptor {
            name,
            seekable,
            is_directory: data.is_dir(),
            may_write,
            is_nameless: target.starts_with("/memfd:") || present(&target).ends_with("/#"),
            hangs_up,
        })
    }

    /// Returns the name of what a link leads to that is no path.
    fn name_without_path(&self, target: &str) -> String {
        match self.names.get(target) {
            Some(name) => name.clone(),
            // Who is connected to whom is not looked into.
            None if target.starts_with("socket:") => SOCKETS.to_owned(),
            None if target.starts_with("pipe:") => "pipes that nobody has made".to_owned(),
            None if matches!(target, EVENT_FD | TIMER_FD) => target.to_owned(),
            // It shows what others do: signals, events.
            None => EVERYTHING.to_owned(),
        }
    }

    /// Takes note of a file that has another name besides this one.
    pub fn note_names(&mut self, path: &Path, data: &Metadata) {
        if data.is_dir() || data.nlink() < 2 {
            return;
        }
        // Names are changes of the file's status.
        let changed = Duration::new(data.ctime() as u64, data.ctime_nsec() as u32);
        if changed >= self.began {
            return self.note_linked(path);
        }
        self.linked.insert(present(&path.to_string_lossy()));
    }

    /// Takes note of a file that has, or is about to have, another name besides this one.
    pub fn note_linked(&mut self, path: &Path) {
        let path = present(&path.to_string_lossy());
        self.linked.insert(path.clone());
        self.numbered.insert(path);
    }

    /// Adds what stands for all files with several names where one of them is touched.
    pub fn add_linked(&self, touches: &mut Vec<Touch>) {
        if self.linked.is_empty() {
            return;
        }
        let is_in = |files: &HashSet<String>, touch: &Touch| {
            let path = match touch.object.strip_prefix("name ") {
                Some(path) => Some(path),
                None => touch.object.split_once("file ").map(|(_, path)| path),
            };
            path.is_some_and(|path| files.contains(path))
        };
        let linked = touches.iter().filter(|touch| is_in(&self.linked, touch));
        let modes: HashSet<Mode> = linked.map(|touch| touch.mode).collect();
        let is_numbered = |touch: &Touch| touch.mode == Mode::Read && is_in(&self.numbered, touch);
        if touches.iter().any(is_numbered) {
            // Who looks first gives it its number, by the name that it uses.
            touches.push(Touch::write(NUMBERS));
        }
        touches.extend(modes.into_iter().map(|mode| Touch {
            object: LINKED.to_owned(),
            mode,
        }));
    }

    /// Names what a call has created, which has these descriptors.
    pub fn name_new(&mut self, tid: Tid, maker: &str, row: &Row, pair: &[u64]) {
        let kind = match row.does {
            Does::Pipe => "pipe",
            Does::SocketPair => "socket pair",
            // All eventfds share an inode.
            _ => return,
        };
        let count = match self.created.get_mut(maker) {
            Some(count) => count,
            None => self.created.entry(maker.to_owned()).or_default(),
        };
        *count += 1;
        let name = format!("{kind} {count} of {maker}");
        for number in pair {
            if let Ok(target) = fs::read_link(format!("/proc/{tid}/fd/{number}")) {
                let target = target.to_string_lossy().into_owned();
                self.names.insert(target, name.clone());
            }
        }
    }
}

/// Object of all sockets but pairs.
pub(super) const SOCKETS: &str = "sockets";

const EVENT_FD: &str = "anon_inode:[eventfd]";
const TIMER_FD: &str = "anon_inode:[timerfd]";

/// Places where the kernel reports on its objects, or where they have other names than where they
/// are used: the sides of a terminal (pty(7)), queues (mq_overview(7)).
const OF_KERNEL: &[&str] = &[
    "/proc",
    "/sys",
    "/dev/pts",
    "/dev/ptmx",
    "/dev/tty",
    "/dev/mqueue",
];

/// Tells whether a file is in such a place.
pub(super) fn is_of_kernel(path: &Path) -> bool {
    OF_KERNEL.iter().any(|place| path.starts_with(place))
}

/// Returns the numbers of the pipe or the pair of sockets that a call has made.
pub(super) fn made_pair(tid: Tid, row: &Row, args: [u64; 6]) -> Vec<u64> {
    let address = match row.does {
        Does::Pipe => args[0],
        _ => args[3],
    };
    let mut bytes = [0; 8];
    match memory::read(tid, address, &mut bytes) {
        Ok(_) => bytes
            .chunks_exact(4)
            .map(|four| u64::from(u32::from_ne_bytes(four.try_into().expect("four bytes"))))
            .collect(),
        Err(_) => Vec::new(),
    }
}

/// Returns a file by its path, whether or not it has been removed since.
pub(crate) fn file(path: &str) -> String {
    format!("file {}", present(path))
}

/// Returns a path as it is, or was while the file had it. A file that never had one is
/// known by its directory (open(2), `O_TMPFILE`): the kernel calls it `#INODE` there.
pub(super) fn present(path: &str) -> String {
    match path.strip_suffix(" (deleted)") {
        Some(path) => match path.rsplit_once("/#") {
            Some((directory, number)) if number.parse::<u64>().is_ok() => format!("{directory}/#"),
            _ => path.to_owned(),
        },
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_kernel::Tid;
    use std::os::fd::AsRawFd;

    #[test]
    fn what_is_known_of_descriptors_follows_calls() {
        let own = std::process::id() as Tid;
        let (reader, writer) = std::io::pipe().unwrap();
        let pair = [&reader.as_raw_fd(), &writer.as_raw_fd()].map(|fd| *fd as u64);
        let mut names = ObjectNames::default();
        assert!(names.numbers(own).is_superset(&pair.into()));
        let name =
            |names: &mut ObjectNames, number| names.descriptor(own, number).map(|it| it.name);
        let before = name(&mut names, pair[1]);
        assert_eq!(before.as_deref(), Some("pipes that nobody has made"));
        // Without a call that says so, nothing is looked up again.
        let target = descriptor::target(own, pair[1]).unwrap();
        let target = target.to_string_lossy().into_owned();
        names.names.insert(target, "pipe 1 of `a`".to_owned());
        assert_eq!(name(&mut names, pair[1]), before);
        names.follow(&[own], &TableChange::Closed(pair[1]));
        assert!(!names.numbers(own).contains(&pair[1]));
        assert_eq!(name(&mut names, pair[1]).as_deref(), Some("pipe 1 of `a`"));
        // A child has what its creator had.
        names.hand_down(own, Tid::MAX);
        assert!(names.numbers(Tid::MAX).contains(&pair[0]));
        names.follow(&[own], &TableChange::Opened(vec![9999]));
        assert!(names.numbers(own).contains(&9999) && !names.numbers(Tid::MAX).contains(&9999));
        names.follow(&[own], &TableChange::Any);
        assert!(!names.numbers(own).contains(&9999));
    }
}
