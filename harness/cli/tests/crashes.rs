//! Killing one process at every point has the outcome that the table of crash fixtures
//! states, and every failure replays.

mod common;

use common::building::{build_directory, folder};
use common::command::{self, Outcome, PASS, VIOLATION, crosswire, somewhere};
use common::{in_ci, measure};
use serde::Deserialize;
use serial_test::serial;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Schedules under which each point is tried.
fn schedules() -> u64 {
    measure("CROSSWIRE_CRASH_SCHEDULES", if in_ci() { 20 } else { 6 })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    crash: Vec<Fixture>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    name: String,
    source: PathBuf,
    args: Vec<String>,
    #[serde(default)]
    recover: Vec<String>,
    leaks: Option<String>,
    victim: String,
    points: u64,
    failing: u64,
    kinds: Vec<String>,
    #[serde(default)]
    died_in: Vec<String>,
}

fn table() -> Vec<Fixture> {
    let text = std::fs::read_to_string(folder("fixtures").join("crashes.toml"));
    let table = toml::from_str(&text.expect("the table is there"));
    let table: Table = table.unwrap_or_else(|error| panic!("crashes.toml: {error}"));
    table.crash
}

/// Builds a program with debug information; `None` where what it needs is not here.
fn build(source: &Path, directory: &Path) -> Option<PathBuf> {
    let program = directory.join(source.file_stem().expect("a file"));
    let is_cpp = source
        .extension()
        .is_some_and(|extension| extension == "cpp");
    if is_cpp && !Path::new("/usr/include/boost/interprocess").is_dir() {
        common::left_out(
            &source.display().to_string(),
            "there is no libboost-dev here",
        );
        return None;
    }
    let mut command = Command::new(if is_cpp { "c++" } else { "cc" });
    command.args(["-g", "-O1", "-Wall", "-Wextra", "-pthread", "-o"]);
    command.arg(&program).arg(folder("fixtures").join(source));
    let output = command.arg("-lrt").output().expect("a compiler");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", source.display());
    Some(program)
}

impl Fixture {
    fn kill_at_every_point(&self, program: &Path, directory: &Path) -> Outcome {
        let mut command = crosswire(directory);
        command.args(["crash", "--quiet", "--format", "json"]);
        command.args([
            "--schedules",
            &schedules().to_string(),
            "--victim",
            &self.victim,
        ]);
        if !self.recover.is_empty() {
            let words = [&[program.to_str().unwrap().to_owned()], &self.recover[..]].concat();
            command.args(["--recover", &words.join(" ")]);
        }
        if let Some(leaks) = &self.leaks {
            command.args(["--leaks", leaks]);
        }
        Outcome::of(command.arg("--").arg(program).args(&self.args))
    }

    /// What is wrong with how it came out.
    fn misjudged(&self, outcome: &Outcome, directory: &Path) -> Vec<String> {
        let report = &outcome.report;
        let number = |key: &str| report[key].as_u64().unwrap_or(0);
        let mut wrong = Vec::new();
        let expected = if self.failing == 0 { PASS } else { VIOLATION };
        if outcome.status != expected {
            return vec![outcome.told()];
        }
        // Other C libraries take other numbers of steps for the same lock.
        if number("points") < self.points || number("failing") < self.failing {
            wrong.push(format!(
                "{} points, of which {} fail; at least {} and {} are expected",
                number("points"),
                number("failing"),
                self.points,
                self.failing
            ));
        }
        if self.failing > 0 && number("failing") == number("points") {
            wrong.push("every point fails, which no crash is needed for".to_owned());
        }
        for group in report["groups"].as_array().expect("groups") {
            let kind = group["kind"].as_str().unwrap_or_default();
            if !self.kinds.iter().any(|known| known == kind) {
                wrong.push(format!("it is no {kind}: {group}"));
            }
            // Whatever the record's processes touch, they touch it under its lock.
            if self.name.starts_with("record-") && group["races"].is_array() {
                wrong.push(format!("no race: {}", group["races"]));
            }
            let points = group["points"].as_array().expect("points");
            if points
                .iter()
                .any(|point| point["crashes"] == serde_json::json!([]))
            {
                wrong.push(format!("it fails without a crash: {group}"));
            }
            let told = points.iter().filter_map(|point| point["died_in"].as_str());
            let told: Vec<&str> = told.collect();
            for file in &self.died_in {
                if !told.iter().any(|place| place.contains(file)) {
                    let record = directory.join(group["replay_file"].as_str().unwrap());
                    let stacks = record_of(&record)["stacks"].to_string();
                    wrong.push(format!("no line of {file} is named: {told:?}; {stacks}"));
                }
            }
            let file = group["replay_file"].as_str().expect("a replay file");
            wrong.extend(command::replay_differs(
                directory,
                &directory.join(file),
                kind,
            ));
        }
        wrong
    }
}

