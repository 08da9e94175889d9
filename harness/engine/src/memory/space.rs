//! Parts of an address space that are shared memory, and the addresses of their aliases.
//!
//! A shared mapping is inaccessible where the program knows it and accessible at its
//! *alias*, a second mapping of the same memory, always [`DISTANCE`] bytes above. The
//! distance is the same everywhere, so one segment base turns every address into that
//! of its alias (see `trampoline`).

use super::left::open::OpenPages;
use super::own::OwnMemory;
use crate::emulate::time::lent::Lent;
use crate::inside::stubs::{self, Installed};
use crate::inside::vdso;
use crosswire_calls::{Arg, Does, Mapping, Row};
use crosswire_kernel::filter;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Addresses of shared mappings whose place the program leaves to the kernel, so that the
/// system-call filter can recognise calls that concern them by their arguments. Nothing
/// else is there: the kernel assigns addresses from 0x2aaa_aaaa_b000 upwards
/// (`ADDR_COMPAT_LAYOUT` of personality(2)).
pub(crate) const WINDOW: Range<u64> = 0x3000_0000_0000..0x3040_0000_0000;

/// From an address to its alias.
pub(crate) const DISTANCE: u64 = 0x40_0000_0000;

/// Address of the trampolines, above all aliases.
pub(super) const CODE: u64 = 0x3080_0000_0000;

/// What the harness has mapped for itself: aliases, trampolines and stubs, and a vDSO.
pub(crate) const OWN: [Range<u64>; 2] = [WINDOW.start + DISTANCE..stubs::END, vdso::AREA];

/// Alignment of mappings in the window, and the gap between them: a huge page, and
/// room to grow in place.
const GRANULE: u64 = 2 << 20;

pub(crate) const PAGE: u64 = 4096;

/// One shared mapping, or the part of one that is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Region {
    pub start: u64,
    pub end: u64,
    /// Rights of the program there, as flags of mmap(2).
    pub protection: i32,
    /// An index into the run's shared objects.
    pub object: u32,
    /// Offset in the object.
    pub offset: u64,
    /// A child gets it, too.
    pub inherited: bool,
    /// To the program it is private memory.
    pub own: bool,
    /// No other process can have it: it has no name, and no child has got it.
    pub sole: bool,
}

impl Region {
    pub fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Returns the position in the object of an address.
    pub fn position(&self, address: u64) -> u64 {
        self.offset + (address - self.start)
    }
}

/// The share of a range that lies in mappings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    None,
    Part,
    All,
}

/// The address space of a process, or of several that share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Space {
    regions: BTreeMap<u64, Region>,
    /// Trampolines that have been written, as bytes of [`CODE`]; `None` before there is
    /// such an area.
    pub trampolines: Option<usize>,
    /// Pages that the program has written to since they were mapped or written out.
    pub(super) written: BTreeSet<u64>,
    /// The program's own addresses are accessible at the moment.
    pub open: bool,
    /// Those are that no other process can have: the process has one task, and no other could
    /// notice an access.
    pub sole_open: bool,
    /// Calls on mappings outside the window stop as well.
    pub watches_everywhere: bool,
    /// Stubs, for calls that have one stop.
    pub stubs: Installed,
    /// Private memory that is watched because threads could share it.
    pub own: Option<OwnMemory>,
    /// Pages that are left to those who alone use them.
    pub left: OpenPages,
    /// Readings of clocks that its code may make without a call.
    pub lent: Lent,
}

