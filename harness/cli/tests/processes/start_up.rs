//! Start-up of programs: looking at files of the run belongs to it, unless another program
//! changes them.

use crosswire::engine::{Engine, Start, Target};
use crosswire::model::{Plan, Run, StartUp};
use crosswire_testing::building::{build_directory, compile, folder, source};
use crosswire_testing::command::{Outcome, PASS, VIOLATION, replay_differs, run, somewhere};
use crosswire_testing::engine::{engine, exit_status, next_cpu, schedule, target};
use std::path::{Path, PathBuf};

/// Pairs of a program that changes a file and one that looks at it first thing.
const CONTESTED: [(&str, &str); 6] = [
    ("makes", "asks"),
    ("makes", "lists"),
    ("binds", "asks"),
    ("writes", "reads"),
    ("renames", "reads"),
    ("protects", "measures"),
];

/// The same of files that have nothing to do with each other.
const APART: [(&str, &str); 3] = [
    ("makes", "reads"),
    ("writes", "asks"),
    ("makes", "measures"),
];

fn looks(directory: &Path) -> PathBuf {
    compile(&[folder("fixtures/c/start_up/looks.c")], directory, "looks")
}

fn fill(directory: &Path) {
    std::fs::write(directory.join("data"), "old").expect("a file");
}

fn together(directory: &Path, program: &str, modes: (&str, &str), options: &[&str]) -> Outcome {
    fill(directory);
    let first = format!("first={program} {}", modes.0);
    let second = format!("second={program} {}", modes.1);
    let common = [
        "--runs",
        "60",
        "--leaks",
        "ignore",
        "--process",
        &first,
        "--process",
        &second,
    ];
    run(directory, &[&common[..], options].concat())
}

#[test]
fn a_start_up_ends_before_what_another_program_changes() {
    let programs = build_directory();
    let program = looks(programs.path());
    let program = program.to_str().expect("a path that is text");
    for modes in CONTESTED {
        for modes in [modes, (modes.1, modes.0)] {
            let directory = somewhere();
            let outcome = together(directory.path(), program, modes, &[]);
            assert_eq!(outcome.status, VIOLATION, "{modes:?}: {}", outcome.told());
            for (file, kind) in outcome.files(directory.path()).iter().zip(outcome.kinds()) {
                assert_eq!(
                    replay_differs(directory.path(), file, kind),
                    None,
                    "{modes:?}"
                );
            }
        }
    }
    for modes in APART {
        let directory = somewhere();
        let outcome = together(directory.path(), program, modes, &[]);
        assert_eq!(outcome.status, PASS, "{modes:?}: {}", outcome.told());
        let directory = somewhere();
        let every_call = together(
            directory.path(),
            program,
            modes,
            &["--faults", "errno(EIO)"],
        );
        let points = |outcome: &Outcome| {
            let total = outcome.report["schedule_points"]
                .as_f64()
                .expect("a number");
            total / outcome.report["runs"].as_f64().expect("a number")
        };
        assert!(
            points(&outcome) < points(&every_call),
            "{modes:?}: {} of {} points",
            points(&outcome),
            points(&every_call)
        );
    }
}

/// If all start-up comes first, nobody sees what another one does later.
#[test]
fn start_up_that_comes_first_is_disturbed_by_nobody() {
    let programs = build_directory();
    let program = looks(programs.path());
    let program = program.to_str().expect("a path that is text");
    for (changes, looks) in CONTESTED {
        let directory = somewhere();
        fill(directory.path());
        let target = Target {
            programs: vec![
                start("first", &[program, changes]),
                start("second", &[program, looks]),
            ],
            ..target("first", &[], directory.path())
        };
        let mut engine = engine(&target, next_cpu());
        let longest = Plan {
            start_up: StartUp::longest(),
            ..schedule(0)
        };
        let disturbed = engine.run(&longest).expect("a run");
        let mut first = longest.clone();
        first.start_up.comes_first = true;
        let first = engine.run(&first).expect("a run");
        let found = |run: &Run| exit_status(run, "second");
        assert_eq!((found(&disturbed), found(&first)), (Some(1), Some(0)));
        assert!(first.trace.steps < disturbed.trace.steps, "{looks}");
    }
}

