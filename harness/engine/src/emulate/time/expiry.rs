//! Expiries of timers.
//!
//! A timer whose signal is still pending does not send it again: the expiry is counted
//! (timer_getoverrun(2)). So is one of a descriptor that has not been read (timerfd_create(2)).

use super::timers::{Alarm, Timer};
use crate::run::session::{Halt, Session};
use crosswire_calls::Does;
use crosswire_kernel::{Tid, descriptor, memory, probe, tracee};
use libc::{SI_TIMER, siginfo_t};

/// A descriptor that is readable is made readable again no more often than this.
const AGAIN: u64 = 1_000_000;

/// A timer that has expired so often is a clock by which its process does something again and
/// again.
const OFTEN: u64 = 100;

/// `DELAYTIMER_MAX`: the largest count of overruns.
const MOST_OVERRUNS: u64 = i32::MAX as u64;

/// Number and count of overruns of a timer in a siginfo_t (asm-generic/siginfo.h).
const TIMER: usize = 16;
const OVERRUN: usize = 20;

impl Session<'_> {
    /// Returns the time by a timer's clock.
    pub(in crate::emulate) fn now_of(&self, timer: &Timer) -> u64 {
        match timer.counts_cpu_time() {
            true => self.processes[timer.process].cpu_time,
            false => self.clock.now(),
        }
    }

    /// Returns the time at which the next timer expires whose expiry somebody can notice, leaving
    /// out those that tick for these processes.
    pub fn next_expiry(&mut self, ticks_for: &[usize]) -> Option<u64> {
        let mut next = None;
        for at in 0..self.timers.timers.len() {
            let timer = &self.timers.timers[at];
            let ticks = timer.expiries > OFTEN && timer.interval > 0;
            let is_left_out = ticks && ticks_for.contains(&timer.process);
            let counts = !timer.counts_cpu_time() && !is_left_out;
            let Some(deadline) = timer.deadline.filter(|_| counts) else {
                continue;
            };
            let unnoticed = timer.unnoticed && self.is_unnoticed(at);
            self.timers.timers[at].unnoticed = unnoticed;
            let is_descriptor = matches!(self.timers.timers[at].alarm, Alarm::Descriptor { .. });
            let deadline = match unnoticed {
                false => deadline,
                true if is_descriptor => deadline.max(self.clock.after(AGAIN)),
                true => continue,
            };
            next = Some(next.map_or(deadline, |other: u64| other.min(deadline)));
        }
        next
    }

    /// Expires the timers whose time has come.
    pub fn fire_due_timers(&mut self) -> Result<(), Halt> {
        let mut fired = false;
        for at in 0..self.timers.timers.len() {
            let now = self.now_of(&self.timers.timers[at]);
            let times = self.timers.timers[at].pass(now);
            if times > 0 {
                self.expire(at, times)?;
                fired = true;
            }
        }
        match fired {
            true => self.settle(false),
            false => Ok(()),
        }
    }

    fn expire(&mut self, at: usize, times: u64) -> Result<(), Halt> {
        let merges = self.is_unnoticed(at);
        let timer = &mut self.timers.timers[at];
        let before = if merges {
            timer.merged.saturating_add(1)
        } else {
            0
        };
        timer.merged = before.saturating_add(times - 1);
        timer.unnoticed = true;
        let is_descriptor = matches!(timer.alarm, Alarm::Descriptor { .. });
        if merges && !is_descriptor {
            return Ok(());
        }
        timer.expiries += 1;
        match timer.expiries > OFTEN {
            true => {
                let process = timer.process;
                self.ticks(process, is_descriptor);
            }
            false => {
                let (now, step) = (self.clock.now(), self.turn.step());
                self.loops.something_happened(now, step);
            }
        }
        let timer = &self.timers.timers[at];
        let process = &self.processes[timer.process];
        let is_alive = !self.has_ended(process);
        match &timer.alarm {
            Alarm::Descriptor { file, .. } => descriptor::expire_timer(file)?,
            _ if !is_alive => self.timers.timers[at].deadline = None,
            Alarm::Process { .. } => {
                let signal = timer.signal().expect("it has one");
                tracee::kill(process.pid, signal);
            }
            Alarm::Posix {
                id,
                signal: Some(signal),
                value,
                thread,
                ..
            } => {
                let thread = self.thread_of(*thread);
                tracee::queue_timer_signal(process.pid, thread, *signal, *id, *value);
            }
            Alarm::Posix { signal: None, .. } => {}
        }
        self.reports.signal_sent();
        Ok(())
    }

    fn thread_of(&self, inside: Option<i32>) -> Option<Tid> {
        let inside = inside?;
        let task = self.tasks.iter().find(|t| t.tid_inside == inside)?;
        Some(task.tid)
    }

    /// Tells whether the last expiry has not been noticed: its signal is still pending, or
    /// nobody has read the descriptor.
    fn is_unnoticed(&self, at: usize) -> bool {
        let timer = &self.timers.timers[at];
        if !timer.unnoticed {
            return false;
        }
        let pid = self.processes[timer.process].pid;
        match (&timer.alarm, timer.signal()) {
            (Alarm::Descriptor { .. }, _) => true,
            // The kernel throws it away, and lets the timer expire but once a tick.
            (_, Some(signal)) if probe::discards(pid, signal) => true,
            (
                Alarm::Posix {
                    thread: Some(thread),
                    ..
                },
                Some(signal),
            ) => self
                .thread_of(Some(*thread))
                .is_some_and(|tid| probe::is_pending(tid, signal)),
            (_, Some(signal)) => probe::is_pending(pid, signal),
            // Nobody is told, so nobody has to wake.
            (_, None) => true,
        }
    }

    /// Returns the overruns of the last expiry of which a signal was delivered.
    pub(in crate::emulate) fn overruns(&self, at: usize) -> i64 {
        self.timers.timers[at].overruns.min(MOST_OVERRUNS) as i64
    }

    /// The signal of a timer is delivered: returns the overruns, which are those until now
    /// (timer_getoverrun(2)).
    fn count_overruns(&mut self, at: usize) -> i32 {
        let now = self.now_of(&self.timers.timers[at]);
        let timer = &mut self.timers.timers[at];
        let since = match timer.interval {
            0 => 0,
            _ => timer.pass(now),
        };
        timer.overruns = timer.merged.saturating_add(since);
        timer.merged = 0;
        self.overruns(at) as i32
    }

    /// A signal is about to be delivered: if it is a timer's, it tells the overruns.
    pub fn correct_overrun(&mut self, index: usize) -> Result<(), Halt> {
        let task = &self.tasks[index];
        if self.timers.timers.is_empty() {
            return Ok(());
        }
        let stopped = task.stopped()?;
        let info = stopped.signal_info()?;
        if info.si_code != SI_TIMER {
            return Ok(());
        }
        let Some(id) = tracee::timer_of(&info) else {
            return Ok(());
        };
        let process = task.process;
        if let Some(at) = self.timers.posix(process, id as u64) {
            let overruns = self.count_overruns(at);
            let stopped = self.tasks[index].stopped()?;
            stopped.set_signal_info(&tracee::with_overruns(info, overruns))?;
        }
        Ok(())
    }

    /// At the end of a call: writes what only the engine knows of expiries to what the
    /// program has read.
    pub fn correct_expiries(&mut self, index: usize, result: i64) {
        match self.tasks[index].entering.row().does {
            _ if self.timers.timers.is_empty() => {}
            Does::Read if result == 8 => self.correct_ticks(index),
            Does::TakeSignal if result > 0 => self.correct_taken(index),
            _ => {}
        }
    }

    /// The same for a signal that sigtimedwait(2) has taken.
    fn correct_taken(&mut self, index: usize) {
        let task = &self.tasks[index];
        let to = task.entering.args[1];
        if to == 0 {
            return;
        }
        let Ok(bytes) = memory::read_exact::<{ size_of::<siginfo_t>() }>(task.tid, to) else {
            return;
        };
        let number = |at: usize| i32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four"));
        if number(8) != SI_TIMER {
            return;
        }
        if let Some(at) = self.timers.posix(task.process, number(TIMER) as u64) {
            let tid = task.tid;
            let overruns = self.count_overruns(at).to_ne_bytes();
            // It has just been written to.
            let _ = memory::write(tid, to + OVERRUN as u64, &overruns);
        }
    }

    /// A descriptor has been read, perhaps that of a timer: the kernel knows of one expiry.
    fn correct_ticks(&mut self, index: usize) {
        let task = &self.tasks[index];
        let (tid, [number, to, ..]) = (task.tid, task.entering.args);
        let is_descriptor = |timer: &Timer| matches!(timer.alarm, Alarm::Descriptor { .. });
        if !self.timers.timers.iter().any(is_descriptor) {
            return;
        }
        if let Some(at) = self.timers.descriptor(tid, number) {
            let timer = &mut self.timers.timers[at];
            if timer.merged > 0 {
                // It has just been written to.
                let _ = memory::write(tid, to, &timer.merged.saturating_add(1).to_ne_bytes());
            }
            (timer.merged, timer.unnoticed) = (0, false);
        }
    }
}
