//! The operations on a channel: which receive got which message.

use super::values::{NONE, Values};
use super::{Action, Broken, NEVER, Op, Operations, Unusable};

/// The operations of a channel, sorted by what they did; each is named by its index
/// into the history.
pub(super) struct Messages {
    /// Every message that was sent. One that was cut off and never received counts
    /// for nothing and is not here.
    pub(super) list: Vec<Message>,
    /// Receives that found nothing.
    pub(super) empties: Vec<usize>,
    /// Calls of receives that were cut off, in order. Each may have taken a message
    /// away.
    pub(super) takers: Vec<(u64, usize)>,
}

/// A message and what became of it.
#[derive(Clone, Copy)]
pub(super) struct Message {
    send: u32,
    receive: u32,
}

impl Message {
    /// Returns the operation that sent it.
    pub(super) fn send(self) -> usize {
        self.send as usize
    }

    /// Returns the operation that received it, if any.
    pub(super) fn receive(self) -> Option<usize> {
        (self.receive != NONE).then_some(self.receive as usize)
    }

    /// Returns the times strictly between which it was certainly there.
    pub(super) fn stay(self, ops: &[Op]) -> (u64, u64) {
        let until = self.receive().map_or(NEVER, |receive| ops[receive].called);
        (ops[self.send()].answered, until)
    }

    /// Between which moments it was received, if it was.
    pub(super) fn window(self, ops: &[Op]) -> (u64, u64) {
        let receive = self.receive().map(|receive| &ops[receive]);
        receive.map_or((NEVER, NEVER), |op| (op.called, op.answered))
    }
}

/// Puts sends and receives together.
///
/// # Errors
/// `Unusable` if a value was sent twice. `Broken` if one was received that had not
/// been sent, or had been received before.
pub(super) fn matched(operations: &Operations) -> Result<Result<Messages, Broken>, Unusable> {
    let ops = &operations.list;
    if ops.len() >= NONE as usize {
        return Err(Unusable::new(NONE as usize, "too many operations"));
    }
    let sends = ops.iter().filter(|op| op.action == Action::Send);
    let mut index = Values::of(sends.map(|op| op.value));
    let mut list: Vec<Message> = Vec::with_capacity(ops.len() / 2);
    for (i, op) in ops.iter().enumerate() {
        if op.action == Action::Send {
            let earlier = index.set(op.value, list.len() as u32);
            if earlier != NONE {
                return Err(Unusable::new(
                    i,
                    format!(
                        "{} is sent a second time, and only different values tell messages apart",
                        op.value
                    ),
                ));
            }
            list.push(Message {
                send: i as u32,
                receive: NONE,
            });
        }
    }
    let (mut empties, mut takers) = (Vec::new(), Vec::new());
    for (i, op) in ops.iter().enumerate() {
        match op.action {
            Action::Receive if op.is_pending() => takers.push((op.called, i)),
            Action::Receive if op.nothing => empties.push(i),
            Action::Receive => {
                let message = list.get_mut(index.get(op.value) as usize);
                let Some(message) = message else {
                    return Ok(Err(never_sent(operations, i)));
                };
                if op.answered < ops[message.send()].called {
                    return Ok(Err(too_early(operations, i, message.send())));
                }
                if let Some(earlier) = message.receive() {
                    let witness = [message.send(), earlier, i];
                    return Ok(Err(twice(operations, witness)));
                }
                message.receive = i as u32;
            }
            _ => {}
        }
    }
    takers.sort_unstable();
    list.retain(|message| message.receive != NONE || !ops[message.send()].is_pending());
    Ok(Ok(Messages {
        list,
        empties,
        takers,
    }))
}

fn never_sent(operations: &Operations, receive: usize) -> Broken {
    let value = operations.list[receive].value;
    let who = operations.who(receive);
    let sentence = format!("`{who}` received {value}, which no process sent");
    Broken::new("invention", [receive], sentence)
}

fn too_early(operations: &Operations, receive: usize, send: usize) -> Broken {
    let value = operations.list[receive].value;
    let (receiver, sender) = (operations.who(receive), operations.who(send));
    Broken::new(
        "invention",
        [receive, send],
        format!("`{receiver}` received {value} before `{sender}` began to send it"),
    )
}

fn twice(operations: &Operations, witness: [usize; 3]) -> Broken {
    let [_, first, second] = witness;
    let value = operations.list[first].value;
    let (first, second) = (operations.who(first), operations.who(second));
    let by = match first == second {
        true => format!("by `{first}`"),
        false => format!("by `{first}` and by `{second}`"),
    };
    let sentence = format!("{value} was sent once and received twice, {by}");
    Broken::new("duplication", witness, sentence)
}

/// Returns the first of two messages that were sent one after the other and received the
/// other way round, and the second.
///
/// Receives are gone through by their calls, with the message of latest call among
/// those surely received by then: receiving *a* is wrong if and only if that call
/// comes after the answer to the send of *a* (pattern `VOrd` of Henzinger, Sezgin
/// and Vafeiadis, CONCUR 2013). Each message comes with the moments between which it
/// was received; those that never were do not matter.
pub(super) fn overtaken(
    ops: &[Op],
    list: impl Iterator<Item = (Message, (u64, u64))>,
) -> Option<(Message, Message)> {
    let mut by_call: Vec<(u64, Message)> = Vec::with_capacity(list.size_hint().0);
    let mut by_answer: Vec<(u64, Message)> = Vec::with_capacity(list.size_hint().0);
    for (message, (called, answered)) in list {
        if message.receive().is_some() {
            by_call.push((called, message));
            by_answer.push((answered, message));
        }
    }
    by_call.sort_unstable_by_key(|(called, _)| *called);
    by_answer.sort_unstable_by_key(|(answered, _)| *answered);

    let mut received = by_answer.iter().peekable();
    let mut newest: Option<(u64, Message)> = None;
    for (called, message) in by_call {
        while let Some((_, other)) = received.next_if(|(answered, _)| *answered < called) {
            let sent = ops[other.send()].called;
            if newest.is_none_or(|(newest, _)| newest < sent) {
                newest = Some((sent, *other));
            }
        }
        if let Some((sent, newest)) = newest
            && sent > ops[message.send()].answered
        {
            return Some((message, newest));
        }
    }
    None
}

/// Describes the violation by two messages that [`overtaken`] found.
pub(super) fn wrong_order(operations: &Operations, first: Message, second: Message) -> Broken {
    let (Some(late), Some(early)) = (first.receive(), second.receive()) else {
        unreachable!("only received messages are compared");
    };
    let value = |message: Message| operations.list[message.send()].value;
    let (a, b) = (value(first), value(second));
    let by = |x: usize, y: usize| match (operations.who(x), operations.who(y)) {
        (x, y) if x == y => format!(" by `{x}`"),
        (x, y) => format!(" by `{x}` and `{y}`"),
    };
    let senders = by(first.send(), second.send());
    let receivers = by(early, late);
    Broken::new(
        "order",
        [first.send(), second.send(), early, late],
        format!("{a} was sent before {b}{senders}, but {b} was received before {a}{receivers}"),
    )
}
