//! Mappings of a task's memory (proc_pid_maps(5)).

use super::Tid;
use crosswire_model::Mapping;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Tells whether a file is a library of the system's, by its path.
pub fn is_systems(path: &str) -> bool {
    ["/lib", "/usr/lib"]
        .iter()
        .any(|system| path.starts_with(system))
}

/// One area of a task's memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Area {
    /// Its addresses.
    pub range: Range<u64>,
    /// `PROT_READ` and so on, of mmap(2).
    pub protection: i32,
    /// True if changes of it are changes of the file.
    pub shared: bool,
    /// Where in its file it begins, if it has one.
    pub offset: u64,
    /// Device and number of its file, as proc_pid_maps(5) writes them: `00:00 0` for none.
    pub file: String,
    /// The file, or what else it is, such as `[heap]`; empty for anonymous memory.
    pub path: String,
}

impl Area {
    /// Tells whether it has no file.
    pub fn is_anonymous(&self) -> bool {
        self.file == "00:00 0"
    }

    /// Returns a line such as `55e0-55e1 r-xp 00001000 fe:00 1234   /usr/bin/app`.
    fn parse(line: &str) -> Option<Area> {
        let mut words = line.splitn(6, ' ');
        let (start, end) = range(words.next()?)?;
        let permissions = words.next()?;
        let granted = [
            ('r', libc::PROT_READ),
            ('w', libc::PROT_WRITE),
            ('x', libc::PROT_EXEC),
        ];
        let granted = granted
            .into_iter()
            .filter(|(c, _)| permissions.contains(*c));
        Some(Area {
            range: start..end,
            protection: granted.fold(0, |all, (_, one)| all | one),
            shared: permissions.ends_with('s'),
            offset: number(words.next()?)?,
            file: format!("{} {}", words.next()?, words.next()?),
            path: words.next().unwrap_or_default().trim_start().to_owned(),
        })
    }
}

/// Returns all of a task's memory, by address.
pub fn areas(tid: Tid) -> io::Result<Vec<Area>> {
    Ok(lines(tid)?.lines().filter_map(Area::parse).collect())
}

/// Returns the flags that each area of a task's memory has (`VmFlags` of proc_pid_smaps(5)).
pub fn flags(tid: Tid) -> io::Result<Vec<(Area, BTreeSet<String>)>> {
    let text = fs::read(format!("/proc/{tid}/smaps"))?;
    let text = String::from_utf8_lossy(&text);
    let (mut all, mut current) = (Vec::new(), None);
    for line in text.lines() {
        if let Some(area) = Area::parse(line) {
            current = Some(area);
        } else if let Some(found) = line.strip_prefix("VmFlags:")
            && let Some(area) = current.take()
        {
            all.push((area, found.split_whitespace().map(str::to_owned).collect()));
        }
    }
    Ok(all)
}

/// Returns the mappings that have a name, by address.
pub fn read(tid: Tid) -> io::Result<Vec<Mapping>> {
    Ok(lines(tid)?.lines().filter_map(parse).collect())
}

/// Returns how many pages a task has mapped (proc_pid_statm(5)): cheaper to ask for than what.
pub fn size(tid: Tid) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{tid}/statm")).ok()?;
    text.split(' ').next()?.parse().ok()
}

/// Tells whether anything is mapped in a range of addresses.
pub fn is_mapped(tid: Tid, start: u64, end: u64) -> bool {
    let lines = lines(tid).unwrap_or_default();
    let mut ranges = lines
        .lines()
        .filter_map(|line| range(line.split(' ').next()?));
    ranges.any(|(a, b)| a < end && start < b)
}

/// Returns the address behind the stack with which the program began.
pub fn stack_end(tid: Tid) -> io::Result<u64> {
    let lines = lines(tid)?;
    let stack = lines.lines().find(|line| line.ends_with("[stack]"));
    stack
        .and_then(|line| range(line.split(' ').next()?))
        .map(|(_, end)| end)
        .ok_or_else(|| io::Error::other("the program has no stack"))
}

/// Returns the pages that the task has to itself and may write, as far as it has touched
/// them (pagemap in the kernel's documentation); `None` if there may be more than `most`
/// bytes.
pub fn written_pages(tid: Tid, most: u64) -> io::Result<Option<Vec<u64>>> {
    let text = lines(tid)?;
    let ranges: Vec<_> = text.lines().filter_map(own).collect();
    if ranges
        .iter()
        .map(|range| range.end - range.start)
        .sum::<u64>()
        > most
    {
        return Ok(None);
    }
    pages(tid, ranges.into_iter(), |entry| {
        entry & PRESENT_OR_SWAPPED != 0
    })
    .map(Some)
}

/// Returns the pages of private memory that differ from their file, or have been touched if they
/// have none.
pub fn own_pages(tid: Tid, areas: &[Area]) -> io::Result<Vec<u64>> {
    /// A page of a file, or of shared memory.
    const OF_FILE: u64 = 1 << 61;
    let private = areas.iter().filter(|area| !area.shared);
    let ranges = private.map(|area| area.range.clone());
    pages(tid, ranges, |entry| {
        entry & PRESENT_OR_SWAPPED != 0 && entry & OF_FILE == 0
    })
}

