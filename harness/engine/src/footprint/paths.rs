//! What a call touches that takes names of files: the names on the way, which decide where
//! it leads, and the file at its end.

use super::objects::{self, ObjectNames, entries, file, writers};
use crosswire_calls::{Does, Fact, Row};
use crosswire_kernel::{Tid, memory};
use crosswire_model::{EVERYTHING, Touch};
use libc::{AT_FDCWD, O_ACCMODE, O_CREAT, O_RDONLY, O_TRUNC};
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// A path, and the directories through which it leads, `..` included.
struct Way {
    path: PathBuf,
    through: Vec<PathBuf>,
}

/// A call, its arguments, and which of them is the name in question.
type Naming<'a> = (&'a Row, &'a [u64; 6], usize);

impl ObjectNames {
    /// Returns what a call that takes names will touch.
    pub fn paths(&mut self, tid: Tid, row: &Row, args: &[u64; 6]) -> Vec<Touch> {
        let mut touches = Vec::new();
        for (directory, at) in row.paths() {
            let directory = directory.map(|argument| args[argument] as i32);
            let Some(way) = way(tid, directory, args[at]) else {
                return self.of_itself(tid, row, directory, args[at]);
            };
            self.of_way(tid, (row, args, at), &way, &mut touches);
        }
        touches
    }

    /// Returns what a call touches whose name is empty, or cannot be read: the first may be fstat(2)
    /// by another name.
    fn of_itself(
        &mut self,
        tid: Tid,
        row: &Row,
        directory: Option<i32>,
        address: u64,
    ) -> Vec<Touch> {
        let is_empty = memory::read_string(tid, address, 1).is_some_and(|name| name.is_empty());
        let number = directory.filter(|number| *number != AT_FDCWD);
        match number.filter(|_| is_empty && row.tells_status()) {
            Some(number) => match self.descriptor(tid, number as u64) {
                Some(file) => file.looked_at(),
                None => Vec::new(),
            },
            None => vec![Touch::everything()],
        }
    }

    /// Returns what a call touches by one name that it uses, one of `row.paths()`. Symbolic
    /// links are followed.
    pub fn names(
        &mut self,
        tid: Tid,
        row: &Row,
        args: &[u64; 6],
        (directory, at): (Option<usize>, usize),
        name: &str,
    ) -> Vec<Touch> {
        let directory = directory.map(|argument| args[argument] as i32);
        let mut touches = Vec::new();
        let Some(mut path) = absolute(tid, directory, Path::new(name)) else {
            return vec![Touch::everything()];
        };
        for _ in 0..MOST_LINKS {
            let Some(way) = follow(tid, &path, &mut touches) else {
                break;
            };
            // The call may mean a link itself.
            self.of_plain_way(tid, (row, args, at), &way, &mut touches);
            let Ok(target) = fs::read_link(inside(tid, &way.path)) else {
                break;
            };
            path = way.path.parent().unwrap_or(Path::new("/")).join(target);
        }
        touches
    }

    /// Returns what using a socket by its name touches, or making one there.
    pub fn of_socket_at(&self, tid: Tid, path: &Path) -> Vec<Touch> {
        let Some(path) = absolute(tid, None, path) else {
            return vec![Touch::everything()];
        };
        let mut touches = Vec::new();
        if let Some(way) = follow(tid, &path, &mut touches) {
            touches.extend(made(&way.path));
        }
        touches
    }

    /// Returns what making a file touches, given its name as unix(7) has it.
    pub fn made_at(&self, tid: Tid, made: &str) -> Vec<Touch> {
        match absolute(tid, None, Path::new(made)) {
            Some(path) => self::made(&along(&path).path).into(),
            None => vec![Touch::everything()],
        }
    }

    fn of_way(&mut self, tid: Tid, call: Naming, way: &Way, touches: &mut Vec<Touch>) {
        let row = call.0;
        let path = &way.path;
        let is_link = |path: &PathBuf| {
            let data = fs::symlink_metadata(inside(tid, path));
            data.is_ok_and(|data| data.file_type().is_symlink())
        };
        let mut all = way.through.iter().chain([path]);
        let is_script = || row.does == Does::Execute && is_script(&inside(tid, path));
        if all.any(|path| is_link(path) || objects::is_of_kernel(path)) || is_script() {
            return touches.push(Touch::everything());
        }
        self.of_plain_way(tid, call, way, touches);
    }