impl Space {
    /// Tells whether it holds no shared memory.
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.values()
    }

    /// Returns the mapping that holds an address.
    pub fn at(&self, address: u64) -> Option<&Region> {
        let (_, region) = self.regions.range(..=address).next_back()?;
        (address < region.end).then_some(region)
    }

    /// Returns the mapping that holds an address, or the one whose alias does, and the program's
    /// own address.
    pub fn behind(&self, address: u64) -> Option<(&Region, u64)> {
        let own = address.wrapping_sub(DISTANCE);
        let shared = self.at(address).map(|region| (region, address));
        shared.or_else(|| self.at(own).map(|region| (region, own)))
    }

    /// Returns an address by which memory is known however it is mapped: of shared memory
    /// one that no mapping has, of private memory its own.
    pub fn known_as(&self, address: u64) -> u64 {
        match self.behind(address) {
            Some((region, at)) => known_in(region.object, region.position(at)),
            None => address,
        }
    }

    /// Returns the share of so many bytes at an address that lies in mappings. A range that
    /// is empty counts as one byte.
    pub(super) fn share(&self, address: u64, length: u64) -> Share {
        let end = address.saturating_add(length.max(1));
        let mut reached = address;
        while let Some(region) = self.at(reached).filter(|_| reached < end) {
            reached = region.end;
        }
        match reached {
            // Behind the last address, of which -1 is the number, there is none.
            _ if reached >= end && reached > address => Share::All,
            _ if reached > address || self.next_after(address) < end => Share::Part,
            _ => Share::None,
        }
    }

    /// Tells whether Linux refuses to exchange pages of these mappings, and changes nothing
    /// (remap_file_pages(2), mm/mmap.c).
    pub fn refuses_remap(&self, [address, length, protection, page, ..]: [u64; 6]) -> bool {
        let (start, length) = (address / PAGE * PAGE, length / PAGE * PAGE);
        let Some(first) = self.at(start).copied() else {
            return false;
        };
        let end = start.saturating_add(length);
        let is_wrong = protection != 0
            || end <= start
            || end == u64::MAX
            || page.checked_add(length / PAGE).is_none();
        let mut reached = first.end;
        while reached < end {
            match self.at(reached) {
                Some(next)
                    if (next.object, next.protection) == (first.object, first.protection) =>
                {
                    reached = next.end;
                }
                _ => return true,
            }
        }
        is_wrong || first.own
    }

    /// Returns the start of the first mapping behind an address.
    pub fn next_after(&self, address: u64) -> u64 {
        let mut behind = self.regions.range(address..);
        behind.next().map_or(u64::MAX, |(start, _)| *start)
    }

    /// Returns the parts of mappings that lie in a range.
    pub fn within(&self, range: Range<u64>) -> Vec<Region> {
        let parts = self.regions.values().filter_map(|region| {
            let start = region.start.max(range.start);
            let end = region.end.min(range.end);
            (start < end).then(|| Region {
                start,
                end,
                offset: region.position(start),
                ..*region
            })
        });
        parts.collect()
    }

    pub fn insert(&mut self, region: Region) {
        self.remove(region.start..region.end);
        self.regions.insert(region.start, region);
    }

    /// Forgets a range; what remains of a mapping on either side stays.
    pub fn remove(&mut self, range: Range<u64>) {
        let touched: Vec<Region> = (self.regions.values())
            .filter(|region| region.start < range.end && range.start < region.end)
            .copied()
            .collect();
        for region in touched {
            self.regions.remove(&region.start);
            if region.start < range.start {
                let end = range.start;
                self.regions.insert(region.start, Region { end, ..region });
            }
            if range.end < region.end {
                let rest = Region {
                    start: range.end,
                    offset: region.position(range.end),
                    ..region
                };
                self.regions.insert(rest.start, rest);
            }
        }
    }

    /// Changes what the program may do in a range.
    pub fn protect(&mut self, range: Range<u64>, protection: i32) {
        for part in self.within(range) {
            self.insert(Region { protection, ..part });
        }
    }

    /// Changes whether a child gets a range.
    pub fn inherit(&mut self, range: Range<u64>, inherited: bool) {
        for part in self.within(range) {
            self.insert(Region { inherited, ..part });
        }
    }

    /// Returns the address space that a child gets by fork(2).
    pub fn of_child(&self) -> Space {
        let mut copy = Space {
            left: OpenPages::default(),
            written: BTreeSet::new(),
            ..self.clone()
        };
        copy.regions.retain(|_, region| region.inherited);
        copy
    }

    /// A child will have its shared memory, too.
    pub fn give_to_child(&mut self) {
        let shared = self.regions.values_mut().filter(|region| !region.own);
        shared.for_each(|region| region.sole = false);
    }

    /// Tells whether mappings leave no room for so many bytes, for which there was room before.
    pub fn is_used_up(&self, length: u64) -> bool {
        let length = length.checked_next_multiple_of(PAGE);
        length.is_some_and(|length| {
            self.room(length).is_none() && Space::default().room(length).is_some()
        })
    }

    /// A range has been mapped anew.
    pub(super) fn forget_written(&mut self, range: Range<u64>) {
        self.written.retain(|page| !range.contains(page));
    }

    /// Returns an address in the window for a new mapping.
    pub fn room(&self, length: u64) -> Option<u64> {
        let fits = |start: u64, limit: u64| {
            let end = start.checked_add(length)?.checked_add(GRANULE)?;
            (end <= limit).then_some(start)
        };
        let after = |end: u64| end.next_multiple_of(GRANULE) + GRANULE;
        let in_window = || self.regions.range(WINDOW).map(|(_, region)| region);
        let highest = in_window()
            .next_back()
            .map_or(WINDOW.start, |r| after(r.end));
        fits(highest, WINDOW.end).or_else(|| {
            let mut start = WINDOW.start;
            for region in in_window() {
                if let Some(found) = fits(start, region.start) {
                    return Some(found);
                }
                start = after(region.end);
            }
            None
        })
    }
}

