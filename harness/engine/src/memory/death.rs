//! Opens shared memory before the death of a process. The kernel marks the robust locks
//! that the process held, so that the next task to take them learns of the death
//! (get_robust_list(2)). It follows pointers into shared memory, and gives up silently if
//! it cannot. So the memory is opened first.

use super::space::DISTANCE;
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crosswire_calls::Does;
use crosswire_kernel::tracee::{self, Report, Stop};
use crosswire_kernel::{memory, registered};
use crosswire_model::End;

impl Session<'_> {
    /// Tells whether a thread holds robust locks, or is about to take or release one.
    fn holds_robust_locks(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        let Some((head, _)) = registered::robust_list(task.tid).filter(|(head, _)| *head != 0)
        else {
            return false;
        };
        let reachable = match self.space(index).at(head) {
            Some(_) => head + DISTANCE,
            None => head,
        };
        // struct robust_list_head: the first entry, an offset, the entry under way.
        let word = |at| memory::read_word(task.tid, reachable + at).unwrap_or(0);
        (word(0) & !1) != head || word(16) != 0
    }

    /// Before a call that ends threads: the caller, or its whole process.
    pub fn open_before_end(&mut self, index: usize) -> Result<(), Halt> {
        let all = match self.tasks[index].entering.row().does {
            Does::Exit { process } => process,
            Does::Execute => true,
            _ => return Ok(()),
        };
        if !self.is_watched(index) {
            return Ok(());
        }
        let process = self.tasks[index].process;
        let ends = |other: usize| other == index || all && self.tasks[other].process == process;
        let ending = (0..self.tasks.len()).filter(|i| ends(*i) && !self.tasks[*i].is_gone());
        if ending.into_iter().any(|i| self.holds_robust_locks(i)) {
            self.open_to_kernel(index)?;
        }
        Ok(())
    }

    /// Opens the memory before a signal without a handler.
    pub fn open_before_signal(&mut self, index: usize) -> Result<(), Halt> {
        let process = self.tasks[index].process;
        match self.is_watched(index) && self.process_holds_robust_locks(process) {
            true => self.open_to_kernel(index),
            false => Ok(()),
        }
    }

    fn process_holds_robust_locks(&self, process: usize) -> bool {
        let of_process = |i: &usize| {
            self.tasks[*i].process == process
                && !matches!(self.tasks[*i].state, State::Gone | State::DeadLeader)
        };
        (0..self.tasks.len())
            .filter(of_process)
            .any(|i| self.holds_robust_locks(i))
    }

    /// Before a call that sends SIGKILL to others, or may.
    pub fn open_before_kill(&mut self, index: usize) -> Result<Vec<usize>, Halt> {
        let mut disturbed = Vec::new();
        if !self.kills_at_once(index) {
            return Ok(disturbed);
        }
        for process in 0..self.processes.len() {
            disturbed.extend(self.open_before_death(process)?);
        }
        Ok(disturbed)
    }

    /// Before a process is killed. A task of it that was blocked and had to be disturbed
    /// cannot go on; it is returned.
    pub fn open_before_death(&mut self, process: usize) -> Result<Option<usize>, Halt> {
        let space = self.processes[process].space;
        if self.memory.spaces[space].is_empty() || !self.process_holds_robust_locks(process) {
            return Ok(None);
        }
        let mut tasks = (0..self.tasks.len()).filter(|i| self.tasks[*i].process == process);
        let helper = tasks
            .clone()
            .find(|i| self.tasks[*i].is_stopped())
            .map(|i| (i, false));
        let blocked = tasks.find(|i| self.tasks[*i].sleeps_in_call());
        let Some((helper, is_blocked)) = helper.or(blocked.map(|i| (i, true))) else {
            return Ok(None);
        };
        if !is_blocked {
            return self.open_to_kernel(helper).map(|()| None);
        }
        let tid = self.tasks[helper].tid;
        tracee::interrupt(tid)?;
        // Its call ends first, unless it was not in the midst of one.
        self.tasks[helper].state = match super::next(tid)? {
            Report::Stopped(stopped, Stop::Trap) => State::Ready(At::Code, stopped),
            Report::Stopped(stopped, Stop::Exit) => State::Ready(At::Exit, stopped),
            report => {
                self.on_report(report)?;
                return Ok(None);
            }
        };
        self.open_to_kernel(helper)?;
        Ok(Some(helper))
    }

    /// After a call that should have killed those who were disturbed for it.
    pub fn check_disturbed(&self, disturbed: &[usize]) -> Result<(), Halt> {
        match disturbed.iter().all(|i| self.tasks[*i].is_gone()) {
            true => Ok(()),
            false => Err(Halt::End(End::Invalid(
                "a process that holds robust locks and waits was sent SIGKILL and survived; \
                 its wait cannot be continued"
                    .to_owned(),
            ))),
        }
    }
}
