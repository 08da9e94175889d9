//! The copy that a child has of its parent's private memory.

use crate::inside::remote::made;
use crate::memory::space::{DISTANCE, PAGE};
use crate::run::session::{Halt, Session};
use crate::run::task::Task;
use crosswire_calls::Does;
use crosswire_kernel::{maps, memory};
use libc::*;

impl Session<'_> {
    /// After a call that may have created a process: if it has a copy of its parent's memory, it
    /// gets one of what was put into shared memory. It has one thread.
    pub fn part_child(&mut self, parent: usize) -> Result<(), Halt> {
        let may_have_created = self.tasks[parent].entering.row().does == Does::Fork;
        if !self.setup.plan.watches_threads || !may_have_created {
            return Ok(());
        }
        let is_child = |task: &Task| task.parent == Some(self.tasks[parent].id);
        let Some(child) = self.tasks.iter().rposition(is_child) else {
            return Ok(());
        };
        let has_copy = self.space_number(child) != self.space_number(parent);
        if !has_copy || self.tasks[child].is_gone() {
            return Ok(());
        }
        let Some(own) = self.space_mut(child).own.take() else {
            return Ok(());
        };
        let tid = self.tasks[child].tid;
        let areas = maps::areas(tid)?;
        let mut remote = self.borrow(child)?;
        for area in areas.iter().filter(|area| area.shared) {
            let parts = own.ranges.within(&area.range);
            let pieces: Vec<_> = (parts.iter())
                .flat_map(|part| self.pieces(child, part))
                .collect();
            for (part, watched) in pieces {
                let shift = watched.map_or(0, |_| DISTANCE);
                let protection = watched.map_or(area.protection, |region| region.protection);
                let length = part.end - part.start;
                let mut bytes = vec![0; length as usize];
                if protection & PROT_READ == 0 {
                    let args = [part.start + shift, length, PROT_READ as u64, 0, 0, 0];
                    remote.must("protecting memory", made::MPROTECT, args)?;
                }
                memory::read(tid, part.start + shift, &mut bytes)?;
                let usual = (PROT_READ | PROT_WRITE) as u64;
                let flags = (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE) as u64;
                let args = [part.start, length, usual, flags, u64::MAX, 0];
                remote.must("parting memory", made::MMAP, args)?;
                for (number, page) in bytes.chunks(PAGE as usize).enumerate() {
                    if page.iter().any(|byte| *byte != 0) {
                        memory::write(tid, part.start + number as u64 * PAGE, page)?;
                    }
                }
                let args = [part.start, length, protection as u64, 0, 0, 0];
                remote.must("protecting memory", made::MPROTECT, args)?;
                if shift != 0 {
                    let args = [part.start + DISTANCE, length, 0, 0, 0, 0];
                    remote.must("removing an alias", made::MUNMAP, args)?;
                    self.space_mut(child).remove(part);
                }
            }
        }
        Ok(self.give_back(child, remote)?)
    }
}
