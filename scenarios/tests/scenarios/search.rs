//! Settings of the search in a test: drawn values, saved failures, every interleaving,
//! two faults at once.

use crosswire::explore::{Exhaust, Strategy};
use crosswire::model::{Kind, Verdict};
use crosswire::{Budget, Faults, check, scenario};
use proptest::collection::vec;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Returns the message that a test would print.
fn message(explore: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(explore)).expect_err("the scenario passed");
    *panic.downcast::<String>().expect("a message")
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(directory).into_iter().flatten();
    listed.map(|entry| entry.unwrap().path()).collect()
}

/// Sends datagrams of these sizes through a buffer of that size, and tells what came.
fn datagrams(
    scenario: crosswire::scenario::Named,
    sizes: Vec<u64>,
    buffer: usize,
) -> crosswire::scenario::Scenario<'static, (UnixDatagram, UnixDatagram)> {
    let count = sizes.len();
    scenario
        .setup(|| UnixDatagram::pair().unwrap())
        .process("sender", move |(end, _), log| {
            for size in sizes {
                let text = vec![0; size as usize];
                log.send(size, || end.send(&text)).unwrap();
            }
        })
        .process("receiver", move |(_, end), log| {
            for _ in 0..count {
                let mut text = vec![0; buffer];
                log.recv(|| end.recv(&mut text).ok().map(|size| size as u64));
            }
        })
        .check(check::fifo())
        // A busy machine takes long to find the simplest value.
        .shrinking(Duration::from_secs(300))
}

#[test]
fn values_are_drawn_and_passed_to_every_process() {
    let report = scenario!("roomy")
        .workload(vec(0_u64..100, 1..5), |scenario, sizes| {
            datagrams(scenario, distinct(sizes), 200)
        })
        .try_explore(Budget::runs(100));
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.runs, 100);
}

/// The checker of queues tells values apart.
fn distinct(mut sizes: Vec<u64>) -> Vec<u64> {
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

#[test]
fn a_failing_value_is_made_as_simple_as_can_be() {
    let report = scenario!("tight")
        .workload(vec(0_u64..100, 1..5), |scenario, sizes| {
            datagrams(scenario, distinct(sizes), 16)
        })
        .try_explore(Budget::runs(400));
    // A datagram of 17 bytes is the smallest that is cut off, and no other is needed.
    let told = report.notes.iter().find(|note| note.contains("workload"));
    let told = told.expect("the value is told");
    assert!(told.starts_with("the workload: [17]"), "{told}");
    assert!(told.contains("(drawn: ["), "{told}");
    assert_eq!(report.found.len(), 1);
    assert!(report.found[0].record.trace.deviations.is_empty());
}

/// Fails by design, and is run by another test only, which names a directory.
#[test]
#[ignore = "fails: it is what another test keeps"]
fn forgetful() {
    let kept = std::env::var("KEPT").unwrap();
    scenario!("forgetful")
        .workload(vec(0_u64..100, 1..5), |scenario, sizes| {
            datagrams(scenario, distinct(sizes), 16).regressions(&kept)
        })
        .explore(Budget::runs(400));
}

#[test]
fn failures_are_kept_and_run_first() {
    let kept = tempfile::tempdir().unwrap();
    let run = |replay: Option<&str>| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "search::forgetful",
            "--include-ignored",
            "--nocapture",
        ]);
        command.env("KEPT", kept.path());
        if let Some(file) = replay {
            command.env("CROSSWIRE_REPLAY", file);
        }
        let output = command.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let first = run(None);
    assert!(first.contains("the workload: [17] (drawn: ["), "{first}");
    assert!(first.contains("run first from now on"), "{first}");
    assert_eq!(files(kept.path()).len(), 1);
    let second = run(None);
    assert!(second.contains("still fails"), "{second}");
    assert!(second.contains("the workload: [17]\n"), "{second}");
    assert_eq!(files(kept.path()).len(), 1, "{second}");
    let (_, file) = first
        .split_once("CROSSWIRE_REPLAY=")
        .expect("the line that replays it");
    let replayed = run(file.split(' ').next());
    assert!(
        replayed.contains("replayed: same verdict, same trace"),
        "{replayed}"
    );
}

#[test]
fn a_kept_failure_that_is_damaged_is_told() {
    let kept = tempfile::tempdir().unwrap();
    fs::write(kept.path().join("damaged.json"), "{").unwrap();
    let said = message(|| {
        scenario!("damaged")
            .process("alone", |(), _| ())
            .regressions(kept.path())
            .explore(Budget::runs(2));
    });
    assert!(
        said.contains("damaged.json") && said.contains("damaged"),
        "{said}"
    );
}

#[test]
fn every_order_is_explored() {
    let report = scenario!("two")
        .process("a", |(), _| crosswire::mark(1))
        .process("b", |(), _| crosswire::mark(2))
        .exhaust(Exhaust::default())
        .try_explore(Budget::runs(10_000));
    assert_eq!(report.verdict, Verdict::Pass);
    let exhaustion = report.exhaustion.expect("it was asked for");
    assert!(exhaustion.is_complete(), "{exhaustion:?}");
}

#[test]
fn two_faults_find_what_one_cannot() {
    let survives = |pairs: bool| {
        let scenario = scenario!("spare")
            .process("first", |(), log| {
                log.op("work", 1_u64, || crosswire::mark(1));
            })
            .process("second", |(), log| {
                log.op("work", 2_u64, || crosswire::mark(2));
            })
            .faults(Faults::kill("*"))
            .strategy(Strategy::RandomWalk)
            .check(check::promise("one-works", |run| {
                let done = run.history.operations.iter();
                match done
                    .filter(|operation| operation.answered().is_some())
                    .count()
                {
                    0 => Err("nobody has done the work".to_owned()),
                    _ => Ok(()),
                }
            }));
        let scenario = if pairs {
            scenario.fault_pairs()
        } else {
            scenario
        };
        scenario.try_explore(Budget::runs(600))
    };
    let (one, two) = (survives(false), survives(true));
    assert_eq!(one.verdict, Verdict::Pass);
    let kinds: Vec<&Kind> = two
        .found
        .iter()
        .map(|found| &found.violation.kind)
        .collect();
    assert_eq!(kinds, [&Kind::Broken("one-works".to_owned())]);
    assert_eq!(two.found[0].record.plan.faults.len(), 2);
}

#[test]
fn the_bound_of_random_priorities_is_told() {
    let report = scenario!("bounded")
        .process("a", |(), _| crosswire::mark(1))
        .process("b", |(), _| crosswire::mark(2))
        .strategy(Strategy::Pct(Some(2)))
        .try_explore(Budget::runs(101));
    let runs = &report.guarantee.runs;
    assert!(runs.keys().all(|promise| promise.depth == 2));
    assert_eq!(runs.values().sum::<u64>(), 100);
    assert_eq!(report.guarantee.tasks, 3);
    assert!(report.guarantee.probability(2) > 0.0);
}
