//! Lists and clears what programs left in directories. Runs in process 1, so it
//! allocates nothing (see [`super::raw`]).
//!
//! Of an overlay, the *upper* directory holds exactly what was written: new
//! files, copies of files that were changed, and "whiteouts" that hide deleted
//! ones (Documentation/filesystems/overlayfs.rst). New files are removed through
//! the overlay itself, so that the kernel's view of it stays right and processes
//! whose working directory it is need not notice. A changed or hidden file of
//! the host cannot be restored that way; then the overlay must be mounted anew.

use std::ffi::CStr;

use super::raw::{self, Fd, Text};
use super::shared_block::SharedBlock;

/// Deeper directories are cleared by mounting anew, and reported as truncated.
const MAX_DEPTH: u32 = 64;
const PATH_BYTES: usize = libc::PATH_MAX as usize;
const ENTRIES_BYTES: usize = 2048;

/// A directory entry as getdents64(2) delivers it.
struct DirectoryEntry<'a> {
    name: &'a CStr,
    kind: u8,
}

/// Splits the first entry off `bytes`.
fn next_entry<'a>(bytes: &mut &'a [u8]) -> Option<DirectoryEntry<'a>> {
    const LENGTH_AT: usize = 16;
    const KIND_AT: usize = 18;
    const NAME_AT: usize = 19;
    let length = u16::from_ne_bytes([*bytes.get(LENGTH_AT)?, *bytes.get(LENGTH_AT + 1)?]) as usize;
    let kind = *bytes.get(KIND_AT)?;
    let name = CStr::from_bytes_until_nul(bytes.get(NAME_AT..length)?).ok()?;
    *bytes = bytes.get(length..)?;
    Some(DirectoryEntry { name, kind })
}

fn is_dot(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

/// Tells whether the directory has no entries except `.` and `..`.
pub(super) fn is_empty(dir: Fd) -> bool {
    // Room for the two dots (24 bytes each) and the longest possible name, so a
    // single call decides.
    let mut buffer = [0_u8; 400];
    raw::rewind(dir);
    let Ok(read) = raw::getdents(dir, &mut buffer) else {
        return false;
    };
    let mut rest = buffer.get(..read).unwrap_or(&[]);
    while let Some(entry) = next_entry(&mut rest) {
        if !is_dot(entry.name) {
            return false;
        }
    }
    true
}

/// Appends leftover names: `where`, `kind`, length (two bytes), the name.
pub(super) struct NameWriter {
    block: SharedBlock,
    pub used: usize,
    pub truncated: bool,
}

impl NameWriter {
    pub(super) fn new(block: SharedBlock) -> Self {
        Self {
            block,
            used: 0,
            truncated: false,
        }
    }

    pub(super) fn push(&mut self, place: u8, kind: u8, name: &[u8]) {
        let [low, high] = (name.len() as u16).to_le_bytes();
        let start = self.used.saturating_add(4);
        if name.len() > u16::MAX as usize
            || !self.block.put_name(start, name)
            || !self.block.put_name(self.used, &[place, kind, low, high])
        {
            self.truncated = true;
            return;
        }
        self.used = start.saturating_add(name.len());
    }
}

/// One walk over a directory that programs wrote to.
pub(super) struct Sweep<'a> {
    /// Previous content of the directory; none if it was empty.
    pub lower: Option<Fd>,
    /// Name in it that programs did not see.
    pub hidden: Option<&'a CStr>,
    /// Directory through which the entries are removed.
    pub merged: Fd,
    /// The attribute that marks a directory whose lower one is hidden.
    pub opaque: &'a CStr,
    /// Written into the list of names with each entry.
    pub place: u8,
    pub names: &'a mut NameWriter,
    path: Text<PATH_BYTES>,
    /// Something could not be taken back; only a new mount restores the state.
    stained: bool,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(
        lower: Option<Fd>,
        merged: Fd,
        opaque: &'a CStr,
        place: u8,
        names: &'a mut NameWriter,
    ) -> Self {
        Self {
            lower,
            hidden: None,
            merged,
            opaque,
            place,
            names,
            path: Text::new(),
            stained: false,
        }
    }

    /// Reports every new entry below `dir` and removes it. False if afterwards
    /// the directory still differs from what it was.
    pub(super) fn run(mut self, dir: Fd) -> bool {
        raw::rewind(dir);
        self.level(dir, 0, self.lower.is_none());
        !self.stained
    }

    fn level(&mut self, dir: Fd, depth: u32, all_new: bool) {
        if depth >= MAX_DEPTH {
            self.names.truncated = true;
            self.stained = true;
            return;
        }
        let mut buffer = [0_u8; ENTRIES_BYTES];
        loop {
            let read = match raw::getdents(dir, &mut buffer) {
                Ok(0) => return,
                Ok(read) => read,
                Err(_) => {
                    self.names.truncated = true;
                    self.stained = true;
                    return;
                }
            };
            let mut rest = buffer.get(..read).unwrap_or(&[]);
            while let Some(entry) = next_entry(&mut rest) {
                if is_dot(entry.name) {
                    continue;
                }
                let parent = self.path.len();
                let separator: &[u8] = if parent == 0 { b"" } else { b"/" };
                if self.path.push(separator) && self.path.push(entry.name.to_bytes()) {
                    self.entry(dir, &entry, depth, all_new);
                } else {
                    self.names.truncated = true;
                    self.stained = true;
                }
                self.path.truncate(parent);
            }
        }
    }

    fn entry(&mut self, dir: Fd, entry: &DirectoryEntry<'_>, depth: u32, all_new: bool) {
        if entry.kind == libc::DT_CHR && is_whiteout(dir, entry.name) {
            self.stained = true;
            return;
        }
        let before = if all_new { None } else { self.before() };
        if before.is_none() {
            self.names.push(self.place, entry.kind, self.path.bytes());
        }
        let is_dir = entry.kind == libc::DT_DIR;
        if is_dir {
            let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
            match raw::openat(dir, entry.name, flags, 0) {
                Ok(child) => {
                    if before.is_some_and(|lower| !self.same_directory(child, &lower)) {
                        self.stained = true;
                    }
                    self.level(child, depth.wrapping_add(1), all_new || before.is_none());
                    raw::close(child);
                    // The next run is to find the times that this one found.
                    if let Some(lower) = before {
                        raw::imitate(dir, entry.name, &lower);
                    }
                }
                Err(_) => {
                    self.names.truncated = true;
                    self.stained = true;
                }
            }
        }
        // A copied-up directory that only leads to new files may stay: what the
        // program sees through it is the lower one. A copied-up file may not.
        if before.is_none() {
            let flags = if is_dir { libc::AT_REMOVEDIR } else { 0 };
            if raw::unlinkat(self.merged, self.path.c_str(), flags).is_err() {
                self.stained = true;
            }
        } else if !is_dir {
            self.stained = true;
        }
    }

    /// Returns the previous object at the present path, if there was one.
    fn before(&mut self) -> Option<libc::stat> {
        let lower = self.lower.filter(|_| !self.is_hidden())?;
        match raw::fstatat(lower, self.path.c_str(), libc::AT_SYMLINK_NOFOLLOW) {
            Ok(found) => Some(found),
            Err(libc::ENOENT | libc::ENOTDIR) => None,
            // It cannot be looked at, so the program cannot have made it.
            // SAFETY: all zeroes is a valid `stat`; it resembles no directory.
            Err(_) => Some(unsafe { std::mem::zeroed() }),
        }
    }

    fn is_hidden(&self) -> bool {
        let hidden = self.hidden.map(CStr::to_bytes);
        let rest = hidden.and_then(|hidden| self.path.bytes().strip_prefix(hidden));
        matches!(rest, Some([] | [b'/', ..]))
    }

    fn same_directory(&self, upper: Fd, lower: &libc::stat) -> bool {
        let unhidden = !raw::has_attribute(upper, self.opaque);
        raw::fstat(upper).is_ok_and(|upper| unhidden && same_attributes(&upper, lower))
    }
}

