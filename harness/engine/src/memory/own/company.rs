//! Access to memory that no other process has, as long as its process has one task.

use super::ranges::Ranges;
use crate::memory::space::{PAGE, Region};
use crate::run::session::{Halt, Session};
use crosswire_calls::Does;
use libc::CLONE_VM;
use std::ops::Range;

impl Session<'_> {
    /// Tells whether no other task has the memory of this one.
    pub(in crate::memory) fn has_memory_alone(&self, index: usize) -> bool {
        let space = self.space_number(index);
        let mut others = self.tasks.iter().filter(|other| other.id.index() != index);
        !others.any(|other| !other.is_gone() && self.space_number(other.id.index()) == space)
    }

    /// Tells whether a task uses what no other process has without being watched: no other task has
    /// it, and none of its own stores to it waits, which its loads would not find.
    pub(in crate::memory) fn goes_unwatched(&self, index: usize) -> bool {
        let space = self.space(index);
        let mut waiting = self.tasks[index].buffer.addresses();
        let is_sole = |address| space.at(address).is_some_and(|region| region.sole);
        self.has_memory_alone(index) && !waiting.any(is_sole)
    }

    /// Tells whether a task has been joined by others with the same memory, or has been left by
    /// the last of them, or what it has stored has become visible, since what no other process has
    /// was made accessible or inaccessible.
    pub(in crate::memory) fn changes_company(&self, index: usize) -> bool {
        let space = self.space(index);
        let mut regions = space.regions();
        regions.any(|region| region.sole) && space.sole_open != self.goes_unwatched(index)
    }

    /// Returns memory that others do not have, although it is shared memory, as far as accesses to
    /// it are not watched at the moment.
    pub fn lent_memory(&self, index: usize) -> Vec<Range<u64>> {
        let space = self.space(index);
        let mut lent = match &space.own {
            Some(own) => own.ranges.clone(),
            None => Ranges::default(),
        };
        for region in space.regions() {
            let range = region.start..region.end;
            match region.sole && space.sole_open {
                true => lent.insert(range),
                false => lent.remove(&range),
            }
        }
        let left = space.left.left();
        left.for_each(|page| lent.insert(page..page + PAGE));
        lent.0
    }

    /// Tells whether a mapping that is about to be watched stays accessible, as all are that no
    /// other process has.
    pub(in crate::memory) fn stays_open(&self, index: usize, region: &Region) -> bool {
        let space = self.space(index);
        let is_first = || !space.regions().any(|region| region.sole);
        region.sole && (space.sole_open || is_first()) && self.goes_unwatched(index)
    }

    /// What no other process has was made accessible if a task is alone, else inaccessible.
    pub(in crate::memory) fn note_company(&mut self, index: usize) {
        let goes_unwatched = self.goes_unwatched(index);
        let space = self.space_mut(index);
        space.sole_open = goes_unwatched;
        space.left.forget_all();
    }

    /// Before a call that may create a process, which gets shared memory of its parent's.
    pub fn share_before_fork(&mut self, index: usize) -> Result<(), Halt> {
        let is_mine = |region: &Region| region.sole && !region.own;
        if self.tasks[index].entering.row().does != Does::Fork {
            return Ok(());
        }
        // A child would find them accessible, too.
        self.take_back_pages(index)?;
        if !self.space(index).regions().any(is_mine)
            || self.creation_flags(index, false) & CLONE_VM as u64 != 0
        {
            return Ok(());
        }
        self.space_mut(index).give_to_child();
        match self.space(index).sole_open {
            true => self.set_open(index, false),
            false => Ok(()),
        }
    }
}
