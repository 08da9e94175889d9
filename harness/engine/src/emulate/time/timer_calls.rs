//! Calls about timers: alarm, setitimer, timer_create, timerfd.

use super::clock::{self, from_timespec, from_timeval};
use super::timers::{Alarm, Timer};
use crate::emulate::answer::Emulated;
use crate::run::session::{Halt, Session};
use crosswire_calls::{self as calls, Does};
use crosswire_kernel::taken::Taken;
use crosswire_kernel::{Tid, descriptor, memory, probe};
use libc::*;
use std::io;

const OK: Emulated = Emulated::Answer(0);

/// `CAP_WAKE_ALARM` of linux/capability.h, which timers that wake the machine need
/// (timer_create(2)).
const WAKE_ALARM: u32 = 35;

fn error(errno: c_int) -> Emulated {
    Emulated::Answer(-i64::from(errno))
}

impl Session<'_> {
    /// Answers a call about timers.
    pub fn timer_call(&mut self, index: usize, does: calls::Timer) -> Result<Emulated, Halt> {
        let task = &self.tasks[index];
        let (tid, process, args) = (task.tid, task.process, task.entering.args);
        let answer = match does {
            calls::Timer::Alarm => {
                let now = self.clock.now();
                let deadline = match args[0] as u32 {
                    0 => None,
                    seconds => Some(self.clock.after(u64::from(seconds) * clock::SECOND)),
                };
                let timer = self.timers.of_process(process, ITIMER_REAL);
                let before = timer.remaining(now).div_ceil(clock::SECOND);
                timer.set(deadline, 0);
                Ok(Emulated::Answer(before as i64))
            }
            calls::Timer::SetInterval | calls::Timer::GetInterval
                if !(ITIMER_REAL..=ITIMER_PROF).contains(&(args[0] as c_int)) =>
            {
                Ok(error(EINVAL))
            }
            calls::Timer::SetInterval => self.set_interval_timer(tid, process, args),
            calls::Timer::GetInterval => {
                let (interval, left) = self.state_of_interval(process, args[0] as c_int);
                write_pair(tid, args[1], interval, left, clock::to_timeval)
            }
            calls::Timer::Create => self.create_timer(index, args),
            calls::Timer::Overrun => Ok(match self.timers.posix(process, args[0]) {
                Some(at) => Emulated::Answer(self.overruns(at)),
                None => error(EINVAL),
            }),
            // Noted once the kernel has made it.
            calls::Timer::CreateDescriptor => return Ok(Emulated::Proceed),
            calls::Timer::Delete => Ok(match self.timers.posix(process, args[0]) {
                Some(at) => {
                    self.timers.timers.remove(at);
                    OK
                }
                None => error(EINVAL),
            }),
            calls::Timer::Set => match args[2] {
                0 => Ok(error(EINVAL)),
                _ => self.set_timer(index, args, |session| {
                    session.timers.posix(process, args[0])
                }),
            },
            calls::Timer::Get => match self.timers.posix(process, args[0]) {
                Some(at) => self.get_timer(tid, at, args[1]),
                None => Ok(error(EINVAL)),
            },
            calls::Timer::SetDescriptor | calls::Timer::GetDescriptor => {
                /// `TFD_TIMER_CANCEL_ON_SET` of linux/timerfd.h.
                const CANCEL_ON_SET: c_int = 1 << 1;
                let sets = does == calls::Timer::SetDescriptor;
                let flags = args[1] as c_int & !(TFD_TIMER_ABSTIME | CANCEL_ON_SET);
                match self.timers.descriptor(tid, args[0]) {
                    // Let the kernel find out what is wrong with the descriptor.
                    None => return Ok(Emulated::Proceed),
                    Some(_) if sets && flags != 0 => Ok(error(EINVAL)),
                    Some(at) if sets => self.set_timer(index, args, |_| Some(at)),
                    Some(at) => self.get_timer(tid, at, args[1]),
                }
            }
        };
        Ok(answer.unwrap_or_else(|_| error(EFAULT)))
    }

    /// Interval and time left of a timer of setitimer(2).
    fn state_of_interval(&mut self, process: usize, which: c_int) -> (u64, u64) {
        self.timers.of_process(process, which);
        let is_it = |timer: &&Timer| {
            timer.process == process
                && matches!(timer.alarm, Alarm::Process { which: of } if of == which)
        };
        let timer = self.timers.timers.iter().find(is_it).expect("just made");
        (timer.interval, timer.remaining(self.now_of(timer)))
    }

    fn set_interval_timer(
        &mut self,
        tid: Tid,
        process: usize,
        [which, new, old, ..]: [u64; 6],
    ) -> io::Result<Emulated> {
        let which = which as c_int;
        let (interval, value) = match new {
            // Linux takes none for one of zeros (setitimer(2), BUGS).
            0 => (Some(0), Some(0)),
            new => (
                from_timeval(memory::read_pair(tid, new)?),
                from_timeval(memory::read_pair(tid, new + 16)?),
            ),
        };
        let (Some(interval), Some(value)) = (interval, value) else {
            return Ok(error(EINVAL));
        };
        let before = self.state_of_interval(process, which);
        let now = match which {
            ITIMER_REAL => self.clock.now(),
            _ => self.processes[process].cpu_time,
        };
        let deadline = (value > 0).then(|| now.saturating_add(value));
        self.timers
            .of_process(process, which)
            .set(deadline, interval);
        match old {
            0 => Ok(OK),
            old => write_pair(tid, old, before.0, before.1, clock::to_timeval),
        }
    }

    fn create_timer(&mut self, index: usize, args: [u64; 6]) -> io::Result<Emulated> {
        let task = &self.tasks[index];
        let (tid, process) = (task.tid, task.process);
        let clock = args[0] as c_int;
        match clock {
            CLOCK_MONOTONIC_RAW | CLOCK_REALTIME_COARSE | CLOCK_MONOTONIC_COARSE => {
                return Ok(error(EOPNOTSUPP));
            }
            CLOCK_REALTIME_ALARM | CLOCK_BOOTTIME_ALARM
                if !probe::has_capability(tid, WAKE_ALARM) =>
            {
                return Ok(error(EPERM));
            }
            _ if self.reading(index, clock).is_none() => return Ok(error(EINVAL)),
            _ => {}
        }
        let id = self.timers.next_id;
        let (signal, value, thread) = match args[1] {
            0 => (Some(SIGALRM), id as u64, None),
            event => {
                // struct sigevent: value, signal, how to notify, which thread.
                let value = memory::read_word(tid, event)?;
                let (rest, thread) = memory::read_pair(tid, event + 8)?;
                let (signal, notify, thread) = (rest as i32, (rest >> 32) as i32, thread as i32);
                let is_own = |t: &&crate::run::task::Task| {
                    t.process == process && t.tid_inside == thread && !t.is_gone()
                };
                let is_valid = match notify {
                    SIGEV_NONE => true,
                    SIGEV_SIGNAL | SIGEV_THREAD => (1..=64).contains(&signal),
                    SIGEV_THREAD_ID => {
                        (1..=64).contains(&signal) && self.tasks.iter().any(|t| is_own(&t))
                    }
                    _ => false,
                };
                if !is_valid {
                    return Ok(error(EINVAL));
                }
                let thread = (notify == SIGEV_THREAD_ID).then_some(thread);
                ((notify != SIGEV_NONE).then_some(signal), value, thread)
            }
        };
        memory::write(tid, args[2], &id.to_ne_bytes())?;
        self.timers.next_id += 1;
        let alarm = Alarm::Posix {
            id,
            clock,
            signal,
            value,
            thread,
        };
        self.timers.timers.push(Timer::new(process, alarm));
        Ok(OK)
    }

    /// timer_settime and timerfd_settime: which timer, flags, new, old. The kernel looks at
    /// the new value before it looks for the timer.
    fn set_timer(
        &mut self,
        index: usize,
        args: [u64; 6],
        find: impl Fn(&Self) -> Option<usize>,
    ) -> io::Result<Emulated> {
        let tid = self.tasks[index].tid;
        let interval = from_timespec(memory::read_pair(tid, args[2])?);
        let value = from_timespec(memory::read_pair(tid, args[2] + 16)?);
        let (Some(interval), Some(value), Some(at)) = (interval, value, find(self)) else {
            return Ok(error(EINVAL));
        };
        let timer = &self.timers.timers[at];
        let (clock, now) = (timer.clock(), self.now_of(timer));
        let before = (timer.interval, timer.remaining(now));
        if let Alarm::Descriptor { file, .. } = &timer.alarm {
            // Expiries that nobody has read are forgotten.
            descriptor::disarm_timer(file);
        }
        let absolute = args[1] as c_int & TIMER_ABSTIME != 0;
        let early = match absolute && !timer.counts_cpu_time() {
            true => self
                .clock
                .before_start(clock, self.meant_time(index, clock, value)),
            false => 0,
        };
        let deadline = match absolute {
            true if timer.counts_cpu_time() => value,
            true => self.deadline(index, clock, value),
            false => now.saturating_add(value),
        };
        let timer = &mut self.timers.timers[at];
        timer.set((value > 0).then_some(deadline), interval);
        timer.began_before(early);
        timer.is_date = absolute && clock::is_calendar(clock);
        match args[3] {
            0 => Ok(OK),
            old => write_pair(tid, old, before.0, before.1, clock::to_timespec),
        }
    }

    fn get_timer(&self, tid: Tid, at: usize, to: u64) -> io::Result<Emulated> {
        let timer = &self.timers.timers[at];
        let left = timer.remaining(self.now_of(timer));
        write_pair(tid, to, timer.interval, left, clock::to_timespec)
    }

    /// Notes a timer descriptor that a call has created.
    pub fn note_timer_descriptor(&mut self, index: usize, result: i64) {
        let task = &self.tasks[index];
        let creates = Does::Timer(calls::Timer::CreateDescriptor);
        if task.entering.row().does != creates || result < 0 {
            return;
        }
        let pid = self.processes[task.process].pid;
        if let Ok(file) = Taken::from(pid, result as i32) {
            let clock = task.entering.args[0] as c_int;
            let alarm = Alarm::Descriptor { file, clock };
            self.timers.timers.push(Timer::new(task.process, alarm));
        }
    }
}

/// Writes an itimerval or itimerspec: the interval, then what remains.
fn write_pair(
    tid: Tid,
    address: u64,
    interval: u64,
    left: u64,
    form: fn(u64) -> [u8; 16],
) -> io::Result<Emulated> {
    memory::write(tid, address, &form(interval))?;
    memory::write(tid, address + 16, &form(left))?;
    Ok(OK)
}
