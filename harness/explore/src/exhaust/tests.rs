//! The search against trying every order without reduction.

use super::class::Classes;
use super::order::Order;
use super::tree::Tree;
use super::*;
use crate::Budget;
use crate::fake::{self, Op, Toy};
use crate::{Keep, Report, merge};
use Op::{Lock, Print, Unlock};
use crosswire_model::{Limit, Rule, TaskId};
use std::collections::BTreeSet;

type Class = Vec<BTreeSet<(TaskId, usize)>>;

/// The class of the run that begins with these choices.
fn normal_form(run: &Run) -> Class {
    Order::of(&run.trace.footprints).normal_form()
}

fn perform(toy: &mut Toy, deviations: Vec<crosswire_model::Deviation>) -> Run {
    let plan = Plan {
        schedule: Schedule {
            deviations,
            ..Schedule::new(Rule::RunOn)
        },
        footprints: true,
        ..Plan::default()
    };
    toy.run(&plan).unwrap()
}

/// Every class, and how many runs stood for a new one, by one kind of search.
fn classes(toy: &Toy, extent: Extent, shard: Option<Shard>) -> (BTreeSet<Class>, usize) {
    let mut toy = toy.clone();
    let mut tree = Tree::new(extent, shard);
    let (mut classes, mut new) = (BTreeSet::new(), 0);
    while let Some(deviations) = tree.next() {
        let run = perform(&mut toy, deviations);
        match tree.learn(&run.trace.footprints) {
            Learnt::New => {
                new += 1;
                classes.insert(normal_form(&run));
            }
            Learnt::Astray => panic!("astray"),
            Learnt::Known | Learnt::Elsewhere => {}
        }
    }
    assert_eq!(tree.left(), 0);
    (classes, new)
}

const ALL_ORDERS: Extent = Extent::Preemptions(u32::MAX);

fn toys() -> Vec<Toy> {
    let once: &[Op] = &[Lock(0), Print("x"), Unlock(0)];
    let other: &[Op] = &[Lock(1), Unlock(1)];
    vec![
        Toy::new(&[("a", &[Print("a")]), ("b", &[Print("b")])]),
        Toy::new(&[
            ("a", &[Print("a"), Print("b")]),
            ("b", &[Print("c")]),
            ("c", &[Print("d")]),
        ]),
        Toy::new(&[("a", once), ("b", once)]),
        Toy::new(&[("a", once), ("b", once), ("c", other)]),
        Toy::new(&[
            ("a", other),
            ("b", &[Lock(0), Unlock(0)]),
            ("c", &[Print("x")]),
        ]),
        Toy::new(&[
            ("left", &[Lock(0), Lock(1), Unlock(1), Unlock(0)]),
            ("right", &[Lock(1), Lock(0), Unlock(0), Unlock(1)]),
        ]),
        Toy::new(&[
            ("a", &[Lock(0), Lock(1), Unlock(1), Unlock(0)]),
            ("b", &[Lock(1), Lock(2), Unlock(2), Unlock(1)]),
            ("c", &[Lock(2), Lock(0), Unlock(0), Unlock(2)]),
        ]),
    ]
}

#[test]
fn each_class_is_explored_and_only_once() {
    for (number, toy) in toys().iter().enumerate().take(6) {
        let (all, orders) = classes(toy, ALL_ORDERS, None);
        let (reduced, runs) = classes(toy, Extent::Classes, None);
        assert_eq!(reduced, all, "toy {number}");
        assert_eq!(runs, all.len(), "toy {number}: a class was explored twice");
        assert!(runs <= orders);
    }
}

#[test]
fn numbers_known_by_hand() {
    // Two writes to one output: two orders. Independent locks and prints: one.
    assert_eq!(classes(&toys()[0], Extent::Classes, None).1, 2);
    assert_eq!(classes(&toys()[4], Extent::Classes, None).1, 1);
    // a;b by one task, c and d by two others: 4!/2! orders.
    assert_eq!(classes(&toys()[1], Extent::Classes, None).1, 12);
}

