//! What is in a directory, as getdents64(2) tells it.

use super::{Sight, key, metadata};
use crate::run::session::{Halt, Session};
use crosswire_kernel::{Tid, descriptor, memory};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Places in a `struct linux_dirent64`.
const LENGTH: usize = 16;
const KIND: usize = 18;
const NAME: usize = 19;

impl Session<'_> {
    /// Corrects the entries that a task has just read.
    pub fn correct_listing(&mut self, index: usize, result: i64) -> Result<(), Halt> {
        let task = &self.tasks[index];
        let (tid, [number, buffer, ..]) = (task.tid, task.entering.args);
        if result <= 0 {
            return Ok(());
        }
        let directory = Sight::Descriptor(number);
        let Some(device) = directory.metadata(tid).map(|data| data.dev()) else {
            return Ok(());
        };
        if !self.setup.places.is_volatile(device) && !self.setup.pids_vary {
            return Ok(());
        }
        let Some(path) = descriptor::target(tid, number) else {
            return Ok(());
        };
        let mut bytes = vec![0; result as usize];
        memory::read(tid, buffer, &mut bytes)?;
        let before = bytes.clone();
        let mut rest = bytes.as_mut_slice();
        while rest.len() > NAME {
            let length = usize::from(u16::from_le_bytes([rest[LENGTH], rest[LENGTH + 1]]));
            if length <= NAME || length > rest.len() {
                break;
            }
            let (entry, others) = rest.split_at_mut(length);
            if let Some(inode) = self.entry(tid, device, &path, entry) {
                entry[..8].copy_from_slice(&inode.to_le_bytes());
            }
            rest = others;
        }
        if bytes != before {
            memory::write(tid, buffer, &bytes)?;
        }
        Ok(())
    }

    /// Returns the number that programs see of an entry.
    fn entry(&mut self, tid: Tid, device: u64, directory: &Path, entry: &[u8]) -> Option<u64> {
        let name = entry[NAME..].split(|byte| *byte == 0).next()?;
        let inode = u64::from_le_bytes(entry[..8].try_into().expect("eight bytes"));
        let is_directory = entry[KIND] == libc::DT_DIR;
        let path = match name {
            b"." => directory.to_owned(),
            b".." => directory.parent().unwrap_or(directory).to_owned(),
            name => directory.join(OsStr::from_bytes(name)),
        };
        // Only the file itself tells whether it has layers, of which device it is, and, without
        // an overlay, whether the run has made it.
        let look = is_directory || self.setup.pids_vary;
        let data = look.then(|| metadata(tid, &path)).flatten();
        let is_merged = data.as_ref().is_some_and(|data| data.is_dir() && data.nlink() == 1);
        let key = data.as_ref().map_or((device, inode), key);
        let is_new = data.as_ref().is_some_and(|data| self.belongs_to_run(data));
        let (_, shown) = self.shown_key(tid, key, is_merged, &Sight::Path(path), is_new);
        Some(shown)
    }
}
