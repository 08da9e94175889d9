//! The one face of all checkers of histories.

use super::{Operations, Unusable};

/// Judges histories of one kind of object. A pure function: no run, no process and
/// no clock is needed.
pub trait Checker: Send + Sync {
    /// Returns its name, as in `crosswire check --as NAME`.
    fn name(&self) -> &'static str;

    /// Tells whether a violation found in the first part of a history holds for all of
    /// it.
    fn judges_unfinished(&self) -> bool {
        true
    }

    /// Judges whether the history could be that of such an object.
    ///
    /// # Errors
    /// If it is none that this checker can judge, which says nothing about it.
    fn check(&self, operations: &Operations) -> Result<Outcome, Unusable>;
}

/// Result of a checker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There is an order of the operations that explains every answer.
    Ok,
    /// There is none.
    Violation(Broken),
    /// None was found, and not all were tried.
    Inconclusive {
        /// Number of configurations searched.
        budget: u64,
    },
}

/// A rule that a history breaks, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Name of the broken rule.
    pub rule: &'static str,
    /// The operations that show it, as indices into the history: as few as there
    /// can be.
    pub witness: Vec<usize>,
    /// Description of the violation, in one sentence.
    pub sentence: String,
}

impl Broken {
    /// Returns a rule broken in this way.
    pub fn new(
        rule: &'static str,
        witness: impl Into<Vec<usize>>,
        sentence: impl Into<String>,
    ) -> Broken {
        Broken {
            rule,
            witness: witness.into(),
            sentence: sentence.into(),
        }
    }
}

impl From<Option<Broken>> for Outcome {
    fn from(found: Option<Broken>) -> Outcome {
        found.map_or(Outcome::Ok, Outcome::Violation)
    }
}