    fn of_plain_way(
        &mut self,
        tid: Tid,
        (row, args, at): Naming,
        way: &Way,
        touches: &mut Vec<Touch>,
    ) {
        let path = &way.path;
        // They may be renamed or removed, or closed to the caller.
        touches.extend(way.through.iter().map(|path| Touch::read(name(path))));
        let present = fs::symlink_metadata(inside(tid, path)).ok();
        if let Some(data) = &present {
            self.note_names(path, data);
        }
        let (exists, is_directory) = (
            present.is_some(),
            present.as_ref().is_some_and(fs::Metadata::is_dir),
        );
        let (entry, content) = (name(path), file(&path.to_string_lossy()));
        let new_entry = made(path);
        match row.does {
            Does::Open => {
                // openat2(2) has its flags in memory.
                let Some(flags) = row.open_flags(args) else {
                    return touches.push(Touch::everything());
                };
                match flags & O_CREAT != 0 && !exists {
                    true => touches.extend(new_entry),
                    false => touches.push(Touch::read(entry)),
                }
                if flags & O_ACCMODE != O_RDONLY || flags & O_TRUNC != 0 {
                    touches.push(Touch::add(writers(&content)));
                }
                // Opening a FIFO waits for the other side, and lets it go on (fifo(7)).
                let is_special = present.is_some_and(|data| !data.is_file() && !data.is_dir());
                if exists && (flags & O_TRUNC != 0 || is_special) {
                    touches.push(Touch::write(content));
                }
            }
            // It takes with it what is in it, open files included.
            Does::Rename if is_directory && row.moves(args, at) => {
                touches.push(Touch::everything());
            }
            Does::Remove
            | Does::Rename
            | Does::Link
            | Does::Symlink
            | Does::MakeDirectory
            | Does::MakeNode => {
                if row.does == Does::Link {
                    self.note_linked(path);
                }
                touches.extend(new_entry);
                // A directory must be empty.
                touches.push(Touch::write(entries(&content)));
                match row.does {
                    Does::Rename | Does::Link => touches.extend(objects::renamed(&content)),
                    _ => touches.push(Touch::write(content)),
                }
            }
            Does::ChangeFile if row.changes_permissions() => {
                touches.extend([Touch::write(entry), Touch::write(content)]);
            }
            Does::ChangeFile => touches.extend([
                Touch::read(entry),
                // truncate(2) opens it for a moment.
                Touch::add(writers(&content)),
                Touch::write(content),
            ]),
            Does::Execute => touches.extend([
                Touch::read(entry),
                Touch::read(writers(&content)),
                Touch::read(content),
            ]),
            Does::LookUp if row.tells_status() => {
                touches.push(Touch::read(entry));
                if is_directory {
                    touches.push(Touch::read(entries(&content)));
                }
                touches.push(Touch::read(content));
            }
            Does::Anything if row.is(Fact::Looks) => {
                touches.extend([Touch::read(entry), Touch::read(content)]);
            }
            Does::Anything => touches.push(Touch::everything()),
            _ => touches.push(Touch::read(entry)),
        }
    }
}

/// Symbolic links that are followed in one path, as by the kernel (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Returns a path of the run as the engine can use it.
fn inside(tid: Tid, path: &Path) -> PathBuf {
    PathBuf::from(format!("/proc/{tid}/root{}", path.display()))
}

/// Object of what a path leads to, and of who may go there.
pub(super) fn name(path: &Path) -> String {
    format!("name {}", path.display())
}

/// Returns what a call touches that changes who may use the file of this name.
pub(super) fn permissions(file: &str) -> Option<Touch> {
    let path = file.strip_prefix("file ")?;
    Some(Touch::write(name(Path::new(path))))
}

/// Returns what asking for the working directory touches: its name, and those on the way.
pub(super) fn working_directory(tid: Tid) -> Vec<Touch> {
    let Some(path) = base(tid, None) else {
        return vec![Touch::everything()];
    };
    path.ancestors()
        .map(|path| Touch::read(name(path)))
        .collect()
}

/// Tells whether a file is executed by another one, which it names.
fn is_script(path: &Path) -> bool {
    let mut start = [0; 2];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == *b"#!"
}

/// Returns the directory of a descriptor, or the working directory.
fn base(tid: Tid, directory: Option<i32>) -> Option<PathBuf> {
    let link = match directory {
        None | Some(AT_FDCWD) => format!("/proc/{tid}/cwd"),
        Some(number) => format!("/proc/{tid}/fd/{number}"),
    };
    let path = fs::read_link(link).ok()?;
    Some(PathBuf::from(objects::present(&path.to_string_lossy())))
}

/// Returns where a name leads, without looking at links.
fn way(tid: Tid, directory: Option<i32>, address: u64) -> Option<Way> {
    let name = memory::read_string(tid, address, 4096).filter(|name| !name.is_empty())?;
    Some(along(&absolute(tid, directory, Path::new(&name))?))
}

/// Returns a path from the root on; one that is not absolute begins in a directory.
fn absolute(tid: Tid, directory: Option<i32>, path: &Path) -> Option<PathBuf> {
    match path.is_absolute() {
        true => Some(path.to_owned()),
        false => Some(base(tid, directory)?.join(path)),
    }
}

/// Returns what making a file touches, or removing it: the directory's number of links, size
/// and date change, too.
fn made(path: &Path) -> [Touch; 2] {
    let parent = path.parent().unwrap_or(Path::new("/"));
    [
        Touch::write(name(path)),
        Touch::add(entries(&file(&parent.to_string_lossy()))),
    ]
}

/// Follows the symbolic links on the way to the last part of a path, and adds them to what is
/// touched. Files in which the kernel reports, and ways that do not end, show everything.
fn follow(tid: Tid, path: &Path, touches: &mut Vec<Touch>) -> Option<Way> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let way = along(&path);
        if objects::is_of_kernel(&way.path) {
            break;
        }
        let target = |at: &PathBuf| Some((at.clone(), fs::read_link(inside(tid, at)).ok()?));
        let Some((link, target)) = way.through.iter().find_map(target) else {
            return Some(way);
        };
        touches.push(Touch::read(name(&link)));
        let rest = way.path.strip_prefix(&link).unwrap_or(Path::new(""));
        path = link
            .parent()
            .unwrap_or(Path::new("/"))
            .join(target)
            .join(rest);
    }
    touches.push(Touch::read(EVERYTHING));
    None
}

/// Follows the parts of a path.
fn along(path: &Path) -> Way {
    let mut way = Way {
        path: PathBuf::from("/"),
        through: Vec::new(),
    };
    for part in path.components() {
        match part {
            Component::Normal(part) => {
                way.through.push(way.path.clone());
                way.path.push(part);
            }
            Component::ParentDir => {
                way.through.push(way.path.clone());
                way.path.pop();
            }
            _ => {}
        }
    }
    way.through.sort_unstable();
    way.through.dedup();
    way
}
