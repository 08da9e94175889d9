//! A queue: first in, first out.

use super::free::{Free, chain};
use super::messages::{Message, Messages, matched, overtaken, wrong_order};
use super::{Broken, Checker, Op, Operations, Outcome, Unusable};

/// One queue, in which nothing is lost, doubled, invented or overtaken, and which is
/// called empty only when it may be. Operations: `send` and `recv`.
///
/// Every value sent must be different.
///
/// A history is that of a queue if and only if it shows none of four patterns
/// (Henzinger, Sezgin and Vafeiadis, "Aspect-Oriented Linearizability Proofs",
/// CONCUR 2013; Bouajjani, Emmi, Enea and Hamza, ICALP 2015), each found by sorting
/// and one sweep. Both papers want every operation answered. Here those that were cut
/// off count as they must:
///
/// * a send whose value was never received is left out;
/// * a send whose value was received may have happened until then;
/// * a receive may have taken away one value, so values that are missing are no
///   fault as long as there are receives to have taken them in time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fifo;

impl Checker for Fifo {
    fn name(&self) -> &'static str {
        "fifo"
    }

    fn check(&self, operations: &Operations) -> Result<Outcome, Unusable> {
        operations.usable()?;
        let messages = match matched(operations)? {
            Ok(messages) => messages,
            Err(broken) => return Ok(Outcome::Violation(broken)),
        };
        let ops = &operations.list;
        let windows = messages
            .list
            .iter()
            .map(|message| (*message, message.window(ops)));
        let found = overtaken(ops, windows)
            .map(|(first, second)| wrong_order(operations, first, second))
            .or_else(|| skipped(operations, skips(ops, &messages.list), &messages.takers))
            .or_else(|| falsely_empty(operations, &messages));
        Ok(found.into())
    }
}

/// A missing message that must have been taken away by some moment.
pub(super) struct Skipped {
    pub(super) gone_by: u64,
    pub(super) missing: Message,
    pub(super) because: Because,
}

/// Reason why it must.
#[derive(Clone, Copy)]
pub(super) enum Because {
    /// This message was sent later, and received.
    Overtaken(Message),
    /// This receive found nothing.
    FoundEmpty(usize),
}

/// Finds missing messages that were overtaken and that no receive that was cut off
/// can have taken away. `takers` are the calls of those, in order.
///
/// Each missing message must be gone by the first answer to a receive of a message
/// sent after it, and may have been taken by a receive called before. Such an
/// assignment exists if and only if by every such moment no more messages must be
/// gone than receives were called (Hall's theorem for nested sets).
pub(super) fn skipped(
    operations: &Operations,
    mut skips: Vec<Skipped>,
    takers: &[(u64, usize)],
) -> Option<Broken> {
    skips.sort_by_key(|skip| skip.gone_by);
    skips.iter().enumerate().find_map(|(n, skip)| {
        let in_time = |(called, _): &(u64, usize)| *called <= skip.gone_by;
        let enough = takers.partition_point(in_time);
        (enough <= n).then(|| describe_skipped(operations, &skips[..=n], &takers[..enough]))
    })
}

/// Messages that are missing although one sent later was received.
pub(super) fn skips(ops: &[Op], list: &[Message]) -> Vec<Skipped> {
    let missing = list.iter().filter(|message| message.receive().is_none());
    let mut missing: Vec<Message> = missing.copied().collect();
    if missing.is_empty() {
        return Vec::new();
    }
    missing.sort_by_key(|message| std::cmp::Reverse(ops[message.send()].answered));
    let mut received: Vec<(u64, u64, Message)> = list
        .iter()
        .filter_map(|message| {
            let sent = ops[message.send()].called;
            Some((sent, ops[message.receive()?].answered, *message))
        })
        .collect();
    received.sort_by_key(|(sent, ..)| *sent);

    let mut skips = Vec::new();
    let mut first: Option<(u64, Message)> = None;
    for missing in missing {
        let sent = ops[missing.send()].answered;
        while let Some((_, at, message)) = received.pop_if(|(called, ..)| *called > sent) {
            if first.is_none_or(|(first, _)| at < first) {
                first = Some((at, message));
            }
        }
        skips.extend(first.map(|(gone_by, overtaker)| Skipped {
            gone_by,
            missing,
            because: Because::Overtaken(overtaker),
        }));
    }
    skips
}

