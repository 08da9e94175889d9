//! What is in a directory, as getdents64(2) tells it.

use super::numbers::hash;
use super::places::Origin;
use super::{Sight, key, metadata};
use crate::run::session::{Halt, Session};
use crosswire_calls::Does;
use crosswire_kernel::arch::Register;
use crosswire_kernel::{Tid, descriptor, memory};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Places in a `struct linux_dirent64`.
const POSITION: std::ops::Range<usize> = 8..16;
const LENGTH: usize = 16;
const KIND: usize = 18;
const NAME: usize = 19;

/// File systems of the kernel's own, whose order has a meaning.
const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];

/// A directory that is being listed.
struct Listed<'a> {
    tid: Tid,
    device: u64,
    path: &'a Path,
    is_of_kernel: bool,
}

impl Session<'_> {
    /// Corrects the entries that a task has just read, and returns the number of bytes; `None`
    /// if there are none left and it has to read on.
    pub fn correct_listing(&mut self, index: usize, result: i64) -> Result<Option<i64>, Halt> {
        let task = &self.tasks[index];
        let (tid, [number, buffer, ..]) = (task.tid, task.entering.args);
        let unchanged = Ok(Some(result));
        // Not getdents(2), which no C library has used for twenty years.
        let lists = task.entering.row().does == Does::List && task.entering.row().is_current();
        if result <= 0 || !lists {
            return unchanged;
        }
        let data = Sight::Descriptor(number).metadata(tid);
        let Some((data, path)) = data.zip(descriptor::target(tid, number)) else {
            return unchanged;
        };
        let listed = Listed {
            tid,
            device: data.dev(),
            path: &path,
            is_of_kernel: KERNEL.iter().any(|kernel| path.starts_with(kernel)),
        };
        let mut bytes = vec![0; result as usize];
        memory::read(tid, buffer, &mut bytes)?;
        let mut entries = Vec::new();
        let mut positions = Vec::new();
        for entry in split(&bytes) {
            if let Some(entry) = self.entry(&listed, entry) {
                entries.push(entry);
            }
            positions.push(entry[POSITION].to_vec());
        }
        if entries.is_empty() {
            return Ok(None);
        }
        let is_volatile = self.setup.places.is_volatile(listed.device);
        if is_volatile && !path.starts_with("/proc") {
            // The kernel lists first what has a layer of the run, or of an earlier one. As on
            // most disks, the order follows from the names.
            let rank = |entry: &Vec<u8>| (!is_dot(name(entry)), hash(name(entry)));
            entries.sort_by_key(rank);
        }
        // Reading on at the place of an entry leads to the one behind it; the last has to be
        // where the kernel stands.
        let skipped = positions.len() - entries.len();
        for (entry, position) in entries.iter_mut().zip(&positions[skipped..]) {
            entry[POSITION].copy_from_slice(position);
        }
        let corrected = entries.concat();
        if corrected != bytes {
            memory::write(tid, buffer, &corrected)?;
            let stopped = self.tasks[index].stopped()?;
            stopped.poke(Register::Result, corrected.len() as u64)?;
        }
        Ok(Some(corrected.len() as i64))
    }

    /// Tells whether an entry of `/proc` is shown: what is kept for runs to begin from, and has
    /// pids, too, is not.
    fn shows_process(&self, name: &[u8]) -> bool {
        let number: Option<i32> = str::from_utf8(name).ok().and_then(|name| name.parse().ok());
        let is_of_run = |pid| self.tasks.iter().any(|task| task.tid_inside == pid);
        number.is_none_or(|pid| pid == 1 || self.setup.pids_vary || is_of_run(pid))
    }

    /// Returns an entry as programs see it; `None` if they do not.
    fn entry(&mut self, listed: &Listed<'_>, entry: &[u8]) -> Option<Vec<u8>> {
        let name = name(entry);
        let inode = u64::from_le_bytes(entry[..8].try_into().expect("eight bytes"));
        let path = match name {
            b"." => listed.path.to_owned(),
            b".." => listed.path.parent().unwrap_or(listed.path).to_owned(),
            name => listed.path.join(OsStr::from_bytes(name)),
        };
        if listed.path == Path::new("/proc") && !self.shows_process(name) {
            return None;
        }
        // Only the file itself tells whether it has layers, of which device it is, and, without
        // an overlay, whether the run has made it.
        let is_own = self.setup.places.is_volatile(listed.device);
        let is_late = !listed.is_of_kernel && !is_dot(name) && {
            let name = String::from_utf8_lossy(name);
            !self.setup.listings.held(listed.path, &name)
        };
        let is_directory = entry[KIND] == libc::DT_DIR;
        let look = is_own && is_directory || self.setup.pids_vary || is_late;
        let data = look.then(|| metadata(listed.tid, &path)).flatten();
        let is_merged = data
            .as_ref()
            .is_some_and(|data| data.is_dir() && data.nlink() == 1);
        let key = data.as_ref().map_or((listed.device, inode), key);
        let is_new = data.as_ref().is_some_and(|data| self.belongs_to_run(data));
        if is_late && !is_new {
            return None;
        }
        let (_, shown) = self.shown_key(listed.tid, key, is_merged, &Sight::Path(path), is_new);
        let is_kept = key.0 == listed.device || is_own;
        let mut entry = entry.to_vec();
        if is_kept && self.setup.places.origin(key) != Origin::Machine || is_new {
            entry[..8].copy_from_slice(&shown.to_le_bytes());
        }
        Some(entry)
    }
}

fn split(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = bytes.get(LENGTH..LENGTH + 2)?;
        let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
        let (entry, rest) = bytes.split_at_checked(length).filter(|_| length > NAME)?;
        bytes = rest;
        Some(entry)
    })
}

fn name(entry: &[u8]) -> &[u8] {
    entry[NAME..]
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default()
}

fn is_dot(name: &[u8]) -> bool {
    matches!(name, b"." | b"..")
}
