//! Calls that the engine answers itself: clocks, sleeps, randomness, and what it
//! cannot allow.

pub(crate) mod address;
pub(crate) mod clock;
pub(crate) mod locks;
pub(crate) mod sockets;
pub(crate) mod timers;
pub(crate) mod tsc;
pub(crate) mod waits;

use crate::run::session::{Halt, Session};
use crate::run::task::{State, TimedWait};
use clock::from_timespec;
use crosswire_kernel::regs::{self, Register};
use crosswire_kernel::{memory, tracee};
use crosswire_model::{Call, What};
use libc::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Result of emulating a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Emulated {
    /// It is skipped; the program sees this result.
    Answer(i64),
    /// It is a sleep until then.
    Sleep { deadline: u64 },
    /// The kernel performs it.
    Proceed,
}

/// The first call number of the marks that scenarios make; far above every number
/// the kernel knows, so outside the engine they fail with ENOSYS.
pub const MARK: u32 = 0x4352_0000;

const FAULT: Emulated = Emulated::Answer(-(EFAULT as i64));
const INVALID: Emulated = Emulated::Answer(-(EINVAL as i64));

/// Tells whether the engine may answer this call to a program that starts: its result
/// depends on no other task.
pub(crate) fn is_answered_alike(call: u32) -> bool {
    matches!(
        c_long::from(call),
        SYS_clock_gettime | SYS_gettimeofday | SYS_time | SYS_getrandom
    )
}

