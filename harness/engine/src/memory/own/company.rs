//! Whether a task has its memory to itself: then it is accessible.

use crate::memory::space::PAGE;
use crate::run::session::Session;
use std::ops::Range;

impl Session<'_> {
    /// Tells whether no other task has the memory of this one.
    pub(in crate::memory) fn has_memory_alone(&self, index: usize) -> bool {
        let space = self.space_number(index);
        let mut others = self.tasks.iter().filter(|other| other.id.index() != index);
        !others.any(|other| !other.is_gone() && self.space_number(other.id.index()) == space)
    }

    /// Tells whether a task has been joined by others with the same memory, or has been left by
    /// the last of them, since what threads share was made accessible or inaccessible.
    pub(in crate::memory) fn changes_company(&self, index: usize) -> bool {
        let own = self.space(index).own.as_ref();
        own.is_some_and(|own| own.is_open != self.has_memory_alone(index))
    }

    /// Returns private memory that has been put into shared memory, as far as accesses to it are
    /// not watched at the moment.
    pub fn lent_memory(&self, index: usize) -> Vec<Range<u64>> {
        let Some(own) = &self.space(index).own else {
            return Vec::new();
        };
        let mut lent = own.ranges.clone();
        if !own.is_open {
            let watched = self.space(index).regions();
            watched.for_each(|region| lent.remove(&(region.start..region.end)));
            let left = own.pages.left();
            left.for_each(|page| lent.insert(page..page + PAGE));
        }
        lent.0
    }

    /// Some of what threads share has become inaccessible, as it is when there are several.
    pub(in crate::memory) fn close_own(&mut self, index: usize) {
        if let Some(own) = self.space_mut(index).own.as_mut() {
            own.is_open = false;
        }
    }

    /// What threads share has been made accessible if a task is alone, else inaccessible.
    pub(in crate::memory) fn note_company(&mut self, index: usize) {
        let is_alone = self.has_memory_alone(index);
        if let Some(own) = self.space_mut(index).own.as_mut() {
            own.is_open = is_alone;
            own.pages.forget_open();
        }
    }
}
