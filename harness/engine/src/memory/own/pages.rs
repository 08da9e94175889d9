//! Pages of private memory that only one thread uses.
//!
//! Most of what a thread touches no other does, and watching that would take most of the time.
//! After [`ENOUGH`] accesses by one thread a page is left to it: it is accessible as long as this
//! thread runs and no other with the same memory can. An access by another thread ends that. The
//! order of the two would have mattered before, so the page counts as contested, and the run is
//! repeated with a plan that says so.

use std::collections::HashMap;
use std::ops::Range;

/// Accesses by one thread after which a page is left to it.
const ENOUGH: u32 = 32;

/// Who has used the pages of a process's private memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Pages {
    known: HashMap<u64, Page>,
}

#[derive(Debug, Clone, Copy)]
struct Page {
    /// The only thread that has used it; `None` if there were several, or may be.
    user: Option<usize>,
    accesses: u32,
}

impl Pages {
    /// What was in a range is gone.
    pub fn forget_range(&mut self, range: &Range<u64>) {
        self.known.retain(|page, _| !range.contains(page));
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
    }

    /// A page is never left to anybody in this run.
    pub fn keep_watched(&mut self, page: u64) {
        if let Some(known) = self.known.get_mut(&page) {
            known.user = None;
        }
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
