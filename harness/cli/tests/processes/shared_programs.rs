//! Programs that share memory and know nothing of Crosswire, which stands between them
//! and each of their accesses: same output and same exit status as without it. What is
//! not there is left out, and said.

use crosswire_testing::building::{build_directory, compile, folder, python, source, tool};
use crosswire_testing::command::{self, PASS, somewhere};
use crosswire_testing::left_out;
use crosswire_testing::natively::{same_as_natively_anywhere, text};
use std::path::PathBuf;
use std::process::Command;

fn memory_of_multiprocessing(method: &str) {
    let Some(python) = python("Python's shared memory") else {
        return;
    };
    let script = source("multiprocessing_memory.py");
    same_as_natively_anywhere(&[text(&python), "-B", text(&script), method]);
}

#[test]
fn python_shared_memory_values_arrays_and_locks_by_fork() {
    memory_of_multiprocessing("fork");
}

#[test]
fn python_shared_memory_values_arrays_and_locks_by_spawn() {
    memory_of_multiprocessing("spawn");
}

#[test]
fn a_database_whose_log_is_shared_memory() {
    if tool("sqlite3", "a database with a shared log").is_some() {
        let script = source("two_writers_wal.sh");
        same_as_natively_anywhere(&["sh", text(&script)]);
    }
}

#[test]
fn a_database_that_is_one_mapped_file() {
    let build = build_directory();
    let program = build.path().join("environment");
    let mut compiler = Command::new("cc");
    compiler.arg("-O2").arg(source("environment.c")).arg("-o");
    let built = compiler.arg(&program).arg("-llmdb").output();
    let built = built.expect("there is a C compiler");
    if !built.status.success() {
        let said = String::from_utf8_lossy(&built.stderr);
        return left_out("LMDB", &format!("it cannot be built with it: {said}"));
    }
    same_as_natively_anywhere(&[text(&program)]);
}

/// The program in `programs/shared`, which needs crates that the workspace does without.
fn shared() -> Option<PathBuf> {
    let program = folder(".").join("target/programs/release/shared");
    if !program.is_file() {
        let build = "cargo build --release --target-dir target/programs --manifest-path \
                     harness/cli/tests/programs/shared/Cargo.toml";
        left_out(
            "iceoryx2 and ipc-channel",
            &format!("build them with `{build}`"),
        );
        return None;
    }
    Some(program)
}

#[test]
fn iceoryx2_publishes_and_subscribes() {
    if let Some(program) = shared() {
        same_as_natively_anywhere(&[text(&program), "publish", "./services/"]);
    }
}

#[test]
fn iceoryx2_survives_a_publisher_that_is_killed() {
    let Some(program) = shared() else {
        return;
    };
    let directory = somewhere();
    let options = [
        "--runs",
        "40",
        "--faults",
        "kill:shared.1",
        "--leaks",
        "ignore",
        "--",
    ];
    let words = [&options[..], &[text(&program), "publish", "./services/"]].concat();
    let outcome = command::run(directory.path(), &words);
    assert_eq!(outcome.status, PASS, "{}", outcome.told());
    assert_ne!(outcome.report["faults"]["struck"], 0, "{}", outcome.told());
}

#[test]
fn iceoryx2_notifies() {
    if let Some(program) = shared() {
        same_as_natively_anywhere(&[text(&program), "notify", "./services/"]);
    }
}

#[test]
fn ipc_channel_sends() {
    if let Some(program) = shared() {
        same_as_natively_anywhere(&[text(&program), "channel", "-"]);
    }
}

#[test]
fn code_in_shared_memory_is_said_to_be_unwatched() {
    let build = build_directory();
    let sources = [source("code_in_shared_memory.c")];
    let program = compile(&sources, build.path(), "code");
    let directory = somewhere();
    let words = ["--runs", "2", "--", text(&program)];
    let outcome = command::run(directory.path(), &words);
    assert_eq!(outcome.status, PASS, "{}", outcome.told());
    let notes = outcome.report["notes"].to_string();
    assert!(notes.contains("can be executed"), "{}", outcome.told());
}
