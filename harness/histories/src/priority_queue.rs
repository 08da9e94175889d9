//! A message queue with priorities.

use super::fifo::never_empty;
use super::free::chain;
use super::gaps::Gaps;
use super::messages::{Message, Messages, matched, overtaken, wrong_order};
use super::{
    Action, BUDGET, Broken, Checker, Explanation, Op, Operations, Outcome, Specification, Unusable,
    explain,
};

/// A queue that gives the oldest message of the highest priority, as do POSIX message
/// queues (mq_overview(7)). Operations: `send` with a priority as its key, and `recv`.
///
/// Every value sent must be different.
///
/// Priorities are gone through from the highest down. A message is received at a moment
/// when the queue may hold none of a higher priority. With the times between such
/// moments taken away, the messages of one priority are a queue of their own (after
/// Bouajjani, Enea and Wang, "Checking Linearizability of Concurrent Priority Queues",
/// CONCUR 2017).
///
/// For receives that were cut off while messages are missing no fast exact algorithm is
/// known. If the history is in order without these receives, it is in order; if it is
/// not even with the missing messages left out, it is not; else all orders are tried
/// within the budget.
#[derive(Debug, Clone, Copy)]
pub struct PriorityQueue {
    /// Configurations that a search may look at.
    pub budget: u64,
}

impl Default for PriorityQueue {
    fn default() -> PriorityQueue {
        PriorityQueue { budget: BUDGET }
    }
}

impl Checker for PriorityQueue {
    fn name(&self) -> &'static str {
        "priority-queue"
    }

    fn check(&self, operations: &Operations) -> Result<Outcome, Unusable> {
        operations.usable()?;
        let mut messages = match matched(operations)? {
            Ok(messages) => messages,
            Err(broken) => return Ok(Outcome::Violation(broken)),
        };
        let priority = |message: &Message| operations.list[message.send()].key;
        messages
            .list
            .sort_by_key(|message| std::cmp::Reverse(priority(message)));
        let Some(found) = judge(operations, &messages) else {
            return Ok(Outcome::Ok);
        };
        let all = messages.list.len();
        messages.list.retain(|message| message.receive().is_some());
        if messages.takers.is_empty() || messages.list.len() == all {
            return Ok(Outcome::Violation(found));
        }
        if let Some(found) = judge(operations, &messages) {
            return Ok(Outcome::Violation(found));
        }
        Ok(match explain(self, &operations.list, self.budget) {
            Explanation::Found => Outcome::Ok,
            Explanation::None { .. } => Outcome::Violation(not_taken(found)),
            Explanation::OutOfBudget => Outcome::Inconclusive {
                budget: self.budget,
            },
        })
    }
}

/// Describes a violation that receives which were cut off cannot explain.
fn not_taken(found: Broken) -> Broken {
    let sentence = format!(
        "{}; no receive that was cut off can have taken away what explains that",
        found.sentence
    );
    Broken { sentence, ..found }
}

/// Judges messages sorted by priority, from the highest down. Receives that were cut
/// off are left out.
fn judge(operations: &Operations, messages: &Messages) -> Option<Broken> {
    let ops = &operations.list;
    let priority = |message: &Message| ops[message.send()].key;
    let mut gaps = Gaps::of(ops);
    let mut windows: Vec<(u32, u32)> = Vec::new();
    let mut higher = 0;
    for level in messages.list.chunk_by(|a, b| priority(a) == priority(b)) {
        windows.clear();
        for message in level {
            let Some(receive) = message.receive() else {
                windows.push((gaps.never(), gaps.never()));
                continue;
            };
            let (called, answered) = (gaps.called(ops, receive), gaps.answered(ops, receive));
            let (from, to) = (gaps.next(called), gaps.previous(answered));
            if from > to || to < gaps.called(ops, message.send()) {
                return Some(out_of_turn(operations, &messages.list[..higher], *message));
            }
            windows.push((from, to));
        }
        if let Some(broken) = among_equals(operations, level, &windows) {
            return Some(broken);
        }
        for (message, (from, _)) in level.iter().zip(&windows) {
            gaps.close(gaps.answered(ops, message.send()), *from);
        }
        higher += level.len();
    }
    let is_false = |told: &&usize| {
        let (called, answered) = (gaps.called(ops, **told), gaps.answered(ops, **told));
        gaps.next(called) > answered
    };
    let told = messages.empties.iter().find(is_false)?;
    Some(never_empty(operations, messages, *told))
}