/// Returns whether there is code or data of the engine's at an address: its trampolines, the
/// stubs above them, or its vDSO.
pub(crate) fn is_engines_own(address: u64) -> bool {
    (CODE..stubs::END).contains(&address) || vdso::AREA.contains(&address)
}

/// Tells whether a call may map something where calls would pass unseen ([`filter::UNSEEN`]).
/// There is no room for programs.
pub(crate) fn names_unseen(row: &Row, args: &[u64; 6]) -> bool {
    /// At least as much as any segment of shmat(2), which does not say how long it is.
    const UNKNOWN: u64 = 1 << 38;
    let (start, end) = (
        u64::from(filter::UNSEEN) << 32,
        u64::from(filter::UNSEEN + 1) << 32,
    );
    let maps = matches!(
        row.does,
        Does::Map(Mapping::Map | Mapping::Move | Mapping::Attach)
    );
    let args = || row.args.iter().zip(args);
    let length = args().filter(|(arg, _)| **arg == Arg::Size);
    let length = length.map(|(_, length)| *length).max();
    let length = length.unwrap_or(UNKNOWN);
    let mut addresses = args().filter(|(arg, _)| matches!(arg, Arg::Address | Arg::Hint));
    maps && addresses.any(|(_, at)| *at < end && at.saturating_add(length) > start)
}

/// Returns how a byte of shared memory is known; see [`Space::known_as`].
pub(crate) fn known_in(object: u32, offset: u64) -> u64 {
    const SHARED: u64 = 1 << 63;
    SHARED | u64::from(object) << 44 | offset
}

