//! Every access to shared memory is a schedule point.
//!
//! A shared mapping is made inaccessible where the program has it, and gets an alias
//! where the same memory is accessible (`space`, `mappings`). An access faults; the
//! task stops before it, and the scheduler decides when it happens. Then the program's
//! own instruction performs it on the alias (`instruction`, `trampoline`, `access`,
//! `strings`). The kernel, which follows pointers of system calls, is given the alias,
//! too (`pointers`), and so that it can clean up after a process that dies with locks
//! in shared memory, the mapping is opened before (`death`). A fault withholds the memory
//! (`backing`).
//!
//! Pages that only one process uses, or that are only read, are left to it (`left`).
//! Memory without a name stays accessible as long as its process has neither child nor thread:
//! no other task can notice an access (`own/company.rs`).

mod access;
mod ahead;
mod backing;
mod code;
mod death;
mod left;
pub(crate) mod mappings;
mod naming;
mod of_task;
mod own;
mod pointers;
pub(crate) mod quiet;
mod reading;
mod shared;
pub(crate) mod shown;
pub(crate) mod space;
mod stack;
mod strings;
mod tso;

pub(crate) use left::learned::Contested;
pub(crate) use naming::Knowledge;
pub(crate) use of_task::{Action, Borrowed, Pending, Performing};
pub(crate) use shared::SharedMemory;
use space::Region;
pub(crate) use space::{Space, is_engines_own, known_in, names_unseen};
pub(crate) use tso::buffer::StoreBuffer;

use crate::inside::remote::{Remote, made, next};
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crosswire_kernel::tracee::{Report, Stop};
use crosswire_model::AccessKind;
use std::io;

impl Session<'_> {
    /// Returns the address space of a task.
    pub fn space(&self, index: usize) -> &Space {
        &self.memory.spaces[self.space_number(index)]
    }

    /// Returns the number of a task's address space: threads of a process have the same.
    pub fn space_number(&self, index: usize) -> usize {
        self.processes[self.tasks[index].process].space
    }

    fn space_mut(&mut self, index: usize) -> &mut Space {
        let number = self.space_number(index);
        &mut self.memory.spaces[number]
    }

    /// Returns the access that a task is about to make, as its instruction says: where,
    /// how many bytes, and what it does to them.
    pub fn pending_access(&self, index: usize) -> Option<(u64, u32, AccessKind)> {
        let pending = self.tasks[index].access?;
        let instruction = &self
            .memory
            .knowledge
            .trampolines
            .get(pending.trampoline)
            .instruction;
        Some((pending.address, instruction.size, instruction.kind))
    }

    /// Tells whether the task's process has shared memory that is watched.
    pub fn is_watched(&self, index: usize) -> bool {
        !self.space(index).is_empty()
    }

    /// Borrows a stopped task of a watched process for calls of the engine's own.
    fn borrow(&mut self, index: usize) -> io::Result<Remote> {
        let task = &mut self.tasks[index];
        match task.state {
            State::Ready(At::Entry, _) | State::Sleeping(_) => {
                Remote::at_entry(task.lend()?, task.entering.call)
            }
            // There may be no area yet.
            State::Ready(At::Exit, _) => Remote::after_call(task.lend()?),
            _ => Remote::anywhere(task.lend()?, code::trampoline::GADGET),
        }
    }

    /// Ends the engine's own calls in a task that was borrowed.
    fn give_back(&mut self, index: usize, remote: Remote) -> io::Result<()> {
        self.tasks[index].give_back(remote.end()?);
        Ok(())
    }

    /// Makes the program's own addresses accessible to the kernel, with the help of one of its
    /// tasks.
    fn open_to_kernel(&mut self, index: usize) -> Result<(), Halt> {
        self.note_all_pages(index);
        self.open(index)
    }

    /// Makes the program's own addresses accessible, with the help of one of its tasks.
    fn open(&mut self, index: usize) -> Result<(), Halt> {
        match self.space(index).open {
            true => Ok(()),
            false => self.set_open(index, true),
        }
    }

    /// Makes the program's own addresses accessible, or inaccessible again.
    fn set_open(&mut self, index: usize, open: bool) -> Result<(), Halt> {
        if self.space(index).is_empty() {
            return Ok(());
        }
        let goes_unwatched = self.goes_unwatched(index);
        let protected = |region: &Region| {
            let is_open = open || region.sole && goes_unwatched;
            let protection = if is_open { region.protection } else { 0 };
            (region.start, region.len(), protection)
        };
        let ranges: Vec<_> = self.space(index).regions().map(protected).collect();
        self.protect_ranges(index, &ranges)?;
        self.space_mut(index).open = open;
        self.note_company(index);
        Ok(())
    }

    /// Sets the rights of ranges, given by start and length, with the help of a task.
    fn protect_ranges(&mut self, index: usize, ranges: &[(u64, u64, i32)]) -> Result<(), Halt> {
        // Calls end a signal stop, so the signal has to come once more.
        let signal = match &self.tasks[index].state {
            State::Ready(At::Signal(signal), stopped) => Some((*signal, stopped.signal_info()?)),
            _ => None,
        };
        let mut remote = self.borrow(index)?;
        for (start, length, protection) in ranges {
            let args = [*start, *length, *protection as u64, 0, 0, 0];
            remote.must("protecting shared memory", made::MPROTECT, args)?;
        }
        self.give_back(index, remote)?;
        if let Some((signal, info)) = signal {
            self.tasks[index].take_stopped()?.resume(signal)?;
            match next(self.tasks[index].tid)? {
                Report::Stopped(stopped, Stop::Signal(again)) if again == signal => {
                    stopped.set_signal_info(&info)?;
                    self.tasks[index].state = State::Ready(At::Signal(signal), stopped);
                }
                report => self.on_report(report)?,
            }
        }
        Ok(())
    }

    /// Before a task runs code of its program.
    pub fn close_shared(&mut self, index: usize) -> Result<(), Halt> {
        if self.space(index).open || self.changes_company(index) {
            return self.set_open(index, false);
        }
        let left = &self.space(index).left;
        match (left.are_open_to_others(index), left.has_stale()) {
            (true, _) => self.take_back_pages(index),
            (false, true) => self.take_back_stale(index),
            (false, false) => Ok(()),
        }
    }
}