fn record_of(file: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(file).expect("the replay file is there");
    serde_json::from_str(&text).expect("a record is JSON")
}

#[test]
#[serial]
fn every_crash_is_survived_or_not_as_the_table_says() {
    let programs = build_directory();
    let mut wrong = Vec::new();
    for fixture in table() {
        let Some(program) = build(&fixture.source, programs.path()) else {
            continue;
        };
        let directory = somewhere();
        let outcome = fixture.kill_at_every_point(&program, directory.path());
        let misjudged = fixture.misjudged(&outcome, directory.path());
        wrong.extend(
            misjudged
                .iter()
                .map(|what| format!("{}: {what}", fixture.name)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Run natively, which uses the same names in the real /tmp: what lies beneath the cover
/// of a run must not change meanwhile.
#[test]
#[serial]
fn every_variant_ends_well_if_nobody_is_killed() {
    let programs = build_directory();
    for fixture in table() {
        let Some(program) = build(&fixture.source, programs.path()) else {
            continue;
        };
        let native = |args: &[String]| {
            let status = Command::new(&program).args(args).status();
            assert!(status.expect("it can be run").success(), "{}", fixture.name);
        };
        native(&fixture.args);
        if !fixture.recover.is_empty() {
            native(&fixture.recover);
        }
        // What the programs leave for their recovery would be found by the next one.
        let _ = std::fs::remove_dir_all("/tmp/crosswire-spool");
    }
}

#[test]
fn a_recovery_that_may_be_killed_itself_is_begun_again() {
    let programs = build_directory();
    let program = build(Path::new("crash/account_file.c"), programs.path()).unwrap();
    let recover = format!("{} rename check", program.display());
    let directory = somewhere();
    let mut command = crosswire(directory.path());
    command.args(["crash", "--quiet", "--format", "json", "--schedules", "2"]);
    command.args(["--second", "recovery", "--recover", &recover, "--"]);
    let outcome = Outcome::of(command.arg(&program).arg("rename"));
    assert_eq!(outcome.status, PASS, "{}", outcome.told());
    let second = &outcome.report["second"];
    assert_eq!(second["victim"], "recovery");
    assert!(second["points"].as_u64().unwrap() > outcome.report["points"].as_u64().unwrap());
}

#[test]
fn who_is_to_be_killed_must_exist() {
    let directory = somewhere();
    let fails = |arguments: &[&str]| {
        let output = crosswire(directory.path())
            .arg("crash")
            .args(arguments)
            .output();
        let output = output.expect("the command can be started");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(fails(&["--victim", "nobody", "--", "true"]).contains("nobody"));
    assert!(fails(&["--process", "a=true", "--process", "b=true"]).contains("--victim"));
    assert!(fails(&["--second", "nobody", "--", "true"]).contains("nobody"));
    assert!(fails(&["--recover", "/no/such", "--", "true"]).contains("/no/such"));
}
