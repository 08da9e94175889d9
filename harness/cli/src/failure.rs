//! Failures of the command itself: one line and an exit status.

use crate::exit;
use crosswire::engine::EngineError;
use crosswire::explore::{
    ExploreError, LoadError, MergeError, PartError, ReduceError, RegressionError, ReplayError,
};
use std::fmt;

/// A reason to end without a verdict, printed as one line to standard error.
#[derive(Debug)]
pub struct Failure {
    /// The exit status.
    pub code: u8,
    message: String,
}

impl Failure {
    /// Builds the failure of a command line, or of something it names, that cannot be used.
    pub fn usage(message: impl fmt::Display) -> Failure {
        Failure {
            code: exit::USAGE,
            message: message.to_string(),
        }
    }

    /// Builds the failure of Crosswire to do its job.
    pub fn invalid(message: impl fmt::Display) -> Failure {
        Failure {
            code: exit::INVALID,
            message: message.to_string(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Otherwise user-supplied paths and names would reach the terminal unescaped.
        f.write_str(&crosswire::report::escape(&self.message))
    }
}

impl From<ExploreError> for Failure {
    fn from(error: ExploreError) -> Failure {
        match error {
            ExploreError::Engine(error) => error.into(),
            ExploreError::Program(_)
            | ExploreError::Part(_)
            | ExploreError::Unresumable(_)
            | ExploreError::UnknownProcess { .. }
            | ExploreError::UnknownSuspect { .. }
            | ExploreError::TooManySuspects(_)
            | ExploreError::NothingToKill { .. } => Failure::usage(error),
            other => Failure::invalid(other),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        match error {
            EngineError::Start { .. } => Failure::usage(error),
            other => Failure::invalid(other),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Failure {
        Failure::usage(error)
    }
}

impl From<MergeError> for Failure {
    fn from(error: MergeError) -> Failure {
        Failure::usage(error)
    }
}

impl From<PartError> for Failure {
    fn from(error: PartError) -> Failure {
        Failure::usage(error)
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Failure {
        match error {
            ReplayError::Engine(error) => error.into(),
            other => Failure::usage(other),
        }
    }
}

impl From<ReduceError> for Failure {
    fn from(error: ReduceError) -> Failure {
        match error {
            ReduceError::Replay(error) => error.into(),
            ReduceError::NoViolation(_) => Failure::usage(error),
            other => Failure::invalid(other),
        }
    }
}

impl From<RegressionError> for Failure {
    fn from(error: RegressionError) -> Failure {
        Failure::usage(error)
    }
}
