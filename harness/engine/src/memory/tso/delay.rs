//! Accesses that concern the store buffer of their task: stores that go into it, and loads that
//! find something there.
//!
//! The program's own instruction performs both, on memory that looks as its task sees it, while
//! nobody else runs. Then the memory is made again what it is for all others.
//!
//! Without store buffers (`MemoryModel::Split`) the same makes two steps of an instruction that
//! loads and stores without a lock. Its task takes no other step before it has stored.

use super::buffer::{Piece, Store};
use super::order::Order;
use crate::inside::remote::{block_signals, next};
use crate::memory::Pending;
use crate::memory::access::leave;
use crate::memory::code::instruction::{Instruction, Substitute};
use crate::memory::code::trampoline::SAVED;
use crate::memory::reading::value_of;
use crate::memory::space::{DISTANCE, Region};
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crosswire_kernel::arch::Register;
use crosswire_kernel::tracee::{Report, Stop};
use crosswire_kernel::{Tid, memory};
use crosswire_model::{Access, AccessKind, DelayedStore, TaskId, What};
use std::io;

/// Stores that wait at a time; after so many the task waits itself. The buffers of processors
/// have room for about as many.
const MOST: u32 = 56;

impl Session<'_> {
    /// A task has come to an access: decides whether what it stores is to wait. Even so the access
    /// is a step: before it, a signal may come or its process end.
    pub fn decide_delay(&mut self, index: usize) {
        let task = &self.tasks[index];
        let is_at_access = matches!(task.state, State::Ready(At::Access, _));
        if !is_at_access || task.buffer.repeats {
            return;
        }
        let pending = task.access.expect("it is at an access");
        let instruction = self.instruction_of(&pending);
        let (kind, size) = (instruction.kind, u64::from(instruction.size));
        let may_wait = instruction.order == Order::Store
            && instruction.form.is_plain()
            && !pending.stepped
            && !pending.unbacked;
        let region = self.space(index).at(pending.address).copied();
        let is_split = kind == AccessKind::Update;
        let counts = is_split || self.setup.plan.memory.is_tso();
        let Some(region) = region.filter(|region| {
            may_wait && counts && region.end - pending.address >= size && !self.is_examined(index)
        }) else {
            return;
        };
        let buffer = &mut self.tasks[index].buffer;
        buffer.able += 1;
        let store = DelayedStore {
            task: TaskId(index as u32),
            number: buffer.able,
        };
        let has_room = buffer.in_a_row < MOST;
        let is_known = !is_split || self.memory.splittable;
        let is_delayed = self.setup.plan.memory.delays(store);
        if is_known && !is_delayed || !self.may_be_noticed(index, &region, &pending, size) {
            return;
        }
        self.memory.splittable |= is_split;
        if is_delayed {
            self.memory.delayed.push(store);
            self.tasks[index].access = Some(Pending {
                delayed: has_room,
                refused: !has_room,
                ..pending
            });
        }
    }

    /// Tells whether the access that a task is about to make only puts a store into its buffer.
    pub fn only_delays(&self, index: usize) -> bool {
        let delayed = self.tasks[index].access.filter(|pending| pending.delayed);
        delayed.is_some_and(|pending| self.instruction_of(&pending).kind == AccessKind::Write)
    }

    /// A task stands again where it stood: what was decided about its access holds.
    pub fn keep_decision(&mut self, index: usize, before: Option<Pending>) {
        let task = &mut self.tasks[index];
        task.buffer.repeats = false;
        if let (Some(access), Some(before)) = (&mut task.access, before) {
            access.delayed = before.delayed;
            access.refused = before.refused;
        }
    }

    /// Tells whether it can matter to others when a store becomes visible.
    fn may_be_noticed(&self, index: usize, region: &Region, pending: &Pending, size: u64) -> bool {
        let start_up = &self.setup.plan.start_up;
        // What threads of one process do to each other is not followed.
        let has_threads = self.tasks.other_threads(index).next().is_some();
        !self.follows_contest() || has_threads || {
            let place = region.position(pending.address);
            let mut touches = self
                .words(region.object, place, size, AccessKind::Write)
                .into_iter();
            touches.any(|touch| start_up.is_contested(&touch.object))
        }
    }

    fn instruction_of(&self, pending: &Pending) -> &Instruction {
        let trampolines = &self.memory.knowledge.trampolines;
        &trampolines.get(pending.trampoline).instruction
    }

    /// Tells whether an access concerns the store buffer of its task.
    pub(in crate::memory) fn is_buffered(&self, index: usize, pending: &Pending) -> bool {
        pending.delayed || !self.found(index, pending).is_empty()
    }

    /// Returns what an access finds in the store buffer of its task.
    fn found(&self, index: usize, pending: &Pending) -> Vec<Piece> {
        let buffer = &self.tasks[index].buffer;
        let Some(region) = self.space(index).at(pending.address) else {
            return Vec::new();
        };
        let size = u64::from(self.instruction_of(pending).size);
        buffer.find(region.object, region.position(pending.address), size)
    }

    /// Tells whether an access waits until stores of its own task are visible.
    pub(super) fn waits_for_stores(&self, pending: &Pending) -> bool {
        let instruction = self.instruction_of(pending);
        match instruction.order {
            Order::Drains => true,
            Order::Store => !pending.delayed,
            Order::Load => pending.stepped || !instruction.form.is_plain(),
        }
    }

    /// Performs an access as its task sees memory, and puts what it stores into the buffer.
    pub(in crate::memory) fn access_by_buffer(
        &mut self,
        index: usize,
        pending: &Pending,
    ) -> Result<(), Halt> {
        let tid = self.tasks[index].tid;
        let alias = pending.address + DISTANCE;
        let instruction = self.instruction_of(pending);
        let (kind, size) = (instruction.kind, instruction.size as usize);
        let mut visible = vec![0; size];
        if memory::read(tid, alias, &mut visible).ok() != Some(size) {
            // The file is shorter than its mapping: the instruction itself finds that out.
            visible.clear();
        }
        let pieces = match visible.is_empty() {
            true => Vec::new(),
            false => self.found(index, pending),
        };
        let mut before = visible.clone();
        for piece in &pieces {
            before[piece.within.clone()].copy_from_slice(&piece.bytes);
        }
        show(tid, &pieces)?;
        let report = self.perform_in_trampoline(index, pending.trampoline)?;
        let mut left = vec![0; visible.len()];
        if !left.is_empty() {
            memory::read(tid, alias, &mut left)?;
            match kind {
                AccessKind::Read => hide(tid, &pieces, &visible)?,
                _ => memory::write(tid, alias, &visible)?,
            }
        }
        if !self.take_report(index, report)? {
            return Ok(());
        }
        if kind != AccessKind::Write {
            self.record_load(index, pending, &before);
        }
        if kind != AccessKind::Read {
            self.put_into_buffer(index, pending, left);
        }
        Ok(())
    }

    /// Tells whether an access that would be no step is one: a store that comes behind others
    /// that have waited, or whatever waits for them. It must not depend on whether those are
    /// visible already.
    pub(in crate::memory) fn comes_behind_stores(&self, index: usize, pending: &Pending) -> bool {
        let order = self.instruction_of(pending).order;
        self.tasks[index].buffer.in_a_row > 0 && order != Order::Load
    }

    /// Performs a load that is no step as its task sees memory, if a store of its own that waits
    /// has written there. Returns whether it has.
    pub(in crate::memory) fn load_own_stores(
        &mut self,
        index: usize,
        pending: &Pending,
    ) -> Result<bool, Halt> {
        let pieces = self.found(index, pending);
        let tid = self.tasks[index].tid;
        let instruction = self.instruction_of(pending);
        let is_plain = instruction.form.is_plain() && !pending.stepped;
        let mut visible = vec![0; instruction.size as usize];
        let is_there = !pieces.is_empty()
            && memory::read(tid, pending.address + DISTANCE, &mut visible).ok()
                == Some(visible.len());
        if !is_there {
            return Ok(false);
        }
        show(tid, &pieces)?;
        if is_plain {
            let report = self.perform_in_trampoline(index, pending.trampoline)?;
            hide(tid, &pieces, &visible)?;
            self.take_report(index, report)?;
            if !matches!(self.tasks[index].state, State::Ready(At::Access, _)) {
                return Ok(true);
            }
            // It touches other memory, too.
            self.tasks[index].access = None;
            show(tid, &pieces)?;
        }
        self.perform_stepped(index)?;
        hide(tid, &pieces, &visible)?;
        Ok(true)
    }

    /// Takes note of how an instruction has ended that was performed in a trampoline. Returns
    /// whether it has been performed.
    fn take_report(&mut self, index: usize, report: Report) -> Result<bool, Halt> {
        match report {
            Report::Stopped(stopped, Stop::Signal(libc::SIGTRAP)) => {
                self.tasks[index].state = State::Ready(At::Code, stopped);
                Ok(true)
            }
            report => self.on_report(report).map(|()| false),
        }
    }

    /// Lets a task perform its instruction on the alias, and nothing behind it.
    fn perform_in_trampoline(&mut self, index: usize, number: usize) -> Result<Report, Halt> {
        let tid = self.tasks[index].tid;
        let (position, substitute) = self.memory.knowledge.trampolines.get(number).access();
        let stopped = self.tasks[index].take_stopped()?;
        let mask = block_signals(&stopped)?;
        let mut registers = stopped.registers()?;
        if let Some(Substitute { register, address }) = substitute {
            let own = registers.general(register.into());
            memory::write(tid, SAVED, &own.to_ne_bytes())?;
            registers.set_general(register.into(), address);
        }
        registers.move_to(position);
        stopped.set_registers(&registers)?;
        stopped.single_step()?;
        let report = next(tid)?;
        if let Report::Stopped(stopped, Stop::Signal(signal)) = &report {
            stopped.set_signal_mask(mask)?;
            let position = stopped.peek(Register::Position)?;
            let meaning = self.memory.knowledge.trampolines.meaning(position);
            if let Some(meaning) = meaning.filter(|_| *signal == libc::SIGTRAP) {
                leave(stopped, &meaning)?;
            }
        }
        Ok(report)
    }

    fn record_load(&mut self, index: usize, pending: &Pending, bytes: &[u8]) {
        let value = Some(value_of(bytes)).map(|value| self.stable_words(value));
        if let Some(access) = self.access_of(index, pending, bytes.len()) {
            let access = Access {
                kind: AccessKind::Read,
                before: value,
                after: value,
                ..access
            };
            self.record(index, What::Access(access));
        }
    }

    fn put_into_buffer(&mut self, index: usize, pending: &Pending, left: Vec<u8>) {
        let Some(access) = self.access_of(index, pending, left.len()) else {
            return;
        };
        let access = Access {
            after: Some(self.stable_words(value_of(&left))),
            ..access
        };
        self.note_written(index, pending.address, left.len() as u64);
        let step = self.turn.step();
        let buffer = &mut self.tasks[index].buffer;
        buffer.add(Store {
            address: pending.address,
            object: access.object,
            offset: access.offset,
            trampoline: pending.trampoline,
            bytes: left,
            step,
            number: buffer.delayed + 1,
        });
        buffer.fenced |= !self.setup.plan.memory.is_tso();
        let store = buffer.able;
        self.record(index, What::Delay { store, access });
    }

    /// Returns a store of so many bytes as the trace knows it, without values.
    fn access_of(&mut self, index: usize, pending: &Pending, size: usize) -> Option<Access> {
        let region = *self.space(index).at(pending.address)?;
        Some(Access {
            object: region.object,
            offset: region.position(pending.address),
            size: size as u32,
            kind: AccessKind::Write,
            before: None,
            after: None,
            since: None,
            place: self.place_of(index, pending.trampoline),
        })
    }
}

/// Makes memory what a task sees whose stores wait. Where it only loads, the program may not be
/// able to write.
fn show(tid: Tid, pieces: &[Piece]) -> io::Result<()> {
    let mut pieces = pieces.iter();
    pieces.try_for_each(|piece| memory::write(tid, piece.address + DISTANCE, &piece.bytes))
}

/// Makes memory again what all others see: of what a load reads, these bytes.
fn hide(tid: Tid, pieces: &[Piece], visible: &[u8]) -> io::Result<()> {
    let mut pieces = pieces.iter();
    pieces.try_for_each(|piece| {
        let visible = &visible[piece.within.clone()];
        memory::write(tid, piece.address + DISTANCE, visible)
    })
}
