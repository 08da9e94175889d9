//! How stores leave the buffer: the oldest one in a step of its own, or all at once where a
//! task, or its memory, is about to be no more.

use super::buffer::Store;
use crate::memory::reading::{value_at, value_of};
use crate::memory::space::DISTANCE;
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State, Task};
use crosswire_kernel::memory;
use crosswire_model::{Access, AccessKind, End, TaskId, Touch, What};

impl Session<'_> {
    /// Returns the store buffers that have something to make visible.
    pub fn full_buffers(&self) -> impl Iterator<Item = TaskId> + '_ {
        let is_full = |task: &&Task| !task.buffer.is_empty();
        self.tasks
            .iter()
            .filter(is_full)
            .map(|task| task.id.buffer())
    }

    /// Tells whether a task that could go on waits until its stores are visible.
    pub fn is_held_by_buffer(&self, task: &Task) -> bool {
        !task.buffer.is_empty() && self.waits_for_buffer(task.id.index())
    }

    /// A store buffer takes its step: its oldest store becomes visible.
    pub fn drain_step(&mut self, index: usize) -> Result<(), Halt> {
        match self.tasks[index].buffer.take() {
            Some(store) => self.make_visible(index, &store),
            None => unreachable!("an empty store buffer was chosen"),
        }
    }

    /// Makes all stores of a task visible at once.
    pub fn drain(&mut self, index: usize) -> Result<(), Halt> {
        while let Some(store) = self.tasks[index].buffer.take() {
            self.make_visible(index, &store)?;
        }
        Ok(())
    }

    /// Makes all stores of a process visible at once.
    pub fn drain_process(&mut self, process: usize) -> Result<(), Halt> {
        for index in 0..self.tasks.len() {
            if self.tasks[index].process == process {
                self.drain(index)?;
            }
        }
        Ok(())
    }

    fn make_visible(&mut self, index: usize, store: &Store) -> Result<(), Halt> {
        let tid = self.tasks[index].tid;
        let size = store.bytes.len() as u64;
        let before = value_at(tid, store.address, size).map(|value| self.stable_words(value));
        memory::write(tid, store.address + DISTANCE, &store.bytes).map_err(|error| {
            Halt::End(End::Invalid(format!(
                "a store of `{}` that waited in its store buffer cannot be made visible: {error}",
                self.processes[self.tasks[index].process].name
            )))
        })?;
        let access = Access {
            object: store.object,
            offset: store.offset,
            size: size as u32,
            kind: AccessKind::Write,
            before,
            after: Some(self.stable_words(value_of(&store.bytes))),
            since: Some(store.step),
            place: self.place_of(index, store.trampoline),
        };
        self.memory.becomes_visible(&access, TaskId(index as u32));
        self.record(index, What::Access(access));
        Ok(())
    }

    /// What the next step of a store buffer touches.
    pub fn about_to_drain(&self, index: usize) -> Vec<Touch> {
        let Some(store) = self.tasks[index].buffer.oldest() else {
            return Vec::new();
        };
        let size = store.bytes.len() as u64;
        let mut touches = self.words(store.object, store.offset, size, AccessKind::Write);
        touches.push(self.store_of(index, store.number));
        touches
    }

    /// Returns the number of stores of a task that have waited in its buffer.
    pub fn stores_delayed(&self, index: usize) -> u64 {
        self.tasks[index].buffer.delayed
    }

    /// What orders the execution of a store before the step in which it becomes visible, and
    /// that before the step for which its task waits.
    fn store_of(&self, index: usize, number: u64) -> Touch {
        Touch::write(format!("store {number} of {}", self.tasks[index].id))
    }

    /// The stores that a step of a task has put into its buffer, after so many before; and the
    /// one that it has waited for.
    pub fn of_stores(&self, index: usize, before: u64, waited: bool) -> Vec<Touch> {
        let first = match waited && before > 0 {
            true => before,
            false => before + 1,
        };
        let numbers = first..=self.tasks[index].buffer.delayed;
        numbers.map(|number| self.store_of(index, number)).collect()
    }

    /// Tells whether the next step of a task is one for which its buffer must be empty.
    pub fn waits_for_buffer(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        match (&task.state, &task.access) {
            (State::Ready(At::Access, _), Some(pending)) => {
                task.buffer.fenced || self.waits_for_stores(pending) || self.is_interrupted(task)
            }
            // Calls and signals enter the kernel.
            _ => true,
        }
    }

    /// Tells whether a task with stores that have waited is about to make an access, but a signal
    /// comes first. Then it is all the same whether what it would have stored was to wait, which
    /// no record holds: it has not been executed.
    fn is_interrupted(&self, task: &Task) -> bool {
        task.buffer.in_a_row > 0
            && task.signals_seen != self.reports.signals_sent()
            && task.has_signal_to_notice()
    }

    /// Tells whether the next step of a task waits for its buffer only because the way to it
    /// was too long to be followed, or there were too many stores.
    pub fn drains_early(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        match (&task.state, &task.access) {
            (State::Ready(At::Access, _), Some(pending)) => {
                pending.refused || task.buffer.hurried && !self.waits_for_stores(pending)
            }
            _ => false,
        }
    }

    /// A task takes its step.
    pub fn begin_step_with_buffer(&mut self, index: usize) {
        if self.waits_for_buffer(index) {
            let buffer = &mut self.tasks[index].buffer;
            (buffer.in_a_row, buffer.fenced, buffer.hurried) = (0, false, false);
        }
    }
}
