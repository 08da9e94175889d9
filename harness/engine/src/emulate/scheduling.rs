//! Scheduling policies and CPUs that programs ask for.
//!
//! Requests would move a task to another CPU, or above the harness, so the kernel does not hear
//! of them. They are kept here, inherited as by fork(2), and told when they are asked for; what
//! Linux refuses is refused. They decide nothing: tasks of every priority run. Who has asked for
//! no CPU has the first one, whichever the worker is on. Process 1, which is the harness's, can be
//! asked as any other.

use super::answer::Emulated;
use crate::run::scheduling::Scheduling;
use crate::run::session::Session;
use crosswire_calls::{Arg, Fact};
use crosswire_kernel::{Tid, memory, probe};
use libc::{
    EFAULT, EINVAL, EPERM, ESRCH, SCHED_BATCH, SCHED_DEADLINE, SCHED_FIFO, SCHED_IDLE, SCHED_OTHER,
    SCHED_RESET_ON_FORK, SCHED_RR,
};
use nix::unistd::{SysconfVar, sysconf};

/// Number of `CAP_SYS_NICE` (linux/capability.h).
const CAP_SYS_NICE: u32 = 23;

/// Bytes of `struct sched_attr` in its first version (sched_setattr(2)).
const ATTRIBUTES: usize = 48;

/// The flag `SCHED_FLAG_RESET_ON_FORK` of `struct sched_attr`.
const FLAG_RESET_ON_FORK: u64 = 1;

/// CPUs of the machine, by whose numbers programs may name them.
fn cpus() -> usize {
    let count = sysconf(SysconfVar::_NPROCESSORS_CONF).ok().flatten();
    count.map_or(1, |count| count as usize)
}

type Answer = Result<i64, i32>;

/// Whose scheduling a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// The task of this number.
    Task(usize),
    /// Process 1 of the sandbox.
    First,
}

