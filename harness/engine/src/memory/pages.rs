//! Pages of private memory that only one thread uses.
//!
//! Most of what a thread touches no other does, and watching that would take most of the time.
//! After [`ENOUGH`] accesses by one thread a page is left to it: it is accessible as long as this
//! thread runs and no other with the same memory can. An access by another thread ends that. The
//! order of the two would have mattered before, so the page counts as contested, and the run is
//! repeated with a plan that says so.

use super::space::{PAGE, Region};
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crosswire_kernel::tracee::Stopped;
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
    pub fn left(&self) -> impl Iterator<Item = Range<u64>> {
        self.open.iter().map(|page| *page..page + PAGE)
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

    /// Returns the pages that were accessible, as ranges.
    fn take_open(&mut self) -> Vec<(u64, u64)> {
        let pages = std::mem::take(&mut self.open);
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for page in pages {
            match ranges.last_mut() {
                Some((start, length)) if *start + *length == page => *length += PAGE,
                _ => ranges.push((page, PAGE)),
            }
        }
        ranges
    }

    /// A task uses a page. Returns whether somebody else had it for so long that it may have been
    /// left to them.
    fn note(&mut self, page: u64, index: usize) -> bool {
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
    fn may_be_left(&self, page: u64, index: usize) -> bool {
        let known = self.known.get(&page);
        known.is_some_and(|page| page.user == Some(index) && page.accesses > ENOUGH)
            && self.open.len() < MOST
    }

    /// A page is never left to anybody in this run.
    fn keep_watched(&mut self, page: u64) {
        if let Some(known) = self.known.get_mut(&page) {
            known.user = None;
        }
    }

    fn leave(&mut self, page: u64, index: usize) {
        self.open.insert(page);
        self.left_to = index;
    }
}

impl Session<'_> {
    /// Leaves a page to the task that is about to access it, if nobody else has used it for long.
    /// Returns whether it was, so that the task goes on without a step.
    pub fn leave_page(&mut self, index: usize) -> Result<bool, Halt> {
        let State::Ready(At::Access, _) = self.tasks[index].state else {
            return Ok(false);
        };
        let Some((address, size, _)) = self.pending_access(index) else {
            return Ok(false);
        };
        let Some(&region) = self.space(index).at(address).filter(|region| region.own) else {
            return Ok(false);
        };
        let page = address / PAGE * PAGE;
        let ends_there = address + u64::from(size) <= page + PAGE;
        self.note_page(index, &region, page);
        if !ends_there {
            self.note_page(index, &region, page + PAGE);
        }
        let pages = self.pages_mut(index);
        if !ends_there || !pages.may_be_left(page, index) {
            return Ok(false);
        }
        let contested = &self.setup.plan.start_up.contested;
        if !self.setup.plan.start_up.leaves_pages || contested.contains(&self.page_name(&region, page)) {
            self.pages_mut(index).keep_watched(page);
            return Ok(false);
        }
        self.tasks[index].access = None;
        self.protect_ranges(index, &[(page, PAGE, region.protection)])?;
        self.pages_mut(index).leave(page, index);
        self.tasks[index].state = State::Ready(At::Code, Stopped::reported(self.tasks[index].tid));
        Ok(true)
    }

    /// The kernel is given a pointer to so many bytes: it uses them for a task.
    pub(super) fn note_lent(&mut self, index: usize, address: u64, length: u64) {
        let Some(&region) = self.space(index).at(address).filter(|region| region.own) else {
            return;
        };
        let end = region.end.min(address.saturating_add(length.max(1)));
        for page in (address / PAGE * PAGE..end).step_by(PAGE as usize) {
            self.note_page(index, &region, page);
        }
    }

    fn note_page(&mut self, index: usize, region: &Region, page: u64) {
        if !self.pages_mut(index).note(page, index) || !self.setup.plan.start_up.leaves_pages {
            return;
        }
        let name = self.page_name(region, page);
        if !self.setup.plan.start_up.contested.contains(&name) {
            self.contest.found.insert(name);
        }
    }

    fn page_name(&self, region: &Region, page: u64) -> String {
        let object = self.memory.name(region.object);
        format!("page {:#x} of {object}", region.position(page))
    }

    fn pages_mut(&mut self, index: usize) -> &mut Pages {
        let own = self.space_mut(index).own.as_mut();
        &mut own.expect("it has memory of its own").pages
    }

    /// Before others with the same memory may run: takes back what was left to one of them.
    pub fn take_back_pages(&mut self, index: usize) -> Result<(), Halt> {
        let Some(own) = self.space_mut(index).own.as_mut() else {
            return Ok(());
        };
        let ranges = own.pages.take_open();
        let closed: Vec<_> = ranges.into_iter().map(|(start, length)| (start, length, 0)).collect();
        match closed.is_empty() {
            true => Ok(()),
            false => self.protect_ranges(index, &closed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        pages.leave(2 * PAGE, 1);
        assert!(pages.are_open_to_others(2) && !pages.are_open_to_others(1));
        assert_eq!(pages.take_open(), [(PAGE, 3 * PAGE)]);
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
