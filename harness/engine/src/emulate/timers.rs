//! The timers of a run, in virtual time.

use super::clock::Clock;
use crosswire_kernel::{Tid, descriptor};
use libc::c_int;
use std::os::fd::OwnedFd;

/// Action of a timer when it expires.
#[derive(Debug)]
pub(super) enum Alarm {
    /// `SIGALRM` to the process: alarm(2) and setitimer(2).
    Process,
    /// The signal of timer_create(2), if it wants one.
    Posix {
        id: i32,
        clock: c_int,
        signal: Option<i32>,
        value: u64,
        /// The one thread that shall have it, as the program numbers it.
        thread: Option<i32>,
    },
    /// The descriptor of timerfd_create(2) becomes readable.
    Descriptor { file: OwnedFd, clock: c_int },
}

#[derive(Debug)]
pub(super) struct Timer {
    pub(super) process: usize,
    pub(super) alarm: Alarm,
    pub(super) deadline: Option<u64>,
    pub(super) interval: u64,
    /// The deadline is a date, which comes sooner if the calendar is set forward.
    pub(super) is_date: bool,
}

/// All timers of a run.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    pub(super) timers: Vec<Timer>,
    pub(super) next_id: i32,
}

impl Timers {
    /// The calendar has been set by so many nanoseconds.
    pub fn calendar_was_set(&mut self, by: i64) {
        for timer in self.timers.iter_mut().filter(|timer| timer.is_date) {
            timer.deadline = timer.deadline.map(|at| at.saturating_add_signed(-by));
        }
    }

    /// Returns the time at which the next one expires.
    pub fn next_deadline(&self) -> Option<u64> {
        self.timers.iter().filter_map(|timer| timer.deadline).min()
    }

    fn position(&self, process: usize, wanted: impl Fn(&Alarm) -> bool) -> Option<usize> {
        let matches = |timer: &Timer| timer.process == process && wanted(&timer.alarm);
        self.timers.iter().position(matches)
    }

    pub(super) fn posix(&self, process: usize, id: u64) -> Option<usize> {
        let wanted = id as i32;
        self.position(
            process,
            |alarm| matches!(alarm, Alarm::Posix { id, .. } if *id == wanted),
        )
    }

    /// The timer behind a descriptor, which processes may share.
    pub(super) fn descriptor(&self, process: Tid, number: u64) -> Option<usize> {
        self.timers.iter().position(|timer| match &timer.alarm {
            Alarm::Descriptor { file, .. } => descriptor::is_same(file, process, number),
            _ => false,
        })
    }

    pub(super) fn process_alarm(&mut self, process: usize) -> &mut Timer {
        let at = self.position(process, |alarm| matches!(alarm, Alarm::Process));
        let at = at.unwrap_or_else(|| {
            self.timers.push(Timer {
                process,
                alarm: Alarm::Process,
                deadline: None,
                interval: 0,
                is_date: false,
            });
            self.timers.len() - 1
        });
        &mut self.timers[at]
    }
}

impl Timer {
    pub(super) fn remaining(&self, clock: Clock) -> u64 {
        self.deadline
            .map_or(0, |at| at.saturating_sub(clock.now()).max(1))
    }

    pub(super) fn set(&mut self, deadline: Option<u64>, interval: u64) {
        (self.deadline, self.interval) = (deadline, interval);
    }
}
