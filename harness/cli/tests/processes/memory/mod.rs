//! Runs under x86-TSO and sequential consistency: what litmus tests of several processes can
//! print, over all interleavings, is exactly what the model says.

mod litmus;
mod model;

use crosswire::check::{Check, Unjudgeable};
use crosswire::explore::{Budget, Exhaust, Exploration, Memory, Report};
use crosswire::model::{Run, Violation};
use crosswire_testing::building::{build_directory, compile, source};
use crosswire_testing::command::{replay_differs, run, somewhere};
use crosswire_testing::engine::{OwnCpu, on_every_cpu, target};
use crosswire_testing::measure;
use litmus::TESTS;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// Collects what runs print.
#[derive(Default)]
struct Printed(Mutex<BTreeSet<String>>);

impl Check for Printed {
    fn name(&self) -> &str {
        "printed"
    }

    fn check(&self, run: &Run) -> Result<Vec<Violation>, Unjudgeable> {
        let text = String::from_utf8_lossy(&run.stdout).trim().to_owned();
        self.0.lock().unwrap().insert(text);
        Ok(Vec::new())
    }
}

/// Explores every interleaving of a litmus test; returns what it has printed.
fn explored(program: &Path, test: &str, memory: Memory) -> (BTreeSet<String>, Report) {
    let directory = somewhere();
    let command = [program.to_str().expect("a path that is text"), test];
    let printed = Arc::new(Printed::default());
    let mut target = target("litmus", &command, directory.path());
    // Looking up functions takes as long as all else.
    let now = ("LD_BIND_NOW".to_owned(), "1".to_owned());
    target.environment.push(now);
    let mut exploration = Exploration::new(target);
    exploration.jobs = 1;
    exploration.memory = memory;
    exploration.exhaust = Some(Exhaust { preemptions: None });
    exploration.budget = Budget::runs(u64::MAX);
    exploration.stop_at_first = false;
    exploration.checks = vec![printed.clone()];
    let report = exploration
        .explore(&AtomicBool::new(false), &|_| {})
        .expect("the test can be explored");
    let lines = printed.0.lock().unwrap().clone();
    (lines, report)
}

