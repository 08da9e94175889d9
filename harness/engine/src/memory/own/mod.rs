//! Memory that threads of a process could share, if the plan watches it.
//!
//! It is private to the process, so it has no second mapping that could serve as an alias.
//! Before the first thread is created, it is put into shared memory that nobody else has: the
//! globals, the heap and what the program has mapped besides; what is mapped later follows when
//! it is. From then on it is watched like any shared mapping. Left out are stacks, the storage
//! that each thread has to itself, which instructions reach by a segment of their own, and data of
//! the system's libraries. A child created by fork(2) gets a copy that is private again.

mod candidates;
mod company;
mod follow;
mod leave;
mod pages;
mod part;
mod ranges;
mod watch;

use pages::Pages;
use ranges::Ranges;
use std::ops::Range;

/// Private memory of a process that has been put into shared memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnMemory {
    /// Where it is, watched or not.
    ranges: Ranges,
    /// Where the heap begins and ends (brk(2)).
    heap: Range<u64>,
    /// Mappings that have been given a number for their names.
    numbered: u32,
    /// Who uses which page.
    pages: Pages,
}

impl OwnMemory {
    /// What was in a range is gone.
    fn forget(&mut self, range: &Range<u64>) {
        self.ranges.remove(range);
        self.pages.forget_range(range);
    }
}
