//! Waits with a timeout: the kernel is asked to wait without one, and the engine ends the
//! wait at the right virtual time.

use crate::emulate::Emulated;
use crate::emulate::time::clock::{
    SECOND, from_timespec, from_timeval, is_calendar, to_timespec, to_timeval,
};
use crate::run::session::{Halt, Session};
use crate::run::task::TimedWait;
use crosswire_calls::{Does, Timeout};
use crosswire_kernel::arch::Register;
use crosswire_kernel::tracee::Entering;
use crosswire_kernel::{memory, tracee};
use crosswire_model::What;
use libc::{TIMER_ABSTIME, c_int};

/// Returns whether a call waits until a date, which comes sooner if the calendar is set
/// forward.
fn waits_for_date(entering: &Entering) -> bool {
    let (row, args) = (entering.row(), &entering.args);
    if row.does == Does::SleepByClock {
        return args[1] as c_int & TIMER_ABSTIME != 0 && is_calendar(args[0] as c_int);
    }
    match row.timeout(args) {
        Some((Timeout::Absolute(_, clock), _)) => is_calendar(clock),
        _ => false,
    }
}

/// Returns where the sets of a call of select(2) are, and how many bytes each has.
pub(crate) fn sets_of_select(args: &[u64; 6]) -> Vec<(u64, usize)> {
    let [count, sets @ .., _, _] = args;
    let length = (*count as usize).min(1 << 20).div_ceil(64) * 8;
    let given = sets.iter().filter(|set| **set != 0);
    given.map(|set| (*set, length)).collect()
}

impl Session<'_> {
    /// Handles a step of the wall clock by this many seconds: it changes the remaining
    /// time of waits with absolute wall-clock timeouts, and not that of relative ones
    /// (time(7)).
    pub fn set_calendar(&mut self, seconds: i64) {
        let by = seconds.saturating_mul(SECOND as i64);
        self.clock.set_calendar(by);
        self.timers.calendar_was_set(by);
        for task in self.tasks.iter_mut() {
            let is_date = waits_for_date(&task.entering);
            if let Some(wait) = task.timed_wait.as_mut().filter(|_| is_date) {
                wait.deadline = wait.deadline.saturating_add_signed(-by);
            }
        }
    }

    /// Takes over the timeout of the call that a task is about to make.
    pub fn limit_wait(&mut self, index: usize) -> Result<Emulated, Halt> {
        let task = &self.tasks[index];
        let (tid, args) = (task.tid, task.entering.args);
        let Some((form, result)) = task.entering.row().timeout(&args) else {
            self.limit_by_terminal(index);
            return self.limit_by_socket(index);
        };
        let argument = form.argument();
        let none = match form {
            Timeout::Milliseconds(_) => u64::MAX,
            _ => 0,
        };
        let value = args[argument];
        // These sleep until a timer of the kernel's has expired, even if that is at once.
        let sleeps_at_least = matches!(
            task.entering.row().does,
            Does::Futex | Does::SemaphoreOperation | Does::QueueSend | Does::QueueReceive
        );
        let deadline = match form {
            Timeout::Milliseconds(_) if (value as c_int) <= 0 => return Ok(Emulated::Proceed),
            Timeout::Milliseconds(_) => self.clock.after(value as c_int as u64 * 1_000_000),
            _ if value == 0 => return Ok(Emulated::Proceed),
            Timeout::Relative(_) | Timeout::RelativeTimeval(_) => {
                let pair = memory::read_pair(tid, value).ok();
                let length = match form {
                    Timeout::RelativeTimeval(_) => pair.and_then(from_timeval),
                    _ => pair.and_then(from_timespec),
                };
                match length {
                    // The kernel answers EFAULT and EINVAL.
                    None => return Ok(Emulated::Proceed),
                    // No wait needs no end.
                    Some(0) if !sleeps_at_least => return Ok(Emulated::Proceed),
                    Some(length) => self.clock.after(length),
                }
            }
            Timeout::Absolute(_, clock) => {
                match memory::read_pair(tid, value).ok().and_then(from_timespec) {
                    None => return Ok(Emulated::Proceed),
                    // Long past in the kernel's time as well as in ours.
                    Some(0..SECOND) if !sleeps_at_least => return Ok(Emulated::Proceed),
                    Some(absolute) => self.deadline(index, clock, absolute),
                }
            }
        };
        let task = &mut self.tasks[index];
        task.stopped()?.poke(Register::Arg(argument), none)?;
        let deadline = task.waits_until.take().unwrap_or(deadline);
        if task.entering.row().only_sleeps(&args) {
            self.note_sleep(index, deadline);
        }
        let task = &mut self.tasks[index];
        task.restore = Some((Register::Arg(argument), value));
        task.timed_wait = Some(TimedWait { deadline, result });
        Ok(Emulated::Proceed)
    }

    /// Ends the wait of a task whose timeout has come, or which sleeps until then, if the schedule
    /// says so: interrupts its call, and `on_exit` replaces its result by that of the timeout.
    pub fn expire_wait(&mut self, index: usize) -> Result<(), Halt> {
        let wait = self.tasks[index].timed_wait;
        self.clock.advance_to(wait.map_or(0, |wait| wait.deadline));
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
        let row = task.entering.row();
        let selects = row.does == Does::Select;
        let form = match row.timeout(&task.entering.args) {
            Some((Timeout::RelativeTimeval(_), _)) => to_timeval,
            // poll(2) has it by value.
            Some((Timeout::Relative(_), _)) if selects || row.does == Does::Poll => to_timespec,
            _ => return Ok(()),
        };
        // Read-only memory is left alone, as the kernel does.
        let _ = memory::write(task.tid, time_out, &form(if expired { 0 } else { left }));
        if !expired || !selects {
            return Ok(());
        }
        for (set, length) in sets_of_select(&task.entering.args) {
            memory::write(task.tid, set, &vec![0; length])?;
        }
        Ok(())
    }
}