/// Judges messages of one priority, each received within a window.
fn among_equals(
    operations: &Operations,
    level: &[Message],
    windows: &[(u32, u32)],
) -> Option<Broken> {
    let ops = &operations.list;
    let windows = windows
        .iter()
        .map(|(from, to)| (u64::from(*from), u64::from(*to)));
    let received = level.iter().copied().zip(windows);
    if let Some((first, second)) = overtaken(ops, received) {
        return Some(wrong_order(operations, first, second));
    }
    let last_received = level
        .iter()
        .filter(|message| message.receive().is_some())
        .max_by_key(|message| ops[message.send()].called)?;
    let sent = ops[last_received.send()].called;
    let is_skipped =
        |message: &&Message| message.receive().is_none() && ops[message.send()].answered < sent;
    let skipped = level.iter().find(is_skipped)?;
    Some(passed_over(
        operations,
        *skipped,
        *last_received,
        "had sent before it",
    ))
}

/// Returns a message that was never received although one that had to wait for it was.
fn passed_over(operations: &Operations, missing: Message, other: Message, how: &str) -> Broken {
    let value = |message: Message| operations.list[message.send()].value;
    let (a, b) = (value(missing), value(other));
    let sender = operations.who(missing.send());
    let mut witness = vec![missing.send(), other.send()];
    witness.extend(other.receive());
    let sentence = format!("{b} was received, but {a}, which `{sender}` {how}, never was");
    Broken::new("loss", witness, sentence)
}

/// Explains why a message cannot have been received when it was: all the time there was one of a
/// higher priority.
fn out_of_turn(operations: &Operations, higher: &[Message], message: Message) -> Broken {
    let ops = &operations.list;
    let receive = message
        .receive()
        .expect("only what was received is out of turn");
    let from = ops[receive].called.max(ops[message.send()].called);
    let stays: Vec<(u64, u64)> = higher.iter().map(|message| message.stay(ops)).collect();
    let links = chain(&stays, from, ops[receive].answered).unwrap_or_default();
    let told = |message: Message| {
        let op = &ops[message.send()];
        format!("{} of priority {}", op.value, op.key)
    };
    let mut witness = vec![message.send(), receive];
    let mut there = Vec::new();
    for link in links {
        let link = higher[link];
        there.push(told(link));
        witness.push(link.send());
        witness.extend(link.receive());
    }
    let who = operations.who(receive);
    let there = match there.as_slice() {
        [one] => format!("{one} was there"),
        several => format!("one after the other, {} were there", several.join(", ")),
    };
    let sentence = format!("`{who}` received {} while {there}", told(message));
    Broken::new("priority", witness, sentence)
}

impl Specification<Op> for PriorityQueue {
    /// Priorities and values, in the order in which they are given out.
    type State = Vec<(i64, i64)>;
    type Undo = Change;

    fn initial(&self) -> Vec<(i64, i64)> {
        Vec::new()
    }

    fn perform(&self, queue: &mut Vec<(i64, i64)>, op: &Op) -> Option<Change> {
        match op.action {
            Action::Send => {
                let place = queue.partition_point(|(priority, _)| *priority >= op.key);
                queue.insert(place, (op.key, op.value));
                Some(Change::Sent(place))
            }
            Action::Receive if op.nothing && !op.is_pending() => {
                queue.is_empty().then_some(Change::Nothing)
            }
            Action::Receive => {
                let (_, value) = *queue.first()?;
                let fits = op.is_pending() || value == op.value;
                fits.then(|| Change::Received(queue.remove(0)))
            }
            _ => Some(Change::Nothing),
        }
    }

    fn undo(&self, queue: &mut Vec<(i64, i64)>, change: Change) {
        match change {
            Change::Sent(place) => {
                queue.remove(place);
            }
            Change::Received(message) => queue.insert(0, message),
            Change::Nothing => {}
        }
    }
}

/// Change of a queue by an operation.
pub enum Change {
    /// It put a message there.
    Sent(usize),
    /// It took this one from the front.
    Received((i64, i64)),
    /// It found nothing.
    Nothing,
}
