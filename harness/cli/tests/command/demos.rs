//! The recordings of `crosswire explain --demo`, and that each shows what it is for.
//!
//! `CROSSWIRE_RECORD=1 cargo test -p crosswire-cli --test command demos` makes them anew.

use crosswire::model::{End, FORMAT_VERSION, Program, Record, Verdict};
use crosswire_testing::building::{build_directory, compile, folder};
use crosswire_testing::command::{crosswire, somewhere};
use crosswire_testing::engine;
use serde_json::Value;
use std::path::Path;

/// Each demo, and what must be seen in it.
const DEMOS: &[(&str, &[&str])] = &[
    ("shared-memory", &["shared memory"]),
    ("message-passing", &["System V message queue", "urgent"]),
    ("pipe", &["pipe 1", "hello "]),
    ("semaphore", &["System V semaphore set", "waits"]),
    ("signals", &["kill(", "gets SIGUSR1"]),
    (
        "deadlock",
        &[
            "waits for flock /tmp/account-a",
            "waits for flock /tmp/account-b",
        ],
    ),
];

fn place(name: &str, extension: &str) -> std::path::PathBuf {
    folder("harness/cli/demos").join(format!("{name}.{extension}"))
}

/// The first run that is wrong, or else the undisturbed one.
fn record(name: &str) {
    let (programs, directory) = (build_directory(), somewhere());
    let program = compile(&[place(name, "c")], programs.path(), name);
    let explored = crosswire(directory.path())
        .args(["run", "--quiet", "--jobs", "1", "--runs", "300", "--"])
        .arg(&program)
        .output();
    explored.expect("the command can be started");
    let found = std::fs::read_dir(directory.path().join("crosswire-failures"));
    let found = found.into_iter().flatten().flatten().next();
    let mut record = match found {
        Some(file) => {
            let text = std::fs::read_to_string(file.path()).expect("a recording");
            Record::from_json(&text).expect("a recording")
        }
        None => undisturbed(name, &program, directory.path()),
    };
    record.environment.clear();
    record.working_dir = "/work".to_owned();
    for program in &mut record.programs {
        program.command = vec![format!("./{name}")];
        program.executable = format!("/work/{name}");
        program.digest = "0".repeat(64);
    }
    std::fs::write(place(name, "json"), record.to_json()).expect("demos can be written");
}

fn undisturbed(name: &str, program: &Path, directory: &Path) -> Record {
    let program = program.to_string_lossy();
    let target = engine::target(name, &[&program], directory);
    let mut engine = engine::engine(&target, engine::next_cpu());
    engine.watch(true);
    let run = engine.run(&engine::schedule(0)).expect("the engine works");
    assert_eq!(run.trace.end, End::Finished, "{name}");
    Record {
        format_version: FORMAT_VERSION,
        programs: vec![Program {
            name: name.to_owned(),
            command: Vec::new(),
            executable: String::new(),
            digest: String::new(),
        }],
        scenario: None,
        children: Vec::new(),
        working_dir: String::new(),
        environment: Vec::new(),
        listings: std::collections::BTreeMap::new(),
        checks: Value::Null,
        plan: run.plan,
        verdict: Verdict::Pass,
        trace: run.trace,
        history: run.history,
        seen: run.seen,
        inquiry: None,
        stacks: Vec::new(),
        places: Default::default(),
    }
}

#[test]
fn every_demo_shows_what_it_is_for() {
    if std::env::var_os("CROSSWIRE_RECORD").is_some() {
        // The command contains them, so what it shows of them is seen when it is next
        // built.
        DEMOS.iter().for_each(|(name, _)| record(name));
        return;
    }
    let directory = somewhere();
    for (name, expected) in DEMOS {
        let output = crosswire(directory.path())
            .args(["explain", "--demo", name, "--html", "demo.html"])
            .output()
            .expect("the command can be started");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {output:?}");
        let page = std::fs::read_to_string(directory.path().join("demo.html"));
        let page = page.expect("a page");
        for word in *expected {
            let is_told = told.contains(word) || page.contains(word);
            assert!(is_told, "{name} does not show {word}: {told}");
        }
        assert!(
            !page.contains("http://") && !page.contains("https://"),
            "{name}"
        );
    }
}
