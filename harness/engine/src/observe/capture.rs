//! Looking at where a task stands, in runs that are watched: at its death, and when it
//! can never run again. The memory is only copied; it is interpreted elsewhere.

use crate::inside::vdso;
use crate::run::session::Session;
use crosswire_kernel::memory;
use crosswire_model::{Capture, Moment};

/// Maximum size of the copied part of a stack. Deeper calls are not reported.
const MOST_BYTES: usize = 256 << 10;

impl Session<'_> {
    /// Notes the registers with which a task enters a call: they cannot be read while it
    /// sleeps there.
    pub fn note_entry(&mut self, index: usize) {
        if self.setup.watched {
            let task = &mut self.tasks[index];
            let stopped = task.stopped().ok();
            task.entered_with = stopped.and_then(|stopped| stopped.registers().ok());
        }
    }

    /// Looks at a task, if the run is watched. What cannot be read is left out: a report
    /// with less in it is better than none.
    pub fn capture(&mut self, index: usize, moment: Moment) {
        if self.setup.watched {
            let captured = self.calls_of(index, moment);
            self.recorder.captures.extend(captured);
        }
    }

    /// Copies what tells which calls a task is in; nothing if that cannot be read.
    pub fn calls_of(&self, index: usize, moment: Moment) -> Option<Capture> {
        let task = &self.tasks[index];
        // Whoever sleeps in a call cannot be asked, and has not moved since it began.
        let registers = match task.stopped() {
            Ok(stopped) => stopped.registers().ok(),
            Err(_) => task.entered_with,
        };
        let mut registers = registers?;
        // It has no place in any file, and keeps nothing on the stack where it makes calls.
        if vdso::AREA.contains(&registers.position())
            && let Ok(caller) = memory::read_word(task.tid, registers.stack())
        {
            registers.return_before(caller);
        }
        let mappings = self.memory.knowledge().mappings(task.tid).ok()?;
        let pointer = registers.stack();
        let is_stack = |one: &&crosswire_model::Mapping| (one.start..one.end).contains(&pointer);
        // A thread's stack has no name; then as much is read as there is.
        let end = mappings.iter().find(is_stack).map(|stack| stack.end);
        let length = end.map_or(MOST_BYTES, |end| (end - pointer) as usize);
        let mut stack = vec![0; length.min(MOST_BYTES)];
        let read = memory::read(task.tid, pointer, &mut stack).unwrap_or(0);
        stack.truncate(read);
        Some(Capture {
            task: task.id,
            step: self.turn.step(),
            moment,
            registers: registers.for_unwinding(),
            stack,
            mappings,
        })
    }
}
