//! Waits with a timeout: the kernel is asked to wait without one, and the engine ends the
//! wait at the right virtual time.

use crate::emulate::Emulated;
use crate::emulate::clock::{
    SECOND, from_timespec, from_timeval, is_calendar, to_timespec, to_timeval,
};
use crate::run::session::{Halt, Session};
use crate::run::task::TimedWait;
use crosswire_kernel::regs::{self, Register};
use crosswire_kernel::{memory, tracee};
use crosswire_model::What;
use libc::*;

/// Position and form of the timeout of a call.
enum TimeOut {
    /// Milliseconds by value; negative means none.
    Milliseconds(usize),
    /// A pointer to a relative `timespec`.
    Relative(usize),
    /// A pointer to a relative `timeval`.
    RelativeTimeval(usize),
    /// A pointer to an absolute `timespec` on this clock.
    Absolute(usize, c_int),
}

/// Returns the timeout of a call, and the result of the call when it expires.
fn time_out(call: u32, args: &[u64; 6]) -> Option<(TimeOut, i64)> {
    let expired = -i64::from(ETIMEDOUT);
    let again = -i64::from(EAGAIN);
    Some(match c_long::from(call) {
        SYS_poll => (TimeOut::Milliseconds(2), 0),
        SYS_epoll_wait | SYS_epoll_pwait => (TimeOut::Milliseconds(3), 0),
        SYS_epoll_pwait2 => (TimeOut::Relative(3), 0),
        SYS_ppoll => (TimeOut::Relative(2), 0),
        SYS_select => (TimeOut::RelativeTimeval(4), 0),
        SYS_pselect6 => (TimeOut::Relative(4), 0),
        SYS_semtimedop => (TimeOut::Relative(3), again),
        SYS_rt_sigtimedwait => (TimeOut::Relative(2), again),
        SYS_mq_timedsend | SYS_mq_timedreceive => (TimeOut::Absolute(4, CLOCK_REALTIME), expired),
        SYS_futex => {
            let clock = match args[1] as c_int & FUTEX_CLOCK_REALTIME {
                0 => CLOCK_MONOTONIC,
                _ => CLOCK_REALTIME,
            };
            match args[1] as c_int & FUTEX_CMD_MASK {
                FUTEX_WAIT => (TimeOut::Relative(3), expired),
                FUTEX_WAIT_BITSET | FUTEX_WAIT_REQUEUE_PI | FUTEX_LOCK_PI2 => {
                    (TimeOut::Absolute(3, clock), expired)
                }
                FUTEX_LOCK_PI => (TimeOut::Absolute(3, CLOCK_REALTIME), expired),
                _ => return None,
            }
        }
        _ => return None,
    })
}

/// `FUTEX_LOCK_PI2` of linux/futex.h.
const FUTEX_LOCK_PI2: c_int = 13;

/// Tells whether a call waits until an absolute wall-clock time, which comes sooner if
/// the clock is set forward.
fn waits_for_date(call: u32, args: &[u64; 6]) -> bool {
    if c_long::from(call) == SYS_clock_nanosleep {
        return args[1] as c_int & TIMER_ABSTIME != 0 && is_calendar(args[0] as c_int);
    }
    match time_out(call, args) {
        Some((TimeOut::Absolute(_, clock), _)) => is_calendar(clock),
        _ => false,
    }
}