/// Tells whether type, permissions and owner are the same.
pub(super) fn same_attributes(a: &libc::stat, b: &libc::stat) -> bool {
    a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid
}

fn is_whiteout(dir: Fd, name: &CStr) -> bool {
    raw::fstatat(dir, name, libc::AT_SYMLINK_NOFOLLOW).is_ok_and(|found| found.st_rdev == 0)
}

/// Removes the directory `name` and everything in it.
pub(super) fn remove_tree(parent: Fd, name: &CStr) {
    // Each round gets `MAX_DEPTH` levels deeper, so this is the depth that a
    // program reaches with a few million system calls.
    const ROUNDS: u32 = 10_000;
    for _ in 0..ROUNDS {
        remove_level(parent, parent, name, 0);
        remove_level(parent, parent, DEEP, 0);
        let gone = |name| raw::fstatat(parent, name, 0).err() == Some(libc::ENOENT);
        if gone(name) && gone(DEEP) {
            return;
        }
    }
}

/// Name under which directories too deep for one recursion are moved.
const DEEP: &CStr = c"deep";

fn remove_level(root: Fd, parent: Fd, name: &CStr, depth: u32) {
    if depth >= MAX_DEPTH {
        let _ = raw::rename(parent, name, root, DEEP);
        return;
    }
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
    if let Ok(dir) = raw::openat(parent, name, flags, 0) {
        let mut buffer = [0_u8; ENTRIES_BYTES];
        while let Ok(read @ 1..) = raw::getdents(dir, &mut buffer) {
            let mut rest = buffer.get(..read).unwrap_or(&[]);
            while let Some(entry) = next_entry(&mut rest) {
                if is_dot(entry.name) {
                    continue;
                }
                if entry.kind == libc::DT_DIR {
                    remove_level(root, dir, entry.name, depth.wrapping_add(1));
                } else {
                    let _ = raw::unlinkat(dir, entry.name, 0);
                }
            }
        }
        raw::close(dir);
    }
    let _ = raw::unlinkat(parent, name, libc::AT_REMOVEDIR);
}