fn start(name: &str, command: &[&str]) -> Start {
    Start {
        name: name.to_owned(),
        command: command.iter().map(|&word| word.to_owned()).collect(),
    }
}

/// The same for programs that a run executes: a shell starts both.
#[test]
fn so_does_that_of_a_program_executed_in_the_run() {
    let programs = build_directory();
    let program = looks(programs.path());
    let program = program.to_str().expect("a path that is text");
    for (modes, status) in CONTESTED
        .map(|modes| (modes, VIOLATION))
        .into_iter()
        .chain(APART.map(|modes| (modes, PASS)))
    {
        let directory = somewhere();
        fill(directory.path());
        let (first, second) = modes;
        let script = format!("{program} {first} & {program} {second}; found=$?; wait; exit $found");
        let common = ["--runs", "200", "--leaks", "ignore"];
        let options = [&common[..], &["--", "sh", "-c", &script]].concat();
        let outcome = run(directory.path(), &options);
        assert_eq!(outcome.status, status, "{modes:?}: {}", outcome.told());
        for (file, kind) in outcome.files(directory.path()).iter().zip(outcome.kinds()) {
            assert_eq!(
                replay_differs(directory.path(), file, kind),
                None,
                "{modes:?}"
            );
        }
    }
}

#[test]
fn asking_for_a_service_that_is_not_there_belongs_to_the_start() {
    let programs = build_directory();
    let program = looks(programs.path());
    let directory = somewhere();
    let program = program.to_str().expect("a path that is text");
    fill(directory.path());
    // Making a socket, connecting and closing it, at least.
    for mode in [
        "asks_service",
        "keeps_socket",
        "keeps_epoll",
        "holds_numbers",
    ] {
        let target = target("looks", &[program, mode], directory.path());
        let mut engine = engine(&target, next_cpu());
        let steps = |engine: &mut Engine, start_up: StartUp| {
            let plan = Plan {
                start_up,
                ..schedule(0)
            };
            let run = engine.run(&plan).expect("a run");
            assert_eq!(exit_status(&run, "looks"), Some(0), "{mode}");
            run.trace.steps
        };
        let shortest = steps(&mut engine, StartUp::default());
        let longest = steps(&mut engine, StartUp::longest());
        assert!(
            shortest - longest >= 3,
            "{mode}: {shortest} and {longest} steps"
        );
    }
}

#[test]
fn copies_of_a_started_program_are_what_it_took_itself_for() {
    let programs = build_directory();
    let program = looks(programs.path());
    let program = program.to_str().expect("a path that is text");
    for mode in [
        "knows_itself",
        "asks_by_own_name",
        "reads_own_clock",
        "asks_for_thread",
        "has_child",
    ] {
        let directory = somewhere();
        fill(directory.path());
        let options = ["--runs", "20", "--leaks", "ignore", "--", program, mode];
        let outcome = run(directory.path(), &options);
        assert_eq!(outcome.status, PASS, "{mode}: {}", outcome.told());
    }
}

/// A template executes what a run has made of its own program.
#[test]
fn what_a_run_does_to_its_own_program_is_undone() {
    for mode in ["renames", "removes", "changes"] {
        let directory = somewhere();
        let program = compile(
            &[source("moves_itself.c")],
            directory.path(),
            "moves_itself",
        );
        let program = program.to_str().expect("a path that is text");
        let options = ["--runs", "20", "--leaks", "ignore", "--", program, mode];
        let outcome = run(directory.path(), &options);
        assert_eq!(outcome.status, PASS, "{mode}: {}", outcome.told());
    }
}

#[test]
fn a_program_that_waits_for_time_to_pass_has_started() {
    let programs = build_directory();
    let program = looks(programs.path());
    let program = program.to_str().expect("a path that is text");
    for mode in [
        "waits_by_calendar",
        "waits_by_clock",
        "waits_by_counter",
        "computes_for_a_second",
        "thread_computes_for_a_second",
    ] {
        let directory = somewhere();
        let options = ["--runs", "1", "--limit-steps", "2000", "--", program, mode];
        let outcome = run(directory.path(), &options);
        assert_eq!(outcome.status, PASS, "{mode}: {}", outcome.told());
    }
}
