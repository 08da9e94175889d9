//! What can go wrong with the engine itself.

use crosswire_kernel::sandbox;

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

impl From<sandbox::SandboxError> for EngineError {
    fn from(error: sandbox::SandboxError) -> Self {
        EngineError::Machine(error.to_string())
    }
}
