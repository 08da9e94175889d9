//! Steps that are choices: what touches nothing contested need not be one. Random programs
//! show every outcome that they have when every step is a choice.

use crate::exhaust::{CASES, small_programs};
use crosswire::engine::{Engine, Start, Target};
use crosswire::model::{EVERYTHING, Plan, Rule, Run, Schedule, StartUp, What};
use crosswire_testing::building::{build_directory, compile, exercise, source};
use crosswire_testing::command::{replay_differs, run, somewhere};
use crosswire_testing::engine::{OwnCpu, engine, exit_status, target};
use crosswire_testing::measure;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Runs in which outcomes are looked for where every step is a choice, and runs in which
/// each of them must be found again.
const FIRST: u64 = 120;
const MOST: u64 = 4_000;

/// What the processes of a run have seen, and how they ended.
fn outcome(run: &Run) -> String {
    let mut seen: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for event in &run.trace.events {
        let process = &run.trace.tasks[event.task.index()].process;
        let told = match &event.what {
            What::Call { call, result, .. } | What::Wake { call, result } => {
                format!("{call}={result}")
            }
            What::Exit(_) | What::Killed(_) | What::Signal(_) => format!("{:?}", event.what),
            _ => continue,
        };
        seen.entry(process).or_default().push(told);
    }
    format!("{seen:?} {:?}", run.trace.end)
}

fn programs<T: AsRef<str>>(case: &[T], program: &Path, directory: &Path) -> Target {
    for file in ["a", "b"] {
        std::fs::write(directory.join(file), "00000000").unwrap();
    }
    let start = |(number, steps): (usize, &T)| Start {
        name: format!("p{number}"),
        command: std::iter::once(program.to_str().unwrap())
            .chain(steps.as_ref().split(' '))
            .map(str::to_owned)
            .collect(),
    };
    Target {
        programs: case.iter().enumerate().map(start).collect(),
        ..target("p0", &[], directory)
    }
}

fn perform(engine: &mut Engine, start_up: &mut StartUp, seed: u64) -> String {
    let plan = Plan {
        schedule: Schedule::new(Rule::RandomWalk { seed }),
        start_up: start_up.clone(),
        ..Plan::default()
    };
    let run = engine.run(&plan).unwrap();
    start_up.learn(&run.plan.start_up);
    outcome(&run)
}

/// Returns the outcomes that only show if every step is a choice.
fn missed<T: AsRef<str>>(case: &[T], program: &Path, cpu: usize) -> BTreeSet<String> {
    let directory = somewhere();
    let target = programs(case, program, directory.path());
    let mut engine = Engine::start(&target, Some(cpu)).unwrap();
    let mut every = StartUp::default();
    let mut contested = StartUp {
        carries_on: true,
        ..StartUp::default()
    };
    let mut wanted: BTreeSet<String> = (0..FIRST)
        .map(|seed| perform(&mut engine, &mut every, seed))
        .collect();
    for seed in 0..MOST {
        wanted.remove(&perform(&mut engine, &mut contested, seed));
        if wanted.is_empty() {
            break;
        }
    }
    wanted
}

/// What the killed has held is touched by its death.
#[test]
fn a_kill_can_come_between_any_two_looks_at_what_it_changes() {
    let _cpu = OwnCpu::take();
    let cpu = crosswire_testing::engine::next_cpu();
    let built = build_directory();
    let program = compile(&[source("held.c")], built.path(), "held");
    let directory = somewhere();
    let program = program.to_str().unwrap();
    let mut engine = engine(&target("held", &[program], directory.path()), cpu);
    let seen: BTreeSet<Option<i32>> = (0..200)
        .map(|seed| {
            let plan = Plan {
                schedule: Schedule::new(Rule::RandomWalk { seed }),
                faults: vec!["kill:held.1@pause#1".parse().unwrap()],
                start_up: StartUp::longest(),
                ..Plan::default()
            };
            exit_status(&engine.run(&plan).unwrap(), "held")
        })
        .collect();
    // Gone before both, between them, or after.
    assert_eq!(seen, [Some(0), Some(2), Some(3)].into());
}

