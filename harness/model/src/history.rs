//! The invocation/response view of a run: which operations the processes began
//! and what answer each got.

use super::TaskId;
use serde::{Deserialize, Serialize};

/// The operations of one run, by order of their calls. Those are left out that a killed
/// process had begun without doing anything yet that others could notice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct History {
    /// Every operation that may have had an effect.
    pub operations: Vec<Operation>,
}

/// One operation: from the moment it was called to the moment it answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Task that issued it.
    pub task: TaskId,
    /// Name of the process, as the scenario gave it.
    pub process: String,
    /// Name of the operation: `send`, `recv`, `lock`, …
    pub name: String,
    /// The argument, for operations that have one.
    pub value: Option<i64>,
    /// Time of the call: a number that grows with every call and answer.
    pub called: u64,
    /// Time and content of the answer.
    pub outcome: Outcome,
}

/// Outcome of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It answered.
    Answered {
        /// Time of the answer, on the scale of [`Operation::called`].
        at: u64,
        /// The answer, for operations that have one (`None` from a `recv` is
        /// "nothing there, and nothing will come").
        value: Option<i64>,
    },
    /// It failed, by its own word, without having had an effect.
    Failed {
        /// Time of the answer, on the scale of [`Operation::called`].
        at: u64,
    },
    /// It never answered: the process died in it or the run ended. It may have
    /// had its effect or not.
    Pending,
}

impl History {
    /// Tells whether the history is empty.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}

impl Operation {
    /// Returns the time of the answer; `None` while pending.
    pub fn answered(&self) -> Option<u64> {
        match self.outcome {
            Outcome::Answered { at, .. } | Outcome::Failed { at } => Some(at),
            Outcome::Pending => None,
        }
    }

    /// Returns the value it answered with.
    pub fn answer(&self) -> Option<i64> {
        match self.outcome {
            Outcome::Answered { value, .. } => value,
            _ => None,
        }
    }
}
