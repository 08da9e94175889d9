//! For debuggers: a run that is left standing.

use crate::finish::outcome::Outcome;
use crate::run::task::State;
use crate::start::launch::machine;
use crate::{Engine, EngineError};
use crosswire_kernel::Tid;
use crosswire_kernel::patience::Patience;
use crosswire_kernel::tracee::{self, Report, Stopped};
use crosswire_model::{Call, Plan, Trace};
use std::io;

/// A process that was left stopped at the end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its name in the run, with the thread's number where it has several.
    pub name: String,
    /// Its thread id outside the sandbox: what a debugger attaches to.
    pub tid: i32,
    /// Activity of the task: `about to call`, `waiting in` or `sleeping in` a call, …
    pub doing: String,
}

impl Engine {
    /// Performs a run and leaves its tasks as they are at the end, stopped as by
    /// SIGSTOP and no longer traced, so that a debugger can attach. To stop before
    /// the run's end, limit its steps. The processes end with the engine.
    ///
    /// # Errors
    /// If the harness itself fails.
    pub fn hold(&mut self, plan: &Plan) -> Result<(Trace, Vec<Held>), EngineError> {
        let prepared = self.prepare(&plan.start_up)?;
        let (mut session, outcome) = self.perform(plan, &self.prepared[prepared])?;
        let end = outcome?;
        let mut standing = Vec::new();
        for task in session.tasks.iter_mut().filter(|t| !t.is_gone()) {
            let call = Call(task.entering.call);
            let doing = match &task.state {
                State::Ready(crate::run::task::At::Entry, _) => format!("about to call {call}"),
                State::Ready(..) => format!("in its own code, after {call}"),
                State::Sleeping(_) => format!("sleeping in {call}"),
                State::Parked(_) | State::Blocked => format!("waiting in {call}"),
                State::Frozen => "stopped by a signal".to_owned(),
                _ => continue,
            };
            let stopped = match task.is_stopped() {
                true => task.take_stopped(),
                false => stop(task.tid),
            };
            standing.push((task.id, task.tid, doing, stopped.map_err(stopping)?));
        }
        let Outcome { trace, .. } = Outcome::of(session, end);
        let mut held = Vec::new();
        for (id, tid, doing, stopped) in standing {
            stopped.leave_stopped().map_err(stopping)?;
            held.push(Held {
                name: trace.name(id),
                tid,
                doing,
            });
        }
        Ok((trace, held))
    }

    /// Ends the processes that [`Engine::hold`] has left.
    pub fn release(&mut self, held: &[Held]) {
        for held in held {
            tracee::kill(held.tid, libc::SIGKILL);
        }
    }
}

/// Stops a task that sleeps in a call.
fn stop(tid: Tid) -> io::Result<Stopped> {
    tracee::interrupt(tid)?;
    match Patience::of(Patience::SHORT).next(tid)? {
        Some(Report::Stopped(stopped, _)) => Ok(stopped),
        _ => Err(io::Error::from_raw_os_error(libc::ESRCH)),
    }
}

fn stopping(error: io::Error) -> EngineError {
    machine("stopping a task")(error)
}
