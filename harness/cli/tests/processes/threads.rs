//! Memory that threads of a process share, watched: programs do what they do natively, and what
//! threads do to each other there is found, proved or excluded.

use crosswire_testing::building::{build_directory, compile, source};
use crosswire_testing::command::{Outcome, PASS, VIOLATION, replay_differs, run, somewhere};
use std::path::{Path, PathBuf};
use std::process::Command;

fn program(directory: &Path) -> PathBuf {
    compile(&[source("threads.c")], directory, "threads")
}

/// Runs a mode of the program with its threads watched.
fn watched(directory: &Path, program: &Path, mode: &str, options: &[&str]) -> Outcome {
    let program = program.to_str().expect("a path that is text");
    let arguments = [&["--threads"], options, &["--", program, mode]].concat();
    run(directory, &arguments)
}

#[test]
fn memory_is_what_it_is_natively() {
    let (here, programs) = (somewhere(), build_directory());
    let program = program(programs.path());
    let native = Command::new(&program)
        .arg("memory")
        .output()
        .expect("it runs");
    let native = String::from_utf8(native.stdout).expect("text");
    assert!(
        native.lines().count() > 25 && !native.contains(": no"),
        "{native}"
    );
    for options in [
        &["--runs", "3"][..],
        &["--runs", "2", "--every-step"],
        &["--runs", "2", "--memory", "tso"],
    ] {
        let outcome = watched(here.path(), &program, "memory", options);
        assert_eq!(outcome.status, PASS, "{options:?}: {}", outcome.told());
        let output = &outcome.report["first_run"]["stdout"];
        assert_eq!(output.as_str(), Some(native.as_str()), "{options:?}");
    }
}

#[test]
fn loops_end_or_are_proved_endless() {
    let (here, programs) = (somewhere(), build_directory());
    let program = program(programs.path());
    for mode in ["computes", "late"] {
        let outcome = watched(here.path(), &program, mode, &["--runs", "10"]);
        assert_eq!(outcome.status, PASS, "{mode}: {}", outcome.told());
    }
    let outcome = watched(here.path(), &program, "never", &["--runs", "1"]);
    assert_eq!(outcome.kinds(), ["livelock"], "{}", outcome.told());
    let text = outcome.violations()[0].to_string();
    assert!(
        text.contains("waits in a loop for flag to change"),
        "{text}"
    );
    assert!(
        text.contains("waits in a loop for other_flag to change"),
        "{text}"
    );
}

/// A call that the engine has answered stays answered, although pages are taken back from the other
/// thread before the caller goes on.
#[test]
fn time_does_not_go_back() {
    let (here, programs) = (somewhere(), build_directory());
    let program = program(programs.path());
    let outcome = watched(here.path(), &program, "time", &["--runs", "20"]);
    assert_eq!(outcome.status, PASS, "{}", outcome.told());
}

/// Signals that a process ignores end no call and no store of its threads, wherever they arrive.
#[test]
fn ignored_signals_change_nothing() {
    let (here, programs) = (somewhere(), build_directory());
    let program = program(programs.path());
    for mode in ["ended", "continued"] {
        let outcome = watched(here.path(), &program, mode, &["--exhaust"]);
        assert_eq!(outcome.status, PASS, "{mode}: {}", outcome.told());
    }
}

/// An increment is one instruction, whose load and store processors do not keep together.
#[test]
fn an_increment_without_a_lock_is_two_steps() {
    let (here, programs) = (somewhere(), build_directory());
    let program = program(programs.path());
    for memory in ["sc", "tso"] {
        fails(here.path(), &program, "adds", &["--memory", memory]);
    }
    let locked = ["--exhaust", "--runs", "10000"];
    let outcome = watched(here.path(), &program, "adds locked", &locked);
    assert_eq!(outcome.status, PASS, "{}", outcome.told());
}

/// Races of threads in memory that processes share are found without `--threads`.
#[test]
fn threads_race_in_shared_memory() {
    let (here, programs) = (somewhere(), build_directory());
    let program = program(programs.path());
    let program = program.to_str().expect("a path that is text");
    for (mode, memory, expected) in [
        ("adds shared", "sc", VIOLATION),
        ("crosses shared", "sc", PASS),
        ("crosses shared", "tso", VIOLATION),
    ] {
        let options = ["--runs", "400", "--memory", memory, "--", program, mode];
        let outcome = run(here.path(), &options);
        assert_eq!(outcome.status, expected, "{mode}: {}", outcome.told());
    }
}

/// The steps of a thread may come before its process ends, although nothing in the first run shows
/// that it takes any.
#[test]
fn a_thread_may_get_on_before_its_process_ends() {
    let (here, programs) = (somewhere(), build_directory());
    let program = program(programs.path());
    fails(here.path(), &program, "leaves", &["--runs", "200"]);
}

/// Checks that a mode fails, and that the failures replay.
fn fails(here: &Path, program: &Path, mode: &str, options: &[&str]) {
    let outcome = watched(here, program, mode, options);
    assert_eq!(outcome.status, VIOLATION, "{options:?}: {}", outcome.told());
    for (file, kind) in outcome.files(here).iter().zip(outcome.kinds()) {
        assert_eq!(replay_differs(here, file, kind), None, "{options:?}");
    }
}

#[test]
fn without_threads_it_says_so() {
    let (here, programs) = (somewhere(), build_directory());
    let program = program(programs.path());
    let outcome = watched(here.path(), &program, "alone", &["--runs", "2"]);
    assert_eq!(outcome.status, PASS, "{}", outcome.told());
    let notes = outcome.report["notes"].to_string();
    assert!(notes.contains("no process has created a thread"), "{notes}");
}
