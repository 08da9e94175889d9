//! Calls that the engine answers itself: clocks, sleeps, randomness, and what it
//! cannot allow.

pub(crate) mod address;
pub(crate) mod answer;
pub(crate) mod chance;
mod core_files;
pub(crate) mod limited;
pub(crate) mod locks;
pub(crate) mod network;
mod outside;
mod pipes;
mod scheduling;
mod settings;
pub(crate) mod sockets;
mod system_v;
mod terminals;
pub(crate) mod time;

use crate::inside::remote::made;
use crate::memory::names_unseen;
use crate::run::session::{Halt, Session};
use crate::run::stops::{RESTART_NO_HANDLER, RESTART_SYS};
use crate::run::task::{State, Task, TimedWait};
pub(crate) use answer::Emulated;
pub use answer::MARK;
use crosswire_calls::{Arg, Does, Mapping, Row};
use crosswire_kernel::arch::Register;
use crosswire_kernel::{descriptor, memory, probe, tracee};
use crosswire_model::{Call, What};
use libc::{
    CLOCK_MONOTONIC, CLOCK_REALTIME, ECONNREFUSED, EFAULT, EINVAL, ENOENT, ENOMEM, EPERM, ESRCH,
    GRND_INSECURE, GRND_NONBLOCK, GRND_RANDOM, TIMER_ABSTIME, c_int,
};
use time::clock::{self, from_timespec};

const FAULT: Emulated = Emulated::Answer(-(EFAULT as i64));
const INVALID: Emulated = Emulated::Answer(-(EINVAL as i64));

/// The first byte of requests to random devices (linux/random.h).
const OF_RANDOM: u64 = b'R' as u64;

/// `RNDGETENTCNT` of linux/random.h: how much entropy is there?
const TELL_ENTROPY: u64 = 0x8004_5200;

/// Requests that take the right to administer the machine: `RNDADDTOENTCNT`, `RNDADDENTROPY`,
/// `RNDZAPENTCNT`, `RNDCLEARPOOL` and `RNDRESEEDCRNG`.
const ADMINISTER: [u64; 5] = [0x4004_5201, 0x4008_5203, 0x5204, 0x5206, 0x5207];

/// Bits of entropy that the kernel tells of once it has enough (random(4)).
const ENTROPY: i32 = 256;

