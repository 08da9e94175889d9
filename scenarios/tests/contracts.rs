//! Every mechanism keeps every promise of its contract.

use crosswire::Budget;
use crosswire::model::Verdict;
use crosswire_scenarios::{Cell, cases, cells};
use std::collections::BTreeSet;

/// Runs of each case: enough to try each fault a few times, and to stay quick.
const RUNS: u64 = 60;

fn keeps_its_contract(mechanism: &str) {
    let mut broken = Vec::new();
    for case in cases().iter().filter(|case| case.mechanism == mechanism) {
        let report = case.explore_in_test(Budget::runs(RUNS));
        if report.verdict != Verdict::Pass {
            broken.push(format!("{}: {:?}", case.name, report.verdict));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn pipe_keeps_its_contract() {
    keeps_its_contract("pipe");
}

#[test]
fn fifo_keeps_its_contract() {
    keeps_its_contract("fifo");
}

#[test]
fn unix_stream_keeps_its_contract() {
    keeps_its_contract("unix-stream");
}

#[test]
fn the_table_has_no_case_twice_and_a_reason_for_every_gap() {
    let names: BTreeSet<String> = cases().into_iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases().len());
    for cell in cells() {
        match cell {
            Cell::Case(case) => assert!(!case.source.is_empty(), "{}", case.name),
            Cell::Exempt {
                mechanism,
                fault,
                because,
            } => {
                assert!(because.len() > 20, "{mechanism} under {fault}: {because}");
            }
        }
    }
}