/// A hundred random runs of a program of this name, which learn from each other when its start-up
/// is over and what is contested.
fn runs_of(name: &str, arguments: &[&str]) -> Vec<Run> {
    let _cpu = OwnCpu::take();
    let cpu = crosswire_testing::engine::next_cpu();
    let built = build_directory();
    let program = compile(&[source(&format!("{name}.c"))], built.path(), name);
    let directory = somewhere();
    let command: Vec<&str> = std::iter::once(program.to_str().unwrap())
        .chain(arguments.iter().copied())
        .collect();
    let mut engine = engine(&target(name, &command, directory.path()), cpu);
    let mut start_up = StartUp::longest();
    let run = |seed| {
        let plan = Plan {
            schedule: Schedule::new(Rule::RandomWalk { seed }),
            start_up: start_up.clone(),
            ..Plan::default()
        };
        let run = engine.run(&plan).unwrap();
        start_up.learn(&run.plan.start_up);
        run
    };
    (0..100).map(run).collect()
}

/// The exit statuses that these runs come to.
fn statuses_of(name: &str, arguments: &[&str]) -> BTreeSet<Option<i32>> {
    let runs = runs_of(name, arguments);
    runs.iter().map(|run| exit_status(run, name)).collect()
}

/// Returns how many steps of the last run there were, and how many of them matter.
fn mattering(runs: &[Run]) -> (u64, u64) {
    let last = &runs[runs.len() - 1];
    let mattered = last.mattered.as_ref().unwrap();
    (last.trace.steps, mattered.iter().sum())
}

/// What a process asks of the kernel about itself or about the machine makes no choices of the
/// steps of others.
#[test]
fn what_a_process_asks_for_itself_does_not_matter() {
    let runs = runs_of("asks", &[]);
    let contested = &runs[runs.len() - 1].plan.start_up.contested;
    assert!(!contested.contains(EVERYTHING), "{contested:?}");
    let (steps, mattering) = mattering(&runs);
    assert!(
        3 * mattering < steps,
        "{mattering} of {steps}: {contested:?}"
    );
}

/// A thread that waits may be woken by another process, after any step of its own process.
#[test]
fn a_thread_that_another_process_wakes_may_see_any_step() {
    let place = |run: &Run, is: &dyn Fn(&What) -> bool| {
        let mut events = run.trace.events.iter();
        events.position(|event| is(&event.what))
    };
    // It waits before the other process is asked to wake it.
    let waits = |what: &What| match what {
        What::Block { call, args, .. } => {
            let call = call.to_string();
            // The pipe is made first.
            call.starts_with("epoll_wait") || call.starts_with("read") && args[0] == 3
        }
        _ => false,
    };
    let asks = |what: &What| matches!(what, What::Call { call, .. } if call.to_string().starts_with("write"));
    let modes = [
        "child", "program", "reused", "watched", "reopened", "copied",
    ];
    for mode in modes {
        let mut runs = runs_of("woken", &[mode]);
        runs.retain(|run| place(run, &waits).is_some_and(|at| Some(at) < place(run, &asks)));
        let seen: BTreeSet<_> = runs.iter().map(|run| exit_status(run, "woken")).collect();
        // After some step, and not only before the first or after the last.
        assert!(
            seen.is_superset(&[Some(1), Some(2)].into()),
            "{mode}: {seen:?}"
        );
    }
}

/// An epoll instance of one process watches what others have, too.
#[test]
fn what_an_epoll_instance_tells_may_change_between_any_two_looks() {
    let seen = statuses_of("polls", &[]);
    assert!(seen.is_superset(&(0..=3).map(Some).collect()), "{seen:?}");
}

/// One that its own process alone can wake sees only what comes before.
#[test]
fn what_a_thread_does_while_others_wait_for_it_does_not_matter() {
    let runs = runs_of("woken", &["thread"]);
    assert!(runs.iter().all(|run| exit_status(run, "woken") == Some(0)));
    let (steps, mattering) = mattering(&runs);
    assert!(
        steps > 200 && 2 * mattering < steps,
        "{mattering} of {steps}"
    );
}

