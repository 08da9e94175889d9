//! Which steps of a program can matter.

use crosswire_model::Run;
use serde::{Deserialize, Serialize};

/// How many steps of a run touched something contested: an object that two processes touch,
/// of which one changes it. No schedule can make a difference at the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relevance {
    /// All steps of the run.
    pub steps: u64,
    /// Those that can matter.
    pub mattering: u64,
    /// What is contested, by name.
    pub objects: Vec<String>,
}

impl Relevance {
    /// Returns the relevance that a run shows, if it was looked into.
    pub(crate) fn of(run: &Run) -> Option<Relevance> {
        let mattered = run.mattered.as_ref()?;
        let start_up = &run.plan.start_up;
        start_up.carries_on.then(|| Relevance {
            steps: run.trace.steps,
            mattering: mattered.iter().sum(),
            objects: start_up.contested.iter().cloned().collect(),
        })
    }

    /// Tells whether there is much that does not matter.
    pub(crate) fn is_worth_telling(&self) -> bool {
        2 * self.mattering <= self.steps
    }
}
