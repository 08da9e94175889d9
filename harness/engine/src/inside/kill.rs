//! SIGKILL to other processes.
//!
//! kill(2) only marks them: each dies, and gives up its files, locks and ports, when it gets the
//! CPU next, which the sender does not wait for. So its death is a step of its own. The kernel
//! would end a traced task at once; therefore the call is made with signal 0, which finds the same
//! processes and checks the same rights, and the signal is sent in the step of each.
//!
//! Where that is not possible the signal is sent as it is. Of a group the kernel marks all
//! processes, and the scheduler of Linux would decide which of its children a waiting parent
//! learns of first, so a replay could differ. Then the task kills them singly, and each is gone
//! before the next.

use super::remote::{Remote, made};
use crate::run::session::{Halt, Session};
use crate::run::task::Task;
use crate::start::identity::inner_number;
use crosswire_calls::{Arg, Does};
use crosswire_kernel::arch::Register;
use crosswire_kernel::{Tid, process, tracee};
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

/// The first process of a pid namespace, which does not die of signals from there, and with which
/// all others of it die (pid_namespaces(7)).
const INIT: i32 = 1;

impl Session<'_> {
    /// Tells whether a process has been killed, and is to die in its next step.
    pub fn is_dying(&self, task: &Task) -> bool {
        self.processes[task.process].is_dying
    }

    /// Tells whether the death of its process, which is dying, is the step of this task: that is
    /// the first living thread.
    pub fn takes_death(&self, task: &Task) -> bool {
        let is_part = |other: &&Task| other.process == task.process && !other.is_gone();
        self.tasks.iter().find(is_part).map(|first| first.id) == Some(task.id)
    }

    /// Tells whether the call that a task makes ends others before it returns.
    pub fn kills_at_once(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        let signal = task.entering.row().signal();
        let sends = signal.is_some_and(|at| task.entering.args[at] == SIGKILL as u64);
        sends && task.kills.is_empty()
    }

    /// A task is about to make a call. If it kills other processes, they are found by signal 0, and
    /// die later.
    pub fn put_off_deaths(&mut self, index: usize) -> Result<(), Halt> {
        let Some(at) = self.tasks[index].entering.row().signal() else {
            return Ok(());
        };
        if !self.kills_at_once(index) || self.setup.plan.kills_at_once {
            return Ok(());
        }
        let Some(victims) = self.victims(index)? else {
            return Ok(());
        };
        let argument = Register::Arg(at);
        let task = &mut self.tasks[index];
        task.stopped()?.poke(argument, 0)?;
        task.restore = Some((argument, SIGKILL as u64));
        task.kills = victims;
        Ok(())
    }

    /// A call has come back that found processes to kill.
    pub fn mark_dying(&mut self, index: usize, result: i64) {
        for process in std::mem::take(&mut self.tasks[index].kills) {
            if result == 0 {
                self.begin_to_die(process);
            }
        }
    }

    /// A process dies in its next step.
    pub fn begin_to_die(&mut self, process: usize) {
        self.processes[process].is_dying = true;
        for task in self.tasks.iter_mut().filter(|task| task.process == process) {
            task.ahead = None;
        }
    }

    /// A process dies of SIGKILL.
    pub fn die(&mut self, process: usize) -> Result<(), Halt> {
        self.drain_process(process)?;
        self.open_before_death(process)?;
        self.hold_heirs(process)?;
        tracee::kill(self.processes[process].pid, SIGKILL);
        self.reports.expect_deaths();
        self.settle(false)
    }

    /// Returns the processes that a task is about to kill; `None` if they are not known, or if it is
    /// one of them.
    fn victims(&mut self, index: usize) -> Result<Option<Vec<usize>>, Halt> {
        let (task, own) = (&self.tasks[index], self.tasks[index].process);
        let (row, args) = (task.entering.row(), task.entering.args);
        let named = row.argument(Arg::Pid).map(|at| args[at] as i32);
        if row.does == Does::Kill && named.is_some_and(|named| named <= 0) {
            return self.group_to_kill(index);
        }
        let found = match named {
            Some(number) => self.tasks.inside(number).map(|task| task.process),
            // With details of the signal, the kernel compares its number.
            None if row.argument(Arg::Given).is_some_and(|at| args[at] != 0) => None,
            None => process::of_pidfd(task.tid, args[0])
                .and_then(|pid| self.processes.iter().rposition(|one| one.pid == pid)),
        };
        let Some(victim) = found.filter(|victim| *victim != own) else {
            return Ok(None);
        };
        let of = |process: usize| Membership::of(self.processes[process].pid);
        let (Some(killer), Some(killed)) = (of(own), of(victim)) else {
            return Ok(None);
        };
        let is_it = match named {
            Some(_) => killer.namespace == killed.namespace,
            None => true,
        };
        let is_alive = !self.has_ended(&self.processes[victim]);
        Ok((is_it && is_alive && killed.pid != INIT).then(|| vec![victim]))
    }

    /// The same where kill(2) names a group.
    fn group_to_kill(&mut self, index: usize) -> Result<Option<Vec<usize>>, Halt> {
        let Some((members, kills_itself)) = self.group(index) else {
            return Ok(None);
        };
        if kills_itself || members.iter().any(|(_, pid)| *pid == INIT) {
            return Ok(None);
        }
        let mut victims = Vec::new();
        for (process, pid) in members {
            if self.send_as(index, pid, 0)? {
                victims.push(process);
            }
        }
        Ok((!victims.is_empty()).then_some(victims))
    }

    /// A task that is about to make a call sends a signal before. Returns whether it may.
    fn send_as(&mut self, index: usize, pid: i32, signal: i32) -> Result<bool, Halt> {
        let task = &mut self.tasks[index];
        let mut remote = Remote::at_entry(task.lend()?, task.entering.call)?;
        let result = remote.call(made::KILL, [pid as u64, signal as u64, 0, 0, 0, 0])?;
        task.give_back(remote.end()?);
        Ok(result == 0)
    }

    /// Returns the processes of a group that a call of kill(2) names, -1 for all that there are,
    /// each with its number there, without the caller, and whether that is another of them.
    pub fn group(&self, index: usize) -> Option<(Vec<(usize, i32)>, bool)> {
        let named = self.tasks[index].entering.args[0] as i32;
        let own = Membership::of(self.processes[self.tasks[index].process].pid)?;
        let is_named = |other: &Membership| {
            let is_meant = match named {
                0 => other.group == own.group,
                -1 => true,
                group => other.group == -group,
            };
            is_meant && other.namespace == own.namespace && other.pid != own.pid
        };
        let processes = self.processes.iter().enumerate();
        let living = processes.filter(|(_, process)| !self.has_ended(process));
        let memberships =
            living.filter_map(|(number, process)| Some((number, Membership::of(process.pid)?)));
        let members = memberships.filter(|(_, other)| is_named(other));
        let members = members.map(|(number, other)| (number, other.pid)).collect();
        Some((members, named == 0 || -named == own.group))
    }

    /// A task is about to make a call. If it kills a group at once, all but the last of those
    /// others in it are killed first.
    pub fn kill_one_by_one(&mut self, index: usize) -> Result<(), Halt> {
        let entering = self.tasks[index].entering;
        let is_group = entering.row().does == Does::Kill && entering.args[0] as i32 <= 0;
        if !is_group || !self.kills_at_once(index) {
            return Ok(());
        }
        let Some((mut others, kills_itself)) = self.group(index) else {
            return Ok(());
        };
        if !kills_itself {
            // The call itself finds the last one, so that it succeeds.
            others.pop();
        }
        for (_, pid) in others {
            // Those that it must not kill stay.
            self.send_as(index, pid, SIGKILL)?;
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
