//! Signals to one process.

use super::{
    Action, BUDGET, Broken, Checker, Explanation, Fifo, LAST, Op, Operations, Outcome,
    Specification, Unusable, explain,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// The signals that one process gets. Operations: `raise` with the number of the signal
/// as its key, `handle` by the receiver with the same, and `crash` of the receiver.
///
/// Standard signals merge: one that is sent while one of its number is pending adds
/// nothing (signal(7)). So every run of a handler has a signal of its own to account
/// for it, and every signal that was surely sent is followed by a run, unless the
/// receiver died. Real-time signals, from [`REAL_TIME`] on, are queued, each with a
/// value: those of one number are judged as a [`Fifo`], and all arrive.
///
/// An operation `handle` lies around the moment at which the handler begins.
#[derive(Debug, Clone, Copy)]
pub struct Signals {
    /// Configurations that a search may look at, for each number.
    pub budget: u64,
}

/// The least number of a real-time signal, in the kernel's count.
pub const REAL_TIME: i64 = 32;

impl Default for Signals {
    fn default() -> Signals {
        Signals { budget: BUDGET }
    }
}

impl Checker for Signals {
    fn name(&self) -> &'static str {
        "signals"
    }

    // A signal that was not handled so far may still be.
    fn judges_unfinished(&self) -> bool {
        false
    }

    fn check(&self, operations: &Operations) -> Result<Outcome, Unusable> {
        operations.usable()?;
        let mut numbers: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        let mut died = false;
        for (i, op) in operations.list.iter().enumerate() {
            match op.action {
                Action::Raise | Action::Handle => numbers.entry(op.key).or_default().push(i),
                Action::Crash => died = true,
                _ => {}
            }
        }
        let mut outcome = Outcome::Ok;
        for (number, own) in numbers {
            let judged = match number < REAL_TIME {
                true => self.merging(operations, &own, died),
                false => queued(operations, &own, died)?,
            };
            match judged {
                Outcome::Ok => {}
                Outcome::Violation(broken) => return Ok(Outcome::Violation(broken)),
                inconclusive => outcome = inconclusive,
            }
        }
        Ok(outcome)
    }
}

impl Signals {
    /// Judges a signal of which at most one is pending.
    fn merging(&self, operations: &Operations, own: &[usize], died: bool) -> Outcome {
        let is_left = match accounted(operations, own) {
            Ok(is_left) => is_left,
            Err(run) => return Outcome::Violation(unaccounted(operations, own, run)),
        };
        if died || !is_left {
            return Outcome::Ok;
        }
        if let Some(broken) = unheard(operations, own) {
            return Outcome::Violation(broken);
        }
        let mut list: Vec<Op> = own.iter().map(|i| operations.list[*i]).collect();
        list.push(nothing_pending());
        match explain(&Pending, &list, self.budget) {
            Explanation::Found => Outcome::Ok,
            Explanation::None { .. } => {
                let number = operations.list[own[0]].key;
                let last = last_raise(operations, own);
                let sentence = format!(
                    "signal {number} was sent by `{}`, but no run of its handler can have followed",
                    operations.who(last)
                );
                Outcome::Violation(Broken::new("loss", [last], sentence))
            }
            Explanation::OutOfBudget => Outcome::Inconclusive {
                budget: self.budget,
            },
        }
    }
}

/// Returns the claim that in the end no signal is pending.
pub(super) fn nothing_pending() -> Op {
    Op::new(0, Action::Handle).nothing().at(LAST, LAST)
}

/// Returns the last of the signals that were certainly sent.
fn last_raise(operations: &Operations, own: &[usize]) -> usize {
    let ops = &operations.list;
    let sent = own
        .iter()
        .filter(|i| ops[**i].action == Action::Raise && !ops[**i].is_pending());
    *sent
        .max_by_key(|i| ops[**i].called)
        .expect("something was sent")
}

/// Kinds of changes at a moment, in the order that accuses least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    RaiseBegins,
    RunBegins,
    RaiseMustBe,
    RunMustBe,
}

