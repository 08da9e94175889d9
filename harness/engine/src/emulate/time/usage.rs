//! What was used of the machine. CPU time is that of the run; everything else depends on the
//! machine, so that programs find nothing used.

use super::clock::SECOND;
use crate::emulate::{Emulated, FAULT, INVALID};
use crate::proc::machine;
use crate::run::session::{Halt, Session};
use crosswire_calls::Measure;
use crosswire_kernel::memory;
use libc::{CLOCK_MONOTONIC, RUSAGE_CHILDREN, RUSAGE_SELF, RUSAGE_THREAD, c_int};

/// Ticks in a second (`_SC_CLK_TCK` of sysconf(3)).
const TICKS: u64 = 100;

/// Bytes of `struct rusage`, `struct tms` and `struct sysinfo`.
const USAGE: usize = 144;
const TIMES: usize = 32;
const MACHINE: usize = 112;

impl Session<'_> {
    pub(in crate::emulate) fn measure(&self, index: usize, measure: Measure) -> Emulated {
        let task = &self.tasks[index];
        let [first, second, ..] = task.entering.args;
        let (own, ended) = (
            self.processes[task.process].cpu_time,
            self.used_by_children(index),
        );
        let (place, bytes, result) = match measure {
            Measure::Usage => match first as c_int {
                RUSAGE_SELF => (second, usage(own), 0),
                RUSAGE_THREAD => (second, usage(task.cpu_time), 0),
                RUSAGE_CHILDREN => (second, usage(ended), 0),
                _ => return INVALID,
            },
            Measure::Times => {
                let mut bytes = vec![0; TIMES];
                set(&mut bytes, 0, own / (SECOND / TICKS));
                set(&mut bytes, 16, ended / (SECOND / TICKS));
                let now = self.clock.reading(CLOCK_MONOTONIC) / (SECOND / TICKS);
                (first, bytes, now as i64)
            }
            Measure::Machine => (first, self.machine(index), 0),
        };
        let may_be_null = measure == Measure::Times;
        match may_be_null && place == 0 || memory::write(task.tid, place, &bytes).is_ok() {
            true => Emulated::Answer(result),
            false => FAULT,
        }
    }

    /// `struct sysinfo` of a machine half of whose memory is free.
    fn machine(&self, index: usize) -> Vec<u8> {
        let total = machine::total_memory() << 10;
        let mut bytes = vec![0; MACHINE];
        set(&mut bytes, 0, self.up(index) / SECOND);
        set(&mut bytes, 32, total);
        set(&mut bytes, 40, total / 2);
        let alive = self.tasks.iter().filter(|task| !task.is_gone()).count();
        bytes[80..82].copy_from_slice(&(alive as u16).to_le_bytes());
        // The unit of memory.
        bytes[104..108].copy_from_slice(&1_u32.to_le_bytes());
        bytes
    }

    /// The CPU time of a process's children that have ended, and of theirs.
    fn used_by_children(&self, index: usize) -> u64 {
        let own = self.tasks[index].process;
        let descends = |mut process: usize| {
            while let Some(parent) = self.processes[process].parent {
                if parent == own {
                    return true;
                }
                process = parent;
            }
            false
        };
        let all = self.processes.iter().enumerate();
        let ended = all.filter(|(number, process)| descends(*number) && self.has_ended(process));
        ended.map(|(_, process)| process.cpu_time).sum()
    }

    /// Corrects what a task has just learnt that an ended child has used.
    pub fn correct_usage(&mut self, index: usize, result: i64) -> Result<(), Halt> {
        let task = &self.tasks[index];
        let place = task.entering.row().usage_of_child();
        let place = place
            .map(|at| task.entering.args[at])
            .filter(|place| *place != 0);
        let Some(place) = place.filter(|_| result >= 0) else {
            return Ok(());
        };
        // Of waitid(2) the result does not tell which child it was.
        let child = self
            .tasks
            .iter()
            .rfind(|t| result > 0 && i64::from(t.tid_inside) == result);
        let used = child.map_or(0, |child| self.processes[child.process].cpu_time);
        // wait4(2) with WNOHANG leaves it alone where no child has ended.
        let is_told = result > 0 || task.entering.row().args.len() > 4;
        if is_told {
            memory::write(task.tid, place, &usage(used))?;
        }
        Ok(())
    }
}

/// `struct rusage` of a process that has used so much CPU time, all of it in its own code.
fn usage(time: u64) -> Vec<u8> {
    let mut bytes = vec![0; USAGE];
    set(&mut bytes, 0, time / SECOND);
    set(&mut bytes, 8, time % SECOND / 1_000);
    bytes
}

fn set(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}
