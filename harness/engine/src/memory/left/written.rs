//! Pages of mapped files that have been written to.
//!
//! The first write to a page after it was mapped, or written out, sets the times of its file
//! (`file_update_time` in mm/memory.c and in `page_mkwrite` of file systems; mmap(2): "after a write
//! … and before a subsequent msync(2)"). Later ones pass unseen, here as there.

use crate::files::Inode;
use crate::memory::naming::Key;
use crate::memory::space::{PAGE, Region, pages};
use crate::run::session::Session;
use crosswire_calls::{Amount, Arg, Does, Fact, Flow, Row};
use libc::{MS_SYNC, c_int};
use std::ops::Range;

impl Session<'_> {
    /// A task is about to write so many bytes to shared memory.
    pub(in crate::memory) fn note_written(&mut self, index: usize, address: u64, size: u64) {
        let region = self.space(index).at(address).copied();
        let Some(region) = region.filter(|region| !region.own) else {
            return;
        };
        let end = address.saturating_add(size.max(1)).min(region.end);
        let touched = (address / PAGE * PAGE..end).step_by(PAGE as usize);
        let written = &mut self.space_mut(index).written;
        let first = touched.filter(|page| written.insert(*page)).count();
        if first == 0 {
            return;
        }
        if let Some(file) = self.mapped_file(&region) {
            let name = self.memory.name(region.object).to_owned();
            self.note_written_file(index, file, &name);
        }
    }

    /// Tells whether the next write to a page of a file will set the times of that.
    pub(super) fn is_clean(&self, index: usize, region: &Region, page: u64) -> bool {
        !self.space(index).written.contains(&page) && self.mapped_file(region).is_some()
    }

    fn mapped_file(&self, region: &Region) -> Option<Inode> {
        match self.memory.objects.key(region.object) {
            Some(Key::File(device, number)) => Some((device, number)),
            _ => None,
        }
    }

    /// A call has come back: if it has read so many bytes into shared memory, the kernel has written
    /// there.
    pub fn note_read_into(&mut self, index: usize, row: &Row, result: i64) {
        if result <= 0 || !self.is_watched(index) {
            return;
        }
        let into = row.transfer().filter(|transfer| transfer.flow == Flow::In);
        if let Some(Amount::Bytes(length)) = into.and_then(|transfer| transfer.amount) {
            let at = self.tasks[index].entering.args[length - 1];
            let own = self.space(index).behind(at).map(|(_, own)| own);
            if let Some(own) = own {
                let most = self.tasks[index].entering.args[length];
                self.note_written(index, own, most.min(result as u64));
            }
        }
    }

    /// A call has come back: if it writes pages out, the next write to each of them sets the times
    /// of its file again (msync(2), fsync(2)).
    pub fn note_written_out(&mut self, index: usize, row: &Row, result: i64) {
        if !row.is(Fact::WritesOut) || result < 0 {
            return;
        }
        let args = self.tasks[index].entering.args;
        let all = 0..u64::MAX;
        match row.does {
            Does::Sync => {
                let file = self.opened(index, args[0]).and_then(|file| file.key);
                let key = file.map(|(device, number)| Key::File(device, number));
                if let Some(object) = key.and_then(|key| self.memory.objects.of_key(key)) {
                    self.write_out(object, &all);
                }
            }
            // msync(2); MS_ASYNC does nothing.
            _ if row.args.first() == Some(&Arg::Address) => {
                if args[2] as c_int & MS_SYNC != 0 {
                    let own = self.space(index).behind(args[0]);
                    let start = own.map_or(args[0], |(_, own)| own);
                    for part in self.space(index).within(pages(start, args[1])) {
                        self.write_out(part.object, &(part.offset..part.offset + part.len()));
                    }
                }
            }
            // sync(2), syncfs(2).
            _ => {
                for object in 0..self.memory.objects.list.len() {
                    self.write_out(object as u32, &all);
                }
            }
        }
    }

    /// Pages of a file, given by their positions in it, are written out.
    fn write_out(&mut self, object: u32, positions: &Range<u64>) {
        for space in &mut self.memory.spaces {
            let regions = space.regions().filter(|region| region.object == object);
            let is_it = |region: &&Region, page: u64| {
                let is_there = (region.start..region.end).contains(&page);
                is_there && positions.contains(&region.position(page))
            };
            let regions: Vec<Region> = regions.copied().collect();
            let dirty = space.written.iter().copied();
            let clean = dirty.filter(|page| regions.iter().any(|region| is_it(&region, *page)));
            for page in clean.collect::<Vec<u64>>() {
                space.written.remove(&page);
                // What is left to its process is to be seen once more.
                space.left.withdraw(page);
            }
        }
    }
}
