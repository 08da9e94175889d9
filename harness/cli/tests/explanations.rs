//! For every planted bug of the table of fixtures the explanation points at what
//! matters. It is made from a recording in `fixtures/traces`, so that it does not
//! depend on the machine, and compared with a reviewed snapshot.
//!
//! `CROSSWIRE_RECORD=1 cargo test -p crosswire-cli --test explanations` makes the
//! recordings anew, which is due when the engine or a fixture has changed.

mod common;

use common::building::{build_directory, compile, folder};
use common::command::{crosswire, somewhere};
use crosswire::explore::load;
use crosswire::model::Record;
use crosswire::report::{Palette, text};
use serde::Deserialize;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Table {
    program: Vec<Fixture>,
    #[serde(default)]
    system: Vec<Fixture>,
}

#[derive(Deserialize)]
struct Fixture {
    name: String,
    #[serde(default)]
    source: PathBuf,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    process: Vec<Process>,
    faults: Vec<String>,
    leaks: Option<String>,
    #[serde(default)]
    needs: String,
    verdict: String,
    #[serde(default)]
    kind: String,
    names: Vec<String>,
}

#[derive(Deserialize)]
struct Process {
    name: String,
    source: PathBuf,
    #[serde(default)]
    args: Vec<String>,
}

fn planted_bugs() -> Vec<Fixture> {
    let text = std::fs::read_to_string(folder("fixtures/expected.toml"));
    let table: Table = toml::from_str(&text.expect("the table is there")).expect("a table");
    let all = table.program.into_iter().chain(table.system);
    all.filter(|fixture| fixture.verdict == "violation")
        .collect()
}

fn recording(fixture: &Fixture) -> PathBuf {
    folder("fixtures/traces").join(format!("{}.json", fixture.name))
}

/// Explores a fixture until its bug shows, and keeps the recording without what is
/// this machine's.
fn record(fixture: &Fixture) {
    let (programs, directory) = (build_directory(), somewhere());
    let build = |source: &Path| {
        let name = source.file_stem().expect("a file").to_string_lossy();
        compile(&[folder("fixtures").join(source)], programs.path(), &name)
    };
    let mut command = crosswire(directory.path());
    command.args(["run", "--quiet", "--jobs", "1", "--runs", "500"]);
    if !fixture.faults.is_empty() {
        command.args(["--faults", &fixture.faults.join(",")]);
    }
    if let Some(leaks) = &fixture.leaks {
        command.args(["--leaks", leaks]);
    }
    for Process { name, source, args } in &fixture.process {
        let words = [vec![build(source).display().to_string()], args.clone()].concat();
        command
            .arg("--process")
            .arg(format!("{name}={}", words.join(" ")));
    }
    if fixture.process.is_empty() {
        command.arg("--").arg(build(&fixture.source));
        command.args(&fixture.args);
    }
    command.output().expect("the command can be started");
    let found = std::fs::read_dir(directory.path().join("crosswire-failures"));
    let of_kind = found
        .into_iter()
        .flatten()
        .map(|file| file.expect("a file"));
    let mut of_kind = of_kind.filter(|file| {
        let name = file.file_name().to_string_lossy().into_owned();
        name.contains(&format!("-{}-", fixture.kind))
    });
    let Some(file) = of_kind.next() else {
        assert!(!fixture.needs.is_empty(), "{}: not found", fixture.name);
        return;
    };
    let text = std::fs::read_to_string(file.path()).expect("a recording");
    let mut record = Record::from_json(&text).expect("a recording");
    record.environment.clear();
    let own = record.working_dir.clone();
    record.working_dir = "/work".to_owned();
    for program in &mut record.programs {
        program.executable = format!("/work/{}", program.name);
        program.command[0] = format!("./{}", program.name);
        program.digest = "0".repeat(64);
    }
    let text = record.to_json().replace(&own, "/work");
    std::fs::write(recording(fixture), text).expect("the recordings can be written");
}

#[test]
fn every_planted_bug_is_explained() {
    let mut wrong = Vec::new();
    for fixture in planted_bugs() {
        if std::env::var_os("CROSSWIRE_RECORD").is_some() {
            record(&fixture);
        }
        if !recording(&fixture).exists() {
            if fixture.needs.is_empty() {
                wrong.push(format!("{} has no recording", fixture.name));
            }
            continue;
        }
        let record = load(&recording(&fixture)).expect("a recording");
        let file = format!("{}.json", fixture.name);
        let told = text::explanation(&record, Some(Path::new(&file)), Palette::PLAIN);
        for line in told.lines().filter(|line| line.chars().count() > 100) {
            wrong.push(format!("{}: too wide: {line}", fixture.name));
        }
        for name in fixture.names.iter().filter(|name| !told.contains(*name)) {
            wrong.push(format!("{} does not name {name}:\n{told}", fixture.name));
        }
        insta::with_settings!({
            snapshot_path => folder("snapshots"),
            prepend_module_to_snapshot => false,
        }, {
            insta::assert_snapshot!(format!("explain-{}", fixture.name), told);
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
