//! A channel is one queue: first in, first out.

use super::channel::{Channel, Message, answer, violation};
use super::empty::{self, Stay};
use super::{Check, Unjudgeable, duplication, invention, order};
use crate::model::{Kind, Operation, Run, Violation};
use std::sync::Arc;

/// All messages pass through one queue, in the order in which they were sent:
/// the history is linearizable to a FIFO queue. That includes loss of what was
/// overtaken, duplication, invention and "nothing there" said of a queue that
/// surely was not empty.
///
/// Every value sent must be different. The operations are `send` and `recv`.
///
/// A history is linearizable to a queue if and only if it shows none of four
/// patterns (Henzinger, Sezgin and Vafeiadis, "Aspect-Oriented Linearizability
/// Proofs", CONCUR 2013; Bouajjani, Emmi, Enea and Hamza, ICALP 2015), each found
/// by sorting and one sweep. Both papers want every operation answered. Here
/// those that were cut off count as they must:
///
/// * a send whose value was never received is left out;
/// * a send whose value was received may have happened until then;
/// * a receive may have taken away one value, so values that are missing are no
///   fault as long as there are receives to have taken them in time.
pub fn fifo() -> Arc<dyn Check> {
    Arc::new(Fifo)
}

struct Fifo;

impl Check for Fifo {
    fn name(&self) -> &str {
        "fifo"
    }

    fn judges_unfinished(&self) -> bool {
        true
    }

    fn check(&self, run: &Run) -> Result<Vec<Violation>, Unjudgeable> {
        let channel = Channel::of(&run.history)?;
        if let Some(found) = invention::find(&channel).or_else(|| duplication::find(&channel)) {
            return Ok(vec![found]);
        }
        let messages = channel.messages()?;
        let found = order::overtaken(&messages)
            .or_else(|| skipped(&messages, &channel.cut_off))
            .or_else(|| falsely_empty(&messages, &channel));
        Ok(found.into_iter().collect())
    }
}

/// A missing message, and the receive by whose answer it must have left the
/// queue because that got a message sent later.
struct Skipped<'m, 'a> {
    gone_by: u64,
    missing: &'m Message<'a>,
    overtaker: &'m Message<'a>,
}