impl Session<'_> {
    /// Decides about the call that a task is about to make, and changes its
    /// arguments where the kernel shall perform a different one.
    pub fn emulate(&mut self, index: usize) -> Result<Emulated, Halt> {
        let entering = self.tasks[index].entering;
        let (tid, args) = (self.tasks[index].tid, entering.args);
        if entering.call >= MARK && entering.call < MARK + 0x100 {
            return self.mark(index, entering.call - MARK, args);
        }
        let emulated = match c_long::from(entering.call) {
            SYS_clock_gettime => self.read_clock(tid, args[0] as c_int, args[1]),
            SYS_gettimeofday => {
                let now = clock::to_timeval(self.clock.reading(CLOCK_REALTIME));
                match args[0] != 0 && memory::write(tid, args[0], &now).is_err() {
                    true => FAULT,
                    false => Emulated::Answer(0),
                }
            }
            SYS_time => {
                let now = self.clock.reading(CLOCK_REALTIME) / clock::SECOND;
                match args[0] != 0 && memory::write(tid, args[0], &now.to_ne_bytes()).is_err() {
                    true => FAULT,
                    false => Emulated::Answer(now as i64),
                }
            }
            SYS_nanosleep | SYS_clock_nanosleep if self.tasks[index].waits_until.is_some() => {
                let deadline = self.tasks[index].waits_until.take().expect("just seen");
                Emulated::Sleep { deadline }
            }
            SYS_nanosleep => self.sleep_request(tid, CLOCK_MONOTONIC, false, args[0]),
            SYS_clock_nanosleep => {
                let absolute = args[1] as c_int & TIMER_ABSTIME != 0;
                self.sleep_request(tid, args[0] as c_int, absolute, args[2])
            }
            SYS_getrandom => self.random(tid, args[0], args[1] as usize),
            // Would move the task to another CPU, or above the harness.
            SYS_sched_setaffinity
            | SYS_sched_setscheduler
            | SYS_sched_setattr
            | SYS_sched_setparam => Emulated::Answer(0),
            // Work that the kernel does on its own cannot be scheduled.
            SYS_io_uring_setup | SYS_io_setup | SYS_userfaultfd | SYS_futex_waitv => {
                Emulated::Answer(-i64::from(ENOSYS))
            }
            // There can only be one tracer.
            SYS_ptrace => Emulated::Answer(-i64::from(EPERM)),
            SYS_kill if args[0] as i32 == -1 => self.signal_everybody(index, args[1] as c_int)?,
            SYS_flock | SYS_fcntl | SYS_msgsnd => self.attempt_lock(index)?,
            SYS_alarm | SYS_setitimer | SYS_getitimer | SYS_timer_create | SYS_timer_settime
            | SYS_timer_gettime | SYS_timer_getoverrun | SYS_timer_delete | SYS_timerfd_settime
            | SYS_timerfd_gettime => self.timer_call(index)?,
            SYS_socket => {
                self.uses_network |= matches!(args[0] as c_int, AF_INET | AF_INET6);
                Emulated::Proceed
            }
            SYS_bind => self.choose_port(index)?,
            SYS_connect | SYS_sendto | SYS_listen if self.uses_network => {
                self.bind_first(index);
                self.limit_wait(index)?
            }
            SYS_setsockopt | SYS_getsockopt => self.socket_option(index)?,
            _ => self.limit_wait(index)?,
        };
        Ok(emulated)
    }

    fn read_clock(&self, tid: crosswire_kernel::Tid, id: c_int, address: u64) -> Emulated {
        if !(-1_000_000_000..=CLOCK_TAI).contains(&id) {
            return INVALID;
        }
        match memory::write(tid, address, &clock::to_timespec(self.clock.reading(id))) {
            Ok(()) => Emulated::Answer(0),
            Err(_) => FAULT,
        }
    }

    fn sleep_request(
        &self,
        tid: crosswire_kernel::Tid,
        clock_id: c_int,
        absolute: bool,
        address: u64,
    ) -> Emulated {
        let Ok(request) = memory::read_pair(tid, address) else {
            return FAULT;
        };
        let Some(nanoseconds) = from_timespec(request) else {
            return INVALID;
        };
        let deadline = match absolute {
            true => self.clock.deadline(clock_id, nanoseconds),
            false => self.clock.after(nanoseconds),
        };
        Emulated::Sleep { deadline }
    }

    fn random(&mut self, tid: crosswire_kernel::Tid, address: u64, length: usize) -> Emulated {
        let mut random = ChaCha8Rng::seed_from_u64(self.plan.seed);
        random.set_stream(self.random_draws);
        self.random_draws += 1;
        // The kernel gives at most this much to one call (getrandom(2)).
        let mut bytes = vec![0; length.min(33_554_431)];
        random.fill_bytes(&mut bytes);
        match memory::write(tid, address, &bytes) {
            Ok(()) => Emulated::Answer(bytes.len() as i64),
            Err(_) => FAULT,
        }
    }

    /// Holds the task at the entry of its sleep.
    pub fn sleep(&mut self, index: usize, deadline: u64) {
        let task = &mut self.tasks[index];
        task.timed_wait = Some(TimedWait {
            deadline,
            result: 0,
        });
        let stopped = task.take_stopped().expect("it is at an entry");
        task.state = State::Sleeping(stopped);
        self.yielded = true;
        self.record_block(index);
    }

    /// A sleep is over: its time has come, or the schedule says so.
    pub fn wake_sleeper(&mut self, index: usize) -> Result<(), Halt> {
        let wait = self.tasks[index].timed_wait.take();
        self.clock.advance_to(wait.map_or(0, |wait| wait.deadline));
        self.record(index, What::Timeout);
        self.skip(index, 0)?;
        self.run_code(index, 0)
    }

    /// kill(2) with -1: every process of the run except the caller. The kernel would
    /// include the templates, which the program must not know of.
    fn signal_everybody(&mut self, index: usize, signal: c_int) -> Result<Emulated, Halt> {
        let own = self.tasks[index].process;
        let mut others = 0;
        for (number, process) in self.processes.iter().enumerate() {
            if number != own && !self.has_ended(process) {
                tracee::kill(process.pid, signal);
                others += 1;
            }
        }
        self.recheck = true;
        self.settle(false)?;
        self.signals_sent += 1;
        let nobody = -i64::from(ESRCH);
        Ok(Emulated::Answer(if others > 0 { 0 } else { nobody }))
    }

    /// Delivers a signal to a sleeping task. The kernel is made to believe that the
    /// signal cut the call short, so that it decides as usual: after a handler the sleep
    /// ends with EINTR, after a signal without a handler it continues (nanosleep(2),
    /// signal(7)).
    pub fn disturb_sleeper(&mut self, index: usize) -> Result<(), Halt> {
        let task = &mut self.tasks[index];
        task.signal_waits = false;
        let (tid, entering) = (task.tid, task.entering);
        let deadline = task.timed_wait.take().map_or(0, |wait| wait.deadline);
        task.waits_until = Some(deadline);
        let (absolute, left_at) = match c_long::from(entering.call) {
            SYS_nanosleep => (false, entering.args[1]),
            _ => (
                entering.args[1] as c_int & TIMER_ABSTIME != 0,
                entering.args[3],
            ),
        };
        if !absolute && left_at != 0 {
            let left = deadline.saturating_sub(self.clock.now());
            // Memory that cannot be written is the program's own mistake.
            let _ = memory::write(tid, left_at, &clock::to_timespec(left));
        }
        // Some call must be performed for there to be an end of one.
        regs::poke(tid, Register::Call, SYS_getpid as u64)?;
        self.tasks[index].unobserved = true;
        let stopped = self.tasks[index].take_stopped().expect("it is held");
        stopped.resume_to_exit();
        self.settle(true)?;
        self.end_as_interrupted(index)
    }

    /// Makes the kernel believe that the task's call was cut short by a signal, and
    /// lets it deliver the signal.
    pub fn end_as_interrupted(&mut self, index: usize) -> Result<(), Halt> {
        /// `ERESTARTSYS` of linux/errno.h: restart, unless the signal's handler was
        /// installed without `SA_RESTART`; `ERESTARTNOHAND`: unless there is one.
        const RESTART_SYS: i64 = -512;
        const RESTART_NO_HANDLER: i64 = -514;
        let task = &self.tasks[index];
        if task.is_gone() {
            return Ok(());
        }
        let call = task.entering.call;
        let is_sleep = matches!(c_long::from(call), SYS_nanosleep | SYS_clock_nanosleep);
        let result = if is_sleep {
            RESTART_NO_HANDLER
        } else {
            RESTART_SYS
        };
        regs::poke(task.tid, Register::Call, u64::from(call))?;
        regs::poke(task.tid, Register::Result, result as u64)?;
        self.record(
            index,
            What::Wake {
                call: Call(call),
                result,
            },
        );
        self.run_code(index, 0)
    }

    /// A mark made by a scenario.
    fn mark(&mut self, index: usize, kind: u32, args: [u64; 6]) -> Result<Emulated, Halt> {
        if kind == 1 {
            let length = (args[1] as usize).min(1 << 16);
            let message = memory::read_string(self.tasks[index].tid, args[0], length);
            self.record(index, What::Panic(message.unwrap_or_default()));
        } else if kind == 2 {
            self.record(index, What::Mark(args[0], args[1]));
        }
        Ok(Emulated::Answer(0))
    }
}
