//! Pages of shared memory that are left to the processes which alone use them: accesses to them are
//! no steps, and no outcome is lost by that.

use crosswire::engine::{Engine, first_difference};
use crosswire::model::{Call, Plan, Rule, Run, Schedule, StartUp, What};
use crosswire_testing::building::{build_directory, compile, source};
use crosswire_testing::command::somewhere;
use crosswire_testing::engine::{OwnCpu, engine, exit_status, next_cpu, target};
use crosswire_testing::measure;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Runs in which outcomes are looked for one way, and runs in which each of them must be found
/// the other way.
const FIRST: u64 = 60;
const MOST: u64 = 4_000;

/// Steps of the parent before and after its children, and of these (`programs/pages.c`).
type Case = Vec<String>;

/// Cases that have shown something: a page that another process uses late, early, by the kernel,
/// only to read, or that passes from parent to child and back.
const CASES: &[&[&str]] = &[
    &["", "r0", "u0r0", "w0"],
    &["", "", "u0w0r0", "u1w0r0"],
    &["", "r0", "l0w0", "l0a0"],
    &["u0w0", "u0r0", "u1r0", "u2r0"],
    &["u0", "u0r0", "u0w0r0"],
    &["", "r0", "u0fu0w0", "r0u1r0"],
    &["", "r1", "u1w1r1", "z1"],
    &["w2", "", "l2u0", "l2u1w2"],
];

struct Explored {
    engine: Engine,
    start_up: StartUp,
}

impl Explored {
    fn new(case: &[impl AsRef<str>], program: &Path, directory: &Path, cpu: usize) -> Explored {
        let mut command = vec![program.to_str().expect("a path that is text")];
        command.extend(case.iter().map(AsRef::as_ref));
        Explored {
            engine: engine(&target("pages", &command, directory), cpu),
            start_up: StartUp::longest(),
        }
    }

    /// Performs a run. Where pages are left, processes come to what they do next after different
    /// numbers of steps, which hardly any random walk makes up for; few changes of priorities do.
    fn run(&mut self, seed: u64) -> Run {
        let rule = match seed.is_multiple_of(2) {
            true => Rule::RandomWalk { seed },
            false => Rule::Priorities {
                seed,
                changes: 1 + (seed / 2 % 3) as u32,
                horizon: 150,
                by_task: Vec::new(),
            },
        };
        let plan = Plan {
            schedule: Schedule::new(rule),
            start_up: self.start_up.clone(),
            ..Plan::default()
        };
        let run = self.engine.run(&plan).expect("a run");
        self.start_up.learn(&run.plan.start_up);
        run
    }
}

/// What the processes of a run have noted, and how they ended.
fn outcome(run: &Run) -> String {
    let fsync: Call = "fsync".parse().expect("a call");
    let mut seen: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for event in &run.trace.events {
        let told = match &event.what {
            What::Call { call, args, .. } if *call == fsync => (args[0] - 1000).to_string(),
            What::Exit(_) | What::Killed(_) => format!("{:?}", event.what),
            _ => continue,
        };
        let process = &run.trace.tasks[event.task.index()].process;
        seen.entry(process).or_default().push(told);
    }
    format!("{seen:?} {:?}", run.trace.end)
}

/// Returns the outcomes that show only where pages are left, and those that show only where none
/// is.
fn unlike(case: &[impl AsRef<str>], program: &Path, cpu: usize) -> [BTreeSet<String>; 2] {
    let directory = somewhere();
    let mut left = Explored::new(case, program, directory.path(), cpu);
    let mut watched = Explored::new(case, program, directory.path(), cpu);
    watched.start_up.leaves_shared_pages = false;
    let first = |explored: &mut Explored| -> BTreeSet<String> {
        (0..FIRST)
            .map(|seed| outcome(&explored.run(seed)))
            .collect()
    };
    let mut only = [first(&mut left), first(&mut watched)];
    let both: BTreeSet<String> = only[0].intersection(&only[1]).cloned().collect();
    only.iter_mut()
        .for_each(|one| one.retain(|it| !both.contains(it)));
    for (explored, missing) in [(&mut watched, 0), (&mut left, 1)] {
        for seed in FIRST..MOST {
            if only[missing].is_empty() {
                break;
            }
            only[missing].remove(&outcome(&explored.run(seed)));
        }
    }
    only
}

