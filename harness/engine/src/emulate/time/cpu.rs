//! CPU time: what a process has used of it, in virtual time.
//!
//! A step takes as much CPU time as it takes time. A loop in a program's own code takes
//! none that could be measured alike in every run, so it gets a quantum each time that it
//! is found to be one; and when nothing else can happen, the next CPU timer of a process
//! that loops expires.

use super::clock::{Clock, SECOND};
use crate::run::session::{Halt, Session};
use crate::run::task::Task;
use crosswire_calls::clock_owner;
use crosswire_kernel::{probe, tracee};
use libc::{SIGKILL, SIGXCPU, c_int};
use std::num::NonZero;
use std::time::Duration;

/// CPU time of a loop that was found: a tick of the kernel's, at 100 Hz.
const QUANTUM: u64 = 10_000_000;

/// A task that computes for so many times as long as a timer of its process has left would have
/// been told natively.
const SURELY: u32 = 4;

/// Less time than this is not measured.
const LEAST: Duration = Duration::from_millis(400);

impl Session<'_> {
    /// Returns the time of the clock with this id as a task sees it; `None` if there is no
    /// such clock.
    pub(in crate::emulate) fn reading(&self, index: usize, id: c_int) -> Option<u64> {
        let Some(owner) = clock_owner(id) else {
            return (0..=libc::CLOCK_TAI)
                .contains(&id)
                .then(|| self.seen(index, id));
        };
        let Some(of) = self.meant(index, owner) else {
            // Process 1, which does nothing.
            return (self.is_first(owner) && !Clock::is_of_thread(id)).then_some(0);
        };
        Some(match Clock::is_of_thread(id) {
            true => self.tasks[of].cpu_time,
            false => self.processes[self.tasks[of].process].cpu_time,
        })
    }

    /// CPU time that all processes of the run have used.
    pub fn cpu_time_of_all(&self) -> u64 {
        self.processes.iter().map(|process| process.cpu_time).sum()
    }

    /// A step of a task has taken CPU time.
    pub fn use_cpu(&mut self, index: usize, time: u64) {
        let process = self.tasks[index].process;
        self.processes[process].cpu_time += time;
        self.tasks[index].cpu_time += time;
    }

    /// A task was found in a loop of its own code.
    pub fn use_cpu_in_loop(&mut self, index: usize) {
        self.use_cpu(index, QUANTUM);
    }

    /// So much time is to pass while these tasks go round: each uses as much CPU time of it as it
    /// has used in the rounds before. Returns how much time can pass until a CPU timer or limit
    /// tells one of them.
    pub fn use_cpu_meanwhile(&mut self, going_round: &[usize], time: u64) -> u64 {
        let now = self.clock.now();
        let share = |task: &Task, time: u64| task.looping.cpu_time_in(time, now, task.cpu_time);
        let until_told = |index: &usize| {
            let process = self.tasks[*index].process;
            let of_process = going_round.iter().map(|index| &self.tasks[*index]);
            let of_process = of_process.filter(|task| task.process == process);
            let used: u64 = of_process.map(|task| share(task, time)).sum();
            let (left, _) = self.cpu_deadline(process)?;
            let is_told = left > 0 && used > left;
            is_told.then(|| (u128::from(time) * u128::from(left) / u128::from(used)) as u64)
        };
        let passes = going_round.iter().filter_map(until_told).min();
        let passes = passes.unwrap_or(time).max(1);
        for index in going_round {
            let used = share(&self.tasks[*index], passes);
            self.use_cpu(*index, used);
        }
        passes
    }

    /// Returns whether a task that has computed for so long without a stop would have been
    /// told by a timer of its process natively, or by a limit on its CPU time.
    pub fn has_outrun_timer(&self, index: usize, computed: Duration) -> bool {
        if computed < LEAST {
            return false;
        }
        let process = self.tasks[index].process;
        let by_cpu_time = self.cpu_deadline(process).map(|(left, _)| left);
        let left = by_cpu_time.into_iter().chain(self.alarm(process)).min();
        left.is_some_and(|left| computed >= Duration::from_nanos(left) * SURELY)
    }

    /// Time left until the next timer that sends a signal to a process whether it computes or not.
    fn alarm(&self, process: usize) -> Option<u64> {
        let timers = self.timers.timers.iter();
        let alarms = timers.filter(|timer| {
            timer.process == process && !timer.counts_cpu_time() && timer.signal().is_some()
        });
        let deadlines = alarms.filter_map(|timer| timer.deadline);
        Some(deadlines.min()?.saturating_sub(self.clock.now()))
    }

    /// Time left until the next CPU timer or limit of a process, and the signal if that is a
    /// limit (getrlimit(2), RLIMIT_CPU).
    fn cpu_deadline(&self, process: usize) -> Option<(u64, Option<c_int>)> {
        let used = self.processes[process].cpu_time;
        let timers = self.timers.timers.iter();
        let timer = timers
            .filter(|timer| timer.process == process && timer.counts_cpu_time())
            .filter_map(|timer| Some((timer.deadline?.saturating_sub(used), None)));
        let (soft, hard) = probe::cpu_limits(self.processes[process].pid);
        let after = |limit: u64| limit.saturating_mul(SECOND).saturating_sub(used);
        // After the limit, it tells so each second.
        let soft = soft.map(|soft| (after(soft.max(used / SECOND + 1)), Some(SIGXCPU)));
        let hard = hard.map(|hard| (after(hard), Some(SIGKILL)));
        timer.chain(hard).chain(soft).min_by_key(|(left, _)| *left)
    }

    /// Only tasks in endless loops can run: their CPU time passes until a timer or limit of it tells
    /// them, or until the time at which something else happens. Returns whether a timer or limit
    /// came first.
    pub fn let_cpu_time_pass(&mut self, until: Option<u64>) -> Result<bool, Halt> {
        let now = self.clock.now();
        let looping = self.going_round();
        let share = |session: &Session<'_>, index: usize, time: u64| {
            let task = &session.tasks[index];
            match task.looping.computes() {
                true => time,
                false => task.looping.cpu_time_in(time, now, task.cpu_time),
            }
        };
        let deadline = |index: &usize| {
            let process = self.tasks[*index].process;
            let (left, limit) = self.cpu_deadline(process)?;
            let of_process = looping
                .iter()
                .filter(|i| self.tasks[**i].process == process);
            let in_a_second: u64 = of_process.map(|index| share(self, *index, SECOND)).sum();
            let time = (u128::from(left) * u128::from(SECOND))
                .div_ceil(NonZero::new(u128::from(in_a_second))?.get());
            let told_at = self.processes[process].cpu_time + left;
            Some((u64::try_from(time).ok()?, *index, told_at, limit))
        };
        let next = looping.iter().filter_map(deadline);
        let next = next.min_by_key(|(time, ..)| *time);
        let before = until.map_or(u64::MAX, |at| at.saturating_sub(now));
        let told = next.filter(|(time, ..)| *time <= before);
        let passes = match told {
            Some((time, ..)) => time,
            None if until.is_some() => before,
            None => return Ok(false),
        };
        for index in looping {
            let used = share(self, index, passes);
            self.use_cpu(index, used);
        }
        let Some((_, index, told_at, limit)) = told else {
            return Ok(false);
        };
        // Shares are whole nanoseconds.
        let process = self.tasks[index].process;
        let missing = told_at.saturating_sub(self.processes[process].cpu_time);
        self.use_cpu(index, missing);
        self.clock.advance_to(self.clock.after(passes));
        if let Some(signal) = limit {
            self.loops
                .something_happened(self.clock.now(), self.turn.step());
            tracee::kill(self.processes[process].pid, signal);
            self.reports.expect_deaths();
            self.reports.signal_sent();
            self.settle(false)?;
        }
        Ok(true)
    }
}
