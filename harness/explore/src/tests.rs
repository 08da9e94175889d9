//! The exploration as a whole, on toy programs.

use super::fake::{self, Op, Toy};
use super::*;
use Op::{Lock, Print, Unlock};
use crosswire_model::{Change, Kind, Rule, Verdict};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Two tasks that take two locks in opposite orders.
fn opposite_locks() -> Toy {
    Toy::new(&[
        ("left", &[Lock(0), Lock(1), Unlock(1), Unlock(0)]),
        ("right", &[Lock(1), Lock(0), Unlock(0), Unlock(1)]),
    ])
}

/// Correct as long as no process dies.
fn one_lock() -> Toy {
    let script: &[Op] = &[Lock(0), Print("x"), Unlock(0)];
    Toy::new(&[("left", script), ("right", script)])
}

fn explore(toy: &Toy, change: impl FnOnce(&mut Exploration)) -> Result<Report, ExploreError> {
    let mut exploration = Exploration::new(fake::target());
    exploration.budget = Budget::runs(200);
    change(&mut exploration);
    exploration.explore_with(toy.starter(), &AtomicBool::new(false), &|_| {})
}

#[test]
fn a_deadlock_is_found_confirmed_and_replayed() {
    let toy = opposite_locks();
    let report = explore(&toy, |_| {}).unwrap();
    let [found] = &report.found[..] else {
        panic!("{report:?}")
    };
    assert_eq!(found.violation.kind, Kind::Deadlock);
    assert!(found.replayed);
    assert_eq!(found.record.plan.schedule.rule, Rule::RunOn);
    assert!(!found.record.plan.schedule.deviations.is_empty());

    let again = replay_with(&found.record, &toy.starter(), &[], Changes::Refuse).unwrap();
    assert_eq!(again.difference, None);
    assert_eq!(again.verdict, found.record.verdict);
}

#[test]
fn the_number_of_workers_changes_nothing() {
    let summary = |jobs| {
        let report = explore(&opposite_locks(), |exploration| {
            exploration.jobs = jobs;
            exploration.stop_at_first = false;
            exploration.faults = vec!["kill".parse().unwrap()];
            exploration.budget = Budget::runs(150);
        })
        .unwrap();
        let found: Vec<_> = report
            .found
            .into_iter()
            .map(|found| (found.violation, found.run, found.count, found.record))
            .collect();
        (
            report.verdict,
            report.runs,
            report.steps,
            report.distinct_traces,
            report.faults,
            found,
        )
    };
    let alone = summary(1);
    assert_eq!(alone, summary(2));
    assert_eq!(alone, summary(5));
}

#[test]
fn a_kill_at_the_right_point_is_found() {
    let quiet = explore(&one_lock(), |_| {}).unwrap();
    assert_eq!(quiet.verdict, Verdict::Pass);
    assert_eq!(quiet.runs, 200);
    let report = explore(&one_lock(), |exploration| {
        exploration.faults = vec!["kill:left".parse().unwrap()];
    })
    .unwrap();
    assert_eq!(report.found.len(), 1);
    assert_eq!(report.found[0].record.plan.faults[0].process, "left");
    assert_eq!(report.faults.possible, 3);
}

#[test]
fn output_is_compared_where_nothing_was_injected() {
    let toy = Toy::new(&[("a", &[Print("a\n")]), ("b", &[Print("b\n")])]);
    assert_eq!(explore(&toy, |_| {}).unwrap().verdict, Verdict::Pass);
    let report = explore(&toy, |exploration| exploration.check_output = true).unwrap();
    assert_eq!(report.found[0].violation.kind, Kind::Output);
    let again = replay_with(
        &report.found[0].record,
        &toy.starter(),
        &[],
        Changes::Refuse,
    )
    .unwrap();
    assert_eq!(again.difference, None);
}

#[test]
fn what_does_not_replay_is_invalid_and_never_a_violation() {
    let mut toy = opposite_locks();
    toy.unsteady = Some(Arc::default());
    let report = explore(&toy, |exploration| exploration.stop_at_first = false).unwrap();
    let Verdict::Invalid(reason) = &report.verdict else {
        panic!("{report:?}")
    };
    assert!(reason.contains("gave different results"), "{reason}");
    // It may be a violation all the same, so nobody must miss it.
    assert!(reason.contains("Unconfirmed is: deadlock: "), "{reason}");
    assert!(report.found.is_empty());
    assert!(
        report.runs < 200,
        "an unreliable harness is not asked forever"
    );
}

#[test]
fn a_fault_for_nobody_names_those_who_are_there() {
    let error = explore(&one_lock(), |exploration| {
        exploration.faults = vec!["kill:middle".parse().unwrap()];
    });
    let sentence = error.unwrap_err().to_string();
    assert_eq!(
        sentence,
        "no process is called `middle`; those of the first run are: left, right"
    );
}

#[test]
fn stopping_keeps_what_was_done() {
    let exploration = Exploration {
        budget: Budget::time(Duration::from_secs(60)),
        ..Exploration::new(fake::target())
    };
    let stop = AtomicBool::new(false);
    let calls = Cell::new(0);
    let began = Instant::now();
    let report = exploration
        .explore_with(one_lock().starter(), &stop, &|progress| {
            calls.set(calls.get() + 1);
            stop.store(progress.runs > 0, std::sync::atomic::Ordering::Relaxed);
        })
        .unwrap();
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(report.interrupted && report.runs > 0 && calls.get() > 0);
    assert_eq!(report.verdict, Verdict::Pass);
}

