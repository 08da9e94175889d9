//! A failure of a test, its file, and its replay: the same again.

use crosswire::model::Record;
use crosswire::{Budget, check, scenario};
use std::process::{Command, Output};

/// Fails by design, and is run by the other tests only.
#[test]
#[ignore = "fails: it is what the others replay"]
fn overtaking() {
    scenario!("overtaking")
        .process("first", |_, log| log.send(1, || crosswire::mark(1)))
        .process("second", |_, log| {
            log.recv(|| {
                crosswire::mark(2);
                2
            });
        })
        .check(check::no_invention())
        .without_regressions()
        .explore(Budget::runs(50));
}

/// Has nothing to do with it.
#[test]
#[ignore = "run by another test only"]
fn another() {
    scenario!("another")
        .process("only", |_, _| ())
        .explore(Budget::runs(2));
}

fn run(test: &str, replay: Option<&str>) -> (bool, String) {
    match replay {
        Some(file) => run_with(test, "CROSSWIRE_REPLAY", file),
        None => run_with(test, "A", "1"),
    }
}

/// Runs a test with a variable in its environment.
fn run_with(test: &str, name: &str, value: &str) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        test,
        "--include-ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    command
        .env_remove("CROSSWIRE_REPLAY")
        .env("RUST_BACKTRACE", "0")
        .env(name, value);
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let said = [stdout, stderr].concat();
    (status.success(), String::from_utf8(said).unwrap())
}

/// The file in the line that says how to replay a failure.
fn file(said: &str) -> &str {
    let (_, rest) = said.split_once("CROSSWIRE_REPLAY=").expect(said);
    rest.split_once(' ').expect(said).0
}

#[test]
fn a_failure_comes_out_the_same_every_time() {
    let (passed, said) = run("replay::overtaking", None);
    assert!(
        !passed && said.contains("scenario `overtaking`: "),
        "{said}"
    );
    assert!(
        said.contains("cargo test replay::overtaking -- --exact"),
        "{said}"
    );
    let file = file(&said).to_owned();
    for _ in 0..3 {
        let (passed, said) = run("replay::overtaking", Some(&file));
        assert!(!passed, "{said}");
        assert!(
            said.contains("replayed: same verdict, same trace"),
            "{said}"
        );
    }
}

#[test]
fn a_failure_is_replayed_on_a_test_that_was_built_anew() {
    let (_, said) = run("replay::overtaking", None);
    let text = std::fs::read_to_string(file(&said)).unwrap();
    let mut record: Record = Record::from_json(&text).unwrap();
    assert_eq!(record.children, ["first", "second"]);
    record.programs[0].digest = "0".repeat(64);
    // Its file has another name now.
    record.programs[0].executable += "-gone";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("old.json");
    std::fs::write(&path, record.to_json()).unwrap();
    let (passed, said) = run("replay::overtaking", path.to_str());
    assert!(!passed, "{said}");
    assert!(said.contains("overtaking has changed"), "{said}");
}

#[test]
fn secrets_are_not_given_to_the_processes() {
    let (_, said) = run_with("replay::overtaking", "FIRST_API_KEY", "well kept");
    assert!(said.contains("FIRST_API_KEY (`.pass_env(NAME)`"), "{said}");
    let text = std::fs::read_to_string(file(&said)).unwrap();
    assert!(!text.contains("well kept"));
}

#[test]
fn another_test_does_not_pass_for_a_replay() {
    let (_, said) = run("replay::overtaking", None);
    let (passed, said) = run("replay::another", Some(file(&said)));
    assert!(
        !passed && said.contains("`another#0` was not explored"),
        "{said}"
    );
    let (passed, said) = run("replay::another", Some("/no/such/file.json"));
    assert!(
        !passed && said.contains("cannot read /no/such/file.json"),
        "{said}"
    );
}