#[test]
fn the_explored_part_grows_until_it_is_the_whole() {
    for (number, toy) in toys().iter().enumerate() {
        let (mut toy, mut tree) = (toy.clone(), Tree::new(ALL_ORDERS, None));
        let (mut parts, mut orders) = (Vec::new(), 0.0);
        while let Some(mut deviations) = tree.next() {
            // An exploration that is interrupted and resumed estimates the same.
            if orders == 1.0 {
                tree.put_back();
                deviations = tree.next().expect("it was not tried");
            }
            tree.learn(&perform(&mut toy, deviations).trace.footprints);
            orders += 1.0;
            parts.push((orders, tree.explored_part()));
        }
        assert!(parts.is_sorted_by(|before, now| before.1 < now.1));
        let (_, last) = parts[parts.len() - 1];
        assert!((last - 1.0).abs() < 1e-9, "toy {number}: {last}");
        // Where half of it is explored, the magnitude is known.
        let (known, part) = parts[parts.len() / 2];
        let estimate = known / part;
        assert!(
            (orders / 8.0..=orders * 8.0).contains(&estimate),
            "toy {number}: {estimate} of {orders}"
        );
    }
}

#[test]
fn shards_share_the_tree_without_overlap() {
    for toy in &toys() {
        let (whole, _) = classes(toy, Extent::Classes, None);
        let mut union = BTreeSet::new();
        let mut sum = 0;
        for k in 1..=4 {
            let shard = format!("{k}/4").parse().unwrap();
            let (part, runs) = classes(toy, Extent::Classes, Some(shard));
            sum += runs;
            union.extend(part);
        }
        assert_eq!(union, whole);
        assert_eq!(sum, whole.len(), "a class was explored by two shards");
    }
}

fn exhaust(toy: &Toy, change: impl FnOnce(&mut Exploration)) -> Report {
    let mut exploration = Exploration::new(fake::target());
    exploration.budget = Budget::runs(u64::MAX);
    exploration.exhaust = Some(Exhaust::default());
    exploration.stop_at_first = false;
    change(&mut exploration);
    let stop = AtomicBool::new(false);
    exploration
        .explore_with(toy.starter(), &stop, &|_| {})
        .unwrap()
}

#[test]
fn completeness_is_claimed_only_when_nothing_is_left() {
    let report = exhaust(&toys()[2], |_| {});
    let done = report.exhaustion.unwrap();
    assert!(
        done.is_complete() && report.verdict == Verdict::Pass,
        "{done:?}"
    );
    // Who is first, and whether the other one tries while the lock is taken.
    assert_eq!(done.explored, 4);

    let report = exhaust(&toys()[6], |exploration| {
        exploration.budget = Budget::runs(3)
    });
    let cut = report.exhaustion.unwrap();
    assert!(!cut.is_complete() && cut.left > 0, "{cut:?}");

    let report = exhaust(&toys()[5], |_| {});
    let found = report.exhaustion.unwrap();
    assert!(
        found.is_complete() && report.verdict.is_violation(),
        "{found:?}"
    );
}

#[test]
fn an_order_that_was_not_explored_refutes_the_claim() {
    let first = |number| crosswire_model::Deviation {
        step: 0,
        task: TaskId(number),
    };
    let mut toy = toys()[0].clone();
    let one = perform(&mut toy, vec![first(0)]);
    let other = perform(&mut toy, vec![first(1)]);
    let mut classes = Classes::default();
    assert_eq!(classes.add(&one), Member::First);
    assert_eq!(classes.refuted_by(&one), None);
    let told = classes.refuted_by(&other).unwrap();
    assert!(told.contains("the order of"), "{told}");
    assert_eq!(classes.add(&other), Member::First);
    assert_eq!(classes.refuted_by(&other), None);
}

#[test]
fn a_claim_is_tested_by_random_orders() {
    let done = exhaust(&toys()[1], |_| {}).exhaustion.unwrap();
    assert!(done.is_complete() && done.checked == 64, "{done:?}");
}

