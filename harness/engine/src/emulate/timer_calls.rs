//! Calls about timers: alarm, setitimer, timer_create, timerfd.

use super::answer::Emulated;
use super::clock::{self, from_timespec, from_timeval};
use super::timers::{Alarm, Timer};
use crate::run::session::{Halt, Session};
use crosswire_calls::{self as calls, Does};
use crosswire_kernel::{Tid, descriptor, memory, tracee};
use libc::*;

const OK: Emulated = Emulated::Answer(0);

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
                let deadline = match args[0] as u32 {
                    0 => None,
                    seconds => Some(self.clock.after(u64::from(seconds) * clock::SECOND)),
                };
                let timer = self.timers.process_alarm(process);
                let before = timer.remaining(self.clock).div_ceil(clock::SECOND);
                timer.set(deadline, 0);
                Ok(Emulated::Answer(before as i64))
            }
            calls::Timer::SetInterval | calls::Timer::GetInterval
                if args[0] as c_int != ITIMER_REAL =>
            {
                // Timers of CPU time: no amount of it is reproducible.
                Ok(OK)
            }
            calls::Timer::SetInterval => self.set_interval_timer(tid, process, args[1], args[2]),
            calls::Timer::GetInterval => {
                let timer = self.timers.process_alarm(process);
                let (left, interval) = (timer.remaining(self.clock), timer.interval);
                write_pair(tid, args[1], interval, left, clock::to_timeval)
            }
            calls::Timer::Create => self.create_timer(tid, process, args),
            calls::Timer::Overrun => Ok(OK),
            // Noted once the kernel has made it.
            calls::Timer::CreateDescriptor => return Ok(Emulated::Proceed),
            calls::Timer::Delete => match self.timers.posix(process, args[0]) {
                Some(at) => {
                    self.timers.timers.remove(at);
                    Ok(OK)
                }
                None => Ok(error(EINVAL)),
            },
            calls::Timer::Set
            | calls::Timer::Get
            | calls::Timer::SetDescriptor
            | calls::Timer::GetDescriptor => {
                let is_descriptor = matches!(
                    does,
                    calls::Timer::SetDescriptor | calls::Timer::GetDescriptor
                );
                let at = match is_descriptor {
                    true => self.timers.descriptor(tid, args[0]),
                    false => self.timers.posix(process, args[0]),
                };
                match at {
                    // Let the kernel find out what is wrong with the descriptor.
                    None if is_descriptor => return Ok(Emulated::Proceed),
                    None => Ok(error(EINVAL)),
                    Some(at) if matches!(does, calls::Timer::Set | calls::Timer::SetDescriptor) => {
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
        let creates = Does::Timer(calls::Timer::CreateDescriptor);
        if task.entering.row().does != creates || result < 0 {
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
                let inside = |tid: i32| self.tasks.inside(tid);
                let thread = thread.and_then(inside).map(|task| task.tid);
                tracee::queue_timer_signal(process.pid, thread, *signal, *value);
            }
            Alarm::Posix { signal: None, .. } => {}
        }
        self.reports.signal_sent();
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
