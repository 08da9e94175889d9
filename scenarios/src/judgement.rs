//! What channels promise beyond order and completeness.

use crosswire::check::{Check, promise};
use crosswire::model::{History, Operation, Outcome, Run};
use std::sync::Arc;

/// The operation by which a sender closes its end.
pub(crate) const CLOSE: &str = "close";

fn of<'a>(history: &'a History, name: &'static str) -> impl Iterator<Item = &'a Operation> {
    history
        .operations
        .iter()
        .filter(move |operation| operation.name == name)
}

fn was_killed(run: &Run, process: &str) -> bool {
    run.trace
        .killed_by_fault()
        .any(|task| run.trace.name(task) == process)
}

/// Whether some call was made to fail: then anybody may have given up.
fn had_error(run: &Run) -> bool {
    let errno = |action| matches!(action, crosswire::model::Action::Errno(_));
    run.plan.faults.iter().any(|fault| errno(fault.action))
}

/// A receiver sees the end only after the last sender has begun to close, or died.
pub(crate) fn end_after_last_sender(senders: Vec<String>) -> Arc<dyn Check> {
    promise("end-after-last-sender", move |run| {
        for end in of(&run.history, "recv") {
            let Outcome::Answered { at, value: None } = end.outcome else {
                continue;
            };
            for sender in &senders {
                let closed = of(&run.history, CLOSE)
                    .any(|close| close.process == *sender && close.called < at);
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
pub(crate) fn closed_only_without_receivers(receivers: Vec<String>) -> Arc<dyn Check> {
    promise("closed-only-without-receivers", move |run| {
        let refused =
            of(&run.history, "send").find(|send| matches!(send.outcome, Outcome::Failed { .. }));
        let left = receivers.iter().find(|receiver| !was_killed(run, receiver));
        match (refused, left) {
            (Some(send), Some(receiver)) if !had_error(run) => Err(format!(
                "{} was told that every receiver had gone while {receiver} was there",
                send.process
            )),
            _ => Ok(()),
        }
    })
}

/// Every message comes whole: no receive finds half a message at the end.
pub(crate) fn whole_messages() -> Arc<dyn Check> {
    promise("whole-messages", |run| {
        let torn = of(&run.history, "recv")
            .find(|receive| matches!(receive.outcome, Outcome::Failed { .. }));
        match torn {
            Some(receive) if !had_error(run) => Err(format!(
                "{} received something that is not a message",
                receive.process
            )),
            _ => Ok(()),
        }
    })
}