impl Session<'_> {
    /// Tells whether a number means process 1 of the sandbox, which is none of the run's.
    pub(crate) fn is_first(&self, pid: i32) -> bool {
        pid == 1 && !self.setup.pids_vary && self.tasks.inside(pid).is_none()
    }

    fn subject(&self, index: usize, pid: i32) -> Result<Subject, i32> {
        match self.meant(index, pid) {
            Some(task) => Ok(Subject::Task(task)),
            None if self.is_first(pid) => Ok(Subject::First),
            None => Err(ESRCH),
        }
    }

    fn tid_of(&self, subject: Subject) -> Tid {
        match subject {
            Subject::Task(task) => self.tasks[task].tid,
            Subject::First => self.setup.sandbox.init_pid(),
        }
    }

    fn scheduling(&mut self, subject: Subject) -> &mut Scheduling {
        match subject {
            Subject::Task(task) => &mut self.tasks[task].scheduling,
            Subject::First => &mut self.scheduling_of_first,
        }
    }

    /// Answers a call that sets CPUs, a policy or a priority, or asks for them.
    pub(super) fn schedule_request(&mut self, index: usize) -> Emulated {
        let answer = self.answer_schedule_request(index);
        Emulated::Answer(answer.unwrap_or_else(|errno| -i64::from(errno)))
    }

    fn answer_schedule_request(&mut self, index: usize) -> Answer {
        let task = &self.tasks[index];
        let (tid, row) = (task.tid, task.entering.row());
        let [pid, second, third, fourth, ..] = task.entering.args;
        let number = |at| memory::read_exact(tid, at).map(i32::from_ne_bytes);
        let given = |at| number(at).map_err(|_| EFAULT);
        let pid = pid as i32;
        let target = |session: &Self| session.subject(index, pid);
        match row.args[1..] {
            // sched_setaffinity(2)
            [Arg::Size, Arg::Given] => {
                let (cpus, target) = (named_cpus(tid, second, third)?, target(self)?);
                self.check_owner(index, target)?;
                if cpus.is_empty() {
                    return Err(EINVAL);
                }
                self.scheduling(target).cpus = cpus;
                return Ok(0);
            }
            // sched_getaffinity(2)
            [Arg::Size, Arg::Out] => {
                let target = target(self)?;
                let mask = mask_of(&self.scheduling(target).cpus);
                if second < mask.len() as u64 || !second.is_multiple_of(8) {
                    return Err(EINVAL);
                }
                memory::write(tid, third, &mask).map_err(|_| EFAULT)?;
                return Ok(mask.len() as i64);
            }
            _ => {}
        }
        let require = |pointer| match pointer {
            0 => Err(EINVAL),
            _ => Ok(()),
        };
        if pid < 0 {
            return Err(EINVAL);
        }
        match (row.is(Fact::Looks), &row.args[1..]) {
            // sched_getscheduler(2)
            (true, []) => {
                let target = target(self)?;
                let of = self.scheduling(target);
                let flag = match of.resets_on_fork {
                    true => SCHED_RESET_ON_FORK,
                    false => 0,
                };
                Ok((of.policy | flag).into())
            }
            // sched_getparam(2)
            (true, [Arg::Out]) => {
                require(second)?;
                let target = target(self)?;
                let priority = self.scheduling(target).priority;
                memory::write(tid, second, &priority.to_ne_bytes()).map_err(|_| EFAULT)?;
                Ok(0)
            }
            // sched_getattr(2)
            (true, _) => {
                require(second)?;
                if !(ATTRIBUTES as u64..=4096).contains(&third) || fourth != 0 {
                    return Err(EINVAL);
                }
                let target = target(self)?;
                let niceness = match target {
                    Subject::Task(task) => probe::niceness(self.tasks[task].tid),
                    Subject::First => 0,
                };
                let attributes = attributes(self.scheduling(target), niceness);
                memory::write(tid, second, &attributes).map_err(|_| EFAULT)?;
                Ok(0)
            }
            // sched_setscheduler(2)
            (false, [Arg::Int, Arg::Given]) => {
                require(third)?;
                let (policy, priority) = (second as i32, given(third)?);
                let wanted = Scheduling {
                    policy: policy & !SCHED_RESET_ON_FORK,
                    priority,
                    resets_on_fork: policy & SCHED_RESET_ON_FORK != 0,
                    cpus: Vec::new(),
                };
                self.reschedule(index, target(self)?, wanted)
            }
            // sched_setparam(2)
            (false, [Arg::Given]) => {
                require(second)?;
                let (priority, target) = (given(second)?, target(self)?);
                let wanted = Scheduling {
                    priority,
                    ..self.scheduling(target).clone()
                };
                self.reschedule(index, target, wanted)
            }
            // sched_setattr(2)
            _ => {
                require(second)?;
                if third != 0 {
                    return Err(EINVAL);
                }
                let flags = memory::read_word(tid, second + 8).map_err(|_| EFAULT)?;
                let wanted = Scheduling {
                    policy: given(second + 4)?,
                    priority: given(second + 20)?,
                    resets_on_fork: flags & FLAG_RESET_ON_FORK != 0,
                    cpus: Vec::new(),
                };
                self.reschedule(index, target(self)?, wanted)
            }
        }
    }

    /// Checks that a task may change how another one is scheduled.
    fn check_owner(&self, index: usize, target: Subject) -> Answer {
        let (own, other) = (self.tasks[index].tid, self.tid_of(target));
        let is_own = || {
            let (_, effective) = probe::users(own)?;
            let (real, other_effective) = probe::users(other)?;
            Some(effective == real || effective == other_effective)
        };
        let may = target == Subject::Task(index)
            || probe::has_capability(own, CAP_SYS_NICE)
            || is_own() != Some(false);
        may.then_some(0).ok_or(EPERM)
    }

    fn reschedule(&mut self, index: usize, target: Subject, wanted: Scheduling) -> Answer {
        let is_real_time = matches!(wanted.policy, SCHED_FIFO | SCHED_RR);
        let allowed = match wanted.policy {
            _ if is_real_time => 1..=99,
            SCHED_OTHER | SCHED_BATCH | SCHED_IDLE | SCHED_DEADLINE => 0..=0,
            _ => return Err(EINVAL),
        };
        if !allowed.contains(&wanted.priority) {
            return Err(EINVAL);
        }
        let (tid, limited) = match target {
            Subject::Task(task) => (self.tasks[index].tid, self.tasks[task].tid),
            // As much as the run's first processes, unless they change that.
            Subject::First => (self.tasks[index].tid, self.tasks[index].tid),
        };
        let before = self.scheduling(target).clone();
        if !probe::has_capability(tid, CAP_SYS_NICE) {
            let most = probe::limit_on_priority(limited);
            let raises = is_real_time && u64::from(wanted.priority as u32) > most;
            let is_kept = (before.policy, before.priority) == (wanted.policy, wanted.priority);
            if wanted.policy == SCHED_DEADLINE || raises && !is_kept {
                return Err(EPERM);
            }
        }
        self.check_owner(index, target)?;
        let scheduling = self.scheduling(target);
        let cpus = std::mem::take(&mut scheduling.cpus);
        *scheduling = Scheduling { cpus, ..wanted };
        Ok(0)
    }
}

/// Returns the CPUs of the machine that a mask names.
fn named_cpus(tid: Tid, length: u64, at: u64) -> Result<Vec<usize>, i32> {
    let mut mask = vec![0; (length as usize).min(1024)];
    let is_read =
        mask.is_empty() || memory::read(tid, at, &mut mask).is_ok_and(|count| count == mask.len());
    if !is_read {
        return Err(EFAULT);
    }
    let is_named = |cpu: &usize| {
        mask.get(cpu / 8)
            .is_some_and(|byte| byte >> (cpu % 8) & 1 == 1)
    };
    Ok((0..cpus()).filter(is_named).collect())
}

/// Returns the mask of these CPUs, or of the first one, in the words that the kernel writes.
fn mask_of(cpus: &[usize]) -> Vec<u8> {
    let mut mask = vec![0; self::cpus().div_ceil(64) * 8];
    let first: &[usize] = &[0];
    for cpu in if cpus.is_empty() { first } else { cpus } {
        mask[cpu / 8] |= 1 << (cpu % 8);
    }
    mask
}

/// Returns `struct sched_attr` of a thread.
fn attributes(of: &Scheduling, niceness: i32) -> Vec<u8> {
    let mut bytes = vec![0; ATTRIBUTES];
    let mut set = |at: usize, value: i32| bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    set(0, ATTRIBUTES as i32);
    set(4, of.policy);
    set(8, of.resets_on_fork.into());
    if of.priority == 0 {
        set(16, niceness);
    }
    set(20, of.priority);
    bytes
}