/// Returns the page-aligned range of a call that names an address and a length.
pub(super) fn pages(address: u64, length: u64) -> Range<u64> {
    let end = address.saturating_add(length);
    address / PAGE * PAGE..end.checked_next_multiple_of(PAGE).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn region(start: u64, end: u64, protection: i32) -> Region {
        Region {
            start,
            end,
            protection,
            object: 0,
            offset: start,
            inherited: true,
            own: false,
            sole: false,
        }
    }

    proptest! {
        /// Against a map of single pages.
        #[test]
        fn behaves_like_a_set_of_pages(
            steps in prop::collection::vec((0u8..3, 0u64..40, 1u64..12, 0i32..4), 1..40)
        ) {
            let mut space = Space::default();
            let mut pages: BTreeMap<u64, i32> = BTreeMap::new();
            for (what, start, length, protection) in steps {
                let end = start + length;
                match what {
                    0 => {
                        space.insert(region(start, end, protection));
                        pages.extend((start..end).map(|page| (page, protection)));
                    }
                    1 => {
                        space.remove(start..end);
                        pages.retain(|page, _| !(start..end).contains(page));
                    }
                    _ => {
                        space.protect(start..end, protection);
                        for (_, known) in pages.range_mut(start..end) {
                            *known = protection;
                        }
                    }
                }
                for page in 0..60 {
                    let found = space.at(page);
                    prop_assert_eq!(found.map(|r| r.protection), pages.get(&page).copied());
                    prop_assert!(found.is_none_or(|r| r.position(page) == page));
                }
            }
        }
    }

    #[test]
    fn code_of_programs_cannot_be_where_calls_are_unseen() {
        let names = |call: i64, args| names_unseen(crosswire_calls::row(call as u32), &args);
        let unseen = 0x3090_0000_0000;
        assert!(names(libc::SYS_mmap, [unseen, 1, 0, 0, 0, 0]));
        assert!(names(libc::SYS_mmap, [unseen - PAGE, 2 * PAGE, 0, 0, 0, 0]));
        assert!(names(libc::SYS_mremap, [PAGE, PAGE, PAGE, 3, unseen, 0]));
        assert!(names(libc::SYS_mmap, [1 << 40, 1 << 46, 7, 0, 0, 0]));
        assert!(names(libc::SYS_shmat, [7, unseen - (1 << 30), 0, 0, 0, 0]));
        assert!(!names(libc::SYS_shmat, [7, 0, 0, 0, 0, 0]));
        assert!(!names(libc::SYS_shmat, [7, WINDOW.start, 0, 0, 0, 0]));
        assert!(!names(libc::SYS_shmdt, [unseen - PAGE, 0, 0, 0, 0, 0]));
        assert!(!names(libc::SYS_mmap, [unseen - PAGE, PAGE, 0, 0, 0, 0]));
        assert!(!names(libc::SYS_mmap, [0, 1 << 40, 0, 0, 0, 0]));
    }

    #[test]
    fn tells_whether_all_of_a_range_is_mapped() {
        let mut space = Space::default();
        for (start, end) in [(10, 20), (20, 30), (40, 50)] {
            space.insert(region(start, end, 3));
        }
        let share = |address, length| space.share(address, length);
        assert_eq!(share(12, 18), Share::All);
        assert_eq!(share(12, 0), Share::All);
        assert_eq!(share(12, 19), Share::Part);
        assert_eq!(share(32, 9), Share::Part);
        assert_eq!(share(45, u64::MAX), Share::Part);
        assert_eq!(share(30, 10), Share::None);
        assert_eq!(share(u64::MAX, 1), Share::None);
        assert_eq!(share(0, 10), Share::None);
    }

    #[test]
    fn finds_room_between_mappings_when_the_end_is_taken() {
        let mut space = Space::default();
        let first = space.room(PAGE).unwrap();
        assert_eq!(first, WINDOW.start);
        space.insert(region(first, first + PAGE, 3));
        let last = WINDOW.end - PAGE;
        space.insert(region(last, WINDOW.end, 3));
        let second = space.room(1 << 30).unwrap();
        assert!(second > first + PAGE && second + (1 << 30) < last);
        assert_eq!(space.room(WINDOW.end - WINDOW.start), None);
        let most = WINDOW.end - WINDOW.start - 2 * GRANULE;
        assert!(space.is_used_up(most) && !space.is_used_up(1 << 30));
        assert!(!space.is_used_up(WINDOW.end) && !space.is_used_up(u64::MAX));
    }
}
