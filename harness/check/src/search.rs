//! The special checks against exhaustive search on small random histories.
//!
//! The search tries every order of the operations that respects real time, with
//! each operation that was cut off taking effect at any point after its call or
//! never (Wing and Gong, "Testing and Verifying Concurrent Objects", 1993).
//! `CROSSWIRE_SEARCH_CASES` sets the number of histories.

use super::channel::failed;
use super::testing::found;
use super::{Check, per_sender_order};
use super::{everything_received, fifo, no_duplication, no_invention, no_loss_of_acknowledged};
use crosswire_model::{History, Operation, Outcome, TaskId};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::Cell;

/// Order in which a receive may take the values of a channel.
#[derive(Clone, Copy, PartialEq)]
enum Takes {
    /// The one that was sent first.
    Oldest,
    /// Any.
    Any,
}

/// Tells whether the channel allows some order of the operations.
fn is_linearizable(operations: &[Operation], takes: Takes) -> bool {
    let left = (0..operations.len())
        .filter(|i| !matches!(operations[*i].outcome, Outcome::Failed { .. }))
        .fold(0, |left, i| left | 1 << i);
    search(operations, takes, left, &mut Vec::new())
}

fn search(operations: &[Operation], takes: Takes, left: u32, inside: &mut Vec<i64>) -> bool {
    let is_left = |i: &usize| left & 1 << i != 0;
    let all = || (0..operations.len()).filter(is_left);
    let Some(limit) = all().filter_map(|i| operations[i].answered()).min() else {
        return true;
    };
    // Next may be whatever was called before the first of the rest had answered.
    all().filter(|i| operations[*i].called <= limit).any(|i| {
        let (operation, rest) = (&operations[i], left & !(1 << i));
        let go_on = |inside: &mut Vec<i64>| search(operations, takes, rest, inside);
        if let Some(value) = operation.value {
            inside.push(value);
            let legal = go_on(inside);
            inside.pop();
            return legal;
        }
        let answered = operation.answered().is_some();
        if answered && operation.answer().is_none() {
            return inside.is_empty() && go_on(inside);
        }
        let candidates = match takes {
            Takes::Oldest => inside.len().min(1),
            Takes::Any => inside.len(),
        };
        (0..candidates).any(|at| {
            let wanted = !answered || operation.answer() == Some(inside[at]);
            wanted && {
                let value = inside.remove(at);
                let legal = go_on(inside);
                inside.insert(at, value);
                legal
            }
        })
    })
}

/// An operation as it is generated.
#[derive(Debug, Clone)]
struct Drawn {
    task: u32,
    receives: bool,
    gets: Gets,
    begins: u64,
    lasts: u64,
    ends: Ends,
    /// Delay between the beginning of a send and its taking a place in the queue.
    delay: u64,
    /// True if its value goes missing.
    is_missed: bool,
}

/// Answer of a receive.
#[derive(Debug, Clone, Copy)]
enum Gets {
    /// The approximately next value of the queue.
    Next,
    Nothing,
    Value(i64),
}

#[derive(Debug, Clone, Copy)]
enum Ends {
    Answered,
    Failed,
    CutOff,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let gets = prop_oneof![
        12 => Just(Gets::Next),
        3 => Just(Gets::Nothing),
        1 => (0..4_i64).prop_map(Gets::Value),
    ];
    let ends = prop_oneof![
        16 => Just(Ends::Answered),
        1 => Just(Ends::Failed),
        5 => Just(Ends::CutOff),
    ];
    let place = (0..8_u64, prop::bool::weighted(0.25));
    (
        0..3_u32,
        any::<bool>(),
        gets,
        0..14_u64,
        1..5_u64,
        ends,
        place,
    )
        .prop_map(
            |(task, receives, gets, begins, lasts, ends, (delay, is_missed))| Drawn {
                task,
                receives,
                gets,
                begins,
                lasts,
                ends,
                delay,
                is_missed,
            },
        )
}

/// Every value is sent once.
const DISTINCT: i64 = i64::MAX;

/// Histories of up to `size` operations on a short time line, so that many
/// overlap and some moments coincide, and not far from what a queue would do.
/// Values are below `values`.
fn histories(size: usize, values: i64) -> impl Strategy<Value = History> {
    let drawn = prop::collection::vec(drawn(), 2..=size);
    (drawn, 0..10_u64).prop_map(move |(mut drawn, shift)| {
        for receive in drawn.iter_mut().filter(|drawn| drawn.receives) {
            receive.begins += shift;
        }
        drawn.sort_by_key(|drawn| drawn.begins);
        let sends = || drawn.iter().filter(|drawn| !drawn.receives).zip(0..);
        let mut queue: Vec<(u64, i64)> = sends()
            .filter(|(send, _)| !send.is_missed)
            .map(|(send, value)| (send.begins + send.delay, value))
            .collect();
        queue.sort_unstable();
        let mut queue = queue.into_iter().map(|(_, value)| value);
        let mut unsent = 0..;
        let operations = drawn.iter().map(|drawn| {
            let value = match (drawn.receives, drawn.gets, drawn.ends) {
                (false, ..) => unsent.next(),
                (true, Gets::Nothing, _) | (true, _, Ends::CutOff | Ends::Failed) => None,
                (true, Gets::Value(value), _) => Some(value),
                (true, Gets::Next, _) => queue.next(),
            };
            operation(drawn, value.map(|value| value % values))
        });
        History {
            operations: operations.collect(),
        }
    })
}