fn cases() -> impl Strategy<Value = Case> {
    let step = prop_oneof![
        4 => "u[0-2]",
        1 => "l[0-1]",
        2 => "w[0-1]",
        2 => "r[0-1]",
        1 => "a[0-1]",
        1 => "z[0-1]",
        1 => Just("f".to_owned()),
    ];
    let steps = |most| prop::collection::vec(step.clone(), 0..=most).prop_map(|all| all.concat());
    let children = prop::collection::vec(steps(3), 1..=2);
    (steps(1), steps(2), children).prop_map(|(before, after, children)| {
        // The parent's own steps are its own.
        let own = [before, after].map(|steps| steps.replace('f', ""));
        own.into_iter().chain(children).collect()
    })
}

#[test]
fn no_outcome_is_lost_or_made_where_pages_are_left() {
    let _cpu = OwnCpu::take();
    let cpu = next_cpu();
    let built = build_directory();
    let program = compile(&[source("pages.c")], built.path(), "pages");
    for case in CASES {
        let unlike = unlike(case, &program, cpu);
        assert!(
            unlike.iter().all(BTreeSet::is_empty),
            "{case:?}: {unlike:#?}"
        );
    }
    let mut runner = TestRunner::new(Config {
        cases: measure("CROSSWIRE_PROGRAMS", 24) as u32,
        failure_persistence: None,
        ..Config::default()
    });
    let compared = runner.run(&cases(), |case| {
        let unlike = unlike(&case, &program, cpu);
        prop_assert!(unlike.iter().all(BTreeSet::is_empty), "{unlike:#?}");
        Ok(())
    });
    compared.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Runs a case with pages left and watched, and returns the steps of both, and the pages that the
/// former runs have shown to have several users.
fn steps(case: &[&str]) -> ([u64; 2], usize) {
    let _cpu = OwnCpu::take();
    let cpu = next_cpu();
    let built = build_directory();
    let program = compile(&[source("pages.c")], built.path(), "pages");
    let directory = somewhere();
    let mut explored = Explored::new(case, &program, directory.path(), cpu);
    let steps = |explored: &mut Explored| {
        let run = explored.run(1);
        assert_eq!(exit_status(&run, "pages"), Some(0));
        run.trace.steps
    };
    let left = steps(&mut explored);
    let pages = explored.start_up.shared_pages.len();
    explored.start_up.leaves_shared_pages = false;
    ([left, steps(&mut explored)], pages)
}

const LONG: &str = "u0u0u0u0u0u0u0u0u0u0";

#[test]
fn a_page_that_one_process_uses_takes_few_steps() {
    let ([left, watched], pages) = steps(&["", "", LONG, "u1"]);
    assert!(watched - left >= 700 && pages == 0, "{left} of {watched}");
}

#[test]
fn a_page_passes_from_parent_to_child_and_back() {
    let ([left, watched], pages) = steps(&[LONG, LONG, LONG]);
    assert!(watched - left >= 1_400 && pages == 0, "{left} of {watched}");
}

#[test]
fn all_may_have_what_they_only_read() {
    let looks = "l0l0l0l0l0l0l0l0";
    let ([left, watched], pages) = steps(&["", "", looks, looks]);
    assert!(watched - left >= 400 && pages == 0, "{left} of {watched}");
}

#[test]
fn a_page_that_two_use_is_watched() {
    let ([left, watched], pages) = steps(&["", "", LONG, LONG]);
    assert_eq!((left, pages), (watched, 1));
}

#[test]
fn runs_replay_in_which_pages_are_left() {
    let _cpu = OwnCpu::take();
    let cpu = next_cpu();
    let built = build_directory();
    let program = compile(&[source("pages.c")], built.path(), "pages");
    for case in CASES {
        let directory = somewhere();
        let mut explored = Explored::new(case, &program, directory.path(), cpu);
        for seed in 0..20 {
            let run = explored.run(seed);
            let plan = Plan {
                schedule: Schedule {
                    deviations: run.trace.deviations.clone(),
                    ..Schedule::new(Rule::RunOn)
                },
                start_up: StartUp {
                    carries_on: false,
                    ..run.plan.start_up.clone()
                },
                ..run.plan.clone()
            };
            let again = explored.engine.run(&plan).expect("a run");
            assert_eq!(
                first_difference(&run, &again),
                None,
                "{case:?}, seed {seed}"
            );
            assert_eq!(again.plan, plan, "{case:?}, seed {seed}");
        }
    }
}
