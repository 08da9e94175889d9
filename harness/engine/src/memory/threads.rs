//! Memory that threads of a process could share, if the plan watches it.
//!
//! It is private to the process, so it has no second mapping that could serve as an alias.
//! Before the first thread is created, it is put into shared memory that nobody else has: the
//! globals, the heap and what the program has mapped besides; what is mapped later follows when
//! it is. From then on it is watched like any shared mapping. Left out are stacks, the storage
//! that each thread has to itself, which instructions reach by a segment of their own, and data of
//! the system's libraries. A child created by fork(2) gets a copy that is private again.

use super::naming::Key;
use super::pages::Pages;
use super::space::{DISTANCE, PAGE, Region, is_engines_own, pages};
use crate::inside::remote::made;
use crate::run::session::{Halt, Session};
use crate::run::task::Task;
use crosswire_calls::{Arg, Does, Mapping};
use crosswire_kernel::maps::{self, Area};
use crosswire_kernel::regs;
use crosswire_kernel::{Tid, descriptor, memory};
use crosswire_symbols as symbols;
use libc::*;
use std::ops::Range;

/// The size of an area that is watched at most: more takes longer to copy than it is worth.
const MOST_BYTES: u64 = 1 << 30;

/// Where the libraries of the system are.
const SYSTEM: [&str; 2] = ["/lib", "/usr/lib"];

/// What instructions of a thread reach without naming its address (`struct clone_args`).
mod clone_args {
    pub const CHILD_TID: u64 = 16;
    pub const PARENT_TID: u64 = 24;
    pub const STACK: u64 = 40;
    pub const TLS: u64 = 56;
}

/// Private memory of a process that has been put into shared memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnMemory {
    /// Where it is, watched or not.
    ranges: Ranges,
    /// Where the heap begins and ends (brk(2)).
    heap: Range<u64>,
    /// Mappings that have been given a number for their names.
    numbered: u32,
    /// The only thread that there is may access it: nobody could tell when it does.
    is_open: bool,
    pub(super) pages: Pages,
}

impl OwnMemory {
    /// What was in a range is gone.
    fn forget(&mut self, range: &Range<u64>) {
        self.ranges.remove(range);
        self.pages.forget_range(range);
    }
}

/// Ranges of addresses, none of which overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Ranges(Vec<Range<u64>>);

impl Ranges {
    fn insert(&mut self, range: Range<u64>) {
        self.remove(&range);
        self.0.push(range);
    }

    fn remove(&mut self, gone: &Range<u64>) {
        let rest = |range: &Range<u64>| {
            let before = range.start..range.end.min(gone.start);
            let behind = range.start.max(gone.end)..range.end;
            [before, behind].into_iter().filter(|part| part.start < part.end)
        };
        self.0 = self.0.iter().flat_map(rest).collect();
    }

    /// Returns the parts of a range that are in it.
    fn within(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let part = |own: &Range<u64>| own.start.max(range.start)..own.end.min(range.end);
        let parts = self.0.iter().map(part);
        parts.filter(|part| part.start < part.end).collect()
    }
}

/// An area that is to be watched.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    area: Area,
    what: Kind,
}

/// What an area holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Data of an executable file or library, which is mapped from an address on.
    Globals { path: String, base: u64 },
    Heap,
    Other,
}

/// Bytes by address.
type Contents = Vec<(u64, Vec<u8>)>;

