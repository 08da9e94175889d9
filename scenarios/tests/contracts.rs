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
    posix_queue_notice "posix-queue-notice",
    sysv_semaphore "sysv-semaphore",
    sysv_semaphore_no_undo "sysv-semaphore-no-undo",
    named_semaphore "named-semaphore",
    shared_semaphore "shared-semaphore",
    sysv_shm "sysv-shm",
    posix_shm "posix-shm",
    mapped_file "mapped-file",
    unix_stream "unix-stream",
    unix_datagram "unix-datagram",
    unix_seqpacket "unix-seqpacket",
    tcp "tcp",
    udp "udp",
    signal_handler "signal-handler",
    signal_wait "signal-wait",
    signalfd "signalfd",
    real_time_signal "real-time-signal",
    real_time_signalfd "real-time-signalfd",
    plain_mutex "plain-mutex",
    robust_mutex "robust-mutex",
    condition_variable "condition-variable",
    pthread_rwlock "pthread-rwlock",
    futex_mutex "futex-mutex",
    flock "flock",
    flock_shared "flock-shared",
    fcntl_lock "fcntl-lock",
    fcntl_lock_shared "fcntl-lock-shared",
    ofd_lock "ofd-lock",
    ofd_lock_shared "ofd-lock-shared",
    eventfd "eventfd",
    eventfd_semaphore "eventfd-semaphore",
    spsc_ring "spsc-ring",
    mpsc_ring "mpsc-ring",
    sequence_lock "sequence-lock",
    direct_messages "direct-messages",
    mailbox "mailbox",
    unix_rpc "unix-rpc",
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
