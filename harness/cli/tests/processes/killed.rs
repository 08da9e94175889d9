//! Processes that are killed: kill(2) does not wait for their death.

use crosswire::model::{Plan, TaskId, What};
use crosswire_testing::building::{build_directory, compile, source};
use crosswire_testing::command::{replay_differs, run, somewhere};
use crosswire_testing::engine::{OwnCpu, engine, exit_status, target};
use std::path::{Path, PathBuf};

fn program(build: &Path) -> PathBuf {
    compile(&[source("killed.c")], build, "killed")
}

#[test]
fn whoever_does_not_wait_meets_what_the_killed_process_holds() {
    let build = build_directory();
    let program = program(build.path());
    let program = program.to_str().expect("a path that is text");
    for by in ["kill", "thread", "queue", "descriptor", "group", "all"] {
        for state in ["pauses", "sleeps", "reads", "spins", "threads", "stopped"] {
            let explore = |more: &[&str]| {
                let directory = somewhere();
                let words = ["--exhaust", "--leaks", "ignore", "--", program, by, state];
                let outcome = run(directory.path(), &[&words, more].concat());
                (outcome, directory)
            };
            let (hasty, directory) = explore(&[]);
            assert_eq!(hasty.verdict(), "violation", "{by}: {}", hasty.told());
            assert_eq!(hasty.kinds(), ["exit-status"], "{by}, {state}");
            let file = &hasty.files(directory.path())[0];
            let differs = replay_differs(directory.path(), file, "exit-status");
            assert_eq!(differs, None, "{by}, {state}");
            let (patient, _) = explore(&["waits"]);
            assert_eq!(patient.verdict(), "pass", "{by}: {}", patient.told());
            let complete = &patient.report["exhaustion"]["complete"];
            assert_eq!(complete, true, "{by}, {state}");
        }
    }
}

/// A plan from before deaths were steps of their own says nothing of them.
#[test]
fn recorded_deaths_stay_where_they_were() {
    let _cpu = OwnCpu::take();
    let cpu = crosswire_testing::engine::next_cpu();
    let (build, directory) = (build_directory(), somewhere());
    let program = program(build.path());
    let words = [
        program.to_str().expect("a path that is text"),
        "kill",
        "pauses",
    ];
    let target = target("killed", &words, directory.path());
    let mut engine = engine(&target, cpu);
    let mut told = serde_json::to_value(Plan::default()).expect("a plan is JSON");
    let fields = told.as_object_mut().expect("an object");
    assert!(fields.remove("kills_at_once").is_some());
    let older: Plan = serde_json::from_value(told).expect("a plan");
    for (plan, is_late) in [(Plan::default(), true), (older, false)] {
        let run = engine.run(&plan).expect("it runs");
        let events = &run.trace.events;
        let death = events
            .iter()
            .find(|event| matches!(event.what, What::Killed(_)));
        let killer = |step| events.iter().find(|event| event.step == step);
        let death = death.expect("it is killed");
        let is_own_step = killer(death.step).map(|first| first.task) == Some(TaskId(1));
        assert_eq!(is_own_step, is_late);
        assert_eq!(exit_status(&run, "killed"), Some(i32::from(is_late)));
    }
}