/// Returns the pages in these ranges that the task has touched there.
pub fn touched_pages(tid: Tid, ranges: &[Range<u64>]) -> io::Result<Vec<u64>> {
    pages(tid, ranges.iter().cloned(), |entry| {
        entry & PRESENT_OR_SWAPPED != 0
    })
}

const PRESENT_OR_SWAPPED: u64 = 0b11 << 62;

/// Returns the pages in these ranges whose entry in pagemap is as wanted.
fn pages(
    tid: Tid,
    ranges: impl Iterator<Item = Range<u64>>,
    is_wanted: impl Fn(u64) -> bool,
) -> io::Result<Vec<u64>> {
    const PAGE: u64 = 4096;
    let pagemap = fs::File::open(format!("/proc/{tid}/pagemap"))?;
    let mut pages = Vec::new();
    for Range { start, end } in ranges {
        let mut entries = vec![0; ((end - start) / PAGE * 8) as usize];
        pagemap.read_exact_at(&mut entries, start / PAGE * 8)?;
        let addresses = (start..end).step_by(PAGE as usize);
        pages.extend(
            entries
                .chunks_exact(8)
                .zip(addresses)
                .filter_map(|(entry, address)| {
                    let entry = u64::from_ne_bytes(entry.try_into().expect("eight bytes"));
                    is_wanted(entry).then_some(address)
                }),
        );
    }
    Ok(pages)
}

/// Tells whether a fork of the task would have all of its memory: no part is omitted or
/// emptied there (MADV_DONTFORK, MADV_WIPEONFORK of madvise(2); `dc` and `wf` among the
/// flags of proc_pid_smaps(5)).
pub fn is_kept_by_fork(tid: Tid) -> io::Result<bool> {
    let is_kept = |flags: &BTreeSet<String>| !flags.contains("dc") && !flags.contains("wf");
    Ok(flags(tid)?.iter().all(|(_, flags)| is_kept(flags)))
}

fn lines(tid: Tid) -> io::Result<String> {
    let text = fs::read(format!("/proc/{tid}/maps"))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn number(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

fn range(text: &str) -> Option<(u64, u64)> {
    let (start, end) = text.split_once('-')?;
    Some((number(start)?, number(end)?))
}

/// Returns the range of private memory that can be read and written.
fn own(line: &str) -> Option<Range<u64>> {
    const BOTH: i32 = libc::PROT_READ | libc::PROT_WRITE;
    let area = Area::parse(line)?;
    (!area.shared && area.protection & BOTH == BOTH).then_some(area.range)
}

/// Returns what has a name.
fn parse(line: &str) -> Option<Mapping> {
    let Area {
        range,
        offset,
        path,
        ..
    } = Area::parse(line)?;
    (!path.is_empty()).then_some(Mapping {
        start: range.start,
        end: range.end,
        offset,
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_mappings_are_told_from_private_ones() {
        let line = |permissions: &str, path: &str| {
            let line = format!("7f00-7f01 {permissions} 00000000 00:1a 77   {path}");
            let area = Area::parse(&line).unwrap();
            (area.path, area.shared, area.protection)
        };
        let (read, both) = (libc::PROT_READ, libc::PROT_READ | libc::PROT_WRITE);
        assert_eq!(
            line("rw-s", "/dev/shm/x"),
            ("/dev/shm/x".into(), true, both)
        );
        assert_eq!(line("r--s", "/a b"), ("/a b".into(), true, read));
        assert_eq!(line("rw-p", "/lib/x"), ("/lib/x".into(), false, both));
    }

    #[test]
    fn a_line_is_read_and_memory_without_a_name_left_out() {
        let line = "7f00aa000000-7f00aa002000 r-xp 00001000 fe:00 42                 /tmp/a b";
        let mapping = parse(line).unwrap();
        assert_eq!(
            (mapping.start, mapping.end),
            (0x7f00_aa00_0000, 0x7f00_aa00_2000)
        );
        assert_eq!((mapping.offset, &mapping.path[..]), (0x1000, "/tmp/a b"));
        assert!(parse("7f00aa000000-7f00aa002000 rw-p 00000000 00:00 0 ").is_none());
    }

    #[test]
    fn what_is_written_is_found_unless_it_is_too_much() {
        let own = std::process::id() as Tid;
        let value = Box::new([1u8; 8192]);
        let page = value.as_ptr() as u64 & !4095;
        assert!(
            written_pages(own, u64::MAX)
                .unwrap()
                .unwrap()
                .contains(&page)
        );
        assert!(written_pages(own, 4096).unwrap().is_none());
    }

    #[test]
    fn this_program_is_mapped() {
        let own = fs::read_link("/proc/self/exe").unwrap();
        let all = read(std::process::id() as Tid).unwrap();
        assert!(
            all.iter().any(
                |mapping| own.ends_with(&mapping.path) || mapping.path == own.to_string_lossy()
            )
        );
    }
}
