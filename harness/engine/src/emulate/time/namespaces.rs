//! Time namespaces (time_namespaces(7)): processes make and enter them by the kernel, and the
//! engine adds their offsets to the clocks that it answers.

use super::offsets::Offsets;
use crate::run::session::Session;
use crosswire_calls::{Fact, Row};
use crosswire_kernel::process;
use libc::{CLOCK_BOOTTIME, c_int};

impl Session<'_> {
    /// A call has come back, by which a process may have made or entered a time namespace.
    pub fn note_time_namespace(&mut self, index: usize, row: &Row, result: i64) {
        if row.is(Fact::Relocates) && result >= 0 {
            self.follow_time_namespace(self.tasks[index].process);
        }
    }

    /// Takes note of the time namespace of a process, which it enters when it is created, when it
    /// executes a program, or by setns(2).
    pub fn follow_time_namespace(&mut self, process: usize) {
        let pid = self.processes[process].pid;
        let Some([own, for_children]) = process::time_namespaces(pid) else {
            return;
        };
        let of_harness = process::time_namespaces(std::process::id() as i32);
        let is_other = of_harness.is_none_or(|[own, _]| own != for_children);
        let known = &mut self.processes[process];
        known.makes_time_namespaces |= is_other;
        // The file tells of the one for children.
        if own == for_children {
            known.time_offsets = match is_other {
                true => Offsets::read(&process::time_offsets(pid)),
                false => Offsets::default(),
            };
        }
    }

    fn offset(&self, index: usize, clock: c_int) -> i64 {
        let process = &self.processes[self.tasks[index].process];
        process.time_offsets.of(clock)
    }

    /// Returns the time of a clock as a task sees it. It is no clock of CPU time.
    pub(super) fn seen(&self, index: usize, clock: c_int) -> u64 {
        let time = self.clock.reading(clock);
        time.saturating_add_signed(self.offset(index, clock))
    }

    /// Returns the time since the machine was started, as a task sees it.
    pub(crate) fn up(&self, index: usize) -> u64 {
        self.seen(index, CLOCK_BOOTTIME)
    }

    /// Returns the time by a clock of the run that a task means by an absolute time.
    pub(in crate::emulate) fn meant_time(&self, index: usize, clock: c_int, time: u64) -> u64 {
        time.saturating_add_signed(self.offset(index, clock).saturating_neg())
    }

    /// Returns the deadline that a task means by an absolute time on a clock.
    pub(in crate::emulate) fn deadline(&self, index: usize, clock: c_int, time: u64) -> u64 {
        let time = self.meant_time(index, clock, time);
        self.clock.deadline(clock, time)
    }
}
