//! What a task will do next depends on its registers and the memory that its process has
//! to itself, as long as its calls and its accesses to shared memory come out the same.

use crate::memory::is_engines_own;
use crate::memory::space::DISTANCE;
use crosswire_kernel::arch::{Extended, GENERAL, Registers, VECTORS};
use crosswire_kernel::maps::{self, Area};
use crosswire_kernel::tracee::Stopped;
use crosswire_kernel::{Tid, descriptor, memory};
use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

/// Memory of a process whose state is compared. More takes longer than it is worth.
const MOST_BYTES: u64 = 1 << 30;

const PAGE: u64 = 4096;

/// The state of a stopped task.
pub(super) struct Snapshot {
    registers: Registers,
    /// Floating-point and vector registers.
    extended: Extended,
    blocked_signals: u64,
    /// Descriptors: their numbers, and what is known of the files.
    files: Vec<(i32, String)>,
    /// From where the names of files are looked up.
    working_directory: Option<PathBuf>,
    /// What is mapped.
    areas: Vec<Area>,
    /// Runs of pages that are written, by address.
    memory: Vec<(u64, Vec<u8>)>,
}

/// What differs between two states of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Changed {
    /// General-purpose registers, by number.
    pub registers: [bool; GENERAL],
    pub flags: bool,
    /// Vector and mask registers, by number.
    pub vectors: [bool; VECTORS],
    /// Bytes of private memory, by address.
    pub bytes: BTreeSet<u64>,
}

impl Snapshot {
    /// Copies the state of a stopped task; `None` if that is too much. Some private memory has
    /// been put into shared memory, `lent`, and is the task's alone at the moment.
    pub fn take(stopped: &Stopped, lent: &[Range<u64>]) -> io::Result<Option<Snapshot>> {
        let tid = stopped.tid();
        let Some(mut pages) = maps::written_pages(tid, MOST_BYTES)? else {
            return Ok(None);
        };
        pages.extend(touched_when_lent(tid, lent)?);
        pages.sort_unstable();
        Ok(Some(Snapshot {
            registers: stopped.registers()?,
            extended: stopped.extended()?,
            blocked_signals: stopped.signal_mask()?,
            files: descriptor::all(tid)?,
            working_directory: descriptor::working_directory(tid),
            areas: maps::areas(tid)?,
            memory: read_runs(tid, &pages),
        }))
    }

    /// Address of the next instruction, and the stack pointer.
    fn place(&self) -> (u64, u64) {
        (self.registers.position(), self.registers.stack())
    }

    /// What is another now; `None` if the task is somewhere else, or the states are not
    /// comparable byte by byte.
    pub fn changed(&self, later: &Snapshot) -> Option<Changed> {
        let is_comparable = self.place() == later.place()
            && self.files == later.files
            && self.working_directory == later.working_directory
            && self.areas == later.areas
            && self.blocked_signals == later.blocked_signals
            && self.memory.len() == later.memory.len();
        // A scalar instruction leaves what is beyond the lowest 16 bytes of a register.
        let vectors = self.extended.vectors_unlike(&later.extended);
        let vectors = vectors.filter(|vectors| is_comparable && !vectors.beyond_xmm)?;
        let mut changed = Changed {
            vectors: vectors.registers,
            ..Changed::registers(&self.registers, &later.registers)
        };
        for ((start, before), (other_start, after)) in self.memory.iter().zip(&later.memory) {
            if (start, before.len()) != (other_start, after.len()) {
                return None;
            }
            let pages = before
                .chunks(PAGE as usize)
                .zip(after.chunks(PAGE as usize));
            for (number, (before, after)) in pages.enumerate().filter(|(_, (a, b))| a != b) {
                let first = start + number as u64 * PAGE;
                let differs = |at: &usize| before[*at] != after[*at];
                let offsets = (0..before.len()).filter(differs);
                changed.bytes.extend(offsets.map(|at| first + at as u64));
            }
        }
        Some(changed)
    }
}

impl Changed {
    /// Compares general-purpose registers.
    pub fn registers(before: &Registers, after: &Registers) -> Changed {
        Changed {
            registers: std::array::from_fn(|n| before.general(n) != after.general(n)),
            flags: before.flags() != after.flags(),
            vectors: [false; VECTORS],
            bytes: BTreeSet::new(),
        }
    }
}

/// Returns the pages that have been touched where they are or, by the kernel, at their aliases.
fn touched_when_lent(tid: Tid, lent: &[Range<u64>]) -> io::Result<BTreeSet<u64>> {
    let alias = |range: &Range<u64>| range.start + DISTANCE..range.end + DISTANCE;
    let aliases: Vec<Range<u64>> = lent.iter().map(alias).collect();
    let mut pages: BTreeSet<u64> = maps::touched_pages(tid, lent)?.into_iter().collect();
    let at_alias = maps::touched_pages(tid, &aliases)?;
    pages.extend(at_alias.into_iter().map(|page| page - DISTANCE));
    Ok(pages)
}

/// Reads pages, those side by side at once. The engine's own are left out.
fn read_runs(tid: Tid, pages: &[u64]) -> Vec<(u64, Vec<u8>)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &page in pages.iter().filter(|page| !is_engines_own(**page)) {
        match runs.last_mut() {
            Some((start, length)) if *start + *length == page => *length += PAGE,
            _ => runs.push((page, PAGE)),
        }
    }
    let read = |(start, length): (u64, u64)| {
        let mut bytes = vec![0; length as usize];
        // Where its program may not read, neither may anybody else.
        let count = memory::read(tid, start, &mut bytes).unwrap_or(0);
        bytes.truncate(count);
        (start, bytes)
    };
    runs.into_iter().map(read).collect()
}
