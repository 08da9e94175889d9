//! The search against trying every order without reduction.

use super::order::Order;
use super::*;
use crate::Budget;
use crate::fake::{self, Op, Toy};
use Op::{Lock, Print, Unlock};
use crosswire_model::{Rule, TaskId};
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
            Explored::New => {
                new += 1;
                classes.insert(normal_form(&run));
            }
            Explored::Astray => panic!("astray"),
            Explored::Known | Explored::Elsewhere => {}
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