fn describe_skipped(operations: &Operations, skips: &[Skipped], takers: &[(u64, usize)]) -> Broken {
    let skip = skips.last().expect("one skip too many");
    let value = |message: Message| operations.list[message.send()].value;
    let (a, sender) = (value(skip.missing), operations.who(skip.missing.send()));
    let mut sentence = match skip.because {
        Because::Overtaken(message) => format!(
            "{} was received, but {a}, which `{sender}` had sent before it, never was",
            value(message)
        ),
        Because::FoundEmpty(told) => format!(
            "`{}` received nothing, although `{sender}` had sent {a}, which never came",
            operations.who(told)
        ),
    };
    if !takers.is_empty() {
        sentence.push_str(&format!(
            "; {} such messages are missing, and receives that were cut off can have taken only {}",
            skips.len(),
            takers.len()
        ));
    }
    let mut witness: Vec<usize> = skips.iter().map(|skip| skip.missing.send()).collect();
    for skip in skips {
        match skip.because {
            Because::Overtaken(message) => {
                witness.push(message.send());
                witness.extend(message.receive());
            }
            Because::FoundEmpty(told) => witness.push(told),
        }
    }
    witness.extend(takers.iter().map(|(_, receive)| *receive));
    witness.sort_unstable();
    witness.dedup();
    Broken::new("loss", witness, sentence)
}

/// Finds a receive that found nothing although the queue held something at every moment.
fn falsely_empty(operations: &Operations, messages: &Messages) -> Option<Broken> {
    if messages.empties.is_empty() {
        return None;
    }
    let ops = &operations.list;
    let free = free(ops, messages);
    let told = messages
        .empties
        .iter()
        .find(|&&told| !free.within(ops[told].called, ops[told].answered))?;
    Some(never_empty(operations, messages, *told))
}

/// Returns the moments at which the queue may have been empty.
pub(super) fn free(ops: &[Op], messages: &Messages) -> Free {
    let stays = messages.list.iter().map(|message| message.stay(ops));
    Free::of(stays, messages.takers.iter().map(|(called, _)| *called))
}

/// Explains why a queue cannot have been empty when a receive found nothing.
pub(super) fn never_empty(operations: &Operations, messages: &Messages, told: usize) -> Broken {
    let ops = &operations.list;
    let value = |message: Message| ops[message.send()].value;
    let (from, to) = (ops[told].called, ops[told].answered);
    let who = operations.who(told);
    let (received, missing): (Vec<Message>, Vec<Message>) = messages
        .list
        .iter()
        .partition(|message| message.receive().is_some());
    let ends: Vec<(u64, u64)> = received.iter().map(|message| message.stay(ops)).collect();
    if let Some(links) = chain(&ends, from, to) {
        let links: Vec<Message> = links.into_iter().map(|i| received[i]).collect();
        let first = links[0];
        let sender = operations.who(first.send());
        let mut sentence = format!(
            "`{who}` received nothing, although `{sender}` had sent {}",
            value(first)
        );
        match links.as_slice() {
            [_] => sentence.push_str(", which came later"),
            links => {
                for pair in links.windows(2) {
                    let (taken, next) = (value(pair[0]), value(pair[1]));
                    sentence.push_str(&format!(", and {next} was there when {taken} was taken"));
                }
            }
        }
        let mut witness = vec![told];
        for link in links {
            witness.push(link.send());
            witness.extend(link.receive());
        }
        return Broken::new("empty", witness, sentence);
    }
    never_gone(operations, messages, &missing, told)
}

/// Describes the same violation for missing messages, when too few receives were cut off
/// to have taken them.
fn never_gone(
    operations: &Operations,
    messages: &Messages,
    missing: &[Message],
    told: usize,
) -> Broken {
    let ops = &operations.list;
    let in_time = |(called, _): &(u64, usize)| *called <= ops[told].answered;
    let takers = messages.takers.partition_point(in_time);
    let mut there: Vec<usize> = missing
        .iter()
        .map(|message| message.send())
        .filter(|send| ops[*send].answered < ops[told].called)
        .collect();
    there.sort_by_key(|send| ops[*send].answered);
    let who = operations.who(told);
    let mut witness = vec![told];
    witness.extend(
        messages.takers[..takers]
            .iter()
            .map(|(_, receive)| *receive),
    );
    if there.len() <= takers {
        // Some left only while others had come that are missing as well.
        let others = messages.list.iter().filter(|message| {
            let (from, until) = message.stay(ops);
            from < ops[told].answered && until > ops[told].called
        });
        for message in others {
            witness.push(message.send());
            witness.extend(message.receive());
        }
        let sentence =
            format!("`{who}` received nothing, although the queue was never empty meanwhile");
        return Broken::new("empty", witness, sentence);
    }
    there.truncate(takers + 1);
    let (sender, value) = (operations.who(there[0]), ops[there[0]].value);
    let mut sentence = format!("`{who}` received nothing, although `{sender}` had sent {value}");
    match takers {
        0 => sentence.push_str(", which never came"),
        _ => sentence.push_str(&format!(
            "; {} messages never came, and receives that were cut off can have taken only {takers}",
            takers + 1
        )),
    }
    witness.extend(there);
    Broken::new("loss", witness, sentence)
}
