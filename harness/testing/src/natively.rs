//! Comparing a program under Crosswire with itself without.

use crate::command::{self, somewhere};
use crate::engine::{engine, exit_status, next_cpu, schedule, target};
use crate::machine::tree;
use crosswire::model::End;
use std::path::Path;
use std::process::Command;

/// Random schedules for each program.
const SCHEDULES: u64 = 20;

/// What a program printed, and the status it ended with.
fn natively(words: &[&str], set_up: &dyn Fn(&Path)) -> (String, Option<i32>) {
    let directory = somewhere();
    set_up(directory.path());
    let mut command = Command::new(words[0]);
    command::prepare(&mut command, directory.path());
    let output = command
        .args(&words[1..])
        .output()
        .unwrap_or_else(|e| panic!("{words:?}: {e}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code().is_some(),
        "{words:?}: {}: {stderr}",
        output.status
    );
    assert!(
        !output.stdout.is_empty(),
        "{words:?} prints nothing: {stderr}"
    );
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        output.status.code(),
    )
}

/// Compares a program in a directory that is set up for it with itself.
#[track_caller]
pub fn same_as_natively(words: &[&str], set_up: &dyn Fn(&Path)) {
    let native = natively(words, set_up);
    let directory = somewhere();
    set_up(directory.path());
    let before = tree(directory.path());
    let mut engine = engine(&target("program", words, directory.path()), next_cpu());
    let mut wrong = Vec::new();
    for number in 0..=SCHEDULES {
        let run = engine
            .run(&schedule(number))
            .unwrap_or_else(|e| panic!("{words:?}: {e}"));
        let came_out = (
            String::from_utf8_lossy(&run.stdout).into_owned(),
            exit_status(&run, "program"),
        );
        if run.trace.end != End::Finished || came_out != native {
            let stderr = String::from_utf8_lossy(&run.stderr);
            wrong.push(format!(
                "schedule {number}: {:?}: {came_out:?}, {stderr}",
                run.trace.end
            ));
        }
    }
    drop(engine);
    assert!(
        wrong.is_empty(),
        "{words:?}: not {native:?} under\n{}",
        wrong.join("\n")
    );
    assert_eq!(
        tree(directory.path()),
        before,
        "{words:?} reached the directory"
    );
}

/// The same in an empty directory.
#[track_caller]
pub fn same_as_natively_anywhere(words: &[&str]) {
    same_as_natively(words, &|_| ());
}

/// A path for a command line.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}
