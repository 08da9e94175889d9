//! Every mechanism keeps every promise of its contract.

use crosswire::Budget;
use crosswire::model::Verdict;
use crosswire_scenarios::{Cell, cases, cells, contracts};
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

/// A test for each mechanism.
macro_rules! mechanisms {
    ($($test:ident $name:literal),* $(,)?) => {
        $(#[test]
        fn $test() {
            keeps_its_contract($name);
        })*

        #[test]
        fn every_mechanism_has_a_test() {
            let tested = BTreeSet::from([$($name),*]);
            let known: BTreeSet<&str> = contracts().iter().map(|c| c.name).collect();
            assert_eq!(tested, known);
        }
    };
}

mechanisms! {
    pipe "pipe",
    fifo "fifo",
    sysv_queue "sysv-queue",
    sysv_queue_types "sysv-queue-types",
    posix_queue "posix-queue",
    unix_stream "unix-stream",
    unix_datagram "unix-datagram",
    unix_seqpacket "unix-seqpacket",
    tcp "tcp",
    udp "udp",
    direct_messages "direct-messages",
    mailbox "mailbox",
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
