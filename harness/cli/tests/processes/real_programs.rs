//! Programs that know nothing of Crosswire do under it what they do without it:
//! same output and same exit status under the default schedule and under twenty
//! random ones. What they write stays in the run.

use crosswire_testing::building::{build_directory, build_with, goroutines, python, source, tool};
use crosswire_testing::command::{self, PASS, PATH, somewhere};

use crosswire_testing::machine::tree;
use crosswire_testing::natively::{same_as_natively, same_as_natively_anywhere, text};

use std::path::Path;
use std::process::Command;

#[test]
fn a_pipeline_of_the_shell() {
    same_as_natively_anywhere(&["bash", "-c", "seq 1 2000 | sort -rn | head -3"]);
}

#[test]
fn a_failure_that_was_written_down_is_not_found_by_its_replay() {
    let directory = somewhere();
    let script = "for f in * .*; do echo \"$f\"; done; exit 3";
    let first = command::run(directory.path(), &["--", "bash", "-c", script]);
    let file = &first.files(directory.path())[0];
    let differs = command::replay_differs(directory.path(), file, "exit-status");
    assert_eq!(differs, None);
}

#[test]
fn a_shell_with_jobs_traps_and_substitutions() {
    let script = "trap 'echo end' EXIT; a=$(echo one; exit 3); echo $? $a; sleep 2 & wait $!; \
                  (exit 7) & wait $!; echo $?; echo lines >&2; kill -TERM $$";
    // Death by a signal is no status, so another shell tells it.
    let around = "bash -c \"$0\"; echo $?";
    same_as_natively_anywhere(&["bash", "-c", around, script]);
}

#[test]
fn flock() {
    if tool("flock", "flock(1)").is_some() {
        let script = source("counter_under_flock.sh");
        same_as_natively_anywhere(&["sh", text(&script)]);
    }
}

/// A way to start a process, as Python calls it.
fn multiprocessing(method: &str) {
    let Some(python) = python("Python's multiprocessing") else {
        return;
    };
    let script = source("multiprocessing_modes.py");
    for mode in ["queue", "pool", "pipe"] {
        // Without -B, importing the script would write beside it.
        same_as_natively_anywhere(&[text(&python), "-B", text(&script), mode, method]);
    }
}

#[test]
fn python_multiprocessing_by_fork() {
    multiprocessing("fork");
}

#[test]
fn python_multiprocessing_by_spawn() {
    multiprocessing("spawn");
}

#[test]
fn a_database_with_two_writers_in_a_script() {
    if tool("sqlite3", "a database").is_some() {
        let script = source("two_writers.sh");
        same_as_natively_anywhere(&["sh", text(&script)]);
    }
}

#[test]
fn a_database_with_two_writers_as_two_programs() {
    let Some(sqlite) = tool("sqlite3", "a database with two programs") else {
        return;
    };
    let directory = somewhere();
    let made = Command::new(&sqlite)
        .args(["db", "create table numbers(n integer)"])
        .current_dir(directory.path())
        .status();
    assert!(made.expect("sqlite3 can be run").success());
    let before = tree(directory.path());
    let writer = |name: &str| {
        let insert = "insert into numbers values(1)";
        let sqlite = text(&sqlite);
        format!("{name}={sqlite} -cmd '.timeout 60000' db '{insert}' '{insert}'")
    };
    let replays = somewhere();
    let outcome = command::run(
        directory.path(),
        &[
            "--process",
            &writer("one"),
            "--process",
            &writer("two"),
            "--runs",
            "21",
            "--output-dir",
            text(replays.path()),
        ],
    );
    assert_eq!(outcome.status, PASS, "{}", outcome.told());
    let different = outcome.report["distinct_traces"].as_u64();
    assert!(different > Some(10), "{}", outcome.told());
    assert_eq!(tree(directory.path()), before);
}

#[test]
fn make_writes_into_the_run_only() {
    if tool("make", "make").is_none() {
        return;
    }
    let makefile = std::fs::read(source("Makefile")).expect("it is part of the tests");
    same_as_natively(&["make", "-s", "-j4"], &|directory: &Path| {
        std::fs::write(directory.join("Makefile"), &makefile).expect("a writable directory");
        std::fs::write(directory.join("source"), "the source\n").expect("a writable directory");
    });
}

#[test]
fn go_with_goroutines_that_run_programs() {
    let build = build_directory();
    if let Some(program) = goroutines(build.path()) {
        same_as_natively_anywhere(&[text(&program)]);
    }
}

#[test]
fn a_static_program_with_musl() {
    if tool("musl-gcc", "a static program with musl").is_some() {
        let build = build_directory();
        let program = build_with("musl-gcc", &[source("static.c")], build.path(), "static");
        same_as_natively_anywhere(&[text(&program)]);
    }
}

#[test]
fn the_path_of_the_tests_has_what_every_machine_has() {
    for name in ["bash", "sh", "sort", "seq"] {
        let found = PATH
            .split(':')
            .any(|directory| Path::new(directory).join(name).is_file());
        assert!(found, "{name}");
    }
}
