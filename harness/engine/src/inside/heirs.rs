//! Waits of processes that inherit children (PR_SET_CHILD_SUBREAPER(2const), pid_namespaces(7)).
//!
//! The children of a process that ends become those of another one. Whoever waits there learns of
//! the process itself before the children that it has left unreaped: the kernel gives up both at
//! once. Of a process that is traced only its tracer learns at first, and of its children that
//! have ended the tracer has learnt before: the heir would find those first, or not, as the CPU's
//! scheduler has it. So its wait is cut short before such an end, and begins again after it.

use crate::run::session::{Halt, Session};
use crate::run::task::State;
use crosswire_calls::{Does, Fact, Row};
use crosswire_kernel::{probe, tracee};
use libc::{CLONE_NEWPID, PR_SET_CHILD_SUBREAPER};

impl Session<'_> {
    /// A task is about to make a call: there may be heirs from then on.
    pub fn note_heirs(&mut self, index: usize, row: &Row) {
        let entering = &self.tasks[index].entering;
        let is_request = entering.args[0] == PR_SET_CHILD_SUBREAPER as u64;
        let makes_namespace =
            row.does == Does::Fork && self.creation_flags(index, false) & CLONE_NEWPID as u64 != 0;
        let makes_heir = makes_namespace
            || row.is(Fact::Relocates)
            || row.does == Does::ProcessControl && is_request;
        self.processes.has_heirs |= makes_heir;
    }

    /// A process is about to end: heirs of children that it leaves unreaped wait no longer, until
    /// its end is known.
    pub fn hold_heirs(&mut self, process: usize) -> Result<(), Halt> {
        if !self.processes.has_heirs {
            return Ok(());
        }
        let heirs = self.waiting_heirs(process);
        if heirs.is_empty() || !self.leaves_zombies(process) {
            return Ok(());
        }
        for index in &heirs {
            let task = &mut self.tasks[*index];
            task.is_heir = true;
            task.state = State::Running;
            tracee::interrupt(task.tid)?;
        }
        self.processes.holds_heirs = true;
        let settled = self.settle(false);
        self.processes.holds_heirs = false;
        for index in heirs {
            // One that is not held goes on as others do.
            let task = &mut self.tasks[index];
            task.is_heir = task.cut_short.is_some();
        }
        settled
    }

    /// Returns the tasks of processes above one that wait for children. Those that get a signal
    /// besides go on with its handler, whether or not their wait is over.
    fn waiting_heirs(&self, process: usize) -> Vec<usize> {
        let parent = |process: &usize| self.processes[*process].parent;
        let above: Vec<usize> = std::iter::successors(parent(&process), parent).collect();
        let waits = |index: &usize| {
            let task = &self.tasks[*index];
            above.contains(&task.process)
                && matches!(task.state, State::Blocked)
                && task.cut_short.is_none()
                && task.entering.row().does == Does::WaitChild
                && !probe::handles(task.tid, libc::SIGCHLD)
        };
        (0..self.tasks.len()).filter(waits).collect()
    }

    /// Tells whether children of a process have ended that it has not asked for.
    fn leaves_zombies(&self, process: usize) -> bool {
        let mut children = (self.processes.iter()).filter(|child| child.parent == Some(process));
        children.any(|child| {
            self.tasks[child.leader.index()].is_gone()
                && probe::Probe::new(child.pid).state() == b'Z'
        })
    }

    /// A call of a task has been cut short. Returns whether it is held back, and begins again when
    /// the step is over.
    pub fn holds_back(&mut self, index: usize, result: i64) -> Result<bool, Halt> {
        let task = &mut self.tasks[index];
        if !task.is_heir {
            return Ok(false);
        }
        let stopped = task.take_stopped()?;
        task.cut_short = Some((stopped, result));
        task.state = State::Blocked;
        Ok(true)
    }
}
