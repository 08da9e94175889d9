//! Following the mappings of a process whose private memory is watched.

use super::candidates::Kind;
use crate::inside::remote::made;
use crate::memory::space::{DISTANCE, PAGE, Region, pages};
use crate::run::session::{Halt, Session};
use crosswire_calls::{Does, Mapping};
use libc::*;
use std::ops::Range;

impl Session<'_> {
    /// Tells whether a call enlarges memory that was put into shared memory, which is as large as
    /// it was made.
    pub(in crate::memory) fn outgrows(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        let [old, old_length, new_length, ..] = task.entering.args;
        let own = self.space(index).own.as_ref();
        task.entering.row().does == Does::Map(Mapping::Move)
            && new_length > old_length
            && own.is_some_and(|own| !own.ranges.within(&pages(old, old_length.max(1))).is_empty())
    }

    /// Before a call gives memory up: shared memory cannot be freed lazily (madvise(2)).
    pub(in crate::memory) fn free_at_once(&mut self, index: usize) -> Result<(), Halt> {
        let args = self.tasks[index].entering.args;
        match self.space(index).own.is_some() && args[2] as c_int == MADV_FREE {
            true => self.change_argument(index, 2, MADV_DONTNEED as u64),
            false => Ok(()),
        }
    }

    /// After a call has changed mappings, of which shared ones have been followed.
    pub(in crate::memory) fn follow_own(
        &mut self,
        index: usize,
        mapping: Mapping,
        result: u64,
    ) -> Result<(), Halt> {
        let args = self.tasks[index].entering.args;
        let Some(own) = self.space_mut(index).own.as_mut() else {
            return Ok(());
        };
        match mapping {
            Mapping::Map => {
                let range = pages(result, args[1]);
                own.forget(&range);
                match is_fresh(&args) {
                    true => {
                        self.watch_area(index, range, args[2] as i32, &Kind::Other, &Vec::new())
                    }
                    false => Ok(()),
                }
            }
            Mapping::Unmap => {
                own.forget(&pages(args[0], args[1]));
                Ok(())
            }
            Mapping::Move => {
                let [old, old_length, new_length, ..] = args;
                let old = pages(old, old_length);
                let was_own = !own.ranges.within(&old).is_empty();
                own.forget(&old);
                own.forget(&pages(result, new_length));
                if was_own {
                    own.ranges.insert(pages(result, new_length));
                }
                Ok(())
            }
            Mapping::Advise if matches!(args[2] as c_int, MADV_FREE | MADV_DONTNEED) => {
                let parts = own.ranges.within(&pages(args[0], args[1]));
                self.erase(index, &parts)
            }
            Mapping::Break => self.follow_heap(index, result),
            _ => Ok(()),
        }
    }

    /// Private memory that is given up is empty afterwards; shared memory has to be told so.
    fn erase(&mut self, index: usize, parts: &[Range<u64>]) -> Result<(), Halt> {
        if parts.is_empty() {
            return Ok(());
        }
        let mut remote = self.borrow(index)?;
        let pieces = parts.iter().flat_map(|part| self.pieces(index, part));
        for (part, watched) in pieces {
            let shift = watched.map_or(0, |_| DISTANCE);
            let args = [part.start + shift, part.end - part.start];
            let remove = [args[0], args[1], MADV_REMOVE as u64, 0, 0, 0];
            // Only what may be written may be removed.
            if remote.call(made::MADVISE, remove)? < 0 {
                let protection = watched.map_or(PROT_READ, |region| region.protection);
                let usual = (PROT_READ | PROT_WRITE) as u64;
                for (call, third) in [
                    (made::MPROTECT, usual),
                    (made::MADVISE, MADV_REMOVE as u64),
                    (made::MPROTECT, protection as u64),
                ] {
                    remote.must("emptying memory", call, [args[0], args[1], third, 0, 0, 0])?;
                }
            }
        }
        Ok(self.give_back(index, remote)?)
    }

    /// Returns the parts of a range that are watched, each with its mapping, and the others.
    pub(super) fn pieces(
        &self,
        index: usize,
        range: &Range<u64>,
    ) -> Vec<(Range<u64>, Option<Region>)> {
        let mut pieces = Vec::new();
        let mut reached = range.start;
        for region in self.space(index).within(range.clone()) {
            pieces.push((reached..region.start, None));
            pieces.push((region.start..region.end, Some(region)));
            reached = region.end;
        }
        pieces.push((reached..range.end, None));
        pieces.retain(|(piece, _)| piece.start < piece.end);
        pieces
    }

    fn follow_heap(&mut self, index: usize, end: u64) -> Result<(), Halt> {
        let Some(own) = self.space_mut(index).own.as_mut() else {
            return Ok(());
        };
        let before = own.heap.end.next_multiple_of(PAGE);
        let now = end.next_multiple_of(PAGE);
        own.heap.end = end;
        if now > before {
            let usual = PROT_READ | PROT_WRITE;
            return self.watch_area(index, before..now, usual, &Kind::Heap, &Vec::new());
        }
        own.forget(&(now..before));
        self.forget_range(index, now..before)
    }
}

/// Tells whether mmap(2) makes private memory that threads could share.
fn is_fresh(args: &[u64; 6]) -> bool {
    let (protection, flags) = (args[2] as c_int, args[3] as c_int);
    let is_plain = flags & (MAP_STACK | MAP_GROWSDOWN | MAP_HUGETLB) == 0;
    let is_private = flags & MAP_PRIVATE != 0 && flags & MAP_ANONYMOUS != 0;
    is_private && is_plain && protection & PROT_EXEC == 0
}
