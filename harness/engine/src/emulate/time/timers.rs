//! The timers of a run, in virtual time.

use crosswire_kernel::taken::Taken;
use crosswire_kernel::{Tid, descriptor};
use libc::{ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL, SIGALRM, SIGPROF, SIGVTALRM, c_int};

/// Action of a timer when it expires.
#[derive(Debug)]
pub(in crate::emulate) enum Alarm {
    /// A signal to the process: alarm(2) and setitimer(2).
    Process { which: c_int },
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
    Descriptor { file: Taken, clock: c_int },
}

#[derive(Debug)]
pub(in crate::emulate) struct Timer {
    pub(in crate::emulate) process: usize,
    pub(in crate::emulate) alarm: Alarm,
    /// By the clock of the run, or by the CPU time of its process.
    pub(in crate::emulate) deadline: Option<u64>,
    pub(in crate::emulate) interval: u64,
    /// The deadline is a date, which comes sooner if the calendar is set forward.
    pub(in crate::emulate) is_date: bool,
    /// Expiries that have been merged with the last one: the signal was still pending, or
    /// nobody had read the descriptor.
    pub(in crate::emulate) merged: u64,
    /// Expiries that lie before the beginning of the run.
    pub(in crate::emulate) before: u64,
    /// Overruns of the last expiry of which a signal was delivered (timer_getoverrun(2)).
    pub(in crate::emulate) overruns: u64,
    /// Nobody has noticed the last expiry, as far as is known.
    pub(in crate::emulate) unnoticed: bool,
    /// How often it has expired.
    pub(in crate::emulate) expiries: u64,
}

/// All timers of a run.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    pub(in crate::emulate) timers: Vec<Timer>,
    pub(in crate::emulate) next_id: i32,
}

impl Timers {
    /// The calendar has been set by so many nanoseconds.
    pub fn calendar_was_set(&mut self, by: i64) {
        for timer in self.timers.iter_mut().filter(|timer| timer.is_date) {
            timer.deadline = timer.deadline.map(|at| at.saturating_add_signed(-by));
        }
    }

    /// Returns whether any timer will expire.
    pub fn are_armed(&self) -> bool {
        self.timers.iter().any(|timer| timer.deadline.is_some())
    }

    /// A process executes another program: execve(2) deletes its POSIX timers.
    pub fn forget_program(&mut self, process: usize) {
        let is_gone =
            |timer: &Timer| timer.process == process && matches!(timer.alarm, Alarm::Posix { .. });
        self.timers.retain(|timer| !is_gone(timer));
    }

    fn position(&self, process: usize, wanted: impl Fn(&Alarm) -> bool) -> Option<usize> {
        let matches = |timer: &Timer| timer.process == process && wanted(&timer.alarm);
        self.timers.iter().position(matches)
    }

    pub(in crate::emulate) fn posix(&self, process: usize, id: u64) -> Option<usize> {
        let wanted = id as i32;
        self.position(
            process,
            |alarm| matches!(alarm, Alarm::Posix { id, .. } if *id == wanted),
        )
    }

    /// The timer behind a descriptor, which processes may share.
    pub(in crate::emulate) fn descriptor(&self, process: Tid, number: u64) -> Option<usize> {
        self.timers.iter().position(|timer| match &timer.alarm {
            Alarm::Descriptor { file, .. } => descriptor::is_same(file, process, number),
            _ => false,
        })
    }

    /// The timer of setitimer(2) of this kind.
    pub(in crate::emulate) fn of_process(&mut self, process: usize, which: c_int) -> &mut Timer {
        let wanted = which;
        let at = self.position(
            process,
            |alarm| matches!(alarm, Alarm::Process { which } if *which == wanted),
        );
        let at = at.unwrap_or_else(|| {
            self.timers
                .push(Timer::new(process, Alarm::Process { which }));
            self.timers.len() - 1
        });
        &mut self.timers[at]
    }
}

impl Timer {
    /// Builds a timer that is not armed.
    pub(in crate::emulate) fn new(process: usize, alarm: Alarm) -> Timer {
        Timer {
            process,
            alarm,
            deadline: None,
            interval: 0,
            is_date: false,
            merged: 0,
            before: 0,
            overruns: 0,
            unnoticed: false,
            expiries: 0,
        }
    }