/// Compares what a part of the tests can print with the model; those of more than two processes,
/// which take up to half a minute each, only if `CROSSWIRE_LITMUS` says so.
fn agree(memory: Memory, tests: &[&(&str, &str)]) {
    let _cpu = OwnCpu::take();
    let build = build_directory();
    let program = compile(&[source("litmus.c")], build.path(), "litmus");
    let mut wrong = Vec::new();
    let most = measure("CROSSWIRE_LITMUS", 2) as usize;
    let tests = tests.iter();
    for (name, test) in tests.filter(|(_, test)| test.split('|').count() <= most) {
        let expected = model::outcomes(test, memory);
        let (printed, report) = explored(&program, test, memory);
        let done = report.exhaustion.expect("all interleavings were asked for");
        let forbidden: Vec<_> = printed.difference(&expected).collect();
        let missing: Vec<_> = expected.difference(&printed).collect();
        if !(forbidden.is_empty() && missing.is_empty() && done.is_complete()) {
            wrong.push(format!(
                "{name} `{test}`: forbidden {forbidden:?}, missing {missing:?}, doubt {:?}",
                done.doubt
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a program does to memory and tasks whose stores wait (see `programs/buffered.c`).
const MODES: [&str; 12] = [
    "alias",
    "straddle",
    "edges",
    "vector",
    "string",
    "update",
    "many",
    "threads",
    "executes",
    "dies",
    "works",
    "signalled",
];

/// The same of memory that the threads of a process share.
const OF_THREADS: [&str; 1] = ["library"];

/// Every store may wait, and some runs are performed twice.
#[test]
fn programs_do_what_they_do_natively_while_stores_wait() {
    let build = build_directory();
    let program = compile(&[source("buffered.c")], build.path(), "buffered");
    let all = [&MODES[..], &OF_THREADS].concat();
    let failures = on_every_cpu(&all, |_, mode| {
        let (directory, path) = (somewhere(), program.to_str().expect("a path that is text"));
        let threads = match OF_THREADS.contains(mode) {
            true => &["--threads"][..],
            false => &[],
        };
        let options = ["--memory", "tso", "--runs", "60", "--every-step"];
        let outcome = run(
            directory.path(),
            &[threads, &options, &["--", path, mode]].concat(),
        );
        let told = || format!("{mode}: {}", outcome.told());
        (outcome.verdict() == "pass").then_some(()).ok_or_else(told)
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn nothing_is_claimed_where_stores_became_visible_early() {
    let _cpu = OwnCpu::take();
    let build = build_directory();
    let program = compile(&[source("buffered.c")], build.path(), "buffered");
    let (_, report) = explored(&program, "works", Memory::Tso);
    let done = report.exhaustion.expect("all interleavings were asked for");
    let doubt = done.doubt.unwrap_or_default();
    assert!(doubt.contains("became visible early"), "{doubt}");
    let (_, report) = explored(&program, "alias", Memory::Tso);
    let done = report.exhaustion.expect("all interleavings were asked for");
    assert!(done.is_complete(), "{:?}", done.doubt);
}

/// What may end or interrupt a process before it stores, and whether all interleavings show that.
#[test]
fn a_task_may_be_interrupted_before_it_stores_what_waits() {
    let build = build_directory();
    let program = compile(&[source("unstored.c")], build.path(), "unstored");
    let program = program.to_str().expect("a path that is text");
    let tso = ["--memory", "tso"];
    for (mode, options, expected) in [
        ("signal", &tso[..], "violation"),
        ("kill", &tso, "violation"),
        ("end", &tso, "violation"),
        ("between", &tso, "violation"),
        ("returns", &tso, "violation"),
        ("answers", &tso, "pass"),
        ("alone", &["--threads"], "pass"),
        ("alone", &["--threads", "--memory", "tso"], "pass"),
        // The process that is killed has stored nothing.
        (
            "answers",
            &["--memory", "tso", "--faults", "kill:unstored.1@memory"],
            "violation",
        ),
    ] {
        let directory = somewhere();
        let told = [
            &["--exhaust", "--leaks", "ignore"],
            options,
            &["--", program, mode],
        ]
        .concat();
        let outcome = run(directory.path(), &told);
        assert_eq!(
            outcome.verdict(),
            expected,
            "{mode} {options:?}: {}",
            outcome.told()
        );
        for file in outcome.files(directory.path()) {
            assert_eq!(
                replay_differs(directory.path(), &file, outcome.kinds()[0]),
                None,
                "{mode}"
            );
        }
    }
}

/// A call that takes pages away interrupts the processors that could have translations of them,
/// and no others (see `programs/taken_pages.c`).
const TAKEN: [(&str, &str, &str); 20] = [
    ("used", "shorter", "pass"),
    ("used", "shorter-by-name", "pass"),
    ("used", "emptied", "pass"),
    ("used", "hole", "pass"),
    ("used", "removed", "pass"),
    ("unused", "shorter", "violation"),
    ("unused", "hole", "violation"),
    ("unused", "removed", "violation"),
    ("used", "longer", "violation"),
    ("used", "hole-in-page", "violation"),
    ("used", "map", "violation"),
    ("threads", "map", "violation"),
    ("threads", "permit", "violation"),
    ("threads", "advise", "violation"),
    ("threads", "map-over", "pass"),
    ("threads", "unmap", "pass"),
    ("threads", "protect", "pass"),
    ("threads", "free", "pass"),
    ("threads", "barrier", "pass"),
    ("threads", "fork", "pass"),
];

#[test]
fn calls_that_take_pages_away_make_stores_visible() {
    let build = build_directory();
    let program = compile(&[source("taken_pages.c")], build.path(), "taken_pages");
    let failures = on_every_cpu(&TAKEN, |_, (tasks, call, expected)| {
        let (directory, path) = (somewhere(), program.to_str().expect("a path that is text"));
        let all = match *tasks {
            "threads" => &["--runs", "300", "--every-step"][..],
            _ => &["--exhaust"],
        };
        let options = ["--memory", "tso", "--leaks", "ignore"];
        let outcome = run(
            directory.path(),
            &[
                &options,
                all,
                &["--expect-signal", "*=SIGBUS", "--", path, tasks, call],
            ]
            .concat(),
        );
        let told = || format!("{tasks} {call}: {}", outcome.told());
        (outcome.verdict() == *expected)
            .then_some(())
            .ok_or_else(told)
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// With store buffers and without, where an instruction takes two steps.
#[test]
fn stores_to_pages_that_are_taken_away_are_lost_with_them() {
    let build = build_directory();
    let program = compile(&[source("buffered.c")], build.path(), "buffered");
    let path = program.to_str().expect("a path that is text");
    let cases = [
        ("tso", "cut"),
        ("tso", "hole"),
        ("sc", "cut"),
        ("sc", "hole"),
    ];
    let failures = on_every_cpu(&cases, |_, (memory, mode)| {
        let directory = somewhere();
        let options = ["--exhaust", "--memory", memory];
        let told = ["--expect-signal", "*=SIGBUS", "--", path, mode];
        let outcome = run(directory.path(), &[&options[..], &told].concat());
        let wrong = || format!("{memory} {mode}: {}", outcome.told());
        (outcome.verdict() == "pass")
            .then_some(())
            .ok_or_else(wrong)
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Returns every other litmus test: two halves run at a time where there are CPUs.
fn half(part: usize) -> Vec<&'static (&'static str, &'static str)> {
    TESTS.iter().skip(part).step_by(2).collect()
}

#[test]
fn litmus_tests_print_what_x86_tso_allows() {
    agree(Memory::Tso, &half(0));
}

#[test]
fn further_litmus_tests_print_what_x86_tso_allows() {
    agree(Memory::Tso, &half(1));
}

/// Performs the tests of two processes on the processors of this machine, as often as
/// `CROSSWIRE_NATIVE` says: what they show is what the model allows, and so what exploration shows.
#[test]
fn processors_show_nothing_that_is_not_explored() {
    let build = build_directory();
    let program = compile(&[source("litmus.c")], build.path(), "litmus");
    let times = measure("CROSSWIRE_NATIVE", 10_000).to_string();
    for (name, test) in TESTS
        .iter()
        .filter(|(_, test)| test.split('|').count() == 2)
    {
        let output = Command::new(&program).args([test, times.as_str()]).output();
        let output = output.expect("the test can be performed");
        let lines = String::from_utf8(output.stdout).expect("text");
        let seen: BTreeSet<String> = lines.lines().map(str::to_owned).collect();
        let allowed = model::outcomes(test, Memory::Tso);
        assert!(
            output.status.success() && !seen.is_empty(),
            "{name}: {}",
            output.status
        );
        let forbidden: Vec<_> = seen.difference(&allowed).collect();
        assert!(forbidden.is_empty(), "{name} `{test}`: {forbidden:?}");
        eprintln!("{name}: {} of {} outcomes", seen.len(), allowed.len());
    }
}

/// Of the tests without such an instruction, one in eight.
#[test]
fn without_store_buffers_instructions_that_are_not_locked_are_split() {
    let splits = |(_, test): &&(&str, &str)| test.contains([':', '?']);
    let (split, others): (Vec<_>, Vec<_>) = TESTS.iter().partition(splits);
    let others = others.into_iter().step_by(8);
    agree(Memory::Sc, &others.chain(split).collect::<Vec<_>>());
}
