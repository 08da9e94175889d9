//! Timers in virtual time: alarm, setitimer, timer_create, timerfd.

use crate::emulate::Emulated;
use crate::emulate::clock::{self, Clock, from_timespec, from_timeval};
use crate::run::session::{Halt, Session};
use crosswire_kernel::{Tid, descriptor, memory, tracee};
use libc::*;
use std::os::fd::OwnedFd;

/// Action of a timer when it expires.
#[derive(Debug)]
enum Alarm {
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
struct Timer {
    process: usize,
    alarm: Alarm,
    deadline: Option<u64>,
    interval: u64,
    /// The deadline is a date, which comes sooner if the calendar is set forward.
    is_date: bool,
}

/// All timers of a run.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    timers: Vec<Timer>,
    next_id: i32,
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

    fn posix(&self, process: usize, id: u64) -> Option<usize> {
        let wanted = id as i32;
        self.position(
            process,
            |alarm| matches!(alarm, Alarm::Posix { id, .. } if *id == wanted),
        )
    }

    /// Returns the timer behind a descriptor, which processes may share.
    fn descriptor(&self, process: Tid, number: u64) -> Option<usize> {
        self.timers.iter().position(|timer| match &timer.alarm {
            Alarm::Descriptor { file, .. } => descriptor::is_same(file, process, number),
            _ => false,
        })
    }

    fn process_alarm(&mut self, process: usize) -> &mut Timer {
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
    fn remaining(&self, clock: Clock) -> u64 {
        self.deadline
            .map_or(0, |at| at.saturating_sub(clock.now()).max(1))
    }

    fn set(&mut self, deadline: Option<u64>, interval: u64) {
        (self.deadline, self.interval) = (deadline, interval);
    }
}

const OK: Emulated = Emulated::Answer(0);

fn error(errno: c_int) -> Emulated {
    Emulated::Answer(-i64::from(errno))
}

impl Session<'_> {
    /// Answers a call about timers.
    pub fn timer_call(&mut self, index: usize) -> Result<Emulated, Halt> {
        let task = &self.tasks[index];
        let (tid, process, args) = (task.tid, task.process, task.entering.args);
        let answer = match c_long::from(task.entering.call) {
            SYS_alarm => {
                let deadline = match args[0] as u32 {
                    0 => None,
                    seconds => Some(self.clock.after(u64::from(seconds) * clock::SECOND)),
                };
                let timer = self.timers.process_alarm(process);
                let before = timer.remaining(self.clock).div_ceil(clock::SECOND);
                timer.set(deadline, 0);
                Ok(Emulated::Answer(before as i64))
            }
            SYS_setitimer | SYS_getitimer if args[0] as c_int != ITIMER_REAL => {
                // Timers of CPU time: no amount of it is reproducible.
                Ok(OK)
            }
            SYS_setitimer => self.set_interval_timer(tid, process, args[1], args[2]),
            SYS_getitimer => {
                let timer = self.timers.process_alarm(process);
                let (left, interval) = (timer.remaining(self.clock), timer.interval);
                write_pair(tid, args[1], interval, left, clock::to_timeval)
            }
            SYS_timer_create => self.create_timer(tid, process, args),
            SYS_timer_getoverrun => Ok(OK),
            SYS_timer_delete => match self.timers.posix(process, args[0]) {
                Some(at) => {
                    self.timers.timers.remove(at);
                    Ok(OK)
                }
                None => Ok(error(EINVAL)),
            },
            call => {
                let is_descriptor = matches!(call, SYS_timerfd_settime | SYS_timerfd_gettime);
                let at = match is_descriptor {
                    true => self.timers.descriptor(tid, args[0]),
                    false => self.timers.posix(process, args[0]),
                };
                match at {
                    // Let the kernel find out what is wrong with the descriptor.
                    None if is_descriptor => return Ok(Emulated::Proceed),
                    None => Ok(error(EINVAL)),
                    Some(at) if matches!(call, SYS_timer_settime | SYS_timerfd_settime) => {
                        self.set_timer(tid, at, args)
                    }
                    Some(at) => {
                        let timer = &self.timers.timers[at];
                        let (left, interval) = (timer.remaining(self.clock), timer.interval);
                        write_pair(tid, args[1], interval, left, clock::to_timespec)
                    }
                }
            }
        };
        Ok(answer.unwrap_or_else(|_| error(EFAULT)))
    }

    fn set_interval_timer(
        &mut self,
        tid: Tid,
        process: usize,
        new: u64,
        old: u64,
    ) -> std::io::Result<Emulated> {
        let timer = self.timers.process_alarm(process);
        if old != 0 {
            let (left, interval) = (timer.remaining(self.clock), timer.interval);
            write_pair(tid, old, interval, left, clock::to_timeval)?;
        }
        let interval = from_timeval(memory::read_pair(tid, new)?);
        let value = from_timeval(memory::read_pair(tid, new + 16)?);
        let (Some(interval), Some(value)) = (interval, value) else {
            return Ok(error(EINVAL));
        };
        timer.set((value > 0).then(|| self.clock.after(value)), interval);
        Ok(OK)
    }

