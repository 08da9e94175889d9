//! What channels promise beyond order and completeness.

use super::history::{end, failed, had_error, of, was_killed};
use crate::check::{Check, promise};
use crate::model::{Operation, Outcome, Run};
use std::sync::Arc;

/// The operation by which a sender closes its end.
pub(super) const CLOSE: &str = "close";

/// How urgent the message of a value is.
pub(super) fn urgency(value: i64) -> u32 {
    (value % 3) as u32
}

/// A receiver sees the end only after the last sender has begun to close, or died.
pub(super) fn end_after_last_sender(senders: Vec<String>) -> Arc<dyn Check> {
    promise("end-after-last-sender", move |run| {
        for end in of(run, "recv") {
            let Outcome::Answered { at, value: None } = end.outcome else {
                continue;
            };
            for sender in &senders {
                let closed =
                    of(run, CLOSE).any(|close| close.process == *sender && close.called < at);
                if !closed && !was_killed(run, sender) && !had_error(run) {
                    return Err(format!(
                        "{} saw the end of the channel while {sender} had it open",
                        end.process
                    ));
                }
            }
        }
        Ok(())
    })
}

/// A sender is told that nobody is left only if that is so.
pub(super) fn closed_only_without_receivers(receivers: Vec<String>) -> Arc<dyn Check> {
    promise("closed-only-without-receivers", move |run| {
        let refused = of(run, "send").find(|send| failed(send));
        let left = receivers.iter().find(|receiver| !was_killed(run, receiver));
        match (refused, left) {
            (Some(send), Some(receiver)) if !had_error(run) => Err(format!(
                "{} could not send while {receiver} was there to receive",
                send.process
            )),
            _ => Ok(()),
        }
    })
}

/// Every message comes whole: no receive finds half a message at the end.
pub(super) fn whole_messages() -> Arc<dyn Check> {
    promise("whole-messages", |run| {
        let torn = of(run, "recv").find(|receive| failed(receive));
        match torn {
            Some(receive) if !had_error(run) => Err(format!(
                "{} received something that is not a message",
                receive.process
            )),
            _ => Ok(()),
        }
    })
}

/// The most urgent message first; among equals, first in, first out; each once.
pub(super) fn order(_tells_end: bool) -> Arc<dyn Check> {
    promise("urgent-first", |run| {
        let sends: Vec<&Operation> = of(run, "send").filter(|send| !failed(send)).collect();
        let receives: Vec<(i64, &Operation)> = of(run, "recv")
            .filter_map(|receive| Some((receive.answer()?, receive)))
            .collect();
        let mut seen = std::collections::BTreeMap::new();
        for (value, receive) in &receives {
            if sends.iter().all(|send| send.value != Some(*value)) {
                return Err(format!(
                    "{} received {value}, which nobody sent",
                    receive.process
                ));
            }
            if seen.insert(*value, receive).is_some() {
                return Err(format!("{value} was received twice"));
            }
        }
        for (value, receive) in &receives {
            if let Some(better) = overtaken(run, &sends, &seen, *value, receive) {
                return Err(format!(
                    "{} received {value} while {better}, which comes before it, was waiting",
                    receive.process
                ));
            }
        }
        Ok(())
    })
}

/// A message that was surely in the channel when `value` was received, and should
/// have come first.
fn overtaken(
    run: &Run,
    sends: &[&Operation],
    received: &std::collections::BTreeMap<i64, &&Operation>,
    value: i64,
    receive: &Operation,
) -> Option<i64> {
    let own = sends.iter().find(|send| send.value == Some(value))?;
    let cut_off = of(run, "recv").any(|receive| receive.answered().is_none());
    sends
        .iter()
        .filter(|send| end(send) < receive.called)
        .filter_map(|send| Some((send.value?, send)))
        .filter(|(other, send)| {
            let more_urgent = urgency(*other) > urgency(value);
            let earlier = urgency(*other) == urgency(value) && end(send) < own.called;
            more_urgent || earlier
        })
        .find(|(other, _)| match received.get(other) {
            Some(taken) => taken.called > end(receive),
            None => !cut_off,
        })
        .map(|(other, _)| other)
}
