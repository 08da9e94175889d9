//! Messages arrive in the order in which they were sent.

use super::channel::{Channel, Message, answer, violation};
use super::{Check, Unjudgeable, duplication, invention};
use crate::model::{Kind, Run, Violation};
use std::sync::Arc;

/// Of two messages that one task sent one after the other, the first is not
/// received after the second. Messages may be lost: what never arrives has no
/// place in the order.
///
/// Every value sent must be different. The operations are `send` and `recv`.
pub fn per_sender_order() -> Arc<dyn Check> {
    Arc::new(PerSenderOrder)
}

struct PerSenderOrder;

impl Check for PerSenderOrder {
    fn name(&self) -> &str {
        "per-sender-order"
    }

    fn judges_unfinished(&self) -> bool {
        true
    }

    fn check(&self, run: &Run) -> Result<Vec<Violation>, Unjudgeable> {
        let channel = Channel::of(&run.history)?;
        // A value that arrives twice has no place in an order, nor has one that
        // was never sent.
        if let Some(found) = invention::find(&channel).or_else(|| duplication::find(&channel)) {
            return Ok(vec![found]);
        }
        let mut messages = channel.messages()?;
        messages.sort_by_key(|message| message.send.task);
        let found = messages
            .chunk_by(|a, b| a.send.task == b.send.task)
            .find_map(overtaken);
        Ok(found.into_iter().collect())
    }
}

/// Two messages of which the first was sent before the second and received after
/// it, if there are such.
///
/// A sweep over time that remembers, of all messages received so far, the one
/// whose send was called last: receiving *a* is wrong if and only if that send
/// was called after the send of *a* had answered (pattern `VOrd` of Henzinger,
/// Sezgin and Vafeiadis, CONCUR 2013).
pub(super) fn overtaken(messages: &[Message<'_>]) -> Option<Violation> {
    // At equal times a call comes before an answer: only what answered strictly
    // earlier precedes.
    let mut moments: Vec<(u64, bool, usize)> = Vec::with_capacity(2 * messages.len());
    for (i, message) in messages.iter().enumerate() {
        if let Some(receive) = message.receive {
            moments.push((receive.called, false, i));
            moments.push((answer(receive), true, i));
        }
    }
    moments.sort_unstable();
    let mut newest: Option<&Message<'_>> = None;
    for (_, answers, i) in moments {
        let message = &messages[i];
        if answers {
            if newest.is_none_or(|newest| newest.send.called < message.send.called) {
                newest = Some(message);
            }
        } else if let Some(newest) = newest
            && newest.send.called > answer(message.send)
        {
            return Some(describe(message, newest));
        }
    }
    None
}

fn describe(first: &Message<'_>, second: &Message<'_>) -> Violation {
    let (Some(late), Some(early)) = (first.receive, second.receive) else {
        unreachable!("only received messages are swept");
    };
    let (a, b) = (first.value, second.value);
    let senders = by(&first.send.process, &second.send.process);
    let receivers = by(&early.process, &late.process);
    violation(
        Kind::Order,
        format!("{a} was sent before {b}{senders}, but {b} was received before {a}{receivers}"),
        &[first.send, second.send, early, late],
    )
}

/// `, by …` for one or two names.
fn by(first: &str, second: &str) -> String {
    match first == second {
        true => format!(" by `{first}`"),
        false => format!(" by `{first}` and `{second}`"),
    }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{found, history, kinds};
    use crate::model::Kind;

    #[test]
    fn what_one_task_sends_stays_in_order() {
        let check = super::per_sender_order();
        let check = check.as_ref();
        let swapped = "p: send(1) 1-2, p: send(2) 3-4, c: recv=2 5-6, c: recv=1 7-8";
        let violations = found(check, history(swapped));
        assert_eq!(
            violations[0].sentence,
            "1 was sent before 2 by `p`, but 2 was received before 1 by `c`"
        );
        assert_eq!(violations[0].details.len(), 4);
        assert_eq!(kinds(check, swapped), [Kind::Order]);
        for fine in [
            "p: send(1) 1-2, q: send(2) 3-4, c: recv=2 5-6, c: recv=1 7-8",
            "p: send(1) 1-2, p: send(2) 3-4, c: recv=2 5-7, d: recv=1 6-8",
            "p: send(1) 1-2, p: send(2) 3-4, c: recv=2 5-6",
            "p: send(1) 1-2, p: send(2) 3, c: recv=1 5-6, c: recv=2 7-8",
        ] {
            assert_eq!(kinds(check, fine), [], "{fine}");
        }
    }
}
