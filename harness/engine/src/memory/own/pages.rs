//! Pages of private memory that only one thread uses.
//!
//! Most of what a thread touches no other does, and watching that would take most of the time.
//! After [`ENOUGH`] accesses by one thread a page is left to it: it is accessible as long as this
//! thread runs and no other with the same memory can. An access by another thread ends that. The
//! order of the two would have mattered before, so the page counts as contested, and the run is
//! repeated with a plan that says so.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

/// Accesses by one thread after which a page is left to it.
const ENOUGH: u32 = 32;

/// Pages that are accessible at a time: each may split a mapping, of which there are some
/// 65,000 at most (`vm.max_map_count` in proc_sys_vm(5)).
const MOST: usize = 10_000;

/// Who has used the pages of a process's private memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Pages {
    known: HashMap<u64, Page>,
    /// Those that are accessible, and the thread they are left to.
    open: BTreeSet<u64>,
    left_to: usize,
}

#[derive(Debug, Clone, Copy)]
struct Page {
    /// The only thread that has used it; `None` if there were several, or may be.
    user: Option<usize>,
    accesses: u32,
}

impl Pages {
    /// Tells whether pages are accessible that are not left to this task.
    pub fn are_open_to_others(&self, index: usize) -> bool {
        !self.open.is_empty() && self.left_to != index
    }

    /// Returns the pages that are left to somebody at the moment.
    pub fn left(&self) -> impl Iterator<Item = u64> {
        self.open.iter().copied()
    }

    /// What was in a range is gone.
    pub fn forget_range(&mut self, range: &Range<u64>) {
        self.open.retain(|page| !range.contains(page));
        self.known.retain(|page, _| !range.contains(page));
    }

    /// All protections have been set anew.
    pub fn forget_open(&mut self) {
        self.open.clear();
    }

    /// Returns the pages that were accessible, by address.
    pub fn take_open(&mut self) -> BTreeSet<u64> {
        std::mem::take(&mut self.open)
    }

    /// A task uses a page. Returns whether somebody else had it for so long that it may have been
    /// left to them.
    pub fn note(&mut self, page: u64, index: usize) -> bool {
        let known = self.known.entry(page).or_insert(Page {
            user: Some(index),
            accesses: 0,
        });
        known.accesses += 1;
        let is_new = known.user.is_some_and(|user| user != index);
        if is_new {
            known.user = None;
        }
        is_new && known.accesses > ENOUGH
    }

    /// Tells whether a page may be left to a task that has used it.
    pub fn may_be_left(&self, page: u64, index: usize) -> bool {
        let known = self.known.get(&page);
        known.is_some_and(|page| page.user == Some(index) && page.accesses > ENOUGH)
            && self.open.len() < MOST
    }

    /// A page is never left to anybody in this run.
    pub fn keep_watched(&mut self, page: u64) {
        if let Some(known) = self.known.get_mut(&page) {
            known.user = None;
        }
    }

    pub fn leave(&mut self, page: u64, index: usize) {
        self.open.insert(page);
        self.left_to = index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 4096;

    #[test]
    fn a_page_is_left_to_its_only_user() {
        let mut pages = Pages::default();
        for _ in 0..ENOUGH {
            assert!(!pages.note(PAGE, 1));
            assert!(!pages.may_be_left(PAGE, 1));
        }
        pages.note(PAGE, 1);
        assert!(pages.may_be_left(PAGE, 1) && !pages.may_be_left(PAGE, 2));
        pages.leave(PAGE, 1);
        pages.leave(3 * PAGE, 1);
        assert!(pages.are_open_to_others(2) && !pages.are_open_to_others(1));
        assert_eq!(pages.take_open(), BTreeSet::from([PAGE, 3 * PAGE]));
        assert!(pages.note(PAGE, 2), "another one had it for long");
        assert!(!pages.note(PAGE, 3) && !pages.may_be_left(PAGE, 1));
    }

    #[test]
    fn who_comes_early_is_no_surprise() {
        let mut pages = Pages::default();
        pages.note(PAGE, 1);
        assert!(!pages.note(PAGE, 2));
        (0..=ENOUGH).for_each(|_| assert!(!pages.note(PAGE, 1)));
        assert!(!pages.may_be_left(PAGE, 1));
    }
}
