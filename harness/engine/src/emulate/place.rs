//! Requests for CPUs and priorities. They would move the task to another CPU, or above the
//! harness, so they are ignored; but what Linux refuses is refused.

use super::answer::Emulated;
use crate::run::session::Session;
use crosswire_calls::Arg;
use crosswire_kernel::memory;
use libc::{EFAULT, EINVAL, ESRCH, SCHED_BATCH, SCHED_FIFO, SCHED_IDLE, SCHED_OTHER, SCHED_RR};
use nix::unistd::{SysconfVar, sysconf};

/// `SCHED_RESET_ON_FORK` of linux/sched.h.
const RESET_ON_FORK: i32 = 0x4000_0000;

/// CPUs of the machine, by whose numbers programs may name them.
fn cpus() -> usize {
    let count = sysconf(SysconfVar::_NPROCESSORS_CONF).ok().flatten();
    count.map_or(1, |count| count as usize)
}

impl Session<'_> {
    /// Answers a request for CPUs or a priority.
    pub(super) fn place_request(&self, index: usize) -> Emulated {
        let errno = self.refusal_of_place(index).unwrap_or(0);
        Emulated::Answer(-i64::from(errno))
    }

    fn refusal_of_place(&self, index: usize) -> Option<i32> {
        let task = &self.tasks[index];
        let [pid, second, third, ..] = task.entering.args;
        let (tid, pid) = (task.tid, pid as i32);
        let number = |at| memory::read_exact(tid, at).map(i32::from_ne_bytes).ok();
        let exists = |t: &crate::run::task::Task| t.tid_inside == pid && !t.is_gone();
        let missing = (pid != 0 && !self.tasks.iter().any(exists)).then_some(ESRCH);
        match task.entering.row().args {
            // sched_setaffinity(2)
            [Arg::Pid, Arg::Size, Arg::Given] => {
                let mut mask = vec![0; (second as usize).min(1024)];
                match memory::read(tid, third, &mut mask) {
                    Ok(count) if count == mask.len() => {}
                    _ if mask.is_empty() => {}
                    _ => return Some(EFAULT),
                }
                let named = (0..cpus()).any(|cpu| {
                    let byte = mask.get(cpu / 8).copied().unwrap_or(0);
                    byte >> (cpu % 8) & 1 == 1
                });
                missing.or((!named).then_some(EINVAL))
            }
            // sched_setscheduler(2)
            [Arg::Pid, Arg::Int, Arg::Given] => {
                if pid < 0 || third == 0 || (second as i32) < 0 {
                    return Some(EINVAL);
                }
                let Some(priority) = number(third) else {
                    return Some(EFAULT);
                };
                let allowed = match second as i32 & !RESET_ON_FORK {
                    SCHED_FIFO | SCHED_RR => 1..=99,
                    SCHED_OTHER | SCHED_BATCH | SCHED_IDLE => 0..=0,
                    _ => return missing.or(Some(EINVAL)),
                };
                missing.or((!allowed.contains(&priority)).then_some(EINVAL))
            }
            // sched_setparam(2)
            [Arg::Pid, Arg::Given] => {
                if pid < 0 || second == 0 {
                    return Some(EINVAL);
                }
                let Some(priority) = number(second) else {
                    return Some(EFAULT);
                };
                missing.or((!(0..=99).contains(&priority)).then_some(EINVAL))
            }
            // sched_setattr(2)
            [Arg::Pid, Arg::Given, Arg::Bits] => {
                if pid < 0 || second == 0 || third != 0 {
                    return Some(EINVAL);
                }
                match number(second) {
                    None => Some(EFAULT),
                    Some(_) => missing,
                }
            }
            _ => None,
        }
    }
}
