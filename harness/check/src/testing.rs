//! Short ways to ask a check about a history.

use crosswire_model::testing::RunBuilder;
use crosswire_model::{End, History, Kind, Violation};

pub(super) use crosswire_model::testing::history;

/// Returns the violations that a check finds in a history of a finished run.
pub(super) fn found(check: &dyn super::Check, history: History) -> Vec<Violation> {
    let mut run = RunBuilder::new(&["a"]).exits(0, 1, 0).end(End::Finished);
    run.history = history;
    check.check(&run).expect("judgeable")
}

/// The kinds of what a check says about a history in text form.
pub(super) fn kinds(check: &dyn super::Check, text: &str) -> Vec<Kind> {
    let found = found(check, history(text));
    found.into_iter().map(|violation| violation.kind).collect()
}
