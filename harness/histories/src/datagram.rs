//! Messages with boundaries, in order for each sender.

use super::fifo::{Because, Skipped, free, never_empty, skipped, skips};
use super::messages::{Message, Messages, matched, overtaken, wrong_order};
use super::{Broken, Checker, Operations, Outcome, Unusable};
use std::collections::BTreeMap;

/// Datagrams. Operations: `send` and `recv`, each perhaps with a length as its key.
///
/// Nothing is invented, doubled, cut or put together; what one process sent arrives in
/// the order in which it was sent. Nothing is lost either, unless it may be: then what
/// never arrives is no fault. Every value sent must be different.
#[derive(Debug, Clone, Copy, Default)]
pub struct Datagram {
    /// True if messages may be lost.
    pub lossy: bool,
}

/// The length of a message of which it is not said.
pub const NO_LENGTH: i64 = -1;

impl Checker for Datagram {
    fn name(&self) -> &'static str {
        "datagram"
    }

    fn check(&self, operations: &Operations) -> Result<Outcome, Unusable> {
        operations.usable()?;
        let mut messages = match matched(operations)? {
            Ok(messages) => messages,
            Err(broken) => return Ok(Outcome::Violation(broken)),
        };
        if self.lossy {
            messages.list.retain(|message| message.receive().is_some());
        }
        let ops = &operations.list;
        let sender = |message: &Message| ops[message.send()].process;
        messages.list.sort_by_key(sender);
        let senders = || messages.list.chunk_by(|a, b| sender(a) == sender(b));
        let found = messages
            .list
            .iter()
            .find_map(|message| cut(operations, *message));
        let found = found.or_else(|| {
            let disordered = senders().find_map(|own| {
                let windows = own.iter().map(|message| (*message, message.window(ops)));
                overtaken(ops, windows)
            });
            disordered.map(|(first, second)| wrong_order(operations, first, second))
        });
        let found = found.or_else(|| {
            let skips = senders().flat_map(|own| skips(ops, own)).collect();
            lost(operations, &messages, skips)
        });
        Ok(found.into())
    }
}

/// Finds a receive that found nothing although a message was there at every moment, or
/// more missing messages than receives that were cut off can have taken.
///
/// A missing message must be gone by the first answer to a receive of a message that the
/// same process sent after it, and by the first moment at which nothing is there. Those
/// moments are taken to be as early as can be, when the fewest messages must be gone.
fn lost(operations: &Operations, messages: &Messages, mut skips: Vec<Skipped>) -> Option<Broken> {
    let ops = &operations.list;
    if messages.empties.is_empty() {
        return skipped(operations, skips, &messages.takers);
    }
    let free = free(ops, messages);
    let mut moments: Vec<(u64, usize)> = Vec::with_capacity(messages.empties.len());
    for &told in &messages.empties {
        match free.next(ops[told].called) {
            Some(moment) if moment <= ops[told].answered => moments.push((moment, told)),
            _ => return Some(never_empty(operations, messages, told)),
        }
    }
    moments.sort_unstable();
    let known = skips
        .iter()
        .enumerate()
        .map(|(i, skip)| (skip.missing.send(), i));
    let known: BTreeMap<usize, usize> = known.collect();
    for missing in messages
        .list
        .iter()
        .filter(|message| message.receive().is_none())
    {
        let sent = ops[missing.send()].answered;
        let first = moments.partition_point(|(moment, _)| *moment <= sent);
        let Some(&(gone_by, told)) = moments.get(first) else {
            continue;
        };
        let skip = Skipped {
            gone_by,
            missing: *missing,
            because: Because::FoundEmpty(told),
        };
        match known.get(&missing.send()) {
            None => skips.push(skip),
            Some(&i) if gone_by < skips[i].gone_by => skips[i] = skip,
            Some(_) => {}
        }
    }
    skipped(operations, skips, &messages.takers)
}

/// Returns a message that did not arrive as it was sent.
fn cut(operations: &Operations, message: Message) -> Option<Broken> {
    let receive = message.receive()?;
    let (sent, received) = (&operations.list[message.send()], &operations.list[receive]);
    let differs = sent.key != received.key && sent.key != NO_LENGTH && received.key != NO_LENGTH;
    differs.then(|| {
        let sentence = format!(
            "`{}` sent {} with a length of {}, but `{}` received it with one of {}",
            operations.who(message.send()),
            sent.value,
            sent.key,
            operations.who(receive),
            received.key
        );
        Broken::new("boundary", [message.send(), receive], sentence)
    })
}
