//! Killing a group of processes, one after the other.
//!
//! The kernel marks all processes that kill(2) names, and each dies when it gets the CPU. The
//! scheduler of Linux would decide which of its children a waiting parent learns of first, so a
//! replay could differ. Therefore the task kills them singly, and each is gone before the next.

use super::remote::{Remote, made};
use crate::run::session::{Halt, Session};
use crate::start::identity::inner_number;
use crosswire_calls::Does;
use crosswire_kernel::{Tid, process};
use libc::SIGKILL;
use std::fs;
use std::path::PathBuf;

/// The namespace and the group of a process.
struct Membership {
    /// Its pid namespace.
    namespace: PathBuf,
    /// Its own number there, and its group's.
    pid: i32,
    group: i32,
}

impl Session<'_> {
    /// A task is about to make a call. If it kills a group, all but the last of those others in
    /// it are killed first.
    pub fn kill_one_by_one(&mut self, index: usize) -> Result<(), Halt> {
        let entering = self.tasks[index].entering;
        let [named, signal, ..] = entering.args.map(|arg| arg as i32);
        if entering.row().does != Does::Kill || named > 0 || signal != SIGKILL {
            return Ok(());
        }
        let Some(own) = Membership::of(self.processes[self.tasks[index].process].pid) else {
            return Ok(());
        };
        let is_named = |other: &Membership| {
            let is_meant = match named {
                0 => other.group == own.group,
                group => other.group == -group,
            };
            is_meant && other.namespace == own.namespace && other.pid != own.pid
        };
        let living = self.processes.iter().filter(|p| !self.has_ended(p));
        let memberships = living.filter_map(|process| Membership::of(process.pid));
        let mut others: Vec<i32> = memberships
            .filter(is_named)
            .map(|other| other.pid)
            .collect();
        let kills_itself = named == 0 || -named == own.group;
        if !kills_itself {
            // The call itself finds the last one, so that it succeeds.
            others.pop();
        }
        for pid in others {
            let stopped = self.tasks[index].lend()?;
            let mut remote = Remote::at_entry(stopped, entering.call)?;
            // Those that it must not kill stay.
            remote.call(made::KILL, [pid as u64, SIGKILL as u64, 0, 0, 0, 0])?;
            self.tasks[index].give_back(remote.end()?);
            self.reports.expect_deaths();
            self.settle(false)?;
        }
        Ok(())
    }
}

impl Membership {
    /// The groups of a process; `None` if it is gone.
    fn of(pid: Tid) -> Option<Membership> {
        let namespace = process::pid_namespace(pid)?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(Membership {
            namespace,
            pid: inner_number(&status, "NSpid:")?,
            group: inner_number(&status, "NSpgid:")?,
        })
    }
}