impl Session<'_> {
    /// Decides about the call that a task is about to make, and changes its
    /// arguments where the kernel shall perform a different one.
    pub fn emulate(&mut self, index: usize) -> Result<Emulated, Halt> {
        let entering = self.tasks[index].entering;
        let (tid, args) = (self.tasks[index].tid, entering.args);
        let is_mark = (MARK..MARK + 0x100).contains(&entering.call);
        // Only scenarios have any; the kernel knows no such calls.
        if is_mark && self.setup.log.is_some() {
            return self.mark(index, entering.call - MARK, args);
        }
        if self.names_stranger(entering.row(), &args) {
            return Ok(Emulated::Answer(-i64::from(ESRCH)));
        }
        if self.looks_at_stranger(index) {
            return Ok(Emulated::Answer(-i64::from(ENOENT)));
        }
        if self.asks_machine(index) {
            return Ok(Emulated::Answer(-i64::from(ECONNREFUSED)));
        }
        if let Some(id) = self.id_in_template(index) {
            return Ok(Emulated::Answer(id.into()));
        }
        self.note_reading(index);
        let emulated = match entering.row().does {
            Does::ReadClock => self.read_clock(index, args[0] as c_int, args[1]),
            Does::ReadTimeOfDay => {
                let now = clock::to_timeval(self.clock.reading(CLOCK_REALTIME));
                // A time zone is what nobody sets: struct timezone, of 8 bytes.
                let refuses =
                    |to: u64, bytes: &[u8]| to != 0 && memory::write(tid, to, bytes).is_err();
                match refuses(args[0], &now) || refuses(args[1], &[0; 8]) {
                    true => FAULT,
                    false => Emulated::Answer(0),
                }
            }
            Does::ReadSeconds => {
                let now = self.clock.reading(CLOCK_REALTIME) / clock::SECOND;
                match args[0] != 0 && memory::write(tid, args[0], &now.to_ne_bytes()).is_err() {
                    true => FAULT,
                    false => Emulated::Answer(now as i64),
                }
            }
            Does::Sleep | Does::SleepByClock if self.tasks[index].waits_until.is_some() => {
                let deadline = self.tasks[index].waits_until.take().expect("just seen");
                Emulated::Sleep { deadline }
            }
            Does::Sleep => self.sleep_request(index, CLOCK_MONOTONIC, false, args[0]),
            Does::SleepByClock => match clock::refuses_sleep(args[0] as c_int) {
                Some(error) => Emulated::Answer(-i64::from(error)),
                None => {
                    let absolute = args[1] as c_int & TIMER_ABSTIME != 0;
                    self.sleep_request(index, args[0] as c_int, absolute, args[2])
                }
            },
            Does::Map(_) if names_unseen(entering.row(), &args) => {
                Emulated::Answer(-i64::from(ENOMEM))
            }
            Does::Map(Mapping::Map) if self.has_used_up_room(index) => {
                Emulated::Answer(-i64::from(ENOMEM))
            }
            Does::Map(Mapping::Remap) if self.space(index).refuses_remap(args) => INVALID,
            Does::Random => self.random(index, args),
            Does::Schedule => self.schedule_request(index),
            Does::ProcessControl => self.process_request(index),
            Does::Filter => self.filter_request(index),
            Does::Refused(errno) => Emulated::Answer(-i64::from(errno)),
            Does::Kill if args[0] as i32 == -1 => self.signal_everybody(index, args[1] as c_int)?,
            Does::Kill | Does::KillThread | Does::QueueSignal => {
                self.put_off_deaths(index)?;
                Emulated::Proceed
            }
            Does::LockFile | Does::Control | Does::SystemVSend => self.attempt_lock(index)?,
            Does::Timer(timer) => self.timer_call(index, timer)?,
            Does::Device => self.device_request(index)?,
            Does::Socket => {
                self.network.note_socket(args[0] as c_int);
                Emulated::Proceed
            }
            Does::Bind => self.choose_address(index)?,
            Does::Connect | Does::Send | Does::Listen if self.network.is_used() => {
                self.bind_first(index);
                self.limit_wait(index)?
            }
            Does::SocketOption { sets } => self.socket_option(index, sets)?,
            _ => match entering.row().measures() {
                Some(measure) => self.measure(index, measure),
                None => self.limit_wait(index)?,
            },
        };
        Ok(emulated)
    }

    /// Returns a process, by its number, that a task names with its call and that is not its own.
    pub(crate) fn named_other(&self, index: usize) -> Option<i32> {
        let entering = &self.tasks[index].entering;
        let named = entering.row().named_process(&entering.args);
        named.filter(|pid| !self.is_own(index, *pid))
    }

    /// Returns the task that another one means by a thread id: itself by 0. One that has ended keeps
    /// its id until its parent has asked for its status.
    pub(crate) fn meant(&self, index: usize, pid: i32) -> Option<usize> {
        if pid == 0 {
            return Some(index);
        }
        let is_there = |task: &&Task| !task.is_gone() || probe::is_zombie(task.tid);
        let task = self.tasks.inside(pid).filter(is_there);
        task.map(|task| task.id.index())
    }

    /// Tells whether a task means its own process, or a thread of that, by a number.
    pub(crate) fn is_own(&self, index: usize, pid: i32) -> bool {
        let process = self.tasks[index].process;
        let mut threads = self.tasks.iter().filter(|task| task.process == process);
        threads.any(|task| task.tid_inside == pid && !task.is_gone())
    }

    /// Tells whether the call names a process that the program must not know of, or its group.
    pub(crate) fn names_stranger(&self, row: &Row, args: &[u64; 6]) -> bool {
        let is_stranger = |pid: i32| self.setup.strangers.contains(&pid.saturating_abs());
        let mut named = row
            .args
            .iter()
            .zip(args)
            .filter(|(arg, _)| **arg == Arg::Pid);
        named.any(|(_, pid)| is_stranger(*pid as i32)) && row.does != Does::WaitChild
    }

    /// Tells whether the call names a file of `/proc` about such a process.
    fn looks_at_stranger(&self, index: usize) -> bool {
        let path = self.tasks[index].path.as_deref().unwrap_or_default();
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        parts.next() == Some("proc")
            && parts.next().is_some_and(|process| {
                let mut strangers = self.setup.strangers.iter();
                strangers.any(|stranger| stranger.to_string() == process)
            })
    }

    fn read_clock(&self, index: usize, id: c_int, address: u64) -> Emulated {
        let Some(now) = self.reading(index, id) else {
            return INVALID;
        };
        match memory::write(self.tasks[index].tid, address, &clock::to_timespec(now)) {
            Ok(()) => Emulated::Answer(0),
            Err(_) => FAULT,
        }
    }

    fn sleep_request(
        &self,
        index: usize,
        clock_id: c_int,
        absolute: bool,
        address: u64,
    ) -> Emulated {
        let Ok(request) = memory::read_pair(self.tasks[index].tid, address) else {
            return FAULT;
        };
        let Some(nanoseconds) = from_timespec(request) else {
            return INVALID;
        };
        let deadline = match absolute {
            true => self.deadline(index, clock_id, nanoseconds),
            false => self.clock.after(nanoseconds),
        };
        Emulated::Sleep { deadline }
    }

    fn random(&mut self, index: usize, args: [u64; 6]) -> Emulated {
        let (address, length, flags) = (args[0], args[1] as usize, args[2] as u32);
        let both = GRND_RANDOM | GRND_INSECURE;
        if flags & !(GRND_NONBLOCK | both) != 0 || flags & both == both {
            return INVALID;
        }
        // The kernel gives at most this much to one call (getrandom(2)).
        let length = length.min(33_554_431);
        let (seed, start_up) = (self.setup.plan.seed, &self.setup.plan.start_up);
        let (tid, process) = (self.tasks[index].tid, self.tasks[index].process);
        let process = &mut self.processes[process];
        let is_loaded_alike = start_up.loads_alike && !self.setup.in_template;
        let bytes = match process.loading.is_some() && is_loaded_alike {
            true => process.loading_chance.draw(chance::OF_LOADING, length),
            false => self.chance.draw(seed, length),
        };
        match memory::write(tid, address, &bytes) {
            Ok(()) => Emulated::Answer(bytes.len() as i64),
            Err(_) => FAULT,
        }
    }

    /// A request of ioctl(2), perhaps to a random device, in whose place there is a file (random(4),
    /// "ioctl(2) interface").
    pub(super) fn random_request(&self, index: usize, request: u64) -> Emulated {
        if request >> 8 & 0xff != OF_RANDOM {
            return Emulated::Proceed;
        }
        let task = &self.tasks[index];
        let device = descriptor::target(task.tid, task.entering.args[0]);
        let is_random = device.is_some_and(|path| {
            let path = path.to_str();
            matches!(path, Some("/dev/random" | "/dev/urandom"))
        });
        match request {
            _ if !is_random => Emulated::Proceed,
            TELL_ENTROPY => {
                let to = task.entering.args[2];
                match memory::write(task.tid, to, &ENTROPY.to_ne_bytes()) {
                    Ok(()) => Emulated::Answer(0),
                    Err(_) => FAULT,
                }
            }
            _ if ADMINISTER.contains(&request) => Emulated::Answer(-i64::from(EPERM)),
            _ => INVALID,
        }
    }

    /// Holds the task at the entry of its sleep.
    pub fn sleep(&mut self, index: usize, deadline: u64) -> Result<(), Halt> {
        self.note_sleep(index, deadline);
        let task = &mut self.tasks[index];
        task.timed_wait = Some(TimedWait {
            deadline,
            result: 0,
        });
        task.state = State::Sleeping(task.take_stopped()?);
        self.turn.yields();
        self.record_block(index);
        Ok(())
    }

    /// A task is about to sleep.
    pub fn note_sleep(&mut self, index: usize, deadline: u64) {
        let length = deadline.saturating_sub(self.clock.now());
        let since = (self.turn.step(), self.cpu_time_of_all());
        let task = &mut self.tasks[index];
        task.naps = match task.naps {
            (same, count) if same == length => (length, count + 1),
            _ => (length, 1),
        };
        task.slept_since = since;
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
        // Beyond its pid namespace it knows of none (pid_namespaces(7)).
        let (others, _) = self.group(index).unwrap_or_default();
        for (other, _) in &others {
            match signal == libc::SIGKILL && !self.setup.plan.kills_at_once {
                true => self.begin_to_die(*other),
                false => {
                    tracee::kill(self.processes[*other].pid, signal);
                }
            }
        }
        self.reports.expect_deaths();
        self.settle(false)?;
        self.reports.signal_sent();
        let nobody = -i64::from(ESRCH);
        Ok(Emulated::Answer(if others.is_empty() { nobody } else { 0 }))
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
        let (absolute, left_at) = match entering.row().does {
            Does::Sleep => (false, entering.args[1]),
            _ => (
                entering.args[1] as c_int & TIMER_ABSTIME != 0,
                entering.args[3],
            ),
        };
        let left = clock::to_timespec(deadline.saturating_sub(self.clock.now()));
        let is_told = absolute || left_at == 0 || memory::write(tid, left_at, &left).is_ok();
        // Some call must be performed for there to be an end of one.
        let stopped = self.tasks[index].take_stopped()?;
        stopped.poke(Register::Call, made::GETPID as u64)?;
        self.tasks[index].unobserved = true;
        stopped.resume_to_exit()?;
        self.settle(true)?;
        match is_told {
            true => self.end_as_interrupted(index),
            // The kernel has no place for the rest of the sleep.
            false => self.end_wait(index, -i64::from(EFAULT)),
        }
    }

    /// Makes the kernel believe that the task's call was cut short by a signal, and
    /// lets it deliver the signal.
    pub fn end_as_interrupted(&mut self, index: usize) -> Result<(), Halt> {
        let result = match self.tasks[index].entering.row().ends_with_any_handler() {
            true => RESTART_NO_HANDLER,
            false => RESTART_SYS,
        };
        self.end_wait(index, result)
    }

    /// Makes the kernel believe that the task's call has ended so; signals are delivered.
    fn end_wait(&mut self, index: usize, result: i64) -> Result<(), Halt> {
        let task = &self.tasks[index];
        if task.is_gone() {
            return Ok(());
        }
        let call = task.entering.call;
        let stopped = task.stopped()?;
        stopped.poke(Register::Call, u64::from(call))?;
        stopped.poke(Register::Result, result as u64)?;
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