/// Finds missing messages that were overtaken and that no receive that was cut
/// off can have taken away.
///
/// Each missing message must be gone by the first answer to a receive of a
/// message sent after it, and may have been taken by a receive called before.
/// Such an assignment exists if and only if by every such moment no more messages
/// must be gone than receives were called (Hall's theorem for nested sets).
fn skipped(messages: &[Message<'_>], cut_off: &[&Operation]) -> Option<Violation> {
    let mut missing: Vec<&Message<'_>> = messages.iter().filter(|m| m.is_missing()).collect();
    if missing.is_empty() {
        return None;
    }
    let mut received: Vec<(u64, &Message<'_>)> = messages
        .iter()
        .filter_map(|message| Some((answer(message.receive?), message)))
        .collect();
    missing.sort_by_key(|message| std::cmp::Reverse(answer(message.send)));
    received.sort_by_key(|(_, message)| std::cmp::Reverse(message.send.called));

    let mut skips: Vec<Skipped<'_, '_>> = Vec::new();
    let mut later = received.iter().peekable();
    let mut first: Option<(u64, &Message<'_>)> = None;
    for missing in missing {
        while let Some((at, message)) =
            later.next_if(|(_, message)| message.send.called > answer(missing.send))
        {
            if first.is_none_or(|(first, _)| *at < first) {
                first = Some((*at, message));
            }
        }
        if let Some((gone_by, overtaker)) = first {
            skips.push(Skipped {
                gone_by,
                missing,
                overtaker,
            });
        }
    }
    skips.sort_by_key(|skip| skip.gone_by);
    skips.iter().enumerate().find_map(|(n, skip)| {
        let takers = cut_off.partition_point(|receive| receive.called <= skip.gone_by);
        (takers <= n).then(|| describe_skipped(skip, n + 1, takers))
    })
}

fn describe_skipped(skip: &Skipped<'_, '_>, missing: usize, takers: usize) -> Violation {
    let (a, b) = (skip.missing.value, skip.overtaker.value);
    let mut sentence = format!(
        "{b} was received, but {a}, which `{}` had sent before it, never was",
        skip.missing.send.process
    );
    if takers > 0 {
        sentence.push_str(&format!(
            "; {missing} such messages are missing, and receives that were cut off can have taken \
             only {takers}"
        ));
    }
    let mut witness = vec![skip.missing.send, skip.overtaker.send];
    witness.extend(skip.overtaker.receive);
    violation(Kind::Loss, sentence, &witness)
}

/// Finds a receive that was told "nothing" although the queue held something at
/// every moment.
fn falsely_empty(messages: &[Message<'_>], channel: &Channel<'_>) -> Option<Violation> {
    if channel.empties.is_empty() {
        return None;
    }
    let stays: Vec<Stay> = messages.iter().filter_map(stay).collect();
    let told = empty::first_false(&stays, &channel.cut_off, &channel.empties)?;
    Some(describe_empty(messages, channel, told))
}

/// When a message was surely in the queue.
fn stay(message: &Message<'_>) -> Option<Stay> {
    Some(Stay {
        from: message.send.answered()?,
        to: message.receive.map(|receive| receive.called),
    })
}

/// Names one message that was there when the receive was called; others may have
/// followed it.
fn describe_empty(messages: &[Message<'_>], channel: &Channel<'_>, told: &Operation) -> Violation {
    let there = || {
        let sent = move |message: &&Message<'_>| answer(message.send) < told.called;
        messages.iter().filter(sent)
    };
    let first_missing = there()
        .filter(|message| message.is_missing())
        .min_by_key(|message| message.send.called);
    let stayed_longest = there()
        .filter_map(|message| Some((message, message.receive?)))
        .max_by_key(|(_, receive)| receive.called);
    // Missing messages are no reason while receives can have taken them.
    let missing = there().filter(|message| message.is_missing()).count();
    let takers = channel
        .cut_off
        .partition_point(|receive| receive.called <= answer(told));

    let who = &told.process;
    match (first_missing, stayed_longest) {
        (Some(message), other) if missing > takers || other.is_none() => {
            let (value, sender) = (message.value, &message.send.process);
            violation(
                Kind::Loss,
                format!(
                    "`{who}` received nothing, although `{sender}` had sent {value}, which never \
                     came"
                ),
                &[message.send, told],
            )
        }
        (_, Some((message, receive))) => {
            let (value, sender) = (message.value, &message.send.process);
            let mut witness = vec![message.send, told, receive];
            let mut sentence =
                format!("`{who}` received nothing, although `{sender}` had sent {value}");
            let next = messages
                .iter()
                .filter(|next| answer(next.send) < receive.called && next.value != value)
                .max_by_key(|next| next.receive.map_or(u64::MAX, |receive| receive.called));
            match next {
                Some(next) if receive.called < answer(told) => {
                    witness.push(next.send);
                    let next = next.value;
                    sentence.push_str(&format!(", and {next} was there when {value} was taken"));
                }
                _ => sentence.push_str(", which came later"),
            }
            violation(Kind::Order, sentence, &witness)
        }
        _ => violation(
            Kind::Loss,
            format!("`{who}` received nothing, although the queue was never empty meanwhile"),
            &[told],
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testing::{found, history, kinds};
    use crate::model::{History, Outcome, TaskId};

    fn said(text: &str) -> Vec<Kind> {
        kinds(fifo().as_ref(), text)
    }

    #[test]
    fn the_four_patterns() {
        assert_eq!(said("recv=1 1-2"), [Kind::Invention]);
        assert_eq!(
            said("send(1) 1-2, recv=1 3-4, recv=1 5-6"),
            [Kind::Duplication]
        );
        assert_eq!(
            said("send(1) 1-2, send(2) 3-4, recv=2 5-6, recv=1 7-8"),
            [Kind::Order]
        );
        assert_eq!(
            said("send(1) 1-2, recv=none 3-4, recv=1 5-6"),
            [Kind::Order]
        );
        assert_eq!(said("send(1) 1-2, send(2) 3-4, recv=2 5-6"), [Kind::Loss]);
        assert_eq!(said("send(1) 1-2, recv=none 3-4"), [Kind::Loss]);
    }

    #[test]
    fn overlapping_operations_may_be_in_either_order() {
        assert_eq!(said("send(1) 1-3, send(2) 2-4, recv=2 5-6, recv=1 7-8"), []);
        assert_eq!(said("send(1) 1-2, send(2) 3-4, recv=2 5-7, recv=1 6-8"), []);
        assert_eq!(said("send(1) 1-3, recv=none 2-4, recv=1 5-6"), []);
        assert_eq!(said("send(1) 1-2, recv=1 3-5, recv=none 4-6"), []);
    }

    #[test]
    fn a_chain_of_messages_keeps_the_queue_filled() {
        // 1 leaves only after 2 has arrived.
        let chain = "send(1) 1-2, recv=none 3-8, send(2) 4-5, recv=1 6-7, recv=2 9-10";
        assert_eq!(said(chain), [Kind::Order]);
        let sentence = &found(fifo().as_ref(), history(chain))[0].sentence;
        assert!(
            sentence.ends_with("and 2 was there when 1 was taken"),
            "{sentence}"
        );
    }

    #[test]
    fn a_send_that_was_cut_off_may_have_happened() {
        assert_eq!(said("send(1) 1, recv=1 2-3"), []);
        assert_eq!(said("send(1) 1, recv=none 2-3"), []);
        assert_eq!(said("send(1) 1, send(2) 2-3, recv=2 4-5, recv=1 6-7"), []);
    }

    #[test]
    fn a_receive_that_was_cut_off_may_have_taken_one_message_and_no_more() {
        let one = "send(1) 1-2, send(2) 3-4, recv 5, recv=2 6-7";
        assert_eq!(said(one), []);
        let too_late = "send(1) 1-2, send(2) 3-4, recv=2 6-7, recv 8";
        assert_eq!(said(too_late), [Kind::Loss]);
        let two = "send(1) 1-2, send(2) 3-4, send(3) 5-6, recv 7, recv=3 8-9";
        assert_eq!(said(two), [Kind::Loss]);
        let sentence = &found(fifo().as_ref(), history(two))[0].sentence;
        assert!(sentence.contains("can have taken only 1"), "{sentence}");
        let sends = "send(1) 1-2, send(2) 3-4, send(3) 5-6, send(4) 7-8";
        let each_in_time = "recv 9, recv=2 10-11, recv 12, recv=4 13-14";
        assert_eq!(said(&format!("{sends}, {each_in_time}")), []);
        let both_late = "recv=2 10-11, recv 12, recv 12, recv=4 13-14";
        assert_eq!(said(&format!("{sends}, {both_late}")), [Kind::Loss]);
        assert_eq!(said("send(1) 1-2, recv 3, recv=none 4-5"), []);
        assert_eq!(
            said("send(1) 1-2, send(2) 3-4, recv 5, recv=none 6-7"),
            [Kind::Loss]
        );
    }

    #[test]
    fn a_long_history_is_judged_without_delay() {
        let mut operations = Vec::new();
        for i in 0..200_000_u64 {
            let (send, at) = (i % 2 == 0, 2 * i);
            let value = (i / 2) as i64;
            operations.push(Operation {
                task: TaskId(u32::from(send)),
                process: String::new(),
                name: if send { "send" } else { "recv" }.into(),
                value: send.then_some(value),
                called: at,
                outcome: Outcome::Answered {
                    at: at + 1,
                    value: (!send).then_some(value),
                },
            });
        }
        assert!(found(fifo().as_ref(), History { operations }).is_empty());
    }
}
