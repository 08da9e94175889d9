//! What threads of a process could share, and what it holds.

use crate::memory::space::{PAGE, is_engines_own};
use crosswire_kernel::maps::{self, Area};
use crosswire_kernel::{Tid, memory};
use libc::{PROT_EXEC, PROT_WRITE};
use std::ops::Range;

/// An area that is to be watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub area: Area,
    pub what: Kind,
}

/// What an area holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Data of an executable file or library, which is mapped from an address on.
    Globals {
        path: String,
        base: u64,
    },
    Heap,
    Other,
}

/// Bytes by address.
pub(super) type Contents = Vec<(u64, Vec<u8>)>;

/// Returns the areas that threads of a process could share, except those with these addresses and
/// what belongs to the thread with this thread pointer.
pub(super) fn candidates(
    areas: Vec<Area>,
    executable: &str,
    spared: &[u64],
    thread: u64,
) -> Vec<Candidate> {
    // The file that was mapped last, where it begins, and where its memory ends so far.
    let mut module: Option<(String, u64, u64)> = None;
    let mut found = Vec::new();
    for area in areas {
        let Range { start, end } = area.range;
        let continues = module
            .as_ref()
            .is_some_and(|(_, _, reached)| *reached == start);
        module = match module {
            Some((path, base, _)) if path == area.path || continues && area.path.is_empty() => {
                Some((path, base, end))
            }
            _ if area.path.starts_with('/') => Some((area.path.clone(), start, end)),
            _ => None,
        };
        let what = match &module {
            Some((path, base, _)) => Kind::Globals {
                path: path.clone(),
                base: *base,
            },
            None if area.path == "[heap]" => Kind::Heap,
            None if area.path.is_empty() || area.path.starts_with("[anon") => Kind::Other,
            None => continue,
        };
        let is_systems = |path: &str| path != executable && maps::is_systems(path);
        let is_shared_by_threads = !area.shared
            && area.protection & PROT_WRITE != 0
            && area.protection & PROT_EXEC == 0
            && !is_engines_own(start)
            && !spared.iter().any(|address| area.range.contains(address))
            && !matches!(&what, Kind::Globals { path, .. } if is_systems(path));
        if is_shared_by_threads {
            let parts = without_storage(area.range.clone(), thread);
            found.extend(parts.into_iter().map(|range| Candidate {
                area: Area {
                    range,
                    ..area.clone()
                },
                what: what.clone(),
            }));
        }
    }
    found
}

/// Returns the parts of a range without the storage of a thread: a page below its pointer, where
/// its variables are, and two from there on, where the C library keeps what it knows of the
/// thread. Of programs that are linked statically this lies in the heap, or among the globals.
fn without_storage(range: Range<u64>, thread: u64) -> Vec<Range<u64>> {
    let own = (thread / PAGE * PAGE).saturating_sub(PAGE)..(thread / PAGE * PAGE) + 2 * PAGE;
    let before = range.start..range.end.min(own.start);
    let behind = range.start.max(own.end)..range.end;
    let mut parts = vec![before, behind];
    parts.retain(|part| part.start < part.end);
    if own.end <= range.start || range.end <= own.start {
        return vec![range];
    }
    parts
}

/// Returns what an area holds. Of memory without a file, pages that were never touched are left
/// out.
pub(super) fn contents(tid: Tid, area: &Area) -> std::io::Result<Contents> {
    let pages = match area.is_anonymous() {
        true => maps::own_pages(tid, std::slice::from_ref(area))?,
        false => area.range.clone().step_by(PAGE as usize).collect(),
    };
    let page = |at: u64| {
        let mut bytes = vec![0; PAGE as usize];
        // Behind the end of its file there is nothing.
        let count = memory::read(tid, at, &mut bytes).unwrap_or(0);
        bytes.truncate(count);
        (at, bytes)
    };
    Ok(pages.into_iter().map(page).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_storage_of_a_thread_is_left_out() {
        let without = |thread| {
            let parts = without_storage(0x10000..0x20000, thread);
            let ends = parts.into_iter().map(|part| (part.start, part.end));
            ends.collect::<Vec<_>>()
        };
        assert_eq!(without(0x15008), [(0x10000, 0x14000), (0x17000, 0x20000)]);
        assert_eq!(without(0x10100), [(0x12000, 0x20000)]);
        assert_eq!(without(0x1f100), [(0x10000, 0x1e000)]);
        assert_eq!(without(0x30000), [(0x10000, 0x20000)]);
    }

    fn area(start: u64, end: u64, protection: i32, path: &str) -> Area {
        Area {
            range: start..end,
            protection,
            shared: false,
            offset: 0,
            file: if path.starts_with('/') {
                "fe:00 12"
            } else {
                "00:00 0"
            }
            .to_owned(),
            path: path.to_owned(),
        }
    }

    #[test]
    fn what_threads_share_is_told_from_what_is_theirs_and_the_systems() {
        const BOTH: i32 = libc::PROT_READ | PROT_WRITE;
        let areas = vec![
            area(0x1000, 0x2000, libc::PROT_READ | PROT_EXEC, "/home/app"),
            area(0x2000, 0x3000, BOTH, "/home/app"),
            area(0x3000, 0x4000, BOTH, ""),
            area(0x5000, 0x6000, BOTH, "[heap]"),
            area(0x7000, 0x8000, BOTH, "/usr/lib/libc.so.6"),
            area(0x8000, 0x9000, BOTH, ""),
            area(0xa000, 0xb000, BOTH, ""),
            area(0xc000, 0xd000, BOTH, ""),
            area(0xe000, 0xf000, BOTH | PROT_EXEC, ""),
            area(0x10000, 0x11000, BOTH, "[stack]"),
        ];
        let found = candidates(areas, "/home/app", &[0xa800], 0x100_0000);
        let starts: Vec<u64> = found.iter().map(|one| one.area.range.start).collect();
        assert_eq!(starts, [0x2000, 0x3000, 0x5000, 0xc000]);
        let globals = Kind::Globals {
            path: "/home/app".to_owned(),
            base: 0x1000,
        };
        assert_eq!(found[1].what, globals, "data without initial values");
        assert_eq!(
            (&found[2].what, &found[3].what),
            (&Kind::Heap, &Kind::Other)
        );
    }
}
