//! Files as programs see them: their numbers, devices and times are the same in every run,
//! however they are asked for.

pub(crate) mod alone;
pub(crate) mod known;
mod listing;
pub(crate) mod listings;
mod notices;
mod numbers;
pub(crate) mod places;
mod renames;
mod status;
mod times;

use crate::emulate::time::clock::Clock;
use crate::run::session::Session;
use crosswire_calls::{Arg, Does, Mapping, Row};
use crosswire_kernel::{Tid, memory};
use known::{Opened, nanoseconds};
use libc::{AT_FDCWD, CLOCK_REALTIME, MAP_ANONYMOUS, O_CREAT, O_TRUNC, c_int};
use places::Origin;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use times::Change;

pub(crate) use numbers::Inode;

/// How a call names a file.
#[derive(Debug, Clone)]
enum Sight {
    Descriptor(u64),
    /// Its path, as the program has it.
    Path(PathBuf),
}

impl Sight {
    /// Returns the path of the file.
    fn path(&self, tid: Tid) -> Option<PathBuf> {
        match self {
            Sight::Descriptor(number) => crosswire_kernel::descriptor::target(tid, *number),
            Sight::Path(path) => Some(path.clone()),
        }
    }

    fn metadata(&self, tid: Tid) -> Option<Metadata> {
        match self {
            Sight::Descriptor(number) => fs::metadata(format!("/proc/{tid}/fd/{number}")).ok(),
            Sight::Path(path) => metadata(tid, path),
        }
    }
}

/// Looks at a file where a task sees it.
fn metadata(tid: Tid, path: &Path) -> Option<Metadata> {
    let mut inside = OsString::from(format!("/proc/{tid}/root"));
    inside.push(path);
    fs::symlink_metadata(inside).ok()
}

fn key(data: &Metadata) -> Inode {
    (data.dev(), data.ino())
}

