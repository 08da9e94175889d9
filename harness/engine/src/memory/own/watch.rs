//! Putting private memory into shared memory, and giving it back.

use super::OwnMemory;
use super::candidates::{Candidate, Contents, Kind, candidates, contents};
use crate::inside::remote::made;
use crate::memory::naming::Key;
use crate::memory::space::{DISTANCE, Region};
use crate::run::session::{Halt, Session};
use crosswire_calls::{Arg, Does};
use crosswire_kernel::{descriptor, maps, memory};
use crosswire_symbols as symbols;
use libc::*;
use std::ops::Range;

/// The size of an area that is watched at most: more takes longer to copy than it is worth.
const MOST_BYTES: u64 = 1 << 30;

/// What instructions of a thread reach without naming its address (`struct clone_args`).
mod clone_args {
    pub const CHILD_TID: u64 = 16;
    pub const PARENT_TID: u64 = 24;
    pub const STACK: u64 = 40;
    pub const TLS: u64 = 56;
}

impl Session<'_> {
    /// Before a call that may create a thread: watches what threads could share.
    pub fn watch_before_thread(&mut self, index: usize) -> Result<(), Halt> {
        const THREAD: u64 = (CLONE_VM | CLONE_THREAD) as u64;
        let entering = self.tasks[index].entering;
        if entering.row().does != Does::Fork || self.creation_flags(index, false) & THREAD != THREAD
        {
            return Ok(());
        }
        self.stop_at_mappings(index)?;
        if !self.setup.plan.watches_threads {
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
        let registers = self.tasks[index].stopped()?.registers()?;
        let spared = [stack, storage, registers.stack()];
        if self.space(index).own.is_none() {
            let thread = registers.thread_pointer();
            self.watch_own(index, &spared, thread)?;
        }
        for address in spared {
            self.release(index, address)?;
        }
        self.lend_identifiers(index, is_structure)
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

    pub(super) fn watch_own(
        &mut self,
        index: usize,
        spared: &[u64],
        thread: u64,
    ) -> Result<(), Halt> {
        let tid = self.tasks[index].tid;
        let executable = descriptor::executable(tid).unwrap_or_default();
        let areas = maps::areas(tid)?;
        let mut remote = self.borrow(index)?;
        let end = remote.must("asking for the heap's end", made::BRK, [0; 6])? as u64;
        self.give_back(index, remote)?;
        let heap = areas.iter().find(|area| area.path == "[heap]");
        let own = OwnMemory {
            heap: heap.map_or(end, |area| area.range.start)..end,
            ..OwnMemory::default()
        };
        self.space_mut(index).own = Some(own);
        for candidate in candidates(areas, &executable.to_string_lossy(), spared, thread) {
            let contents = contents(tid, &candidate.area)?;
            let Candidate { area, what } = candidate;
            self.watch_area(index, area.range, area.protection, &what, &contents)?;
        }
        Ok(())
    }

    /// Puts an area with these contents into shared memory, and watches it.
    pub(super) fn watch_area(
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
        let mut remote = self.borrow(index)?;
        let usual = (PROT_READ | PROT_WRITE) as u64;
        let flags = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
        let args = [range.start, length, usual, flags as u64, u64::MAX, 0];
        remote.must("sharing memory between threads", made::MMAP, args)?;
        self.give_back(index, remote)?;
        let (object, offset) = self.own_object(index, range.start, what);
        let region = Region {
            start: range.start,
            end: range.end,
            protection,
            object,
            offset,
            inherited: true,
            own: true,
            sole: true,
        };
        self.observe(index, region)?;
        for (address, bytes) in contents {
            memory::write(tid, address + DISTANCE, bytes)?;
        }
        let own = self.space_mut(index).own.as_mut();
        own.expect("it is being watched").ranges.insert(range);
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
        let mut remote = self.borrow(index)?;
        let args = [
            region.start,
            region.len(),
            region.protection as u64,
            0,
            0,
            0,
        ];
        remote.must("giving memory back", made::MPROTECT, args)?;
        let args = [region.start + DISTANCE, region.len(), 0, 0, 0, 0];
        remote.must("removing an alias", made::MUNMAP, args)?;
        self.give_back(index, remote)?;
        self.space_mut(index).remove(region.start..region.end);
        self.forget_pages(index, &(region.start..region.end));
        Ok(())
    }

    /// The kernel writes the frames of handlers to a stack of their own at its address. It may
    /// lie in several mappings: a heap grows by parts that are made accessible.
    pub(in crate::memory) fn release_signal_stack(&mut self, index: usize) -> Result<(), Halt> {
        /// Place of `ss_size` in a `stack_t` (sigaltstack(2)).
        const SIZE: u64 = 16;
        let task = &self.tasks[index];
        let (tid, given) = (task.tid, task.entering.args[0]);
        let word = |at| memory::read_word(tid, at);
        let (Ok(stack), Ok(size)) = (word(given), word(given.wrapping_add(SIZE))) else {
            return Ok(());
        };
        let parts = self.space(index).within(stack..stack.saturating_add(size));
        let mut parts = parts.into_iter();
        parts.try_for_each(|part| self.release(index, part.start))
    }
}
