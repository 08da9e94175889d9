//! After the last step: who and what is left.

use crate::EngineError;
use crate::run::session::Session;
use crate::run::task::State;
use crate::start::launch::machine;
use crosswire_kernel::counter::Moment;
use crosswire_kernel::probe;
use crosswire_kernel::tracee::{self, Report, Stop, Wait, Waited};
use crosswire_model::Leftover;
use std::io;
use std::time::Duration;

impl Session<'_> {
    /// Notes a zombie: a child that has ended stays one until its parent asks for its
    /// status; when the parent ends, no task can observe it any more.
    pub fn note_unreaped(&mut self, index: usize) {
        let parent = self.tasks[index].process;
        let mut unreaped = Vec::new();
        for child in self.processes.iter().filter(|p| p.parent == Some(parent)) {
            if self.tasks[child.leader.index()].is_gone() && probe::is_zombie(child.pid) {
                unreaped.push(child.leader);
            }
        }
        for leader in unreaped {
            self.processes.note_unreaped(leader);
        }
    }

    /// Processes that are alive after the run, and those that ended but were never
    /// reaped by a parent who could have.
    pub fn processes_left(&self) -> Vec<Leftover> {
        let mut left: Vec<Leftover> = Vec::new();
        for (index, process) in self.processes.iter().enumerate() {
            let mut threads = self.tasks.iter().filter(|t| t.process == index);
            if process.awaits.is_none()
                && threads.any(|t| !matches!(t.state, State::Gone | State::DeadLeader))
            {
                left.push(Leftover::Process(process.leader));
            }
        }
        left.extend(
            self.processes
                .unreaped()
                .iter()
                .map(|leader| Leftover::Zombie(*leader)),
        );
        left
    }

    /// Returns the namespaces in which the run has left traces, as flags of clone(2): ids
    /// that count on, connections that linger.
    pub fn namespaces_used(&self) -> i32 {
        let ipc = self.ipc.uses_system_v() || self.ipc.uses_message_queues();
        let flag = |used: bool, flag: i32| if used { flag } else { 0 };
        flag(ipc, libc::CLONE_NEWIPC) | flag(self.network.is_used(), libc::CLONE_NEWNET)
    }

    /// Ends all remaining tasks.
    pub fn kill_all(&mut self) -> Result<(), EngineError> {
        for task in self.tasks.iter_mut().filter(|t| !t.is_gone()) {
            // One that has died while it worked for the engine is reported no more.
            if !tracee::kill(task.tid, libc::SIGKILL) {
                task.state = State::Gone;
            }
        }
        let deadline = Moment::now().after(Duration::from_secs(20));
        while self.tasks.iter().any(|t| !t.is_gone()) {
            match tracee::wait(Wait::Block).map_err(machine("waiting"))? {
                Waited::Report(report) => self.bury(report).map_err(machine("ending a run"))?,
                Waited::NoTasks => break,
                Waited::Nothing | Waited::Tick => {}
            }
            if deadline.is_past() {
                let left = self.tasks.iter().filter(|t| !t.is_gone()).count();
                return Err(EngineError::Machine(format!(
                    "{left} tasks survive SIGKILL for 20 seconds"
                )));
            }
        }
        Ok(())
    }

    /// Handles each report for [`Session::kill_all`].
    fn bury(&mut self, report: Report) -> io::Result<()> {
        match report {
            Report::Ended(tid, _) => {
                if let Some(index) = self.tasks.of_tid(tid) {
                    self.tasks[index].state = State::Gone;
                    self.tasks.forget_tid(tid);
                }
                Ok(())
            }
            Report::Stopped(stopped, stop) => {
                let ends = match stop {
                    Stop::Spawned { child, .. } => Some(child),
                    _ => Some(stopped.tid()).filter(|tid| !self.setup.bystanders.contains(tid)),
                };
                if let Some(tid) = ends {
                    tracee::kill(tid, libc::SIGKILL);
                }
                stopped.resume(0)
            }
        }
    }
}