    pub(in crate::emulate) fn clock(&self) -> c_int {
        match self.alarm {
            Alarm::Process { which: ITIMER_REAL } => libc::CLOCK_REALTIME,
            Alarm::Process { .. } => libc::CLOCK_PROCESS_CPUTIME_ID,
            Alarm::Posix { clock, .. } | Alarm::Descriptor { clock, .. } => clock,
        }
    }

    /// Returns whether it measures CPU time.
    pub(in crate::emulate) fn counts_cpu_time(&self) -> bool {
        crosswire_calls::clock_owner(self.clock()).is_some()
    }

    /// The signal that it sends.
    pub(in crate::emulate) fn signal(&self) -> Option<i32> {
        match self.alarm {
            Alarm::Process {
                which: ITIMER_VIRTUAL,
            } => Some(SIGVTALRM),
            Alarm::Process { which: ITIMER_PROF } => Some(SIGPROF),
            Alarm::Process { .. } => Some(SIGALRM),
            Alarm::Posix { signal, .. } => signal,
            Alarm::Descriptor { .. } => None,
        }
    }

    /// Returns the time left, given that by its clock.
    pub(in crate::emulate) fn remaining(&self, now: u64) -> u64 {
        self.deadline.map_or(0, |at| at.saturating_sub(now).max(1))
    }

    pub(in crate::emulate) fn set(&mut self, deadline: Option<u64>, interval: u64) {
        (self.deadline, self.interval) = (deadline, interval);
        (self.merged, self.unnoticed) = (0, false);
        (self.before, self.overruns) = (0, 0);
    }

    /// It would have expired for the first time so long before the beginning of the run, at which
    /// it was set to expire.
    pub(in crate::emulate) fn began_before(&mut self, by: u64) {
        if let Some(deadline) = self.deadline.filter(|_| self.interval > 0) {
            self.before = by.div_ceil(self.interval);
            self.deadline = Some(deadline + self.before.saturating_mul(self.interval) - by);
        }
    }

    /// Passes the deadline, and returns how many times it has expired by now.
    pub(in crate::emulate) fn pass(&mut self, now: u64) -> u64 {
        let before = std::mem::take(&mut self.before);
        let Some(deadline) = self.deadline.filter(|deadline| *deadline <= now) else {
            return before;
        };
        if self.interval == 0 {
            self.deadline = None;
            return 1;
        }
        let times = (now - deadline) / self.interval + 1;
        self.deadline = Some(deadline.saturating_add(self.interval.saturating_mul(times)));
        before.saturating_add(times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_expiries_that_it_passes() {
        let mut timer = Timer::new(0, Alarm::Process { which: ITIMER_REAL });
        timer.set(Some(10), 3);
        assert_eq!((timer.pass(9), timer.deadline), (0, Some(10)));
        assert_eq!((timer.pass(10), timer.deadline), (1, Some(13)));
        assert_eq!((timer.pass(20), timer.deadline), (3, Some(22)));
        timer.set(Some(30), 0);
        assert_eq!((timer.pass(99), timer.deadline), (1, None));
    }

    #[test]
    fn counts_the_expiries_before_the_run() {
        let mut timer = Timer::new(0, Alarm::Process { which: ITIMER_REAL });
        timer.set(Some(0), 3);
        // At -7, -4, -1, 2, 5.
        timer.began_before(7);
        assert_eq!((timer.pass(1), timer.deadline), (3, Some(2)));
        assert_eq!((timer.pass(5), timer.deadline), (2, Some(8)));
        assert_eq!((timer.pass(8), timer.deadline), (1, Some(11)));
        timer.set(Some(0), 0);
        timer.began_before(7);
        assert_eq!((timer.pass(1), timer.deadline), (1, None));
    }

    #[test]
    fn a_new_program_keeps_interval_timers_only() {
        let mut timers = Timers::default();
        timers.of_process(1, ITIMER_PROF).set(Some(5), 0);
        for process in [1, 2] {
            let alarm = Alarm::Posix {
                id: 0,
                clock: libc::CLOCK_REALTIME,
                signal: None,
                value: 0,
                thread: None,
            };
            timers.timers.push(Timer::new(process, alarm));
        }
        timers.forget_program(1);
        assert!(timers.posix(1, 0).is_none() && timers.posix(2, 0).is_some());
        assert!(timers.are_armed());
    }
}