impl Session<'_> {
    /// Before a call that may create a thread: watches what threads could share.
    pub fn watch_before_thread(&mut self, index: usize) -> Result<(), Halt> {
        const THREAD: u64 = (CLONE_VM | CLONE_THREAD) as u64;
        let entering = self.tasks[index].entering;
        if !self.setup.plan.watches_threads
            || entering.row().does != Does::Fork
            || self.creation_flags(index, false) & THREAD != THREAD
        {
            return Ok(());
        }
        let tid = self.tasks[index].tid;
        let [_, stack, _, _, storage, _] = entering.args;
        let is_structure = entering.row().args.first() == Some(&Arg::Given);
        let given = |offset: u64| memory::read_word(tid, entering.args[0] + offset);
        // Of a structure, the stack is its lowest address, otherwise its highest.
        let (stack, storage) = match is_structure {
            true => (given(clone_args::STACK)?, given(clone_args::TLS)?),
            false => (stack.saturating_sub(1), storage),
        };
        let registers = regs::read(tid)?;
        let spared = [stack, storage, registers.stack(), registers.thread_pointer()];
        if self.space(index).own.is_none() {
            self.watch_own(index, &spared)?;
        }
        for address in spared {
            self.release(index, address)?;
        }
        self.lend_identifiers(index, is_structure)
    }

    /// Tells whether no other task has the memory of this one.
    pub(super) fn has_memory_alone(&self, index: usize) -> bool {
        let space = self.space_number(index);
        let mut others = self.tasks.iter().filter(|other| other.id.index() != index);
        !others.any(|other| !other.is_gone() && self.space_number(other.id.index()) == space)
    }

    /// Tells whether a task has been joined by others with the same memory, or has been left by
    /// the last of them, since what threads share was made accessible or inaccessible.
    pub(super) fn changes_company(&self, index: usize) -> bool {
        let own = self.space(index).own.as_ref();
        own.is_some_and(|own| {
            own.is_open != self.has_memory_alone(index)
        })
    }

    /// Returns private memory that has been put into shared memory, as far as accesses to it are
    /// not watched at the moment.
    pub fn lent_memory(&self, index: usize) -> Vec<Range<u64>> {
        let Some(own) = &self.space(index).own else {
            return Vec::new();
        };
        let mut lent = own.ranges.clone();
        if !own.is_open {
            let watched = self.space(index).regions();
            watched.for_each(|region| lent.remove(&(region.start..region.end)));
            own.pages.left().for_each(|page| lent.insert(page));
        }
        lent.0
    }

    /// Some of what threads share has become inaccessible, as it is when there are several.
    pub(super) fn close_own(&mut self, index: usize) {
        if let Some(own) = self.space_mut(index).own.as_mut() {
            own.is_open = false;
        }
    }

    /// What threads share has been made accessible if a task is alone, else inaccessible.
    pub(super) fn note_company(&mut self, index: usize) {
        let is_alone = self.has_memory_alone(index);
        if let Some(own) = self.space_mut(index).own.as_mut() {
            own.is_open = is_alone;
            own.pages.forget_open();
        }
    }

    /// Gives the kernel aliases of where it writes the number of a thread, and where it erases it
    /// when the thread ends.
    fn lend_identifiers(&mut self, index: usize, is_structure: bool) -> Result<(), Halt> {
        let args = self.tasks[index].entering.args;
        let is_watched = |session: &Self, at: u64| session.space(index).at(at).is_some();
        if !is_structure {
            for argument in [2, 3] {
                if is_watched(self, args[argument]) {
                    self.change_argument(index, argument, args[argument] + DISTANCE)?;
                }
            }
            return Ok(());
        }
        for offset in [clone_args::CHILD_TID, clone_args::PARENT_TID] {
            self.lend_word(index, args[0] + offset, 4)?;
        }
        Ok(())
    }

    fn watch_own(&mut self, index: usize, spared: &[u64]) -> Result<(), Halt> {
        let tid = self.tasks[index].tid;
        let executable = descriptor::executable(tid).unwrap_or_default();
        let areas = maps::areas(tid)?;
        let remote = self.borrow(index)?;
        let end = remote.must("asking for the heap's end", made::BRK, [0; 6])? as u64;
        remote.end()?;
        let heap = areas.iter().find(|area| area.path == "[heap]");
        let own = OwnMemory {
            heap: heap.map_or(end, |area| area.range.start)..end,
            ..OwnMemory::default()
        };
        self.space_mut(index).own = Some(own);
        for candidate in candidates(areas, &executable.to_string_lossy(), spared) {
            let contents = contents(tid, &candidate.area)?;
            let Candidate { area, what } = candidate;
            self.watch_area(index, area.range, area.protection, &what, &contents)?;
        }
        Ok(())
    }

    /// Puts an area with these contents into shared memory, and watches it.
    fn watch_area(
        &mut self,
        index: usize,
        range: Range<u64>,
        protection: i32,
        what: &Kind,
        contents: &Contents,
    ) -> Result<(), Halt> {
        let tid = self.tasks[index].tid;
        let length = range.end - range.start;
        let alias = range.start.wrapping_add(DISTANCE);
        if length > MOST_BYTES || maps::is_mapped(tid, alias, alias.wrapping_add(length)) {
            self.recorder.note_unwatched(format!(
                "{length} bytes that threads of `{}` could share cannot be watched, so accesses to \
                 them are no schedule points",
                self.processes[self.tasks[index].process].name,
            ));
            return Ok(());
        }
        let remote = self.borrow(index)?;
        let usual = (PROT_READ | PROT_WRITE) as u64;
        let flags = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
        let args = [range.start, length, usual, flags as u64, u64::MAX, 0];
        remote.must("sharing memory between threads", made::MMAP, args)?;
        remote.end()?;
        let (object, offset) = self.own_object(index, range.start, what);
        let region = Region {
            start: range.start,
            end: range.end,
            protection,
            object,
            offset,
            inherited: true,
            own: true,
        };
        self.observe(index, region)?;
        for (address, bytes) in contents {
            memory::write(tid, address + DISTANCE, bytes)?;
        }
        let own = self.space_mut(index).own.as_mut();
        own.expect("it is being watched").ranges.insert(range);
        self.close_own(index);
        Ok(())
    }

    /// Returns the object that an area belongs to, and where in it.
    fn own_object(&mut self, index: usize, start: u64, what: &Kind) -> (u32, u64) {
        let process = self.processes[self.tasks[index].process].name.clone();
        let space = self.space_number(index);
        let own = self.memory.spaces[space].own.as_mut();
        let own = own.expect("it is being watched");
        let (base, name) = match what {
            Kind::Globals { path, base } => (*base, format!("data of {path} in `{process}`")),
            Kind::Heap => (own.heap.start, format!("heap of `{process}`")),
            Kind::Other => {
                own.numbered += 1;
                (start, format!("memory {} of `{process}`", own.numbered))
            }
        };
        let key = Key::Own(space as u32, base);
        let object = self.memory.objects.number(key, &name);
        let known = &mut self.memory.objects.list[object as usize].variables;
        if let (Kind::Globals { path, .. }, true) = (what, known.is_empty()) {
            *known = symbols::variables(path);
        }
        (object, start - base)
    }

    /// Lets the program have the area at an address to itself: something reaches it in a way that
    /// cannot be watched.
    fn release(&mut self, index: usize, address: u64) -> Result<(), Halt> {
        let Some(region) = self.space(index).at(address).copied() else {
            return Ok(());
        };
        if !region.own {
            return Ok(());
        }
        let remote = self.borrow(index)?;
        let args = [region.start, region.len(), region.protection as u64, 0, 0, 0];
        remote.must("giving memory back", made::MPROTECT, args)?;
        let args = [region.start + DISTANCE, region.len(), 0, 0, 0, 0];
        remote.must("removing an alias", made::MUNMAP, args)?;
        remote.end()?;
        self.space_mut(index).remove(region.start..region.end);
        Ok(())
    }

    /// The kernel writes the frames of handlers to a stack of their own at its address.
    pub(super) fn release_signal_stack(&mut self, index: usize) -> Result<(), Halt> {
        let task = &self.tasks[index];
        let stack = memory::read_word(task.tid, task.entering.args[0]);
        match stack {
            Ok(stack) => self.release(index, stack),
            Err(_) => Ok(()),
        }
    }

    /// Tells whether a call enlarges memory that was put into shared memory, which is as large as
    /// it was made.
    pub(super) fn outgrows(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        let [old, old_length, new_length, ..] = task.entering.args;
        let own = self.space(index).own.as_ref();
        task.entering.row().does == Does::Map(Mapping::Move)
            && new_length > old_length
            && own.is_some_and(|own| !own.ranges.within(&pages(old, old_length.max(1))).is_empty())
    }

    /// Before a call gives memory up: shared memory cannot be freed lazily (madvise(2)).
    pub(super) fn free_at_once(&mut self, index: usize) -> Result<(), Halt> {
        let args = self.tasks[index].entering.args;
        match self.space(index).own.is_some() && args[2] as c_int == MADV_FREE {
            true => self.change_argument(index, 2, MADV_DONTNEED as u64),
            false => Ok(()),
        }
    }

    /// After a call has changed mappings, of which shared ones have been followed.
    pub(super) fn follow_own(&mut self, index: usize, mapping: Mapping, result: u64) -> Result<(), Halt> {
        let args = self.tasks[index].entering.args;
        let Some(own) = self.space_mut(index).own.as_mut() else {
            return Ok(());
        };
        match mapping {
            Mapping::Map => {
                let range = pages(result, args[1]);
                own.forget(&range);
                match is_fresh(&args) {
                    true => self.watch_area(index, range, args[2] as i32, &Kind::Other, &Vec::new()),
                    false => Ok(()),
                }
            }
            Mapping::Unmap => {
                own.forget(&pages(args[0], args[1]));
                Ok(())
            }
            Mapping::Move => {
                let [old, old_length, new_length, ..] = args;
                let old = pages(old, old_length);
                let was_own = !own.ranges.within(&old).is_empty();
                own.forget(&old);
                own.forget(&pages(result, new_length));
                if was_own {
                    own.ranges.insert(pages(result, new_length));
                }
                Ok(())
            }
            Mapping::Advise if matches!(args[2] as c_int, MADV_FREE | MADV_DONTNEED) => {
                let parts = own.ranges.within(&pages(args[0], args[1]));
                self.erase(index, &parts)
            }
            Mapping::Break => self.follow_heap(index, result),
            _ => Ok(()),
        }
    }

    /// Private memory that is given up is empty afterwards; shared memory has to be told so.
    fn erase(&mut self, index: usize, parts: &[Range<u64>]) -> Result<(), Halt> {
        if parts.is_empty() {
            return Ok(());
        }
        let remote = self.borrow(index)?;
        let pieces = parts.iter().flat_map(|part| self.pieces(index, part));
        for (part, watched) in pieces {
            let shift = watched.map_or(0, |_| DISTANCE);
            let args = [part.start + shift, part.end - part.start];
            let remove = [args[0], args[1], MADV_REMOVE as u64, 0, 0, 0];
            // Only what may be written may be removed.
            if remote.call(made::MADVISE, remove)? < 0 {
                let protection = watched.map_or(PROT_READ, |region| region.protection);
                let usual = (PROT_READ | PROT_WRITE) as u64;
                for (call, third) in [
                    (made::MPROTECT, usual),
                    (made::MADVISE, MADV_REMOVE as u64),
                    (made::MPROTECT, protection as u64),
                ] {
                    remote.must("emptying memory", call, [args[0], args[1], third, 0, 0, 0])?;
                }
            }
        }
        Ok(remote.end()?)
    }

    /// Returns the parts of a range that are watched, each with its mapping, and the others.
    fn pieces(&self, index: usize, range: &Range<u64>) -> Vec<(Range<u64>, Option<Region>)> {
        let mut pieces = Vec::new();
        let mut reached = range.start;
        for region in self.space(index).within(range.clone()) {
            pieces.push((reached..region.start, None));
            pieces.push((region.start..region.end, Some(region)));
            reached = region.end;
        }
        pieces.push((reached..range.end, None));
        pieces.retain(|(piece, _)| piece.start < piece.end);
        pieces
    }

    fn follow_heap(&mut self, index: usize, end: u64) -> Result<(), Halt> {
        let Some(own) = self.space_mut(index).own.as_mut() else {
            return Ok(());
        };
        let before = own.heap.end.next_multiple_of(PAGE);
        let now = end.next_multiple_of(PAGE);
        own.heap.end = end;
        if now > before {
            let usual = PROT_READ | PROT_WRITE;
            return self.watch_area(index, before..now, usual, &Kind::Heap, &Vec::new());
        }
        own.forget(&(now..before));
        self.forget_range(index, now..before)
    }

    /// After a call that may have created a process: if it has a copy of its parent's memory, it
    /// gets one of what was put into shared memory. It has one thread.
    pub fn part_child(&mut self, parent: usize) -> Result<(), Halt> {
        let is_child = |task: &Task| task.parent == Some(self.tasks[parent].id);
        let child = self.tasks.iter().rposition(is_child);
        let created = self.tasks[parent].entering.row().does == Does::Fork;
        let Some(child) = child.filter(|_| created) else {
            return Ok(());
        };
        let has_copy = self.space_number(child) != self.space_number(parent);
        if !has_copy || self.tasks[child].stopped().is_none() {
            return Ok(());
        }
        let Some(own) = self.space_mut(child).own.take() else {
            return Ok(());
        };
        let tid = self.tasks[child].tid;
        let areas = maps::areas(tid)?;
        let remote = self.borrow(child)?;
        for area in areas.iter().filter(|area| area.shared) {
            let parts = own.ranges.within(&area.range);
            let pieces: Vec<_> = (parts.iter())
                .flat_map(|part| self.pieces(child, part))
                .collect();
            for (part, watched) in pieces {
                let shift = watched.map_or(0, |_| DISTANCE);
                let protection = watched.map_or(area.protection, |region| region.protection);
                let length = part.end - part.start;
                let mut bytes = vec![0; length as usize];
                if protection & PROT_READ == 0 {
                    let args = [part.start + shift, length, PROT_READ as u64, 0, 0, 0];
                    remote.must("protecting memory", made::MPROTECT, args)?;
                }
                memory::read(tid, part.start + shift, &mut bytes)?;
                let usual = (PROT_READ | PROT_WRITE) as u64;
                let flags = (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE) as u64;
                let args = [part.start, length, usual, flags, u64::MAX, 0];
                remote.must("parting memory", made::MMAP, args)?;
                for (number, page) in bytes.chunks(PAGE as usize).enumerate() {
                    if page.iter().any(|byte| *byte != 0) {
                        memory::write(tid, part.start + number as u64 * PAGE, page)?;
                    }
                }
                let args = [part.start, length, protection as u64, 0, 0, 0];
                remote.must("protecting memory", made::MPROTECT, args)?;
                if shift != 0 {
                    let args = [part.start + DISTANCE, length, 0, 0, 0, 0];
                    remote.must("removing an alias", made::MUNMAP, args)?;
                    self.space_mut(child).remove(part);
                }
            }
        }
        Ok(remote.end()?)
    }
}

