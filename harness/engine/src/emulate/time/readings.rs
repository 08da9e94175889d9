//! Readings of clocks without a step: a program that often reads clocks does so through the
//! engine's vDSO, which counts the readings (`inside/vdso.rs`).
//!
//! Each of them takes as much time as a step. They are lent for one stretch of the program's own
//! code, so many that no deadline passes meanwhile: what happens at a time happens at that
//! time. A task that goes round reads clocks by calls, as every other program does, so that
//! its loop is recognised and examined.

use super::clock::STEP;
use super::lent::{Lent, Readings};
use crate::inside::vdso;
use crate::run::session::Session;
use crosswire_kernel::tracee::Stop;
use libc::{CLOCK_MONOTONIC, CLOCK_REALTIME};

/// Readings by calls before a program gets any for nothing: one that reads clocks now and then
/// has a reason to, and what others do meanwhile may matter.
const OFTEN: u32 = 64;

/// Readings for one stretch.
const MOST: u64 = 256;

impl Session<'_> {
    /// A task is about to read a clock by a call.
    pub(in crate::emulate) fn note_reading(&mut self, index: usize) {
        if self.tasks[index].entering.row().reads_clock() {
            let process = self.tasks[index].process;
            let readings = &mut self.processes[process].readings;
            readings.calls = readings.calls.saturating_add(1);
            readings.note();
        }
    }

    /// Before a task runs code of its program: lends it readings, or takes back what is left
    /// of others.
    pub fn lend_readings(&mut self, index: usize) {
        let space = self.space_number(index);
        let Lent::Readings(lent) = self.memory.spaces[space].lent else {
            return;
        };
        let readings = match self.reads_freely(index) {
            true => self.readings_until_deadline(),
            false => 0,
        };
        if (readings, lent) == (0, 0) {
            return;
        }
        let process = self.tasks[index].process;
        let interest = &mut self.processes[process].readings.interest;
        *interest = interest.saturating_sub(1);
        let mut now = self.clock;
        // The step that is under way.
        now.step();
        let offset = self.processes[process].time_offsets.of(CLOCK_MONOTONIC);
        let monotonic = now.reading(CLOCK_MONOTONIC).saturating_add_signed(offset);
        let calendar = now.reading(CLOCK_REALTIME);
        let written = vdso::lend(self.tasks[index].tid, readings, monotonic, calendar);
        // Its memory had no room, or the program has taken it away.
        self.memory.spaces[space].lent = match written {
            Ok(()) => Lent::Readings(readings),
            Err(_) => Lent::Impossible,
        };
    }

    fn reads_freely(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        let process = &self.processes[task.process];
        let Readings { calls, interest } = process.readings;
        let is_step = |call: u32| crosswire_calls::row(call).reads_clock();
        self.setup.plan.clocks_are_free
            && (calls >= OFTEN && interest > 0)
            && process.loading.is_none()
            // The page has one time for all of these clocks.
            && process.time_offsets.agree()
            && !task.looping.reads_by_calls()
            && !self.faults.may_strike(is_step)
    }

    /// The readings after which the next deadline is reached.
    fn readings_until_deadline(&mut self) -> u64 {
        let now = self.clock.now() + STEP;
        let left = self.next_deadline().map(|at| at.saturating_sub(now) / STEP);
        left.unwrap_or(MOST).min(MOST)
    }

    /// Tells whether a task that has stopped had been lent readings.
    pub fn has_readings(&self, index: usize, stop: Stop) -> bool {
        let is_another = matches!(stop, Stop::Exec { .. });
        let lent = self.space(index).lent;
        !is_another
            && self.turn.current() == Some(index)
            && !matches!(lent, Lent::Readings(0) | Lent::Impossible)
    }

    /// A task has stopped, with so many readings left: those that it has made have taken time.
    /// A program can write to the page; what it says counts at most as all that it was lent.
    pub fn take_readings(&mut self, index: usize, left: u64) {
        let space = self.space_number(index);
        let Lent::Readings(lent) = self.memory.spaces[space].lent else {
            return;
        };
        let left = left.min(lent);
        let time = (lent - left) * STEP;
        if time > 0 {
            self.memory.spaces[space].lent = Lent::Readings(left);
            self.clock.advance_to(self.clock.after(time));
            self.use_cpu(index, time);
            let process = self.tasks[index].process;
            self.processes[process].readings.note();
        }
    }
}
