//! The fault `reuse-pid`: a new process gets the number of one that has ended and been
//! waited for. Linux gives numbers away again once it has gone through all of them; here
//! process 1 of the sandbox sets where it goes on (`ns_last_pid`, proc_sys_kernel(5)).

use crate::faults::armed::Strike;
use crate::inside::remote::{Remote, made};
use crate::run::session::{Halt, Session};
use crosswire_model::{Fault, What};
use std::collections::BTreeSet;
use std::io;

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

    fn reuse(&mut self, index: usize) -> io::Result<bool> {
        let former = self.former_pids();
        if self.setup.pids_vary || former.is_empty() {
            return Ok(false);
        }
        let task = &mut self.tasks[index];
        let mut remote = Remote::at_entry(task.lend()?, task.entering.call)?;
        let set = self.set_next(&mut remote, &former);
        self.tasks[index].give_back(remote.end()?);
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
    fn set_next(&self, remote: &mut Remote, former: &[i32]) -> io::Result<bool> {
        let mut is_free = |pid: i32| -> io::Result<bool> {
            let mut nobody = |target: i32| {
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
        match free {
            Some(pid) => self
                .setup
                .sandbox
                .give_next_pid(pid)
                .map_err(io::Error::other),
            None => Ok(false),
        }
    }
}
