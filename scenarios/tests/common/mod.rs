//! Common parts of the tests of broken implementations.

use crosswire::Report;
use crosswire::conformance::Trial;
use crosswire::contract::{Contract, Peril};
use crosswire::model::Kind;

/// The trial of one side against the other under a peril.
pub fn trial(peril: Peril, some: usize, others: usize) -> Trial {
    Trial {
        peril,
        some,
        others,
    }
}

/// Asserts that a promise of the contract was found broken, in this way, and that the
/// report says so in the contract's words.
#[track_caller]
pub fn breaks(report: &Report, contract: &Contract, peril: Peril, kind: &str) {
    assert_eq!(report.invalid_reason, None);
    let kinds: Vec<String> = report
        .found
        .iter()
        .map(|f| f.violation.kind.to_string())
        .collect();
    assert!(
        kinds.iter().any(|k| k == kind),
        "{kind} is not among {kinds:?}"
    );
    let promise = contract.under(peril).unwrap().text;
    for found in &report.found {
        let said = found.violation.details.join("\n");
        assert!(said.contains(promise), "{said}");
    }
}

/// Asserts that nothing was found.
#[track_caller]
pub fn keeps(report: &Report) {
    let kinds: Vec<&Kind> = report.found.iter().map(|f| &f.violation.kind).collect();
    assert_eq!((report.invalid_reason.clone(), kinds), (None, Vec::new()));
}
