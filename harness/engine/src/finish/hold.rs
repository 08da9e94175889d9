//! For debuggers: a run that is left standing.

use crate::finish::outcome::Outcome;
use crate::run::task::State;
use crate::{Engine, EngineError};
use crosswire_kernel::Tid;
use crosswire_kernel::patience::Patience;
use crosswire_kernel::tracee::{self, Stopped};
use crosswire_model::{Call, Plan, Trace};

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
        let (session, outcome) = self.perform(plan, &self.prepared[prepared])?;
        let end = outcome?;
        let mut standing = Vec::new();
        for task in session.tasks.iter().filter(|t| !t.is_gone()) {
            let call = Call(task.entering.call);
            let doing = match &task.state {
                State::Ready(crate::run::task::At::Entry, _) => format!("about to call {call}"),
                State::Ready(..) => format!("in its own code, after {call}"),
                State::Sleeping(_) => format!("sleeping in {call}"),
                State::Parked(_) | State::Blocked => format!("waiting in {call}"),
                State::Frozen => "stopped by a signal".to_owned(),
                _ => continue,
            };
            standing.push((task.id, task.tid, doing, task.stopped().is_some()));
        }
        let Outcome { trace, .. } = Outcome::of(session, end);
        let mut held = Vec::new();
        for (id, tid, doing, is_stopped) in standing {
            if !is_stopped {
                stop(tid)?;
            }
            Stopped::reported(tid).leave_stopped();
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
fn stop(tid: Tid) -> Result<(), EngineError> {
    let failed = |error: std::io::Error| EngineError::Machine(format!("stopping a task: {error}"));
    tracee::interrupt(tid).map_err(failed)?;
    Patience::of(Patience::SHORT)
        .next(tid)
        .map(drop)
        .map_err(failed)
}
