//! The processor's time-stamp counter. Programs read it without a system call, so it
//! is made to fault (PR_SET_TSC of prctl(2)) and answered in virtual time.

use crate::run::session::{Halt, Session};
use crosswire_kernel::memory;
use crosswire_kernel::tracee::Stopped;
use std::io;

/// Ticks of the counter in a nanosecond of virtual time.
const TICKS: u64 = 3;

impl Session<'_> {
    /// Answers a task that faulted because it read the counter, after so many readings in a row,
    /// and resumes it; returns whether that was the reason.
    pub fn answers_counter(&mut self, index: usize, in_a_row: u32) -> Result<bool, Halt> {
        let task = &self.tasks[index];
        let mut clock = self.clock;
        if task.counter_faults || !answer(task.stopped()?, clock.read_counter(in_a_row))? {
            return Ok(false);
        }
        self.use_cpu(index, clock.now() - self.clock.now());
        self.clock = clock;
        self.tasks[index].counter_readings = in_a_row + 1;
        self.tasks[index].take_stopped()?.resume(0)?;
        Ok(true)
    }
}

/// If the task faulted because it read the counter, answers it, and says so.
pub(crate) fn answer(stopped: &Stopped, nanoseconds: u64) -> io::Result<bool> {
    let tid = stopped.tid();
    let mut registers = stopped.registers()?;
    let mut code = [0; 3];
    // The instruction may end where the mapping does, or there may be none.
    let count = memory::read(tid, registers.position(), &mut code[..2]).unwrap_or(0);
    if count == 2 && code[1] == 0x01 {
        code = memory::read_exact(tid, registers.position())?;
    }
    let length = match code {
        [0x0f, 0x31, _] => 2,
        [0x0f, 0x01, 0xf9] => 3,
        _ => return Ok(false),
    };
    registers.answer_counter(nanoseconds.saturating_mul(TICKS), length);
    stopped.set_registers(&registers)?;
    Ok(true)
}
