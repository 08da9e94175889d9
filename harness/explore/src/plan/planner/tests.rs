//! Plans of runs.

use super::*;
use crate::fake;
use crate::plan::beginnings::Beginnings;
use crate::plan::points::Points;
use crosswire_model::{Deviation, TaskId, Trace};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

fn planner() -> Planner {
    Planner {
        seed: 3,
        strategy: Strategy::default(),
        suspects: Vec::new(),
        shard: None,
        fault_pairs: false,
        performed: 0,
        by_effect: false,
        memory: Memory::Sc,
        watches_threads: false,
        start_up: StartUp::default(),
        prefix: None,
        limits: Limits::default(),
    }
}

/// Extracts the lessons from a run in which any process may be killed anywhere.
fn lessons(trace: &Trace) -> Lessons {
    Lessons {
        space: FaultSpace::new(&["kill".parse().unwrap()], &Points::of(trace)),
        since: 1,
        ..Lessons::default()
    }
}

#[test]
fn most_runs_are_directed_at_suspects_in_every_part_of_an_exploration() {
    let suspects = vec![Suspect::named("pay")];
    for part in 1..=4 {
        let planner = Planner {
            suspects: suspects.clone(),
            shard: Some(format!("{part}/4").parse().unwrap()),
            ..planner()
        };
        let rule = |run: u64| planner.plan(run, &Lessons::default()).schedule.rule;
        assert_eq!(rule(0), Rule::RunOn);
        let is_directed = |run: &u64| match rule(*run) {
            Rule::Suspects { sides, .. } => sides == suspects,
            _ => false,
        };
        let directed = (1..100).filter(is_directed).count();
        assert!((60..90).contains(&directed), "{directed}");
    }
}

#[test]
fn every_run_begins_with_the_prefix() {
    let trace = fake::trace(&[("a", "write"), ("b", "read")]);
    let deviation = Deviation {
        step: 1,
        task: TaskId(1),
    };
    let prefix = Plan {
        schedule: Schedule {
            deviations: vec![deviation],
            ..Schedule::default()
        },
        faults: vec!["pause(3):b@read#1".parse().unwrap()],
        start_up: StartUp::longest(),
        ..Plan::default()
    };
    let planner = Planner {
        prefix: Some(prefix.clone()),
        ..planner()
    };
    for run in 0..20 {
        let plan = planner.plan(run, &lessons(&trace));
        assert_eq!(plan.schedule.deviations, [deviation]);
        assert_eq!(plan.faults[0], prefix.faults[0]);
        assert_eq!(plan.faults.len(), 1 + run as usize % 2);
        assert!(plan.start_up == prefix.start_up && !plan.clocks_are_free);
    }
}

#[test]
fn a_sweep_takes_every_fault() {
    let trace = fake::trace(&[
        ("a", "write"),
        ("b", "read"),
        ("a", "write"),
        ("a", "write"),
    ]);
    let (planner, lessons) = (planner(), lessons(&trace));
    let faults: BTreeSet<String> = (1..=8)
        .flat_map(|run| planner.plan(run, &lessons).faults)
        .map(|fault| fault.to_string())
        .collect();
    assert_eq!(faults.len(), 4);
    assert!(planner.plan(0, &lessons).faults.is_empty());
    assert_eq!(planner.plan(9, &lessons), planner.plan(9, &lessons));
    assert_ne!(
        planner.plan(9, &lessons).schedule,
        planner.plan(11, &lessons).schedule
    );
    let (first, eleventh) = (planner.plan(0, &lessons), planner.plan(11, &lessons));
    let on = Planner {
        performed: 8,
        ..planner
    };
    assert_eq!(on.plan(3, &lessons), eleventh);
    assert_eq!(on.plan(0, &lessons), first);
}

#[test]
fn each_fault_strikes_once_in_the_run_that_has_shown_its_point() {
    let shown = |calls: &[(&str, &str)], seed: u64| {
        let mut points = Points::of(&fake::trace(calls));
        let schedule = Schedule::new(Rule::RandomWalk { seed });
        points.note_plan(&Plan {
            schedule,
            ..Plan::default()
        });
        points
    };
    let mut points = shown(&[("a", "write")], 100);
    points.merge(shown(&[("a", "write"), ("a", "write"), ("b", "read")], 101));
    points.merge(shown(&[("a", "write"), ("b", "read")], 102));
    let lessons = Lessons {
        space: FaultSpace::new(&["kill".parse().unwrap()], &points),
        since: 1,
        ..Lessons::default()
    };
    let planner = planner();
    let plans = (1..60).map(|run| planner.plan(run, &lessons));
    let in_course = plans.filter(|plan| match plan.schedule.rule {
        Rule::RandomWalk { seed } => (100..103).contains(&seed),
        _ => false,
    });
    let named = in_course.map(|plan| (plan.faults[0].to_string(), plan.schedule.rule));
    let mut named: Vec<(String, Rule)> = named.collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    let last = Rule::RandomWalk { seed: 101 };
    let expected = ["kill:a@write#1", "kill:a@write#2", "kill:b@read#1"];
    assert_eq!(
        named,
        expected.map(|fault| (fault.to_owned(), last.clone()))
    );
}