/// Tells whether every run of the handler has a signal to account for it, and if so,
/// whether one is left pending.
///
/// Everything is put off to the last moment. A signal that must be sent when one is
/// pending would add nothing, so a run that can be goes first. A run for which nothing
/// is pending takes the signal that would have to be sent next.
fn accounted(operations: &Operations, own: &[usize]) -> Result<bool, usize> {
    let ops = &operations.list;
    let mut moments: Vec<(u64, What, usize)> = Vec::with_capacity(2 * own.len());
    for &i in own {
        let op = &ops[i];
        let (begins, must) = match op.action {
            Action::Raise => (What::RaiseBegins, What::RaiseMustBe),
            _ => (What::RunBegins, What::RunMustBe),
        };
        // A run that was cut off explains nothing but that no signal is left.
        if op.action == Action::Raise || !op.is_pending() {
            moments.push((op.called, begins, i));
        }
        if !op.is_pending() {
            moments.push((op.answered, must, i));
        }
    }
    moments.sort_unstable();
    let mut raises: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut runs: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut done = vec![false; ops.len()];
    let mut is_pending = false;
    let next = |heap: &mut BinaryHeap<Reverse<(u64, usize)>>, done: &mut [bool]| {
        while let Some(Reverse((_, i))) = heap.pop() {
            if !std::mem::replace(&mut done[i], true) {
                return true;
            }
        }
        false
    };
    for (_, what, i) in moments {
        match what {
            What::RaiseBegins => raises.push(Reverse((ops[i].answered, i))),
            What::RunBegins => runs.push(Reverse((ops[i].answered, i))),
            _ if done[i] => {}
            What::RaiseMustBe => {
                if is_pending {
                    next(&mut runs, &mut done);
                }
                done[i] = true;
                is_pending = true;
            }
            What::RunMustBe => {
                done[i] = true;
                if !is_pending && !next(&mut raises, &mut done) {
                    return Err(i);
                }
                is_pending = false;
            }
        }
    }
    Ok(is_pending)
}

/// Operations that a witness names.
const NAMED: usize = 4;

fn unaccounted(operations: &Operations, own: &[usize], run: usize) -> Broken {
    let ops = &operations.list;
    let op = &ops[run];
    let sent = |i: &&usize| ops[**i].action == Action::Raise && ops[**i].called <= op.answered;
    let raises: Vec<usize> = own.iter().filter(sent).copied().collect();
    let who = operations.who(run);
    let sentence = match raises.len() {
        0 => format!(
            "`{who}` handled signal {}, which no process had sent",
            op.key
        ),
        _ => format!(
            "`{who}` handled signal {} by {}, but every one sent until then was merged with \
             another or accounts for an earlier run",
            op.key, op.answered
        ),
    };
    let mut witness = vec![run];
    let earlier = own.iter().filter(|i| {
        let other = &ops[**i];
        other.action == Action::Handle && **i != run && other.answered <= op.answered
    });
    witness.extend(earlier.max_by_key(|i| ops[**i].answered));
    let room = NAMED - witness.len();
    witness.extend(raises.iter().rev().take(room));
    Broken::new("invention", witness, sentence)
}

/// Finds a signal that was certainly sent after every run had begun.
fn unheard(operations: &Operations, own: &[usize]) -> Option<Broken> {
    let ops = &operations.list;
    let last = last_raise(operations, own);
    let followed = own
        .iter()
        .any(|i| ops[*i].action == Action::Handle && ops[*i].answered >= ops[last].called);
    (!followed).then(|| {
        let sentence = format!(
            "`{}` sent signal {}, but its handler did not run afterwards",
            operations.who(last),
            ops[last].key
        );
        Broken::new("loss", [last], sentence)
    })
}

/// Judges a signal of which each one sent is queued with its value.
fn queued(operations: &Operations, own: &[usize], died: bool) -> Result<Outcome, Unusable> {
    let mut queue = operations.clone();
    queue.list = own
        .iter()
        .map(|i| {
            let op = operations.list[*i];
            let action = match op.action {
                Action::Raise => Action::Send,
                _ => Action::Receive,
            };
            Op { action, ..op }
        })
        .collect();
    if !died {
        // In the end the queue is empty.
        let receiver = queue.list.iter().find(|op| op.action == Action::Receive);
        let receiver = receiver.map_or(0, |op| op.process);
        queue
            .list
            .push(Op::new(receiver, Action::Receive).nothing().at(LAST, LAST));
    }
    let blame = |i: usize| own.get(i).copied();
    match Fifo.check(&queue) {
        Ok(Outcome::Violation(broken)) => Ok(Outcome::Violation(Broken {
            witness: broken.witness.into_iter().filter_map(blame).collect(),
            sentence: format!(
                "signal {}: {}",
                operations.list[own[0]].key, broken.sentence
            ),
            ..broken
        })),
        Err(unusable) => Err(Unusable {
            operation: blame(unusable.operation).unwrap_or_default(),
            ..unusable
        }),
        other => other,
    }
}

/// State of a signal number: pending or not.
pub(super) struct Pending;

impl Specification<Op> for Pending {
    type State = bool;
    type Undo = bool;

    fn initial(&self) -> bool {
        false
    }

    fn perform(&self, pending: &mut bool, op: &Op) -> Option<bool> {
        let before = *pending;
        match op.action {
            Action::Raise => *pending = true,
            Action::Handle if op.nothing => return (!before).then_some(before),
            Action::Handle if before => *pending = false,
            _ => return None,
        }
        Some(before)
    }

    fn undo(&self, pending: &mut bool, before: bool) {
        *pending = before;
    }
}