#[test]
fn a_file_holds_a_record_and_is_never_overwritten() {
    let report = explore(&opposite_locks(), |_| {}).unwrap();
    let record = &report.found[0].record;
    let directory = tempfile::tempdir().unwrap();
    let path = save(record, &Kind::Deadlock, directory.path()).unwrap();
    assert_eq!(
        save(record, &Kind::Deadlock, directory.path()).unwrap(),
        path
    );
    assert_eq!(&load(&path).unwrap(), record);

    std::fs::write(&path, "another finding").unwrap();
    let second = save(record, &Kind::Deadlock, directory.path()).unwrap();
    assert_ne!(second, path);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "another finding");
}

#[test]
fn files_that_contradict_themselves_are_refused() {
    let report = explore(&opposite_locks(), |_| {}).unwrap();
    let mut record = report.found[0].record.clone();
    record.plan.schedule.deviations[0].task = crosswire_model::TaskId(9);
    let directory = tempfile::tempdir().unwrap();
    let path = save(&record, &Kind::Deadlock, directory.path()).unwrap();
    let sentence = load(&path).unwrap_err().to_string();
    assert!(
        sentence.contains("task #9, which never appears"),
        "{sentence}"
    );
}

/// Three tasks, of which the third has nothing to do with the two opposite locks.
fn opposite_locks_and_noise() -> Toy {
    let noise: &[Op] = &[Print("a"), Print("b"), Print("c"), Print("d"), Print("e")];
    let mut toy = opposite_locks();
    toy.scripts.push(("noise", noise.to_vec()));
    toy
}

#[test]
fn what_was_found_is_shrunk_to_what_it_needs() {
    let report = explore(&opposite_locks_and_noise(), |exploration| {
        exploration.strategy = Strategy::RandomWalk;
        exploration.faults = vec!["pause:noise".parse().unwrap()];
    })
    .unwrap();
    let [found] = &report.found[..] else {
        panic!("{report:?}")
    };
    assert!(found.shrunk.is_some_and(|tried| tried > 0), "{found:?}");
    assert!(found.record.plan.faults.is_empty());
    // After the first lock of one the other goes on.
    assert_eq!(found.record.trace.deviations.len(), 1, "{found:?}");
    assert!(found.record.trace.switches[0].after.unwrap().1 == 1);
}

#[test]
fn shrinking_keeps_the_failure_and_replays() {
    let toy = opposite_locks_and_noise();
    let report = explore(&toy, |exploration| exploration.shrink = Duration::ZERO).unwrap();
    let found = &report.found[0];
    assert_eq!(found.shrunk, None);
    let time = Duration::from_secs(20);
    let stop = AtomicBool::new(false);
    let reduced = reduce_with(&found.record, &toy.starter(), &[], time, &stop).unwrap();
    assert!(reduced.finished);
    assert_eq!(reduced.violation.kind, Kind::Deadlock);
    assert!(reduced.record.trace.deviations.len() <= found.record.trace.deviations.len());
    let again = replay_with(&reduced.record, &toy.starter(), &[], Changes::Refuse).unwrap();
    assert_eq!(again.difference, None);
}

#[test]
fn a_record_of_another_program_is_not_shrunk() {
    let report = explore(&opposite_locks(), |_| {}).unwrap();
    let time = Duration::from_secs(20);
    let stop = AtomicBool::new(false);
    let other = one_lock().starter();
    let error = reduce_with(&report.found[0].record, &other, &[], time, &stop).unwrap_err();
    assert!(matches!(error, ReduceError::Diverges(_)), "{error}");
    let mut passing = report.found[0].record.clone();
    passing.verdict = Verdict::Pass;
    let starter = opposite_locks().starter();
    let error = reduce_with(&passing, &starter, &[], time, &stop).unwrap_err();
    assert!(error.to_string().contains("nothing to shrink"), "{error}");
}

/// Each cause makes the run pass when it is taken out; the two steps are those that take one
/// lock.
#[test]
fn causes_are_tested() {
    let toy = opposite_locks_and_noise();
    let report = explore(&toy, |_| {}).unwrap();
    let record = &report.found[0].record;
    let inquiry = record.inquiry.as_ref().unwrap();
    assert!(inquiry.finished && inquiry.tried > 0, "{inquiry:?}");
    assert!(!inquiry.causes.is_empty(), "{inquiry:?}");
    for number in 1..=inquiry.causes.len() {
        let changes = Changes::WithoutCause(number);
        let without = replay_with(record, &toy.starter(), &[], changes).unwrap();
        assert_eq!(without.verdict, Verdict::Pass, "{inquiry:?}");
    }
    let changes = Changes::WithoutCause(inquiry.causes.len() + 1);
    let error = replay_with(record, &toy.starter(), &[], changes).unwrap_err();
    assert!(matches!(error, ReplayError::NoCause { .. }), "{error}");
}

/// A fault without which nothing goes wrong is a cause.
#[test]
fn a_fault_is_a_cause() {
    let toy = one_lock();
    let report = explore(&toy, |exploration| {
        exploration.faults = vec!["kill".parse().unwrap()];
    })
    .unwrap();
    let record = &report.found[0].record;
    let fault = record.plan.faults[0].clone();
    let causes = &record.inquiry.as_ref().unwrap().causes;
    assert_eq!(causes[0].change, Change::WithoutFault(fault));
}

/// Nothing is called a cause where the program fails in every order.
#[test]
fn a_program_that_always_fails_has_no_cause() {
    let toy = Toy::new(&[("left", &[Lock(0), Lock(0)]), ("right", &[Print("x")])]);
    let report = explore(&toy, |_| {}).unwrap();
    let inquiry = report.found[0].record.inquiry.as_ref().unwrap();
    assert!(inquiry.finished && inquiry.causes.is_empty(), "{inquiry:?}");
}
