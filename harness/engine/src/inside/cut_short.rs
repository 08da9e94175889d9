//! Calls of threads that a signal has cut short which another thread of their process takes.
//!
//! The kernel gives a signal for a process to its first thread unless that is stopped, and then
//! to another one (`complete_signal` of kernel/signal.c). A step may wake the first and then send
//! the signal, as the end of a child does that closes its pipes first: the CPU's scheduler
//! decides whether the first has stopped meanwhile. If it has, the other's wait continues when
//! the signal has been taken, as if that had been sent to the first.

use crate::run::session::{Halt, Session};
use crate::run::stops::is_interrupted;
use crate::run::task::{At, State};
use crosswire_kernel::tracee::Stopped;

impl Session<'_> {
    /// Lets calls wait that have been cut short in this step by a signal which another thread
    /// takes that has come back from waiting.
    pub fn hold_cut_short(&mut self) -> Result<(), Halt> {
        let completed = &self.reports.completed;
        if completed.len() < 2 || !completed.iter().any(|call| is_interrupted(call.result)) {
            return Ok(());
        }
        let is_woken = |other: usize| {
            let mut calls = completed.iter();
            calls.any(|call| call.task == other && !is_interrupted(call.result))
        };
        let is_cut_short = |index: usize, stopped: &Stopped| {
            let mut takers = self.takers(index, stopped).into_iter();
            takers.any(is_woken)
        };
        let held: Vec<(usize, i64)> = completed
            .iter()
            .filter(|call| is_interrupted(call.result) && !call.was_timed)
            .filter(|call| match &self.tasks[call.task].state {
                State::Ready(At::Exit, stopped) => is_cut_short(call.task, stopped),
                _ => false,
            })
            .map(|call| (call.task, call.result))
            .collect();
        for (index, result) in held {
            self.reports.completed.retain(|call| call.task != index);
            let task = &mut self.tasks[index];
            let stopped = task.take_stopped()?;
            task.cut_short = Some((stopped, result));
            task.state = State::Blocked;
        }
        Ok(())
    }

    /// Lets calls go on when the signals have been taken that cut them short. Returns whether
    /// any does.
    pub fn continue_cut_short(&mut self) -> Result<bool, Halt> {
        let mut some = false;
        if self.processes.holds_heirs {
            return Ok(false);
        }
        for index in 0..self.tasks.len() {
            let Some((stopped, _)) = &self.tasks[index].cut_short else {
                continue;
            };
            let is_heir = self.tasks[index].is_heir;
            let is_over = is_heir || !stopped.has_deliverable_signal()?;
            if !is_over && !self.takers(index, stopped).is_empty() {
                continue;
            }
            let task = &mut self.tasks[index];
            if let Some((stopped, result)) = task.cut_short.take() {
                task.state = State::Ready(At::Exit, stopped);
                task.is_heir = false;
                match is_over {
                    true => self.begin_again(index)?,
                    // It has come back after all.
                    false => self.reports.complete(index, result, false),
                }
                some |= is_over;
            }
        }
        Ok(some)
    }

    /// Returns the stopped threads of a task's process that can take the signals which wait to
    /// be delivered to it; none if one of these is for it alone.
    fn takers(&self, index: usize, stopped: &Stopped) -> Vec<usize> {
        let Ok(signals) = stopped.deliverable_signals() else {
            return Vec::new();
        };
        let is_of_process = stopped
            .signals_of_process()
            .is_ok_and(|of_process| signals.iter().all(|signal| of_process.contains(signal)));
        if signals.is_empty() || !is_of_process {
            return Vec::new();
        }
        let takes = |other: &usize| {
            let stopped = self.tasks[*other].stopped();
            let taken = stopped.and_then(|stopped| stopped.deliverable_signals());
            taken.is_ok_and(|taken| signals.iter().all(|signal| taken.contains(signal)))
        };
        let others = self.tasks.other_threads(index);
        others.filter(takes).collect()
    }
}
