//! The fault `reuse-pid`: a new process gets the number of one that has ended and been
//! waited for. Linux gives numbers away again once it has gone through all of them; here
//! the task that forks sets where it goes on (`ns_last_pid`, proc_sys_kernel(5)).

use crate::faults::armed::Strike;
use crate::inside::remote::{self, Remote, made};
use crate::run::session::{Halt, Session};
use crosswire_kernel::memory;
use crosswire_model::{Fault, What};
use std::collections::BTreeSet;
use std::io;

/// File in which the number stands that was given away last.
const LAST_PID: &[u8] = b"/proc/sys/kernel/ns_last_pid\0";

impl Session<'_> {
    /// Lets the process that is about to be created get a number for the second time, if
    /// one is free. It stays unused where none is, or where the number cannot be chosen.
    pub fn strike_reuse(&mut self, index: usize, fault: Fault) -> Result<Strike, Halt> {
        match self.reuse(index)? {
            true => self.record(index, What::Fault(fault)),
            false => self.faults.spend(fault),
        }
        Ok(Strike::None)
    }

    fn reuse(&self, index: usize) -> io::Result<bool> {
        let task = &self.tasks[index];
        let former = self.former_pids();
        if self.setup.pids_vary || former.is_empty() {
            return Ok(false);
        }
        let remote = Remote::at_entry(task.tid, task.entering.call, task.entering.args)?;
        let set = self.set_next(task.tid, &remote, &former);
        remote.end()?;
        set
    }

    /// Returns the numbers of ended processes that no living one has, the latest first.
    fn former_pids(&self) -> Vec<i32> {
        let alive: BTreeSet<i32> = self
            .tasks
            .iter()
            .filter(|task| !task.is_gone())
            .map(|task| task.tid_inside)
            .collect();
        let leaders = self
            .processes
            .iter()
            .map(|process| &self.tasks[process.leader.index()]);
        let former = leaders
            .map(|task| task.tid_inside)
            .filter(|pid| !alive.contains(pid));
        let mut former: Vec<i32> = former.collect();
        former.reverse();
        former
    }

    /// Sets the next number to the first of these that is free: that no process has, not
    /// even one that nobody has waited for, and no process group.
    fn set_next(&self, tid: i32, remote: &Remote, former: &[i32]) -> io::Result<bool> {
        let is_free = |pid: i32| -> io::Result<bool> {
            let nobody = |target: i32| {
                let args = [target as u64, 0, 0, 0, 0, 0];
                Ok::<bool, io::Error>(remote.call(made::KILL, args)? == -i64::from(libc::ESRCH))
            };
            Ok(nobody(pid)? && nobody(-pid)?)
        };
        let mut free = None;
        for &pid in former {
            if is_free(pid)? {
                free = Some(pid);
                break;
            }
        }
        let Some(pid) = free else {
            return Ok(false);
        };
        // The program keeps nothing there.
        let scratch = remote::room_below_stack(tid)?;
        memory::write(tid, scratch, LAST_PID)?;
        let flags = libc::O_WRONLY | libc::O_CLOEXEC;
        let file = remote.call(made::OPENAT, [0, scratch, flags as u64, 0, 0, 0])?;
        if file < 0 {
            return Ok(false);
        }
        let last = (pid - 1).to_string();
        memory::write(tid, scratch, last.as_bytes())?;
        let written = remote.call(
            made::WRITE,
            [file as u64, scratch, last.len() as u64, 0, 0, 0],
        )?;
        remote.must(
            "closing ns_last_pid",
            made::CLOSE,
            [file as u64, 0, 0, 0, 0, 0],
        )?;
        Ok(written == last.len() as i64)
    }
}