/// Returns the path that a call names, which leads from a directory or the working directory.
fn path_of(tid: Tid, directory: Option<i32>, name: &str) -> Option<PathBuf> {
    let link = match directory {
        _ if name.starts_with('/') => None,
        None | Some(AT_FDCWD) => Some(format!("/proc/{tid}/cwd")),
        Some(number) => Some(format!("/proc/{tid}/fd/{number}")),
    };
    let base = match link {
        None => PathBuf::new(),
        Some(link) => fs::read_link(link).ok()?,
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

impl Session<'_> {
    /// Tells where a file of this device and number comes from.
    fn origin(&self, key: Inode) -> Origin {
        match self.files.queues {
            Some(device) if device == key.0 => Origin::Run(places::queues()),
            _ => self.setup.places.origin(key),
        }
    }

    /// Returns the key under which programs see a file. `made_by_run` tells, of a file on a
    /// device of the machine, whether the run has made it.
    fn shown_key(
        &mut self,
        tid: Tid,
        key: Inode,
        merged: bool,
        sight: &Sight,
        made_by_run: bool,
    ) -> Inode {
        let key = self.files.first_key(key);
        let device = match self.origin(key) {
            Origin::Before(key) => return key,
            Origin::Machine if !made_by_run => return key,
            Origin::Machine => key.0,
            Origin::Run(device) => device,
        };
        if let Some(shown) = self.files.numbers.known(key) {
            return shown;
        }
        let path = sight.path(tid);
        let below = path.as_deref().filter(|_| merged);
        match below.and_then(|path| self.setup.places.below(key.0, path)) {
            Some(below) => self.files.numbers.set(key, below),
            None => self.files.numbers.give(key, device, path.as_deref()),
        }
    }

    /// Returns the key under which programs see a file that something else names by its path.
    pub fn shown_of_path(&mut self, tid: Tid, key: Inode, path: &Path) -> Inode {
        let is_new = metadata(tid, path).is_some_and(|data| self.belongs_to_run(&data));
        self.shown_key(tid, key, false, &Sight::Path(path.to_owned()), is_new)
    }

    /// Returns the key under which programs see the file behind a descriptor.
    pub fn shown_of_descriptor(&mut self, tid: Tid, number: u64) -> Option<Inode> {
        let sight = Sight::Descriptor(number);
        let data = sight.metadata(tid)?;
        let merged = data.is_dir() && data.nlink() == 1;
        let is_new = self.belongs_to_run(&data);
        Some(self.shown_key(tid, key(&data), merged, &sight, is_new))
    }

    /// Returns the number under which programs see a pipe, a socket or another object of the
    /// kernel's, which `/proc` shows by its kind and number.
    pub fn shown_of_kind(&mut self, tid: Tid, kind: &str, inode: u64) -> u64 {
        let device = match kind {
            "pipe" | "socket" => self.setup.places.device_of(kind),
            // Namespaces: they are on a device of their own, which nothing else shows.
            _ => Some(u64::MAX),
        };
        let Some(device) = device else {
            return inode;
        };
        let sight = Sight::Path(PathBuf::from(format!("{kind}:[{inode}]")));
        self.shown_key(tid, (device, inode), false, &sight, true).1
    }

    /// Returns whether the run has made a file.
    fn belongs_to_run(&self, data: &Metadata) -> bool {
        self.is_new(data) || self.files.times.has(self.files.first_key(key(data)))
    }

    /// Returns whether the run has made a file, which lies on a device of the machine.
    fn was_made_by_run(&self, tid: Tid, changed: i64, sight: &Sight) -> bool {
        u64::try_from(changed).is_ok_and(|changed| changed >= self.files.began)
            && sight
                .metadata(tid)
                .and_then(|data| data.created().ok())
                .is_some_and(|born| nanoseconds(born) >= self.files.began)
    }

    /// The present, as the run's clock shows it.
    fn file_time(&self) -> i64 {
        self.clock.reading(CLOCK_REALTIME) as i64
    }

    /// The time at which the run began.
    fn first_file_time() -> i64 {
        Clock::default().reading(CLOCK_REALTIME) as i64
    }

    /// A call has ended: takes note of the files that it has changed.
    pub fn note_changes(&mut self, index: usize, row: &Row, result: i64) {
        let args = &self.tasks[index].entering.args.clone();
        if !row.leaves_files() {
            self.files.open.clear();
        }
        let gone = self.files.going.take();
        if result < 0 {
            return;
        }
        self.files.removed.extend(gone);
        match row.does {
            Does::Read | Does::ReadAt | Does::List if self.files.times.is_empty() => {}
            Does::Read | Does::ReadAt | Does::List => self.mark_open(index, args[0], Change::Read),
            // Of private mappings nothing is known, which do not stop.
            Does::Map(Mapping::Map) if args[3] as c_int & MAP_ANONYMOUS != 0 => {}
            Does::Map(Mapping::Map) if self.files.times.is_empty() => {}
            Does::Map(Mapping::Map) => self.mark_open(index, args[4], Change::Read),
            Does::Write | Does::WriteAt if result > 0 => {
                self.mark_open(index, args[0], Change::Written);
            }
            Does::Resize => self.mark_open(index, args[0], Change::Written),
            Does::Move | Does::CopyRange if result > 0 => {
                let sink = row.argument(Arg::Sink).unwrap_or(0);
                self.mark_open(index, args[sink], Change::Written);
            }
            Does::Change if row.changes_permissions() => {
                self.mark_open(index, args[0], Change::Changed);
            }
            Does::OpenQueue => self.note_queue(index, result as u64),
            Does::Open => self.note_opened(index, row, args, result as u64),
            Does::MakeDirectory
            | Does::MakeNode
            | Does::Symlink
            | Does::Link
            | Does::Rename
            | Does::Remove
            | Does::ChangeFile => self.note_names(index, row, args),
            _ => {}
        }
    }

    fn note_touch(&mut self, index: usize, sight: &Sight, key: Inode, change: Change) {
        let (key, now) = (self.files.first_key(key), self.file_time());
        if change != Change::Read {
            self.note_machine(key);
        }
        if change != Change::Read && self.setup.plan.follows_footprints() {
            let tid = self.tasks[index].tid;
            let is_made = change == Change::Made;
            (self.footprints.times).change(key, is_made, || sight.path(tid));
        }
        self.files.times.mark(key, change, now);
    }

    /// A file is changed or locked that may be one which the run does not have for itself.
    fn note_machine(&mut self, key: Inode) {
        if !self.files.touches_machine && self.origin(key) == Origin::Machine {
            self.files.touches_machine = true;
            alone::disturb();
        }
    }

    /// A task is about to lock what is behind a descriptor, or to find that locked.
    pub fn note_locking(&mut self, index: usize, number: u64) {
        if let Some(key) = self.opened(index, number).and_then(|opened| opened.key) {
            self.note_machine(self.files.first_key(key));
        }
    }

    /// A task writes to a file that it has mapped under this name.
    pub fn note_written_file(&mut self, index: usize, file: Inode, name: &str) {
        let sight = Sight::Path(PathBuf::from(name));
        self.note_touch(index, &sight, file, Change::Written);
    }

    /// Returns what is behind a descriptor of a task, if there is anything.
    pub(crate) fn opened(&mut self, index: usize, number: u64) -> Option<Opened> {
        let place = (self.tasks[index].process, number);
        if let Some(known) = self.files.open.get(&place) {
            return Some(*known);
        }
        let data = Sight::Descriptor(number).metadata(self.tasks[index].tid)?;
        let opened = Opened::of(&data);
        self.files.open.insert(place, opened);
        Some(opened)
    }

    /// Tells whether a task is about to read or write a file in which it never waits, as
    /// pread(2) and pwrite(2) never do.
    pub fn moves_plainly(&mut self, index: usize) -> bool {
        let task = &self.tasks[index];
        let (row, number) = (task.entering.row(), task.entering.args[0]);
        if !matches!(row.does, Does::Read | Does::Write) {
            return false;
        }
        let place = (task.process, number);
        // An empty file may have been written to since.
        let known = self.opened(index, number);
        if known.is_some_and(|known| !known.is_plain && known.key.is_some()) {
            self.files.open.remove(&place);
        }
        self.opened(index, number)
            .is_some_and(|opened| opened.is_plain)
    }

    fn mark_open(&mut self, index: usize, number: u64, mark: Change) {
        if let Some(key) = self.opened(index, number).and_then(|opened| opened.key) {
            self.note_touch(index, &Sight::Descriptor(number), key, mark);
        }
    }

    /// A file has been opened, and perhaps made.
    fn note_opened(&mut self, index: usize, row: &Row, args: &[u64; 6], number: u64) {
        // openat2(2) has its flags in memory.
        let flags = row.open_flags(args).unwrap_or(O_CREAT);
        if flags & (O_CREAT | O_TRUNC) == 0 {
            return;
        }
        let sight = Sight::Descriptor(number);
        let data = sight.metadata(self.tasks[index].tid);
        let Some(data) = data.filter(Metadata::is_file) else {
            return;
        };
        if self.is_new(&data) {
            self.note_made(index, &sight, key(&data));
            let paths = self.paths_of(index, row, args);
            self.mark_parents(index, &paths);
        } else if flags & O_TRUNC != 0 {
            self.note_touch(index, &sight, key(&data), Change::Written);
        }
    }

    /// A message queue has been opened: its descriptor shows the device of the run's queues, also
    /// where no directory does (mq_overview(7)).
    fn note_queue(&mut self, index: usize, number: u64) {
        if self.files.queues.is_some() {
            return;
        }
        let data = Sight::Descriptor(number).metadata(self.tasks[index].tid);
        // From now on each status is looked at.
        self.files.queues = data.map(|data| data.dev());
    }

    /// A name is about to be taken away, perhaps the last one of a file.
    pub fn note_removal(&mut self, index: usize) {
        let task = &self.tasks[index];
        let (tid, row, args) = (task.tid, task.entering.row(), task.entering.args);
        if self.setup.pids_vary && matches!(row.does, Does::Remove | Does::Rename) {
            // Of two names, the new one: what it led to is replaced.
            let path = self.paths_of(index, row, &args).pop();
            let data = path.and_then(|path| metadata(tid, &path));
            let last = data.filter(|data| data.is_dir() || data.nlink() == 1);
            self.files.going = last.as_ref().map(key);
        }
    }

    /// A file has been made: it is not the one that had its number before.
    fn note_made(&mut self, index: usize, sight: &Sight, key: Inode) {
        if self.files.removed.remove(&key) {
            self.files.numbers.forget(key);
        }
        self.note_touch(index, sight, key, Change::Made);
    }

    /// Returns whether a file has been made just now.
    fn is_new(&self, data: &Metadata) -> bool {
        let key = self.files.first_key(key(data));
        let born = || data.created().ok().map(nanoseconds);
        let is_first = !self.files.times.has(key) || self.files.removed.contains(&key);
        is_first
            && match self.origin(key) {
                Origin::Run(_) => true,
                Origin::Before(_) => false,
                Origin::Machine => born().is_some_and(|born| born >= self.files.began),
            }
    }

    /// Names have been made or taken away, or what they lead to has been changed.
    fn note_names(&mut self, index: usize, row: &Row, args: &[u64; 6]) {
        let tid = self.tasks[index].tid;
        let mut paths = self.paths_of(index, row, args);
        if row.does != Does::ChangeFile {
            self.mark_parents(index, &paths);
        }
        let mark = match row.does {
            Does::Remove => return,
            Does::MakeDirectory | Does::MakeNode | Does::Symlink => Change::Made,
            Does::Link | Does::Rename => Change::Changed,
            _ if row.changes_permissions() => Change::Changed,
            _ if row.args.contains(&Arg::Given) => Change::Set,
            _ => Change::Written,
        };
        if row.does == Does::Link {
            self.note_link(tid, &paths, args[0]);
        }
        // Of two names, the new one.
        if let Some(path) = paths.pop() {
            if let Some(data) = metadata(tid, &path) {
                let sight = Sight::Path(path);
                match mark {
                    Change::Made => self.note_made(index, &sight, key(&data)),
                    _ => self.note_touch(index, &sight, key(&data), mark),
                }
            }
        } else if let Some(directory) = row.paths().next().and_then(|(directory, _)| directory) {
            // An empty or missing path means the descriptor (utimensat(2)).
            self.mark_open(index, args[directory], mark);
        }
    }

    /// A file has got another name. If it was there before the run, the overlay gives it another
    /// number under that name.
    fn note_link(&mut self, tid: Tid, paths: &[PathBuf], descriptor: u64) {
        let [old, new] = match paths {
            [old, new] => [Sight::Path(old.clone()), Sight::Path(new.clone())],
            // An empty path means the descriptor (linkat(2)).
            [new] => [Sight::Descriptor(descriptor), Sight::Path(new.clone())],
            _ => return,
        };
        let (Some(old), Some(new)) = (old.metadata(tid), new.metadata(tid)) else {
            return;
        };
        let was_before = matches!(self.origin(key(&old)), Origin::Before(_));
        if was_before && old.file_type() == new.file_type() {
            self.files.link(key(&old), key(&new));
        }
    }

    /// The entries of the directories have changed in which the names of a call are.
    fn mark_parents(&mut self, index: usize, paths: &[PathBuf]) {
        let tid = self.tasks[index].tid;
        for parent in paths.iter().filter_map(|path| path.parent()) {
            if let Some(data) = metadata(tid, parent) {
                let sight = Sight::Path(parent.to_owned());
                self.note_touch(index, &sight, key(&data), Change::Written);
            }
        }
    }

    pub(crate) fn paths_of(&self, index: usize, row: &Row, args: &[u64; 6]) -> Vec<PathBuf> {
        let tid = self.tasks[index].tid;
        let path = |(directory, name): (Option<usize>, usize)| {
            let name =
                memory::read_string(tid, args[name], 4096).filter(|name| !name.is_empty())?;
            path_of(tid, directory.map(|at| args[at] as i32), &name)
        };
        row.paths().filter_map(path).collect()
    }
}