/// Tells whether mmap(2) makes private memory that threads could share.
fn is_fresh(args: &[u64; 6]) -> bool {
    let (protection, flags) = (args[2] as c_int, args[3] as c_int);
    let is_plain = flags & (MAP_STACK | MAP_GROWSDOWN | MAP_HUGETLB) == 0;
    let is_private = flags & MAP_PRIVATE != 0 && flags & MAP_ANONYMOUS != 0;
    is_private && is_plain && protection & PROT_EXEC == 0
}

/// Returns the areas that threads of a process could share, except those with these addresses.
fn candidates(areas: Vec<Area>, executable: &str, spared: &[u64]) -> Vec<Candidate> {
    // The file that was mapped last, where it begins, and where its memory ends so far.
    let mut module: Option<(String, u64, u64)> = None;
    let mut found = Vec::new();
    for area in areas {
        let Range { start, end } = area.range;
        let continues = module.as_ref().is_some_and(|(_, _, reached)| *reached == start);
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
        let is_systems = |path: &str| {
            path != executable && SYSTEM.iter().any(|system| path.starts_with(system))
        };
        let is_shared_by_threads = !area.shared
            && area.protection & PROT_WRITE != 0
            && area.protection & PROT_EXEC == 0
            && !is_engines_own(start)
            && !spared.iter().any(|address| area.range.contains(address))
            && !matches!(&what, Kind::Globals { path, .. } if is_systems(path));
        if is_shared_by_threads {
            found.push(Candidate { area, what });
        }
    }
    found
}

/// Returns what an area holds. Of memory without a file, pages that were never touched are left
/// out.
fn contents(tid: Tid, area: &Area) -> std::io::Result<Contents> {
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
