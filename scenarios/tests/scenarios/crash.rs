//! Scenarios one of whose processes is killed at every point.

use crosswire::explore::CrashReport;
use crosswire::model::{Kind, Verdict};
use crosswire::scenario;
use std::fs;

const FILE: &str = "/tmp/crosswire-account";
const BESIDE: &str = "/tmp/crosswire-account.new";

fn read() -> String {
    fs::read_to_string(FILE).unwrap()
}

/// A reader finds the old content or the new one, never anything between.
fn is_whole(content: &str) -> bool {
    ["before", "after!"].contains(&content)
}

fn create() {
    fs::write(FILE, "before").unwrap();
}

fn remove(_: ()) {
    let _ = fs::remove_file(BESIDE);
    fs::remove_file(FILE).unwrap();
}

fn kinds(report: &CrashReport) -> Vec<Kind> {
    let groups = report.groups.iter();
    groups
        .map(|group| group.found.violation.kind.clone())
        .collect()
}

#[test]
fn a_file_that_is_renamed_into_place_survives_every_crash() {
    scenario!("renamed")
        .setup(create)
        .process("writer", |(), _| {
            fs::write(BESIDE, "after!").unwrap();
            fs::rename(BESIDE, FILE).unwrap();
        })
        .process("reader", |(), _| assert!(is_whole(&read())))
        .process_after("writer", "recovery", |(), _| assert!(is_whole(&read())))
        .teardown(remove)
        .crash("writer")
        .explore();
}

#[test]
fn a_file_that_is_written_in_place_is_found_torn_by_those_who_come_later() {
    let report = scenario!("in-place")
        .setup(create)
        .process("writer", |(), _| fs::write(FILE, "after!").unwrap())
        .process_after("writer", "recovery", |(), _| assert!(is_whole(&read())))
        .teardown(remove)
        .crash("writer")
        .schedules(4)
        .try_explore();
    if report.runs == 0 {
        return;
    }
    assert_eq!(kinds(&report), [Kind::Panic]);
    // Opening the file empties it; before that it is whole, and after the write.
    let points = &report.groups[0].points;
    let crashes: Vec<_> = points.iter().map(|point| &point.crashes[0]).collect();
    assert_eq!(crashes, ["kill:writer@write#1"]);
    assert_eq!(report.single.failing, 1);
    assert!(report.groups[0].found.replayed);
}

#[test]
fn marks_are_points_too() {
    let report = scenario!("marks")
        .process("worker", |(), _| {
            crosswire::mark(1);
            crosswire::mark(2);
        })
        .crash("worker")
        .schedules(1)
        .try_explore();
    if report.runs == 0 {
        return;
    }
    assert_eq!(report.verdict, Verdict::Pass);
    // The two marks, and the end of the process.
    assert_eq!(report.single.points, 3);
}

#[test]
fn a_recovery_that_is_killed_as_well_is_made_good_by_the_next_one() {
    scenario!("twice")
        .setup(create)
        .process("writer", |(), _| fs::write(FILE, "after!").unwrap())
        .process_after("writer", "recovery", |(), _| {
            fs::write(BESIDE, "before").unwrap();
            fs::rename(BESIDE, FILE).unwrap();
        })
        .process_after("recovery", "recovery-again", |(), _| {
            if !is_whole(&read()) {
                fs::write(BESIDE, "before").unwrap();
                fs::rename(BESIDE, FILE).unwrap();
            }
            assert!(is_whole(&read()));
        })
        .teardown(remove)
        .crash("writer")
        .then("recovery")
        .schedules(2)
        .explore();
}
