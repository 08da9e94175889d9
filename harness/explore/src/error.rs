//! Reasons why an exploration has no result.

use crate::PartError;
use crosswire_engine::{EngineError, ExecutableError};
use crosswire_model::Suspect;

/// Reason why an exploration has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExploreError {
    /// A program is missing or may not be executed.
    #[error(transparent)]
    Program(#[from] ExecutableError),
    /// An engine cannot be started.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A fault is meant for a process that does not exist.
    #[error("no process is called `{name}`; those of the first run are: {seen}")]
    UnknownProcess {
        /// The name in the fault.
        name: String,
        /// The names that exist.
        seen: String,
    },
    /// No run has come to a suspected step.
    #[error(
        "of the steps that can matter in the first {runs} runs, none is in `{name}`, makes such a \
         call or uses such an object; functions and calls seen: {seen}"
    )]
    UnknownSuspect {
        /// The name of the suspect.
        name: String,
        /// The number of runs that were looked at.
        runs: u64,
        /// The names that steps had.
        seen: String,
    },
    /// More suspects than are told apart.
    #[error("{0} suspects are too many: name at most {most}", most = Suspect::MOST)]
    TooManySuspects(usize),
    /// There is nothing to kill after the first crash.
    #[error(
        "nothing to kill: no run has a process `{name}` that reaches a point after the first \
         crash"
    )]
    NothingToKill {
        /// Name of the process to kill.
        name: String,
    },
    /// The exploration cannot be noted.
    #[error(transparent)]
    Part(#[from] PartError),
    /// What was noted of an exploration is not the place of an exhaustive search.
    #[error("cannot continue: the file does not say where the search stands: {0}")]
    Unresumable(String),
    /// A worker panicked, or a check did.
    #[error("a worker panicked: {0}")]
    Panic(String),
}