#[test]
fn faults_are_crossed_with_all_orders() {
    let report = exhaust(&toys()[2], |exploration| {
        exploration.faults = vec!["kill:a".parse().unwrap()];
    });
    let done = report.exhaustion.unwrap();
    // None, and before each of three operations.
    assert_eq!((done.fault_plans, done.fault_plans_done), (4, 4));
    assert!(report.verdict.is_violation());
}

/// Explores a part of a toy in pieces of so many runs, each resuming the one before.
fn in_pieces(toy: &Toy, directory: &std::path::Path, shard: &str, runs: u64, faults: &[&str]) {
    for piece in 0..1000 {
        let mut exploration = Exploration::new(fake::target());
        exploration.budget = Budget::runs(runs);
        exploration.exhaust = Some(Exhaust::default());
        exploration.stop_at_first = false;
        exploration.shrink = std::time::Duration::ZERO;
        exploration.shard = Some(shard.parse().unwrap());
        exploration.faults = faults.iter().map(|kind| kind.parse().unwrap()).collect();
        exploration.keep = Some(Keep {
            directory: directory.to_owned(),
            steadily: true,
        });
        if piece > 0 {
            exploration.resume(directory).unwrap();
        }
        let stop = AtomicBool::new(false);
        let report = exploration
            .explore_with(toy.starter(), &stop, &|_| {})
            .unwrap();
        let done = report.exhaustion.unwrap();
        if done.left == 0 && done.fault_plans == done.fault_plans_done {
            return;
        }
    }
    panic!("it makes no progress");
}

#[test]
fn pieces_of_parts_make_the_whole() {
    for (number, faults) in [(2, &[][..]), (5, &[]), (6, &[]), (2, &["kill:a"])] {
        let toy = &toys()[number];
        let whole = exhaust(toy, |exploration| {
            exploration.faults = faults.iter().map(|kind| kind.parse().unwrap()).collect();
        });
        for runs in [1, 3, 1000] {
            let directory = tempfile::tempdir().unwrap();
            for shard in ["1/3", "2/3", "3/3"] {
                in_pieces(toy, directory.path(), shard, runs, faults);
            }
            let merged = merge(&[directory.path().to_owned()]).unwrap();
            let (one, all) = (whole.exhaustion.clone(), merged.exhaustion.clone());
            let (one, all) = (one.unwrap(), all.unwrap());
            assert!(all.is_complete(), "toy {number}, {runs} runs: {all:?}");
            assert_eq!(all.classes, one.classes, "toy {number}, {runs} runs");
            assert_eq!(all.explored, one.explored, "toy {number}, {runs} runs");
            assert_eq!(all.fault_plans, one.fault_plans);
            let kinds = |report: &Report| -> BTreeSet<String> {
                let found = report.found.iter();
                found.map(|one| one.violation.sentence.clone()).collect()
            };
            assert_eq!(kinds(&merged), kinds(&whole));
            assert_eq!(merged.verdict.word(), whole.verdict.word());
        }
    }
}

#[test]
fn a_part_that_is_missing_or_unfinished_makes_no_pass() {
    let toy = &toys()[2];
    let directory = tempfile::tempdir().unwrap();
    let merged = || merge(&[directory.path().to_owned()]);
    assert!(merged().unwrap_err().to_string().contains("--shard K/N"));
    in_pieces(toy, directory.path(), "1/2", 1000, &[]);
    let half = merged().unwrap();
    assert_eq!(half.verdict, Verdict::Inconclusive(Limit::Shards));
    assert_eq!(half.shards.unwrap().missing, [2]);
    assert!(!half.exhaustion.unwrap().is_complete());
    in_pieces(toy, directory.path(), "2/2", 1000, &[]);
    assert_eq!(merged().unwrap().verdict, Verdict::Pass);
    in_pieces(toy, directory.path(), "1/3", 1000, &[]);
    let told = merged().unwrap_err().to_string();
    assert!(told.contains("different explorations: one of"), "{told}");
}
