//! Every program of the table of fixtures gets the verdict that the table states,
//! and every violation replays.
//!
//! Planted bugs must show within 200 runs. The fixed twins are tried with 300 runs,
//! with 2,000 where `CI=true`, or with as many as `CROSSWIRE_TWIN_RUNS` says.

mod common;

use common::building::{build_directory, compile, folder};
use common::command::{self, Outcome, PASS, VIOLATION, somewhere};
use common::{in_ci, measure};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs within which a planted bug must show.
const BUG_RUNS: u64 = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    program: Vec<Fixture>,
    #[serde(default)]
    system: Vec<Fixture>,
}

/// One program, or several that are started together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    name: String,
    #[serde(default)]
    source: PathBuf,
    #[serde(default)]
    args: Vec<String>,
    /// For `benches/strategies.rs`.
    #[serde(default)]
    #[allow(dead_code)]
    bench_args: Vec<String>,
    #[serde(default)]
    native_args: Vec<String>,
    #[serde(default)]
    process: Vec<Process>,
    faults: Vec<String>,
    leaks: Option<String>,
    verdict: String,
    #[serde(default)]
    kind: String,
    native: String,
    bug: String,
    names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Process {
    name: String,
    source: PathBuf,
    #[serde(default)]
    args: Vec<String>,
}

fn table() -> Vec<Fixture> {
    let text = std::fs::read_to_string(folder("fixtures").join("expected.toml"));
    let text = text.expect("the table is there");
    let table: Table =
        toml::from_str(&text).unwrap_or_else(|error| panic!("expected.toml: {error}"));
    table.program.into_iter().chain(table.system).collect()
}

/// Builds a program under the name that its source has.
fn build(source: &Path, directory: &Path) -> PathBuf {
    let name = source
        .file_stem()
        .expect("a file")
        .to_string_lossy()
        .into_owned();
    match source.extension().and_then(|extension| extension.to_str()) {
        Some("c") => compile(&[folder("fixtures").join(source)], directory, &name),
        other => panic!(
            "no way is known to build {other:?} for {}",
            source.display()
        ),
    }
}

impl Fixture {
    /// Builds it and explores it.
    fn explore(&self, runs: u64, programs: &Path, directory: &Path) -> Outcome {
        let mut command = command::crosswire(directory);
        command.args([
            "run",
            "--quiet",
            "--format",
            "json",
            "--runs",
            &runs.to_string(),
        ]);
        if !self.faults.is_empty() {
            command.args(["--faults", &self.faults.join(",")]);
        }
        if let Some(leaks) = &self.leaks {
            command.args(["--leaks", leaks]);
        }
        self.add_programs(&mut command, programs);
        Outcome::of(&mut command)
    }

    fn add_programs(&self, command: &mut Command, programs: &Path) {
        for Process { name, source, args } in &self.process {
            let program = build(source, programs);
            let words = [vec![program.to_string_lossy().into_owned()], args.clone()].concat();
            let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            command
                .arg("--process")
                .arg(format!("{name}={}", quoted.join(" ")));
        }
        if self.process.is_empty() {
            command
                .arg("--")
                .arg(build(&self.source, programs))
                .args(&self.args);
        }
    }

