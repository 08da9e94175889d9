//! Promises of channels beyond order and completeness.

use super::history::{failed, had_error, of, was_killed};
use crosswire_check::history::{PriorityQueue, prepared};
use crosswire_check::{Check, promise};
use crosswire_model::Outcome;
use std::sync::Arc;

/// The operation by which a sender closes its end.
pub(super) const CLOSE: &str = "close";

/// Returns the urgency of the message of a value.
pub(super) fn urgency(value: i64) -> u32 {
    (value % 3) as u32
}

/// Checks that a receiver sees the end only after the last sender has begun to close, or
/// died.
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

/// Checks that a sender gets the error for a channel without receivers only if none is
/// left.
pub(super) fn closed_only_without_receivers(receivers: Vec<String>) -> Arc<dyn Check> {
    promise("closed-only-without-receivers", move |run| {
        let refused = of(run, "send").find(|send| failed(send));
        let left = receivers.iter().find(|receiver| !was_killed(run, receiver));
        match (refused, left) {
            (Some(send), Some(receiver)) if !had_error(run) => Err(format!(
                "{} could not send while {receiver} could receive",
                send.process
            )),
            _ => Ok(()),
        }
    })
}

/// Checks that every message arrives whole: no receive finds half a message at the end.
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

/// Checks that the most urgent message comes first; among equals, first in, first out;
/// each once. Receives that found nothing do not matter: without an end, they depend on
/// patience.
pub(super) fn urgent_first() -> Arc<dyn Check> {
    prepared("urgent-first", PriorityQueue::default(), |op| {
        op.key = i64::from(urgency(op.value));
        !op.nothing
    })
}
