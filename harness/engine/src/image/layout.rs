//! The calls that turn one layout of memory into another.

use super::assembler::Calls;
use crate::inside::remote::made;
use crosswire_kernel::maps::Area;
use libc::{
    AT_FDCWD, MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, MAP_SHARED, O_CLOEXEC, O_RDONLY, PROT_READ,
    PROT_WRITE,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// An area's memory, as far as it matters which part of it is where.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Source<'a> {
    file: &'a str,
    shared: bool,
    /// Address at which its file would begin; 0 for anonymous memory, which is the same
    /// everywhere.
    base: u64,
}

fn source(area: &Area) -> Source<'_> {
    Source {
        file: &area.file,
        shared: area.shared,
        base: match area.is_anonymous() {
            true => 0,
            false => area.range.start.wrapping_sub(area.offset),
        },
    }
}

/// A part of an area, by its addresses.
type Part<'a> = (&'a Area, Range<u64>);

/// Tells whether the areas can be mapped again: their files can be found by their names.
pub(super) fn can_be_mapped(areas: &[Area]) -> bool {
    areas.iter().all(|area| {
        let path = &area.path;
        match area.is_anonymous() {
            true => !area.shared && (path.is_empty() || path == "[heap]"),
            // proc_pid_maps(5) writes odd characters as escapes.
            false => path.starts_with('/') && !path.contains('\\') && !path.ends_with(" (deleted)"),
        }
    })
}

/// Adds the calls that change the memory `now` so that there are the areas `wanted`, some of which
/// were once writable, by where they begin. The lowest descriptor that is free is given.
pub(super) fn change(
    calls: &mut Calls,
    now: &[Area],
    wanted: &[Area],
    once_writable: &BTreeSet<u64>,
    free: u64,
) {
    let map = |calls: &mut Calls, area: &Area, part: &Range<u64>, descriptor| {
        let protection = match once_writable.contains(&area.range.start) {
            true => area.protection | PROT_WRITE,
            false => area.protection,
        };
        map(calls, area, part, protection, descriptor);
        if protection != area.protection {
            protect(calls, part, area.protection);
        }
    };
    // By files, each of which is opened once.
    let mut missing: BTreeMap<(&str, &str), Vec<Part<'_>>> = BTreeMap::new();
    for area in wanted {
        for (part, there) in parts(&area.range, now) {
            match there {
                Some(there) if source(there) == source(area) => {
                    if there.protection != area.protection {
                        protect(calls, &part, area.protection);
                    }
                }
                _ => {
                    let of_file = missing.entry((&area.file, &area.path)).or_default();
                    of_file.push((area, part));
                }
            }
        }
    }
    for area in now {
        for (part, _) in parts(&area.range, wanted).filter(|(_, wanted)| wanted.is_none()) {
            let args = [part.start, part.end - part.start, 0, 0, 0, 0];
            calls.add(made::MUNMAP, args, 0);
        }
    }
    for ((_, path), parts) in missing {
        if parts[0].0.is_anonymous() {
            for (area, part) in parts {
                map(calls, area, &part, None);
            }
            continue;
        }
        let path = calls.text(path);
        let flags = (O_RDONLY | O_CLOEXEC) as u64;
        calls.add(made::OPENAT, [AT_FDCWD as u64, path, flags, 0, 0, 0], free);
        for (area, part) in parts {
            map(calls, area, &part, Some(free));
        }
        calls.add(made::CLOSE, [free, 0, 0, 0, 0, 0], 0);
    }
}

/// Adds the heap, as brk(2) makes it.
pub(super) fn add_heap(now: &mut Vec<Area>, wanted: &[Area]) {
    for heap in wanted.iter().filter(|area| area.path == "[heap]") {
        let missing = parts(&heap.range, now).filter(|(_, there)| there.is_none());
        let made: Vec<Area> = missing
            .map(|(range, _)| Area {
                range,
                protection: PROT_READ | PROT_WRITE,
                ..heap.clone()
            })
            .collect();
        now.extend(made);
    }
    now.sort_by_key(|area| area.range.start);
}

fn protect(calls: &mut Calls, part: &Range<u64>, protection: i32) {
    let args = [
        part.start,
        part.end - part.start,
        protection as u64,
        0,
        0,
        0,
    ];
    calls.add(made::MPROTECT, args, 0);
}

fn map(
    calls: &mut Calls,
    area: &Area,
    part: &Range<u64>,
    protection: i32,
    descriptor: Option<u64>,
) {
    let sharing = match area.shared {
        true => MAP_SHARED,
        false => MAP_PRIVATE,
    };
    let (backing, descriptor, offset) = match descriptor {
        Some(descriptor) => (0, descriptor, area.offset + (part.start - area.range.start)),
        None => (MAP_ANONYMOUS, u64::MAX, 0),
    };
    let flags = (MAP_FIXED | sharing | backing) as u64;
    let length = part.end - part.start;
    let args = [
        part.start,
        length,
        protection as u64,
        flags,
        descriptor,
        offset,
    ];
    calls.add(made::MMAP, args, part.start);
}