#[test]
fn start_up_comes_first_in_most_runs_where_that_makes_them_much_shorter() {
    let planner = Planner {
        start_up: StartUp::longest(),
        ..planner()
    };
    let first = |run: u64, lessons: &Lessons| planner.plan(run, lessons).start_up.comes_first;
    let unknown = Lessons::default();
    let tried: Vec<u64> = (0..40).filter(|run| first(*run, &unknown)).collect();
    assert_eq!(tried, [1]);
    let shorter = || Lessons {
        after_start: Some(Profile::of_length(50)),
        ..Lessons::default()
    };
    let disturbed = (0..40).filter(|run| !first(*run, &shorter()));
    assert_eq!(disturbed.collect::<Vec<u64>>(), [0, 16, 32]);
    let trace = fake::trace(&[("a", "write")]);
    let with_faults = Lessons {
        space: lessons(&trace).space,
        ..shorter()
    };
    assert!((0..40).all(|run| !first(run, &with_faults)));
}

#[test]
fn few_runs_have_wrappers_whole() {
    let planner = Planner {
        start_up: StartUp::longest(),
        ..planner()
    };
    let whole = |run: u64, lessons: &Lessons| {
        let start_up = planner.plan(run, lessons).start_up;
        assert!(start_up.skips_wrappers || !start_up.carries_on && !start_up.comes_first);
        !start_up.skips_wrappers
    };
    let none = Lessons::default();
    assert!((0..600).all(|run| !whole(run, &none)));
    let wrapped = || Lessons {
        has_wrappers: true,
        ..Lessons::default()
    };
    let runs: Vec<u64> = (0..600).filter(|run| whole(*run, &wrapped())).collect();
    assert_eq!(runs, [2, 256, 512]);
    let trace = fake::trace(&[("a", "write")]);
    let with_faults = Lessons {
        space: lessons(&trace).space,
        ..wrapped()
    };
    assert!((0..600).all(|run| !whole(run, &with_faults)));
}

#[test]
fn a_quarter_of_later_runs_begin_like_earlier_ones() {
    let mut all = Beginnings::default();
    let before = Plan {
        schedule: Schedule::new(Rule::RandomWalk { seed: 7 }),
        ..Plan::default()
    };
    all.add(false, Some(Arc::new(before)), 9, [(1, 4)].into_iter());
    let lessons = Lessons {
        beginnings: all.rarest(None),
        begun_one_in: all.one_in(),
        ..Lessons::default()
    };
    let begun = |planner: &Planner, runs: Range<u64>| {
        let rules = runs.map(|run| planner.plan(run, &lessons).schedule.rule);
        let stages = |rule: &Rule| match rule.stages()[..] {
            [(0, Rule::RandomWalk { seed: 7 }), (5, _)] => true,
            [(0, _)] => false,
            ref stages => panic!("{stages:?}"),
        };
        rules.filter(stages).count()
    };
    assert_eq!(begun(&planner(), 0..64), 0);
    assert!((200..300).contains(&begun(&planner(), 64..1064)));
    let shard = Planner {
        shard: Some("2/4".parse().unwrap()),
        ..planner()
    };
    assert!((150..350).contains(&begun(&shard, 64..1064)));
    let one = Planner {
        strategy: Strategy::Surw,
        ..planner()
    };
    assert_eq!(begun(&one, 64..200), 0);
}

#[test]
fn pairs_come_after_every_fault_alone() {
    let trace = fake::trace(&[("a", "write"), ("b", "read"), ("a", "write")]);
    let lessons = lessons(&trace);
    let planner = Planner {
        fault_pairs: true,
        ..planner()
    };
    let faults: Vec<Vec<Fault>> = (1..200)
        .step_by(2)
        .map(|run| planner.plan(run, &lessons).faults)
        .collect();
    assert!(faults[..3].iter().all(|faults| faults.len() == 1));
    let pairs: BTreeSet<BTreeSet<String>> = faults
        .iter()
        .filter(|faults| faults.len() == 2)
        .map(|faults| faults.iter().map(ToString::to_string).collect())
        .collect();
    assert_eq!(pairs.len(), 3, "each pair of the three: {pairs:?}");
    assert!(pairs.iter().all(|pair| pair.len() == 2));
}

#[test]
fn in_some_runs_every_step_is_a_choice() {
    let thorough = |planner: &Planner, lessons: &Lessons| {
        let plans = (0..64).map(|run| (run, planner.plan(run, lessons)));
        let thorough = plans.filter(|(_, plan)| plan.chooses_every_step);
        thorough.collect::<Vec<_>>()
    };
    let plans = thorough(&planner(), &Lessons::default());
    let runs: Vec<u64> = plans.iter().map(|(run, _)| *run).collect();
    assert_eq!(runs, [8, 24, 40, 56]);
    let rules: Vec<&Rule> = plans.iter().map(|(_, plan)| &plan.schedule.rule).collect();
    assert!(matches!(
        rules[..2],
        [Rule::RandomWalk { .. }, Rule::PartialOrder { .. }]
    ));
    let begun = Planner {
        prefix: Some(Plan::default()),
        ..planner()
    };
    assert!(thorough(&begun, &Lessons::default()).is_empty());
    let surw = Planner {
        strategy: Strategy::Surw,
        ..planner()
    };
    assert!(thorough(&surw, &Lessons::default()).is_empty());
    let trace = fake::trace(&[("a", "write")]);
    assert!(thorough(&planner(), &lessons(&trace)).is_empty());
}