    fn create_timer(
        &mut self,
        tid: Tid,
        process: usize,
        args: [u64; 6],
    ) -> std::io::Result<Emulated> {
        let id = self.timers.next_id;
        let (signal, value, thread) = match args[1] {
            0 => (Some(SIGALRM), id as u64, None),
            event => {
                // struct sigevent: value, signal, how to notify, which thread.
                let value = memory::read_word(tid, event)?;
                let (rest, thread) = memory::read_pair(tid, event + 8)?;
                let (signal, notify) = (rest as i32, (rest >> 32) as i32);
                let thread = (notify == SIGEV_THREAD_ID).then_some(thread as i32);
                ((notify != SIGEV_NONE).then_some(signal), value, thread)
            }
        };
        memory::write(tid, args[2], &id.to_ne_bytes())?;
        self.timers.next_id += 1;
        self.timers.timers.push(Timer {
            process,
            alarm: Alarm::Posix {
                id,
                clock: args[0] as c_int,
                signal,
                value,
                thread,
            },
            deadline: None,
            interval: 0,
            is_date: false,
        });
        Ok(OK)
    }

    /// timer_settime and timerfd_settime: which timer, flags, new, old.
    fn set_timer(&mut self, tid: Tid, at: usize, args: [u64; 6]) -> std::io::Result<Emulated> {
        let interval = from_timespec(memory::read_pair(tid, args[2])?);
        let value = from_timespec(memory::read_pair(tid, args[2] + 16)?);
        let (Some(interval), Some(value)) = (interval, value) else {
            return Ok(error(EINVAL));
        };
        let timer = &mut self.timers.timers[at];
        if args[3] != 0 {
            let (left, interval) = (timer.remaining(self.clock), timer.interval);
            write_pair(tid, args[3], interval, left, clock::to_timespec)?;
        }
        let clock = match &timer.alarm {
            Alarm::Posix { clock, .. } => *clock,
            Alarm::Descriptor { clock, file } => {
                // Expiries that nobody has read are forgotten.
                descriptor::disarm_timer(file);
                *clock
            }
            Alarm::Process => CLOCK_REALTIME,
        };
        let absolute = args[1] as c_int & TIMER_ABSTIME != 0;
        let deadline = match absolute {
            true => self.clock.deadline(clock, value),
            false => self.clock.after(value),
        };
        timer.set((value > 0).then_some(deadline), interval);
        timer.is_date = absolute && clock::is_calendar(clock);
        Ok(OK)
    }

    /// Notes a timer descriptor that a call has created.
    pub fn after_timer_call(&mut self, index: usize, result: i64) {
        let task = &self.tasks[index];
        if c_long::from(task.entering.call) != SYS_timerfd_create || result < 0 {
            return;
        }
        let pid = self.processes[task.process].pid;
        if let Ok(file) = descriptor::take(pid, result as i32) {
            self.timers.timers.push(Timer {
                process: task.process,
                alarm: Alarm::Descriptor {
                    file,
                    clock: task.entering.args[0] as c_int,
                },
                deadline: None,
                interval: 0,
                is_date: false,
            });
        }
    }

    /// Expires the timers whose time has come.
    pub fn fire_due_timers(&mut self) -> Result<(), Halt> {
        let now = self.clock.now();
        if self.timers.next_deadline().is_none_or(|at| at > now) {
            return Ok(());
        }
        for at in 0..self.timers.timers.len() {
            let timer = &mut self.timers.timers[at];
            let Some(deadline) = timer.deadline.filter(|deadline| *deadline <= now) else {
                continue;
            };
            timer.deadline = match timer.interval {
                0 => None,
                // Expiries that were missed merge into one.
                interval => Some(deadline + interval * ((now - deadline) / interval + 1)),
            };
            self.expire(at)?;
        }
        self.settle(false)
    }

    fn expire(&mut self, at: usize) -> Result<(), Halt> {
        let Timer { process, alarm, .. } = &self.timers.timers[at];
        let process = &self.processes[*process];
        let is_alive = !self.has_ended(process);
        match alarm {
            Alarm::Descriptor { file, .. } => descriptor::expire_timer(file)?,
            _ if !is_alive => self.timers.timers[at].deadline = None,
            Alarm::Process => {
                tracee::kill(process.pid, SIGALRM);
            }
            Alarm::Posix {
                signal: Some(signal),
                value,
                thread,
                ..
            } => {
                let inside = |tid: i32| self.tasks.iter().find(|t| t.tid_inside == tid);
                let thread = thread.and_then(inside).map(|task| task.tid);
                tracee::queue_timer_signal(process.pid, thread, *signal, *value);
            }
            Alarm::Posix { signal: None, .. } => {}
        }
        self.signals_sent += 1;
        Ok(())
    }
}

/// Writes an itimerval or itimerspec: the interval, then what remains.
fn write_pair(
    tid: Tid,
    address: u64,
    interval: u64,
    left: u64,
    form: fn(u64) -> [u8; 16],
) -> std::io::Result<Emulated> {
    memory::write(tid, address, &form(interval))?;
    memory::write(tid, address + 16, &form(left))?;
    Ok(OK)
}