/// Divides a range by the areas that lie there.
fn parts<'a>(
    range: &Range<u64>,
    areas: &'a [Area],
) -> impl Iterator<Item = (Range<u64>, Option<&'a Area>)> {
    let mut parts = Vec::new();
    let mut at = range.start;
    for area in areas {
        let (start, end) = (area.range.start.max(at), area.range.end.min(range.end));
        if start >= end {
            continue;
        }
        if at < start {
            parts.push((at..start, None));
        }
        parts.push((start..end, Some(area)));
        at = end;
    }
    if at < range.end {
        parts.push((at..range.end, None));
    }
    parts.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use libc::PROT_EXEC;
    use proptest::prelude::*;

    /// What a page of memory is: its file and position there, and its rights.
    type Page = (String, bool, u64, i32);

    fn pages(areas: &[Area]) -> BTreeMap<u64, Page> {
        let of_area = |area: &Area| {
            let (area, base) = (area.clone(), source(area).base);
            (area.range.clone()).map(move |at| {
                let position = match area.is_anonymous() {
                    true => 0,
                    false => at.wrapping_sub(base),
                };
                (
                    at,
                    (area.file.clone(), area.shared, position, area.protection),
                )
            })
        };
        areas.iter().flat_map(of_area).collect()
    }

    /// Performs the calls on a map of pages of one byte.
    fn perform(calls: &Calls, pages: &mut BTreeMap<u64, Page>) {
        let mut open = None;
        for (call, args, expected) in calls.all() {
            let [start, length, third, flags, descriptor, offset] = args;
            let range = start..start.wrapping_add(length);
            match call {
                made::MUNMAP => range.for_each(|at| {
                    pages.remove(&at).expect("it is mapped");
                }),
                made::MPROTECT => range.for_each(|at| {
                    pages.get_mut(&at).expect("it is mapped").3 = third as i32;
                }),
                made::OPENAT => open = Some((expected, calls.text_at(args[1]))),
                made::CLOSE => assert_eq!(open.take().map(|(number, _)| number), Some(start)),
                made::MMAP => {
                    assert_eq!(expected, start);
                    let shared = flags as i32 & MAP_SHARED != 0;
                    for at in range {
                        let page = match flags as i32 & MAP_ANONYMOUS {
                            0 => {
                                let (number, path) = open.as_ref().expect("a file is open");
                                assert_eq!(*number, descriptor);
                                (
                                    format!("of {path}"),
                                    shared,
                                    offset + at - start,
                                    third as i32,
                                )
                            }
                            _ => ("00:00 0".to_owned(), shared, 0, third as i32),
                        };
                        pages.insert(at, page);
                    }
                }
                other => panic!("call {other}"),
            }
        }
    }

    fn layout() -> impl Strategy<Value = Vec<Area>> {
        let area = (0u64..4, 1u64..9, 0u8..4, any::<bool>(), 0usize..3, 0u64..3);
        prop::collection::vec(area, 0..8).prop_map(|areas| {
            let mut at = 0;
            let areas = areas
                .into_iter()
                .map(|(gap, length, file, shared, rights, offset)| {
                    let start = at + gap;
                    at = start + length;
                    Area {
                        range: start..at,
                        protection: [PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC]
                            [rights],
                        shared: shared && file > 0,
                        offset: if file > 0 { offset } else { 0 },
                        file: match file {
                            0 => "00:00 0".to_owned(),
                            file => format!("of /file{file}"),
                        },
                        path: match file {
                            0 => String::new(),
                            file => format!("/file{file}"),
                        },
                    }
                });
            areas.collect()
        })
    }

    proptest! {
        #[test]
        fn the_calls_make_one_layout_of_another(
            now in layout(),
            wanted in layout(),
            once_writable in prop::collection::btree_set(0u64..40, 0..9),
        ) {
            let mut calls = Calls::default();
            change(&mut calls, &now, &wanted, &once_writable, 7);
            let mut found = pages(&now);
            perform(&calls, &mut found);
            prop_assert_eq!(found, pages(&wanted));
        }
    }

    #[test]
    fn what_has_no_name_of_its_own_cannot_be_mapped_again() {
        let area = |file: &str, path: &str| Area {
            range: 0..1,
            protection: PROT_READ,
            shared: false,
            offset: 0,
            file: file.to_owned(),
            path: path.to_owned(),
        };
        for path in ["", "[heap]"] {
            assert!(can_be_mapped(&[area("00:00 0", path)]));
        }
        assert!(can_be_mapped(&[area("fe:00 7", "/lib/x y.so")]));
        for path in ["/lib/x.so (deleted)", "/a\\012b", "anon_inode:x"] {
            assert!(!can_be_mapped(&[area("fe:00 7", path)]), "{path}");
        }
        assert!(!can_be_mapped(&[area("00:00 0", "[anon:x]")]));
    }
}