    /// What is wrong with what was said about a planted bug.
    fn misjudged(&self, outcome: &Outcome, directory: &Path) -> Vec<String> {
        let mut wrong = Vec::new();
        if outcome.status != VIOLATION || outcome.verdict() != "violation" {
            return vec![format!("not found: {}", outcome.told())];
        }
        let of_kind = outcome
            .violations()
            .iter()
            .find(|one| one["kind"] == *self.kind);
        let Some(violation) = of_kind else {
            return vec![format!("it is no {}: {}", self.kind, outcome.told())];
        };
        let mut told = violation.to_string();
        for file in outcome.files(directory) {
            let replay = command::crosswire(directory)
                .arg("replay")
                .arg(file)
                .output();
            told += &String::from_utf8_lossy(&replay.expect("the command can be started").stdout);
        }
        let missing: Vec<&String> = self
            .names
            .iter()
            .filter(|word| !told.contains(*word))
            .collect();
        if !missing.is_empty() {
            wrong.push(format!("the report does not name {missing:?}: {told}"));
        }
        if violation["replayed"] != true {
            wrong.push(format!("not replayed: {told}"));
        }
        // What shrinking leaves is what a person has to understand.
        let (decisions, faults) = (&violation["deviations"], &violation["faults"]);
        let needed = faults.as_array().map_or(0, Vec::len) as u64;
        if decisions.as_u64().is_none_or(|left| left > needed + 3) {
            wrong.push(format!(
                "{decisions} decisions and {faults} are left: {told}"
            ));
        }
        for (file, kind) in outcome.files(directory).iter().zip(outcome.kinds()) {
            wrong.extend(command::replay_differs(directory, file, kind));
        }
        wrong
    }
}

#[test]
fn every_planted_bug_is_found_named_and_replayed() {
    let programs = build_directory();
    let mut wrong = Vec::new();
    for fixture in table()
        .iter()
        .filter(|fixture| fixture.verdict == "violation")
    {
        let directory = somewhere();
        let outcome = fixture.explore(BUG_RUNS, programs.path(), directory.path());
        let misjudged = fixture.misjudged(&outcome, directory.path());
        wrong.extend(
            misjudged
                .iter()
                .map(|what| format!("{} ({}): {what}", fixture.name, fixture.bug)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn no_fixed_twin_is_blamed() {
    let runs = measure("CROSSWIRE_TWIN_RUNS", if in_ci() { 2000 } else { 300 });
    let programs = build_directory();
    let mut wrong = Vec::new();
    for fixture in table().iter().filter(|fixture| fixture.verdict == "pass") {
        let directory = somewhere();
        let outcome = fixture.explore(runs, programs.path(), directory.path());
        if outcome.status != PASS || outcome.verdict() != "pass" || outcome.report["runs"] != runs {
            wrong.push(format!(
                "{} ({}): {}",
                fixture.name,
                fixture.bug,
                outcome.told()
            ));
        }
        // With faults that never strike, passing would mean nothing.
        let struck = outcome.report["faults"]["struck"]
            .as_u64()
            .unwrap_or_default();
        if !fixture.faults.is_empty() && struck < runs / 10 {
            wrong.push(format!("{}: only {struck} faults struck", fixture.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_table_has_every_program_and_every_bug_its_twin() {
    let table = table();
    let mut listed = BTreeSet::new();
    for fixture in &table {
        if fixture.process.is_empty() {
            listed.insert(fixture.source.clone());
        }
        listed.extend(fixture.process.iter().map(|process| process.source.clone()));
        assert!(
            ["violation", "pass"].contains(&&*fixture.verdict),
            "{}",
            fixture.name
        );
        assert!(
            ["pass", "hang"].contains(&&*fixture.native),
            "{}",
            fixture.name
        );
        assert_eq!(
            fixture.verdict == "pass",
            fixture.kind.is_empty(),
            "{}",
            fixture.name
        );
        assert!(
            fixture.native_args != fixture.args || fixture.args.is_empty(),
            "{}",
            fixture.name
        );
        if fixture.verdict == "violation" {
            let twin = format!("{}_fixed", fixture.name);
            let twin = table.iter().find(|other| other.name == twin);
            let twin = twin.unwrap_or_else(|| panic!("{} has no fixed twin", fixture.name));
            assert_eq!(twin.verdict, "pass");
            assert_eq!(twin.faults.len(), fixture.faults.len(), "{}", fixture.name);
            assert_eq!(twin.leaks, fixture.leaks, "{}", fixture.name);
        }
    }
    let present = std::fs::read_dir(folder("fixtures/c")).expect("the fixtures are there");
    let present: BTreeSet<PathBuf> = present
        .map(|file| PathBuf::from("c").join(file.expect("a readable directory").file_name()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect();
    assert_eq!(listed, present);
    assert!(present.len() >= 40, "{} programs", present.len());
}
