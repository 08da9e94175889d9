//! What reports call things, and what they say of runs without a verdict.

use crosswire_testing::command::{INCONCLUSIVE, VIOLATION, crosswire, run, somewhere};
use serde_json::Value;
use std::path::Path;

/// Returns what a command prints for people.
fn told(directory: &Path, arguments: &[&str]) -> String {
    let output = crosswire(directory).args(arguments).output();
    let output = output.expect("the command can be started");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn processes_are_called_by_their_programs_and_plans_name_them_beside() {
    let directory = somewhere();
    // Two that wait for each other to open the other end; sort runs before.
    let script = "mkfifo a b; echo x | sort; (cat a; echo > b) & (cat b; echo > a) & wait";
    let arguments = [
        "--runs",
        "1",
        "--shrink-time",
        "1",
        "--",
        "sh",
        "-c",
        script,
    ];
    let outcome = run(directory.path(), &arguments);
    assert_eq!(outcome.status, VIOLATION, "{}", outcome.told());
    let violation = &outcome.violations()[0];
    let names = violation["names"].as_object().expect("some are renamed");
    let shown = |program: &str| names.iter().filter(|(_, shown)| *shown == program).count();
    assert_eq!((shown("sort"), shown("mkfifo")), (1, 1), "{names:?}");

    // Two execute cat: each has the name in plans beside it, in the sentence as everywhere.
    let cats = names.iter().filter(|(_, shown)| {
        let shown = shown.as_str().unwrap_or_default();
        shown.starts_with("cat (sh.")
    });
    let cats: Vec<(&String, &Value)> = cats.collect();
    assert_eq!(cats.len(), 2, "{names:?}");
    let sentence = violation["sentence"].as_str().unwrap_or_default();
    let processes = violation["processes"].as_array().expect("processes");
    for (plans, shown) in cats {
        assert_eq!(*shown, format!("cat ({plans})"));
        let details = violation["details"].to_string();
        assert!(
            details.contains(shown.as_str().unwrap_or_default()),
            "{details}"
        );
        assert!(processes.contains(&Value::from(plans.as_str())));
    }
    assert!(sentence.contains("`cat (sh."), "{sentence}");

    let file = &outcome.files(directory.path())[0];
    let text = told(directory.path(), &["explain", &file.display().to_string()]);
    let head = text
        .split("VIOLATION deadlock: ")
        .nth(1)
        .unwrap_or_default();
    assert!(head.contains("`cat (sh."), "{text}");
    assert!(text.contains("in faults and plans"), "{text}");
    assert!(text.contains("`sort` is sh."), "{text}");
}

#[test]
fn a_run_that_reaches_a_limit_says_how_it_stood_and_can_be_replayed() {
    let directory = somewhere();
    // The parent goes on and on, and nothing repeats; its child waits for it.
    let script = "mkfifo a; (read x < a) & exec 3<> b; n=0; while :; do n=$((n + 1)); \
                  echo $n >&3; done";
    let arguments = [
        "--runs",
        "1",
        "--limit-steps",
        "3000",
        "--",
        "sh",
        "-c",
        script,
    ];
    let outcome = run(directory.path(), &arguments);
    assert_eq!(outcome.status, INCONCLUSIVE, "{}", outcome.told());
    let first = &outcome.report["inconclusive"][0]["first"];
    let sentence = first["sentence"].as_str().unwrap_or_default();
    assert!(sentence.starts_with("`sh` was running: "), "{sentence}");
    // The shell saves and restores its output in each round.
    assert!(sentence.contains(" × dup2"), "{sentence}");
    let waits = "`sh.2` waits in openat for a";
    assert!(sentence.contains(waits), "{sentence}");
    assert_eq!(first["steps"], 3000);

    let file = first["replay_file"].as_str().expect("a file");
    let explained = told(directory.path(), &["explain", file]);
    assert!(explained.contains("`sh` was running: "), "{explained}");
    assert!(explained.starts_with("INCONCLUSIVE"), "{explained}");
    let replayed = told(directory.path(), &["replay", file]);
    assert!(replayed.contains("same verdict, same trace"), "{replayed}");
    let page = told(directory.path(), &["explain", file, "--html", "run.html"]);
    assert!(!page.is_empty());
    let page = std::fs::read_to_string(directory.path().join("run.html")).expect("a page");
    assert!(page.contains("was running: "));
}

#[test]
fn a_run_that_differs_is_told_in_words_on_both_sides() {
    let directory = somewhere();
    let program = directory.path().join("prog");
    let write = |text: &str| {
        std::fs::write(&program, format!("#!/bin/sh\n{text}\n")).expect("a script");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).expect("it can be executed");
    };
    write("cat /etc/hostname > /dev/null; exit 3");
    let outcome = run(directory.path(), &["--runs", "1", "--", "./prog"]);
    assert_eq!(outcome.status, VIOLATION, "{}", outcome.told());
    let file = outcome.files(directory.path())[0].display().to_string();
    write("cat /etc/passwd > /dev/null; exit 3");
    let text = told(directory.path(), &["replay", "--allow-changed", &file]);
    assert!(text.contains("has changed since the recording"), "{text}");
    assert!(text.contains(" became "), "{text}");
    assert!(
        !text.contains("Event {") && !text.contains("step: "),
        "{text}"
    );
}
