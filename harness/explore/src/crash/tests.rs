use super::*;
use crate::fake::{Op, Toy, target};
use crate::{Exploration, ExploreError};
use crosswire_model::Kind;
use std::sync::Arc;

const GUARDED: &[Op] = &[Op::Lock(0), Op::Print("x"), Op::Unlock(0)];

fn search(jobs: usize) -> CrashSearch {
    let exploration = Exploration {
        jobs,
        ..Exploration::new(target())
    };
    CrashSearch::new(exploration, "a")
}

fn perform(search: &CrashSearch, toy: &Toy) -> CrashReport {
    let report = search.perform_with(toy.starter(), &AtomicBool::new(false), &|_| {});
    report.unwrap()
}

fn crashes(group: &CrashGroup) -> Vec<String> {
    let points = group.points.iter();
    points.map(|point| point.crashes.join(" ")).collect()
}

#[test]
fn a_lock_that_dies_with_its_owner_is_found_at_every_point_within() {
    let toy = Toy::new(&[("a", GUARDED), ("b", GUARDED)]);
    let report = perform(&search(1), &toy);
    assert_eq!(
        report.single,
        CrashTally {
            points: 3,
            classes: 3,
            failing: 2
        }
    );
    assert_eq!(report.groups.len(), 1);
    let group = &report.groups[0];
    assert_eq!(group.found.violation.kind, Kind::Deadlock);
    assert_eq!(crashes(group), ["kill:a@write#2", "kill:a@write#3"]);
    assert!(group.found.replayed);
    // The simplest run is kept: in the default order `a` comes first anyway.
    assert!(group.found.record.trace.deviations.is_empty());
    assert_eq!(report.runs, u64::from(report.schedules) * 4);
}

#[test]
fn under_one_schedule_the_survivor_may_have_finished_before() {
    // The default order lets `b`, which is first, end before `a` begins.
    let toy = Toy::new(&[("b", GUARDED), ("a", GUARDED)]);
    let one = CrashSearch {
        schedules: 1,
        ..search(1)
    };
    assert_eq!(perform(&one, &toy).verdict, Verdict::Pass);
    assert_eq!(perform(&search(1), &toy).single.failing, 2);
}

#[test]
fn who_holds_nothing_may_die() {
    let harmless = &[Op::Print("x"), Op::Print("y")];
    let toy = Toy::new(&[("a", harmless), ("b", GUARDED)]);
    let report = perform(&search(1), &toy);
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(
        report.single,
        CrashTally {
            points: 2,
            classes: 2,
            failing: 0
        }
    );
}

#[test]
fn two_crashes_are_tried_in_pairs() {
    let toy = Toy::new(&[("a", GUARDED), ("b", GUARDED), ("c", GUARDED)]);
    let search = CrashSearch {
        second: Some("b".to_owned()),
        ..search(1)
    };
    let report = perform(&search, &toy);
    // After a crash of `a` that leaves the lock free, `b` passes three points.
    let pairs: Vec<String> = report.groups.iter().flat_map(crashes).collect();
    assert!(pairs.contains(&"kill:a@write#1 kill:b@write#2".to_owned()));
    assert!(pairs.contains(&"kill:a@write#2".to_owned()));
    assert!(report.double.points >= 3 && report.double.failing >= 2);
}

#[test]
fn the_report_does_not_depend_on_the_number_of_workers() {
    let toy = Toy::new(&[("a", GUARDED), ("b", GUARDED)]);
    let (one, three) = (perform(&search(1), &toy), perform(&search(3), &toy));
    assert_eq!(one.verdict, three.verdict);
    assert_eq!((one.single, one.runs), (three.single, three.runs));
    for (a, b) in one.groups.iter().zip(&three.groups) {
        assert_eq!(a.points, b.points);
        assert_eq!(a.found.record, b.found.record);
    }
}

#[test]
fn a_victim_that_does_not_exist_is_an_error() {
    let toy = Toy::new(&[("b", GUARDED)]);
    let report = search(1).perform_with(toy.starter(), &AtomicBool::new(false), &|_| {});
    assert!(matches!(report, Err(ExploreError::UnknownProcess { .. })));
}

#[test]
fn a_crash_that_does_not_come_out_the_same_is_nobodys_violation() {
    let toy = Toy {
        unsteady: Some(Arc::default()),
        ..Toy::new(&[("a", GUARDED), ("b", GUARDED)])
    };
    let report = perform(&search(1), &toy);
    assert!(matches!(report.verdict, Verdict::Invalid(_)));
    assert_eq!(report.groups.len(), 0);
}
