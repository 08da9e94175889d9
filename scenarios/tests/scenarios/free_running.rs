//! Histories of real channels from processes that run freely on all CPUs, four writers and
//! four readers at once: the checkers find nothing wrong with them, and find what is wrong
//! with the same histories after one operation was altered.

use crosswire::check::history::text::{Limits, read};
use crosswire::check::history::{Action, Checker, Fifo, Op, Operations, Outcome};
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

/// Messages of each writer; each has a send and a receive.
const MESSAGES: usize = 12_500;

/// The program that records them, built where the tests are.
static RECORDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let program = std::env::current_exe().expect("a test has a path");
    let program = program.with_file_name("free-running-recorder");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/free_running.c");
    let mut compiler = Command::new("cc");
    compiler.arg("-o").arg(&program).args([source, "-lrt"]);
    assert!(compiler.status().expect("running cc").success());
    program
});

/// Records the operations of such processes on a channel of this kind; returns them with
/// its checker.
fn recorded(kind: &str) -> (Operations, Box<dyn Checker>) {
    let mut recorder = Command::new(&*RECORDER);
    let output = recorder.args([kind, &MESSAGES.to_string()]).output();
    let output = output.expect("the recorder runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let mut told = read(output.stdout.as_slice(), None, Limits::default()).expect("histories");
    let told = told.pop().expect("one history");
    assert_eq!(told.operations.list.len(), 8 * MESSAGES);
    let object = told.object.expect("it says what it is of");
    (told.operations, object.checker(&told.settings))
}

/// The history is in order, and is not after each of four alterations.
fn judge(checker: &dyn Checker, operations: &Operations) {
    let name = checker.name();
    assert_eq!(checker.check(operations), Ok(Outcome::Ok), "{name}");
    let mut receives: Vec<usize> = (0..operations.list.len())
        .filter(|i| operations.list[*i].action == Action::Receive)
        .collect();
    receives.sort_by_key(|i| operations.list[*i].called);
    let (early, late) = (receives[receives.len() / 4], receives[receives.len() / 2]);

    let altered = |rules: &[&str], alter: &dyn Fn(&mut Vec<Op>)| {
        let mut operations = operations.clone();
        alter(&mut operations.list);
        match checker.check(&operations) {
            Ok(Outcome::Violation(broken)) => {
                assert!(rules.contains(&broken.rule), "{name}: {broken:?}");
                assert!(broken.witness.len() <= 4, "{broken:?}");
            }
            other => panic!("{name}: {other:?}"),
        }
    };
    altered(&["invention"], &|ops| ops[early].value = -1);
    altered(&["duplication"], &|ops| ops[late].value = ops[early].value);
    altered(&["order", "priority", "invention"], &|ops| {
        (ops[early].value, ops[late].value) = (ops[late].value, ops[early].value);
    });
    altered(&["loss"], &|ops| {
        ops.remove(early);
    });
}

#[test]
fn a_pipe() {
    let (operations, checker) = recorded("pipe");
    judge(checker.as_ref(), &operations);
}

#[test]
fn datagrams() {
    let (operations, checker) = recorded("datagram");
    judge(checker.as_ref(), &operations);
    // On one machine they are one queue.
    judge(&Fifo, &operations);
}

#[test]
fn a_system_v_queue() {
    let (operations, checker) = recorded("sysv-queue");
    judge(checker.as_ref(), &operations);
}

#[test]
fn a_posix_queue_with_priorities() {
    let (operations, checker) = recorded("posix-queue");
    judge(checker.as_ref(), &operations);
}
