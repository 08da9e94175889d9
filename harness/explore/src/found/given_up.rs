//! Runs without a verdict, because a limit cut them off: how they stood, and a record of them.

use crosswire_model::{Limit, Record};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The first run that reached a limit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GivenUp {
    /// The limit.
    pub limit: Limit,
    /// Names the run: `run 3`.
    pub run: String,
    /// Steps that it took.
    pub steps: u64,
    /// Who was running, and who waits for what, in one sentence.
    pub sentence: String,
    /// One line for each task that waits.
    pub details: Vec<String>,
    /// The run, or the beginning of a long one, ready to be stored; `None` if it could not be
    /// performed again with the same steps.
    pub record: Option<Record>,
    /// Where it was stored, if it was.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}
