//! Reasons why a command cannot be carried out.

use crate::UnknownCommand;
use crosswire_engine::EngineError;
use crosswire_explore::{ExploreError, ReplayError};

/// Reason why a command was not carried out. The run stands where it stood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SteerError {
    /// The command cannot be read.
    #[error(transparent)]
    Unknown(#[from] UnknownCommand),
    /// There is no such task.
    #[error("no task is called `{name}`; there are: {known}")]
    NoTask {
        /// The name given.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// The task cannot take the next step.
    #[error("`{name}` cannot take a step: {why}")]
    CannotGo {
        /// Name of the task.
        name: String,
        /// What it does instead.
        why: String,
    },
    /// The run is over.
    #[error("the run is over; `back` takes the last step back")]
    Over,
    /// The fault makes no sense here.
    #[error("{action} cannot befall the next step of `{name}` ({next})")]
    NoFault {
        /// The fault.
        action: String,
        /// Name of the task.
        name: String,
        /// What the task is about to do.
        next: String,
    },
    /// The fault, or the decision, did not do what it is for.
    #[error("{0}")]
    NotSo(String),
    /// There is nothing to take back, to repeat or to follow.
    #[error("{0}")]
    Nothing(&'static str),
    /// A file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// Path of the file.
        path: String,
        /// Cause of the failure.
        source: std::io::Error,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The recorded run cannot be performed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The search failed.
    #[error(transparent)]
    Explore(#[from] ExploreError),
}
