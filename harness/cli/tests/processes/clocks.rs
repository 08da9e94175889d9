//! Clocks: programs are told the right time by whatever way they ask, and one that asks all the
//! time does so without a step each, in most runs.

use crosswire::model::Plan;
use crosswire_testing::building::{build_directory, build_with, compile, folder, tool};
use crosswire_testing::command::{Outcome, VIOLATION, crosswire, replay_differs, run, somewhere};
use crosswire_testing::engine::{engine, next_cpu, schedule, target};
use std::path::{Path, PathBuf};

const MODES: [&str; 8] = [
    "agree", "until", "timer", "exchange", "threads", "spoil", "files", "rounds",
];

fn source() -> PathBuf {
    folder("fixtures").join("c/clocks/clocks.c")
}

fn explored(directory: &Path, program: &Path, arguments: &[&str], runs: &str) -> Outcome {
    let program = program.to_str().expect("a path that is text");
    let options = ["--runs", runs, "--", program];
    run(directory, &[&options, arguments].concat())
}

#[test]
fn programs_that_read_clocks_all_the_time_are_told_the_right_time() {
    let build = build_directory();
    let mut programs = vec![compile(&[source()], build.path(), "clocks")];
    if tool("musl-gcc", "a program with another C library").is_some() {
        programs.push(build_with("musl-gcc", &[source()], build.path(), "static"));
    }
    for program in &programs {
        for mode in MODES {
            for again in [&[mode][..], &[mode, "again"]] {
                let directory = somewhere();
                let outcome = explored(directory.path(), program, again, "8");
                assert_eq!(outcome.verdict(), "pass", "{again:?}: {}", outcome.told());
            }
        }
    }
}

#[test]
fn most_runs_make_no_steps_of_readings_and_some_do() {
    let build = build_directory();
    let program = compile(&[source()], build.path(), "clocks");
    let steps = |runs: &str| {
        let directory = somewhere();
        let outcome = explored(directory.path(), &program, &["agree"], runs);
        let points = outcome.report["schedule_points"].as_u64();
        points.expect("the report counts them")
    };
    let (first, two, eight) = (steps("1"), steps("2"), steps("8"));
    assert!(first > 2000 && two - first < first / 4, "{first}, {two}");
    assert!(eight - 2 * first > 6 * (two - first) - first / 4, "{eight}");
    assert!(eight < 4 * first, "{eight}");
}

/// Calls that take one stop in a usual run take two in one that is watched.
#[test]
fn calls_have_the_time_at_which_they_were_made() {
    let build = build_directory();
    let program = compile(&[source()], build.path(), "clocks");
    let directory = somewhere();
    for mode in ["files", "rounds"] {
        let command = [program.to_str().expect("a path that is text"), mode];
        let mut engine = engine(&target("clocks", &command, directory.path()), next_cpu());
        let plan = Plan {
            clocks_are_free: true,
            ..schedule(0)
        };
        let usual = engine.run(&plan).expect("a run");
        engine.watch(true);
        let watched = engine.run(&plan).expect("a run");
        let difference = usual.trace.first_difference(&watched.trace);
        assert_eq!(difference, None, "{mode}");
    }
}

/// It reads the clock too late: time passes for others while it has not read it.
#[test]
fn what_happens_between_a_call_and_a_reading_is_tried() {
    let build = build_directory();
    let program = compile(&[source()], build.path(), "clocks");
    let directory = somewhere();
    let outcome = explored(directory.path(), &program, &["overtaken"], "200");
    assert_eq!(outcome.status, VIOLATION, "{}", outcome.told());
    for file in outcome.files(directory.path()) {
        let differs = replay_differs(directory.path(), &file, "exit-status");
        assert_eq!(differs, None);
    }
}

/// Two processes that take a lock in turn. Python reads clocks while it does.
const LOCKS: &str = r#"
import fcntl, os
pids = []
for i in range(2):
    pid = os.fork()
    if pid == 0:
        for n in range(1 + i):
            fd = os.open("l", os.O_CREAT | os.O_RDWR)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if i == 0: os.stat(".")
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)
        os._exit(0)
    pids.append(pid)
for pid in pids: os.waitpid(pid, 0)
"#;

#[test]
fn a_crash_comes_where_the_run_without_it_said_so() {
    if tool("python3", "a program that reads clocks").is_none() {
        return;
    }
    let directory = somewhere();
    std::fs::write(directory.path().join("locks.py"), LOCKS).expect("a script");
    let mut crash = crosswire(directory.path());
    crash.args(["crash", "--format", "json", "--jobs", "1", "--seed", "1"]);
    crash.args([
        "--schedules",
        "8",
        "--leaks",
        "ignore",
        "--victim",
        "python3.1",
    ]);
    let outcome = Outcome::of(crash.args(["--", "python3", "-B", "locks.py"]));
    assert_eq!(outcome.verdict(), "pass", "{}", outcome.told());
}

/// Perl, Tcl and others sleep by a select without descriptors.
#[test]
fn a_sleep_may_end_early_by_whichever_call() {
    let build = build_directory();
    let program = compile(
        &[crosswire_testing::building::source("naps.c")],
        build.path(),
        "naps",
    );
    for by in [
        "nanosleep",
        "select",
        "select-none",
        "pselect",
        "poll",
        "ppoll",
        "ppoll-mask",
    ] {
        let directory = somewhere();
        let outcome = explored(directory.path(), &program, &[by], "200");
        match by {
            // Three descriptors are looked at, and might be any; or a signal is waited for.
            "select-none" | "pselect" | "ppoll-mask" => {
                assert_eq!(outcome.verdict(), "pass", "{}", outcome.told())
            }
            _ => {
                assert_eq!(outcome.kinds(), ["deadlock"], "{by}: {}", outcome.told());
                let file = &outcome.files(directory.path())[0];
                assert_eq!(
                    replay_differs(directory.path(), file, "deadlock"),
                    None,
                    "{by}"
                );
            }
        }
    }
}
