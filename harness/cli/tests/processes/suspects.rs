//! Searches that are directed at two places, by the names that people have for them.

use crosswire_testing::building::{build_directory, source};
use crosswire_testing::command::{Outcome, crosswire, somewhere};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the program, with what tells its lines.
fn program(directory: &Path) -> PathBuf {
    let program = directory.join("suspects");
    let mut compiler = Command::new("cc");
    compiler.args(["-g", "-O1", "-o"]).arg(&program);
    let status = compiler.arg(source("suspects.c")).status();
    assert!(status.expect("a C compiler").success());
    program
}

/// Searches with these options; returns the number of runs and whether the bug was found.
fn search(program: &Path, mode: &str, options: &[&str]) -> (u64, bool) {
    let here = somewhere();
    let mut command = crosswire(here.path());
    command.args(["run", "--quiet", "--format", "json", "--shrink-time", "0"]);
    command.args(options).args(["--runs", "200", "--"]);
    let outcome = Outcome::of(command.arg(program).arg(mode));
    let found = outcome.report["verdict"] == "violation";
    (outcome.report["runs"].as_u64().expect("runs"), found)
}

/// Returns the number of the line that ends with this comment, as a suspect.
fn line(comment: &str) -> String {
    let text = std::fs::read_to_string(source("suspects.c")).unwrap();
    let place = text.lines().position(|line| line.contains(comment));
    format!("suspects.c:{}", place.expect("the comment is there") + 1)
}

#[test]
fn two_places_are_tried_in_both_orders_by_functions_and_lines() {
    let directory = build_directory();
    let program = program(directory.path());
    let lines = format!(
        "{},{}",
        line("line of the second write"),
        line("line of the first read")
    );
    let mut without = 0;
    for seed in ["0", "1", "2"] {
        for suspects in ["publish,peek", &lines] {
            let options = ["--seed", seed, "--suspect", suspects];
            let (runs, found) = search(&program, "memory", &options);
            assert!(found, "{suspects}, seed {seed}: {runs} runs");
        }
        let options = ["--seed", seed, "--suspect", "use_config,replace_config"];
        assert!(search(&program, "files", &options).1, "seed {seed}");
        without += usize::from(search(&program, "memory", &["--seed", seed]).1);
    }
    assert!(
        without < 3,
        "the bug is too easy to tell whether naming places helps"
    );
}

#[test]
fn the_same_runs_are_directed_whatever_the_number_of_workers() {
    let directory = build_directory();
    let program = program(directory.path());
    let suspects = ["--suspect", "publish,peek", "--seed", "3", "--jobs"];
    let of = |jobs| search(&program, "memory", &[&suspects[..], &[jobs]].concat());
    assert_eq!(of("1"), of("2"));
}