/// Memory without a name has one user before its process has a child or a thread.
#[test]
fn accesses_to_memory_that_nobody_else_can_have_are_no_steps() {
    let built = build_directory();
    let program = exercise(built.path());
    let directory = somewhere();
    let command = [program.to_str().unwrap(), "memory_alone"];
    let cpu = crosswire_testing::engine::next_cpu();
    let mut engine = engine(&target("exercise", &command, directory.path()), cpu);
    let run = engine.run(&crosswire_testing::engine::schedule(1)).unwrap();
    assert_eq!(exit_status(&run, "exercise"), Some(0));
    assert!(run.trace.steps < 1_000, "{} steps", run.trace.steps);
}

/// A process that is killed before its first step has touched nothing, but would have.
#[test]
fn a_process_may_take_steps_before_it_is_killed() {
    assert_eq!(statuses_of("ended", &[]), [Some(0), Some(3)].into());
}

/// A request to be told of changes misses those that come before it, though it changes no object
/// that they change.
#[test]
fn what_is_watched_for_may_come_before_it_is_watched() {
    assert_eq!(statuses_of("told", &[]), [Some(0), Some(2), Some(3)].into());
}

#[test]
fn no_outcome_is_lost_where_only_contested_steps_are_choices() {
    let _cpu = OwnCpu::take();
    let cpu = crosswire_testing::engine::next_cpu();
    let built = build_directory();
    let program = compile(&[source("steps.c")], built.path(), "steps");
    for (name, case, _) in CASES {
        let missed = missed(case, &program, cpu);
        assert!(missed.is_empty(), "{name}: {missed:#?}");
    }
    let mut runner = TestRunner::new(Config {
        cases: measure("CROSSWIRE_PROGRAMS", 24) as u32,
        failure_persistence: None,
        ..Config::default()
    });
    let compared = runner.run(&small_programs(), |case| {
        let missed = missed(&case, &program, cpu);
        prop_assert!(missed.is_empty(), "{missed:#?}");
        Ok(())
    });
    compared.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Attributes by the name of their file, and leases.
#[test]
fn what_is_changed_of_a_file_is_noticed() {
    for mode in ["set", "made", "listed", "removed", "leased"] {
        let seen = statuses_of("noticed", &[mode]);
        assert_eq!(seen, [Some(0), Some(1)].into(), "{mode}");
    }
}

/// Explores a program, which is to end with another status than it should, and replays that.
fn is_found(options: &[&str], program: &Path, mode: &str) {
    let directory = somewhere();
    let words = [options, &["--", program.to_str().unwrap(), mode]].concat();
    let outcome = run(directory.path(), &words);
    assert_eq!(
        outcome.kinds(),
        ["exit-status"],
        "{mode}: {}",
        outcome.told()
    );
    let file = &outcome.files(directory.path())[0];
    let differs = replay_differs(directory.path(), file, "exit-status");
    assert_eq!(differs, None, "{mode}");
}

/// The times of files, and a watch on them, tell when all is over which was changed first.
#[test]
fn an_order_that_is_told_afterwards_is_found() {
    let built = build_directory();
    let program = compile(&[source("between.c")], built.path(), "between");
    for mode in ["times", "watched"] {
        is_found(&["--runs", "1000"], &program, mode);
    }
}

/// A task that does the same some times, and then something else, does not go round endlessly.
#[test]
fn a_row_of_like_steps_comes_to_its_end_before_others_act() {
    let built = build_directory();
    let program = compile(&[source("rounds.c")], built.path(), "rounds");
    let found = |options: &[&str], mode: &str| {
        let options = [options, &["--expect-exit", "2"]].concat();
        is_found(&options, &program, mode);
    };
    found(&["--exhaust"], "list");
    found(&["--runs", "400"], "list");
    found(&["--runs", "1000"], "5");
}
