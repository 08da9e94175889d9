//! Calls that empty the store buffers of other tasks: taking pages away interrupts the processors
//! that may have translations of them (flush_tlb_mm_range in arch/x86/mm/tlb.c), and a processor
//! that is interrupted makes its stores visible first (Intel SDM volume 3, "Serializing
//! Instructions": IRET). These are the processors of all tasks in an address space that has used
//! such a page, and no others: where nothing was used, there is no translation.
//!
//! Without store buffers, an instruction of which the store is still to come is completed only
//! before its memory is gone.

use super::cut::Cut;
use crate::memory::naming::Key;
use crate::memory::space::{PAGE, pages};
use crate::run::session::{Halt, Session};
use crosswire_calls::{Does, Interrupted, Mapping};
use crosswire_kernel::maps;
use crosswire_model::{Touch, What};
use libc::CLONE_VM;
use std::ops::Range;

impl Session<'_> {
    /// Before a call that interrupts the processors of other tasks, or ends them.
    pub fn drain_before_call(&mut self, index: usize) -> Result<(), Halt> {
        if self.setup.plan.memory.is_sc() {
            return Ok(());
        }
        let cuts = self.cuts_of_call(index);
        let interrupted = self.interrupted_by_call(index);
        let kills = self.kills_at_once(index);
        let targets = match kills {
            true => self.targets_of_signal(index),
            false => Vec::new(),
        };
        for other in 0..self.tasks.len() {
            if self.tasks[other].buffer.is_empty() {
                continue;
            }
            let shares = self.space_number(other) == self.space_number(index);
            // All, where it is not known whom the signal reaches.
            let is_killed =
                kills && (targets.is_empty() || targets.contains(&self.tasks[other].process));
            let is_interrupted = match interrupted {
                Interrupted::CallerOnly => false,
                Interrupted::SameMemory => shares && self.takes_from(index, other),
                Interrupted::AllTasks => true,
            };
            if is_killed || is_interrupted || self.is_cut(other, &cuts) {
                self.drain(other)?;
            }
        }
        self.memory.cuts.extend(cuts);
        Ok(())
    }

    /// Before a call that creates a thread: calls that take memory away stop from then on, whatever
    /// memory it is, unless the program restricts what calls can be made in it.
    pub(in crate::memory) fn stop_at_mappings(&mut self, index: usize) -> Result<(), Halt> {
        let filters = self.processes[self.tasks[index].process].filters_calls;
        if !self.setup.plan.memory.is_tso() || self.space(index).watches_everywhere || filters {
            return Ok(());
        }
        let mut remote = self.borrow(index)?;
        self.add_area(index, &mut remote)?;
        self.install_filter(index, &mut remote)?;
        Ok(self.give_back(index, remote)?)
    }

    /// Returns whose processors the call that a task is about to make interrupts.
    fn interrupted_by_call(&self, index: usize) -> Interrupted {
        let task = &self.tasks[index];
        let (row, args) = (task.entering.row(), task.entering.args);
        let interrupts = match row.does {
            // The pages of the process that is copied become read-only (fork(2), "copy-on-write").
            Does::Fork => self.creation_flags(index, false) & CLONE_VM as u64 == 0,
            Does::Map(Mapping::Break) => self.shrinks_heap(index),
            Does::Map(Mapping::Protect) => self.has_rights(index, &pages(args[0], args[1])),
            _ => true,
        };
        match interrupts {
            true => row.interrupts(&args),
            false => Interrupted::CallerOnly,
        }
    }

    /// Tells whether brk(2) is to give memory back.
    fn shrinks_heap(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        let end = task.entering.args[0];
        let areas = maps::areas(task.tid).unwrap_or_default();
        let heap = areas.iter().find(|area| area.path == "[heap]");
        end != 0 && heap.is_none_or(|heap| pages(end, 0).end < heap.range.end)
    }

    /// Tells whether a program has any rights in a range: else no processor has translations.
    fn has_rights(&self, index: usize, range: &Range<u64>) -> bool {
        let space = self.space(index);
        let watched = space.within(range.clone());
        let areas = maps::areas(self.tasks[index].tid).unwrap_or_default();
        let overlaps = |area: &&maps::Area| {
            let begin = area.range.start.max(range.start);
            begin < area.range.end.min(range.end) && space.at(begin).is_none()
        };
        watched.iter().any(|part| part.protection != 0)
            || areas.iter().filter(overlaps).any(|a| a.protection != 0)
    }

    /// Tells whether a call that takes memory away empties the buffer of a task with that memory:
    /// without store buffers only if something is in it for what is taken.
    fn takes_from(&self, index: usize, other: usize) -> bool {
        let entering = &self.tasks[index].entering;
        let [start, length, ..] = entering.args;
        let taken = match entering.row().does {
            _ if self.setup.plan.memory.is_tso() => return true,
            Does::Map(Mapping::Break) => start..u64::MAX,
            Does::Map(Mapping::Attach | Mapping::Detach) => start..u64::MAX,
            Does::Map(_) => pages(start, length),
            _ => return true,
        };
        self.tasks[other].buffer.is_in(&taken)
    }

    /// Returns what the call that a task is about to make cuts off files that are mapped.
    fn cuts_of_call(&mut self, index: usize) -> Vec<Cut> {
        let entering = self.tasks[index].entering;
        // Pointers into shared memory have been exchanged for the kernel already.
        let borrowed = &self.tasks[index].borrowed;
        let args = std::array::from_fn(|i| borrowed.own(i, entering.args[i]));
        let (row, since) = (entering.row(), self.recorder.len());
        if row.frees_mapped(&args) {
            let parts = self.space(index).within(pages(args[0], args[1]));
            let parts = parts.into_iter().filter(|part| !part.own);
            return parts
                .map(|part| Cut {
                    object: part.object,
                    bytes: part.offset..part.offset + part.len(),
                    since,
                })
                .collect();
        }
        let Some(bytes) = row.cuts(&args) else {
            return Vec::new();
        };
        // Of a page that is cut in part, the rest stays, and it is not unmapped.
        let start = bytes.start.checked_next_multiple_of(PAGE);
        let end = bytes.end / PAGE * PAGE;
        let Some(start) = start.filter(|start| *start < end) else {
            return Vec::new();
        };
        let (keys, _) = self.used_files(index).unwrap_or_default();
        let objects = keys
            .into_iter()
            .filter_map(|key: Key| self.memory.objects.of_key(key));
        objects
            .map(|object| Cut {
                object,
                bytes: start..end,
                since,
            })
            .collect()
    }

    /// Tells whether what is about to be cut off files empties the buffer of a task.
    fn is_cut(&self, other: usize, cuts: &[Cut]) -> bool {
        match self.setup.plan.memory.is_tso() {
            true => self.has_used(other, cuts),
            false => self.tasks[other].buffer.is_among(|object, offset, size| {
                cuts.iter().any(|cut| cut.contains(object, offset, size))
            }),
        }
    }

    /// Tells whether the address space of a task has used pages that are about to be cut off, since
    /// they have last been.
    fn has_used(&self, other: usize, cuts: &[Cut]) -> bool {
        let space = self.space_number(other);
        let mut events = self.recorder.events().iter().enumerate();
        !cuts.is_empty()
            && events.any(|(number, event)| {
                let (What::Access(access) | What::Delay { access, .. }) = &event.what else {
                    return false;
                };
                let is_there =
                    |cut: &Cut| cut.contains(access.object, access.offset, access.size.into());
                let is_gone = |cut: &Cut| cut.since > number && is_there(cut);
                self.space_number(event.task.owner().index()) == space
                    && cuts.iter().any(is_there)
                    && !self.memory.cuts.iter().any(is_gone)
            })
    }

    /// Returns what a call touches that empties the buffers of other processes: which of their
    /// stores become visible for it depends on whether they have been executed before.
    pub fn of_fences(&mut self, index: usize) -> Vec<Touch> {
        if !self.setup.plan.memory.is_tso() {
            return Vec::new();
        }
        let entering = self.tasks[index].entering;
        if entering.row().interrupts(&entering.args) == Interrupted::AllTasks {
            return vec![Touch::everything()];
        }
        let cuts = self.cuts_of_call(index);
        let others = (0..self.tasks.len()).filter(|other| *other != index);
        let mut others = others.filter(|other| !self.tasks[*other].is_gone());
        let empties = others.any(|other| self.has_used(other, &cuts));
        let objects = cuts.iter().map(|cut| self.pages_of(cut.object));
        objects
            .map(Touch::write)
            .chain(empties.then(Touch::everything))
            .collect()
    }

    /// Returns what a store touches that is executed and waits: the page must be there.
    pub fn of_waiting(&self, object: u32) -> Option<Touch> {
        let is_cuttable = self.setup.plan.memory.is_tso() && !self.memory.is_own(object);
        is_cuttable.then(|| Touch::read(self.pages_of(object)))
    }

    fn pages_of(&self, object: u32) -> String {
        format!("pages of {}", self.memory_object(object))
    }
}
