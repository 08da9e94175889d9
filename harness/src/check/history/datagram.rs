//! Messages with boundaries, in order for each sender.

use super::fifo::{falsely_empty, skipped, skips};
use super::messages::{Message, matched, overtaken, wrong_order};
use super::{Broken, Checker, Operations, Outcome, Unusable};

/// Datagrams. Operations: `send` and `recv`, each perhaps with a length as its key.
///
/// Nothing is invented, doubled, cut or put together; what one process sent arrives in
/// the order in which it was sent. Nothing is lost either, unless it may be: then what
/// never arrives is no fault. Every value sent must be different.
#[derive(Debug, Clone, Copy, Default)]
pub struct Datagram {
    /// Whether messages may be lost.
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
        let found = messages
            .list
            .iter()
            .find_map(|message| cut(operations, *message));
        let found = found.or_else(|| {
            let sender = |message: &Message| ops[message.send()].process;
            messages.list.sort_by_key(sender);
            let senders = || messages.list.chunk_by(|a, b| sender(a) == sender(b));
            let disordered = senders().find_map(|own| {
                let windows = own.iter().map(|message| (*message, message.window(ops)));
                overtaken(ops, windows)
            });
            disordered
                .map(|(first, second)| wrong_order(operations, first, second))
                .or_else(|| {
                    let skips = senders().flat_map(|own| skips(ops, own)).collect();
                    skipped(operations, skips, &messages.takers)
                })
        });
        Ok(found
            .or_else(|| falsely_empty(operations, &messages))
            .into())
    }
}

/// A message that did not arrive as it was sent.
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