impl Session<'_> {
    /// Handles a step of the wall clock by this many seconds: it changes the remaining
    /// time of waits with absolute wall-clock timeouts, and not that of relative ones
    /// (time(7)).
    pub fn set_calendar(&mut self, seconds: i64) {
        let by = seconds.saturating_mul(SECOND as i64);
        self.clock.set_calendar(by);
        self.timers.calendar_was_set(by);
        for task in &mut self.tasks {
            let is_date = waits_for_date(task.entering.call, &task.entering.args);
            if let Some(wait) = task.timed_wait.as_mut().filter(|_| is_date) {
                wait.deadline = wait.deadline.saturating_add_signed(-by);
            }
        }
    }

    /// Takes over the timeout of the call that a task is about to make.
    pub fn limit_wait(&mut self, index: usize) -> Result<Emulated, Halt> {
        let task = &self.tasks[index];
        let (tid, call, args) = (task.tid, task.entering.call, task.entering.args);
        let Some((form, result)) = time_out(call, &args) else {
            return self.limit_by_socket(index);
        };
        let (argument, none) = match form {
            TimeOut::Milliseconds(a) => (a, u64::MAX),
            TimeOut::Relative(a) | TimeOut::RelativeTimeval(a) | TimeOut::Absolute(a, _) => (a, 0),
        };
        let value = args[argument];
        let deadline = match form {
            TimeOut::Milliseconds(_) if (value as c_int) <= 0 => return Ok(Emulated::Proceed),
            TimeOut::Milliseconds(_) => self.clock.after(value as c_int as u64 * 1_000_000),
            _ if value == 0 => return Ok(Emulated::Proceed),
            TimeOut::Relative(_) | TimeOut::RelativeTimeval(_) => {
                let pair = memory::read_pair(tid, value).ok();
                let length = match form {
                    TimeOut::RelativeTimeval(_) => pair.and_then(from_timeval),
                    _ => pair.and_then(from_timespec),
                };
                match length {
                    // The kernel answers EFAULT and EINVAL; and no wait needs no end.
                    None | Some(0) => return Ok(Emulated::Proceed),
                    Some(length) => self.clock.after(length),
                }
            }
            TimeOut::Absolute(_, clock) => {
                match memory::read_pair(tid, value).ok().and_then(from_timespec) {
                    // Long past in the kernel's time as well as in ours.
                    None | Some(0..SECOND) => return Ok(Emulated::Proceed),
                    Some(absolute) => self.clock.deadline(clock, absolute),
                }
            }
        };
        regs::poke(tid, Register::Arg(argument), none)?;
        let task = &mut self.tasks[index];
        let deadline = task.waits_until.take().unwrap_or(deadline);
        task.restore = Some((Register::Arg(argument), value));
        task.timed_wait = Some(TimedWait { deadline, result });
        Ok(Emulated::Proceed)
    }

    /// Ends the wait of a task whose timeout has come: interrupts its call, and `on_exit`
    /// replaces its result by that of the timeout.
    pub fn expire_wait(&mut self, index: usize) -> Result<(), Halt> {
        self.record(index, What::Timeout);
        let task = &mut self.tasks[index];
        task.expired = true;
        task.state = crate::run::task::State::Running;
        tracee::interrupt(task.tid)?;
        self.settle(false)?;
        match self.tasks[index].state {
            crate::run::task::State::Ready(crate::run::task::At::Exit, _) => {
                self.run_code(index, 0)
            }
            _ => Ok(()),
        }
    }

    /// Writes what the kernel would have written had it known the timeout: an expired
    /// select leaves its sets empty, and select, pselect6 and ppoll report the time left
    /// (select(2), "The timeout").
    pub fn write_back(&self, index: usize, time_out: u64, expired: bool) -> Result<(), Halt> {
        let task = &self.tasks[index];
        let Some(wait) = task.timed_wait else {
            return Ok(());
        };
        let left = wait.deadline.saturating_sub(self.clock.now());
        let call = c_long::from(task.entering.call);
        if !matches!(call, SYS_select | SYS_pselect6 | SYS_ppoll) {
            return Ok(());
        }
        let form = if call == SYS_select {
            to_timeval
        } else {
            to_timespec
        };
        // Read-only memory is left alone, as the kernel does.
        let _ = memory::write(task.tid, time_out, &form(if expired { 0 } else { left }));
        if !expired || call == SYS_ppoll {
            return Ok(());
        }
        let [count, sets @ .., _, _] = task.entering.args;
        let zeros = vec![0; (count as usize).min(1 << 20).div_ceil(64) * 8];
        for set in sets.into_iter().filter(|set| *set != 0) {
            memory::write(task.tid, set, &zeros)?;
        }
        Ok(())
    }
}
