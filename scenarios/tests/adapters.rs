//! Programs that speak the line protocol: the C example, and, where there is a
//! `python3`, the `multiprocessing` module of its standard library.

use crosswire::conformance::Trial;
use crosswire::conformance::adapter::adapted;
use crosswire::contract::{Contract, Peril};
use crosswire::{Budget, Report, scenario};
use std::path::Path;
use std::process::Command;

fn adapters() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/adapters"))
}

fn contract(name: &str) -> &'static Contract {
    let all = crosswire_scenarios::contracts();
    all.into_iter().find(|c| c.name == name).expect(name)
}

fn explored(name: &str, held_to: &str, trial: (Peril, usize, usize), command: &[String]) -> Report {
    let (peril, some, others) = trial;
    let trial = Trial {
        peril,
        some,
        others,
    };
    adapted(scenario!(name), trial, contract(held_to), command)
        .unwrap()
        .try_explore(Budget::runs(30))
}

/// The kinds of what was found.
fn kinds(report: &Report) -> Vec<String> {
    assert_eq!(report.invalid_reason, None);
    let found = report.found.iter();
    found
        .map(|found| found.violation.kind.to_string())
        .collect()
}

/// The C example, built where the tests are.
fn built(name: &str) -> String {
    let program = std::env::current_exe()
        .unwrap()
        .with_file_name(format!("adapter-{name}"));
    // The program comes back here for every exploration, while others run the adapter.
    if std::env::var_os("CROSSWIRE_SCENARIO").is_some() {
        return program.to_str().unwrap().to_owned();
    }
    let source = adapters().join("pipe.c");
    let status = Command::new("cc")
        .arg("-o")
        .args([&program, &source])
        .status();
    assert!(status.expect("running cc").success());
    program.to_str().unwrap().to_owned()
}

/// The interpreter itself, not a script that looks for one.
fn python(adapter: &str) -> Option<Vec<String>> {
    let asked = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output();
    let Ok(output) = asked else {
        assert!(std::env::var_os("CI").is_none(), "there is no python3");
        eprintln!("left out: there is no python3");
        return None;
    };
    let interpreter = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let script = adapters().join(adapter).to_str().unwrap().to_owned();
    // No byte code beside the script: that would be left behind.
    Some(vec![interpreter, "-B".to_owned(), script])
}

#[test]
fn a_pipe_in_c_keeps_the_contract_of_pipes() {
    let command = [built("keeps")];
    let report = explored("keeps", "pipe", (Peril::KillSender, 2, 1), &command);
    assert_eq!(kinds(&report), [] as [&str; 0]);
}

#[test]
fn a_receiver_in_c_that_keeps_the_write_end_is_found() {
    let command = [built("forgetful"), "forgetful".to_owned()];
    let report = explored("forgetful", "pipe", (Peril::None, 1, 1), &command);
    assert!(kinds(&report).contains(&"deadlock".to_owned()));
    let promise = contract("pipe").under(Peril::None).unwrap().text;
    let details = report.found[0].violation.details.join("\n");
    assert!(details.contains(promise), "{details}");
}

#[test]
fn pipes_of_multiprocessing_keep_the_contract_of_pipes() {
    let Some(command) = python("mp_pipe.py") else {
        return;
    };
    let report = explored("mp-pipe", "pipe", (Peril::None, 1, 1), &command);
    assert_eq!(kinds(&report), [] as [&str; 0]);
}

#[test]
fn locks_of_multiprocessing_keep_the_contract_of_plain_mutexes() {
    let Some(command) = python("mp_lock.py") else {
        return;
    };
    let report = explored(
        "mp-lock",
        "plain-mutex",
        (Peril::KillHolder, 2, 0),
        &command,
    );
    assert_eq!(kinds(&report), [] as [&str; 0]);
}
