//! Common parts of mutexes and reader–writer locks.

use super::holds::{Refusal, Refusals, both, has_ties, holds, overlapping};
use super::{
    Action, Broken, Explanation, Op, Operations, Outcome, Specification, Unusable, explain,
};

/// Judges the history of a lock.
pub(super) fn check(
    operations: &Operations,
    robust: bool,
    budget: u64,
) -> Result<Outcome, Unusable> {
    operations.usable()?;
    let holds = match holds(operations, robust)? {
        Ok(holds) => holds,
        Err(broken) => return Ok(Outcome::Violation(broken)),
    };
    if let Some((first, second)) = overlapping(&holds.list) {
        return Ok(Outcome::Violation(both(operations, first, second)));
    }
    if holds.refused.is_empty() {
        return Ok(Outcome::Ok);
    }
    if holds.has_touching {
        return Ok(searched(operations, robust, budget));
    }
    let refusals = Refusals::of(operations, &holds.list);
    let mut is_certain = true;
    for &attempt in &holds.refused {
        let op = &operations.list[attempt];
        let to_read = op.action == Action::TryReadLock;
        match refusals.of_attempt(to_read, op.called, op.answered) {
            Refusal::Sure => {}
            Refusal::Impossible if !holds.has_pending => {
                return Ok(Outcome::Violation(baseless(operations, attempt)));
            }
            Refusal::Possible if !holds.has_pending && !has_ties(&holds.list) => {}
            Refusal::Possible | Refusal::Impossible => is_certain = false,
        }
    }
    match is_certain {
        true => Ok(Outcome::Ok),
        false => Ok(searched(operations, robust, budget)),
    }
}

fn baseless(operations: &Operations, attempt: usize) -> Broken {
    let (who, op) = (operations.who(attempt), &operations.list[attempt]);
    let (from, to) = (op.called, op.answered);
    Broken::new(
        "refusal",
        [attempt],
        format!(
            "`{who}` was refused the lock between {from} and {to}, when no process can have held \
             it"
        ),
    )
}

fn searched(operations: &Operations, robust: bool, budget: u64) -> Outcome {
    match explain(&Lock { robust }, &numbered(operations), budget) {
        Explanation::Found => Outcome::Ok,
        Explanation::None { stuck } => {
            let (who, name) = (operations.who(stuck), operations.list[stuck].action.name());
            let sentence =
                format!("no order of the operations explains how the `{name}` of `{who}` came out");
            Outcome::Violation(Broken::new("refusal", [stuck], sentence))
        }
        Explanation::OutOfBudget => Outcome::Inconclusive { budget },
    }
}

/// Returns the operations, each with the number of those of its process that were done
/// before it as its key. Operations of one process follow each other also where they
/// touch.
pub(super) fn numbered(operations: &Operations) -> Vec<Op> {
    let mut numbered = operations.list.clone();
    let mut order: Vec<usize> = (0..numbered.len()).collect();
    order.sort_by_key(|i| (numbered[*i].called, numbered[*i].answered));
    let mut done = vec![(0, 0); operations.processes()];
    for i in order {
        let op = &mut numbered[i];
        let (done, alive_at) = &mut done[op.process as usize];
        op.key = *done;
        if op.action == Action::Crash {
            op.called = op.called.max(*alive_at);
        }
        if !op.is_pending() {
            *done += 1;
            *alive_at = op.answered;
        }
    }
    numbered
}

/// A lock that one may hold, or several to read. Operations are [`numbered`].
pub(super) struct Lock {
    /// True if the death of its holder gives it back.
    pub(super) robust: bool,
}

/// Holders of a lock, and dead processes.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Held {
    writer: Option<u32>,
    /// Sorted.
    readers: Vec<u32>,
    dead: Vec<u32>,
    /// Number of operations done by each process.
    done: Vec<i64>,
}

impl Specification<Op> for Lock {
    type State = Held;
    type Undo = Held;

    fn initial(&self) -> Held {
        Held::default()
    }

    fn perform(&self, held: &mut Held, op: &Op) -> Option<Held> {
        let before = held.clone();
        let fits = self.changes(held, op);
        if !fits {
            held.clone_from(&before);
        }
        fits.then_some(before)
    }

    fn undo(&self, held: &mut Held, before: Held) {
        *held = before;
    }
}

impl Lock {
    fn changes(&self, held: &mut Held, op: &Op) -> bool {
        let (me, is_free) = (op.process, held.writer.is_none());
        let me_too = me as usize;
        if held.done.len() <= me_too {
            held.done.resize(me_too + 1, 0);
        }
        if held.dead.contains(&me) || held.done[me_too] != op.key {
            return false;
        }
        held.done[me_too] += i64::from(!op.is_pending());
        match op.action {
            Action::TryLock if op.nothing => !is_free || !held.readers.is_empty(),
            Action::TryReadLock if op.nothing => !is_free,
            Action::Lock | Action::TryLock if is_free && held.readers.is_empty() => {
                held.writer = Some(me);
                true
            }
            Action::ReadLock | Action::TryReadLock if is_free => {
                let at = held.readers.partition_point(|reader| *reader < me);
                held.readers.insert(at, me);
                true
            }
            Action::Unlock => gives_back(held, me),
            Action::Crash => {
                held.dead.push(me);
                held.dead.sort_unstable();
                if self.robust {
                    while gives_back(held, me) {}
                }
                true
            }
            Action::Lock | Action::TryLock | Action::ReadLock | Action::TryReadLock => false,
            _ => true,
        }
    }
}

fn gives_back(held: &mut Held, me: u32) -> bool {
    if held.writer == Some(me) {
        held.writer = None;
        return true;
    }
    let reader = held.readers.iter().position(|reader| *reader == me);
    reader.map(|at| held.readers.remove(at)).is_some()
}
