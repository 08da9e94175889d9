//! Pages of watched memory that are accessible where their program has them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

const PAGE: u64 = 4096;

/// Pages that are accessible at a time: each may split a mapping, of which there are some
/// 65,000 at most (`vm.max_map_count` in proc_sys_vm(5)).
const MOST: usize = 10_000;

/// The pages of an address space that are left to a task, or to its process.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenPages {
    open: BTreeSet<u64>,
    left_to: usize,
    /// Those of them that are to be closed before the program runs.
    stale: BTreeSet<u64>,
}

/// Ranges to protect: where they start, how long they are, and the rights there.
pub(in crate::memory) type Protections = Vec<(u64, u64, i32)>;

impl OpenPages {
    /// Tells whether pages are accessible that are not left to this task.
    pub fn are_open_to_others(&self, index: usize) -> bool {
        !self.open.is_empty() && self.left_to != index
    }

    /// Returns the pages that are left at the moment.
    pub fn left(&self) -> impl Iterator<Item = u64> {
        self.open.iter().copied()
    }

    /// Tells whether one more page may be left.
    pub fn has_room(&self) -> bool {
        self.open.len() < MOST
    }

    pub fn leave(&mut self, page: u64, index: usize) {
        self.open.insert(page);
        self.stale.remove(&page);
        self.left_to = index;
    }

    /// A page is to be closed before its program runs.
    pub fn withdraw(&mut self, page: u64) {
        if self.open.contains(&page) {
            self.stale.insert(page);
        }
    }

    pub fn has_stale(&self) -> bool {
        !self.stale.is_empty()
    }

    /// What was in a range is gone, or has been protected anew.
    pub fn forget_range(&mut self, range: &Range<u64>) {
        self.open.retain(|page| !range.contains(page));
        self.stale.retain(|page| !range.contains(page));
    }

    /// All protections have been set anew.
    pub fn forget_all(&mut self) {
        self.open.clear();
        self.stale.clear();
    }

    /// Closes all pages: returns what is to be protected.
    pub fn close_all(&mut self) -> Protections {
        self.stale.clear();
        closed(&std::mem::take(&mut self.open))
    }

    /// Closes those that are to be closed: returns what is to be protected.
    pub fn close_stale(&mut self) -> Protections {
        let stale = std::mem::take(&mut self.stale);
        self.open.retain(|page| !stale.contains(page));
        closed(&stale)
    }
}

/// Returns what makes pages inaccessible, those side by side at once.
fn closed(pages: &BTreeSet<u64>) -> Protections {
    let mut ranges: BTreeMap<u64, u64> = BTreeMap::new();
    for page in pages {
        match ranges.last_entry() {
            Some(mut last) if last.key() + last.get() == *page => *last.get_mut() += PAGE,
            _ => {
                ranges.insert(*page, PAGE);
            }
        }
    }
    let range = |(start, length)| (start, length, 0);
    ranges.into_iter().map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_side_by_side_are_closed_at_once() {
        let mut pages = OpenPages::default();
        for page in [PAGE, 2 * PAGE, 5 * PAGE, 6 * PAGE] {
            pages.leave(page, 1);
        }
        assert!(pages.are_open_to_others(2) && !pages.are_open_to_others(1));
        pages.withdraw(5 * PAGE);
        pages.withdraw(9 * PAGE);
        assert!(pages.has_stale());
        assert_eq!(pages.close_stale(), [(5 * PAGE, PAGE, 0)]);
        assert!(!pages.has_stale());
        assert_eq!(
            pages.close_all(),
            [(PAGE, 2 * PAGE, 0), (6 * PAGE, PAGE, 0)]
        );
        assert_eq!(pages.left().count(), 0);
    }
}
