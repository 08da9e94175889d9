//! Floor 1: one [`Plan`] in, one [`Run`] out, on real processes.

mod target;

pub use target::{Isolation, Start, Target};

use crate::model::{Plan, Run};

/// Runs plans on the processes of one target. One per worker thread: it must be
/// used on the thread that started it, because ptrace knows its tracer by thread.
pub struct Engine {
    _not_send: std::marker::PhantomData<*const ()>,
}

/// Why the engine could not do its job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A program cannot be started: missing, not executable, …
    #[error("cannot start `{program}`: {reason}")]
    Start {
        /// As the user named it.
        program: String,
        /// Why.
        reason: String,
    },
    /// The machine does not permit what the engine needs.
    #[error("{0}")]
    Machine(String),
}

impl Engine {
    /// Starts the sandbox and the programs up to their first point of interest.
    /// The calling thread is pinned to `cpu`, where one is given.
    ///
    /// # Errors
    /// If a program cannot be started or the machine forbids tracing.
    pub fn start(_target: &Target, _cpu: Option<usize>) -> Result<Engine, EngineError> {
        todo!()
    }

    /// Performs one run.
    ///
    /// # Errors
    /// If the harness itself fails; whatever the program does is in the run's trace.
    pub fn run(&mut self, _plan: &Plan) -> Result<Run, EngineError> {
        todo!()
    }
}