fn operation(drawn: &Drawn, value: Option<i64>) -> Operation {
    let at = drawn.begins + drawn.lasts;
    Operation {
        task: TaskId(drawn.task),
        process: format!("p{}", drawn.task),
        name: if drawn.receives { "recv" } else { "send" }.into(),
        value: value.filter(|_| !drawn.receives),
        called: drawn.begins,
        outcome: match drawn.ends {
            Ends::Answered => Outcome::Answered {
                at,
                value: value.filter(|_| drawn.receives),
            },
            Ends::Failed => Outcome::Failed { at },
            Ends::CutOff => Outcome::Pending,
        },
    }
}

/// Runs `test` on many histories; it says whether the history was legal. Neither
/// answer may be rare, or the comparison would mean little.
fn compare(histories: impl Strategy<Value = History>, test: impl Fn(&[Operation]) -> bool) {
    let cases = std::env::var("CROSSWIRE_SEARCH_CASES");
    let cases = cases.ok().and_then(|n| n.parse().ok()).unwrap_or(50_000);
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let legal = Cell::new(0);
    let tested = runner.run(&histories, |history| {
        legal.set(legal.get() + u32::from(test(&history.operations)));
        Ok(())
    });
    tested.unwrap_or_else(|failure| panic!("{failure}"));
    let share = f64::from(legal.get()) / f64::from(cases);
    assert!(
        (0.1..0.9).contains(&share),
        "{share} of the histories are legal"
    );
}

fn accepts(check: &dyn Check, operations: &[Operation]) -> bool {
    let operations = operations.to_vec();
    found(check, History { operations }).is_empty()
}

#[test]
fn fifo_accepts_exactly_the_linearizable_histories() {
    let fifo = fifo();
    compare(histories(9, DISTINCT), |operations| {
        let legal = is_linearizable(operations, Takes::Oldest);
        assert_eq!(accepts(fifo.as_ref(), operations), legal);
        legal
    });
}

#[test]
fn a_channel_that_loses_and_invents_nothing_is_not_accused() {
    let checks = [no_invention(), no_duplication(), no_loss_of_acknowledged()];
    compare(histories(7, 2), |operations| {
        let legal = is_linearizable(operations, Takes::Any);
        let accepted = checks
            .iter()
            .all(|check| accepts(check.as_ref(), operations));
        assert!(accepted || !legal);
        legal
    });
}

/// With the answers "nothing" left out, invention and duplication are all that
/// can be wrong with a channel that keeps no order.
#[test]
fn invention_and_duplication_are_always_found() {
    let checks = [no_invention(), no_duplication()];
    compare(histories(7, 2), |operations| {
        let mut operations = operations.to_vec();
        operations.retain(|operation| {
            operation.value.is_some()
                || operation.answer().is_some()
                || operation.answered().is_none()
        });
        let legal = is_linearizable(&operations, Takes::Any);
        let accepted = checks
            .iter()
            .all(|check| accepts(check.as_ref(), &operations));
        assert_eq!(accepted, legal);
        legal
    });
}

#[test]
fn order_per_sender_is_what_its_definition_says() {
    let check = per_sender_order();
    compare(histories(7, DISTINCT), |operations| {
        let receive = |send: &Operation| {
            let value = send.value.filter(|_| !failed(send));
            let receives = |o: &&Operation| value.is_some() && o.answer() == value;
            operations.iter().find(receives)
        };
        let before = |a: &Operation, b: &Operation| a.answered().is_some_and(|at| at < b.called);
        let legal = !operations.iter().any(|a| {
            operations.iter().any(|b| match (receive(a), receive(b)) {
                (Some(late), Some(early)) => {
                    a.task == b.task && before(a, b) && before(early, late)
                }
                _ => false,
            })
        });
        // The order of what is invented or doubled is not defined.
        let others = [no_invention(), no_duplication()];
        let sane = others
            .iter()
            .all(|check| accepts(check.as_ref(), operations));
        assert_eq!(accepts(check.as_ref(), operations), sane && legal);
        sane && legal
    });
}

/// Nothing is missing only if more receives were cut off than messages are.
#[test]
fn what_was_not_received_is_missed_at_the_end() {
    let check = everything_received();
    compare(histories(7, DISTINCT), |operations| {
        let sane = [no_invention(), no_duplication(), no_loss_of_acknowledged()];
        if !sane.iter().all(|check| accepts(check.as_ref(), operations)) {
            return false;
        }
        let sent = operations
            .iter()
            .filter(|o| o.value.is_some() && !failed(o));
        let arrived = |send: &&Operation| operations.iter().any(|o| o.answer() == send.value);
        let lost = sent
            .filter(|send| send.answered().is_some() && !arrived(send))
            .count();
        let receives = || operations.iter().filter(|o| o.name == "recv");
        let takers = receives().filter(|o| o.answered().is_none()).count();
        let legal = lost <= takers || receives().next().is_none();
        assert_eq!(accepts(check.as_ref(), operations), legal);
        legal
    });
}
