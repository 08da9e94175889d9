//! The table of mechanisms and perils is complete, and its cases can be explored in a
//! test. That every mechanism keeps every promise is the main job's business: CI performs
//! 60 runs of each case with `cargo run -- --runs 60`.

use crosswire::Budget;
use crosswire::model::Verdict;
use crosswire_scenarios::{Cell, cases, cells, contracts};
use crosswire_testing::engine::OwnCpu;
use std::collections::BTreeSet;

/// Runs of each case: enough to try each fault a few times, and to stay quick.
const RUNS: u64 = 60;

/// Mechanisms that are tried here, too: one of each facility.
const SAMPLE: &[&str] = &[
    "pipe",
    "sysv-semaphore",
    "posix-shm",
    "robust-mutex",
    "pthread-rwlock",
    "eventfd",
    "unix-rpc",
];

#[test]
fn a_mechanism_of_each_facility_keeps_its_contract_in_a_test() {
    let _cpu = OwnCpu::take();
    let is_sampled = |name: &str| SAMPLE.contains(&name);
    let mut broken = Vec::new();
    for case in cases().iter().filter(|case| is_sampled(case.mechanism)) {
        let report = case.explore_in_test(Budget::runs(RUNS));
        if report.verdict != Verdict::Pass {
            broken.push(format!("{}: {:?}", case.name, report.verdict));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_sample_has_a_mechanism_of_each_facility() {
    for contract in contracts() {
        let mut sampled = contracts().into_iter().filter(|c| SAMPLE.contains(&c.name));
        let is_there = sampled.any(|sampled| sampled.facility == contract.facility);
        assert!(is_there, "{:?}", contract.facility);
    }
}

#[test]
fn every_contract_says_one_thing_about_every_peril() {
    for contract in contracts() {
        assert_eq!(contract.silent_about(), [], "{}", contract.name);
    }
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
