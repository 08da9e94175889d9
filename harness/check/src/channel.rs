//! The history of a channel: what was sent, what was received, what is unknown.
//!
//! A `send` has a value. A `recv` answers with a value, or with none: there was
//! nothing, either for the moment or because the channel had ended. Operations of
//! other names are no concern of a channel. An operation that failed had no
//! effect. One that never answered, because its process died or the run ended,
//! may have had its effect at any moment after its call, or none: a send that
//! was cut off counts only if its value was received; a receive that was cut off
//! may have taken any one value away.

use super::Unjudgeable;
use crosswire_model::{History, Operation, TaskId, Violation};

/// The operations on a channel, sorted by what they did.
pub(super) struct Channel<'a> {
    /// Sends that may have had an effect, by value and then call.
    pub(super) sends: Vec<(i64, &'a Operation)>,
    /// Receives that answered with a value, by value and then answer.
    pub(super) receives: Vec<(i64, &'a Operation)>,
    /// Receives that answered that there was nothing.
    pub(super) empties: Vec<&'a Operation>,
    /// Receives that never answered, by call.
    pub(super) cut_off: Vec<&'a Operation>,
}

impl<'a> Channel<'a> {
    /// Builds the channel's part of a history.
    pub(super) fn of(history: &'a History) -> Result<Self, Unjudgeable> {
        let mut channel = Channel {
            sends: Vec::new(),
            receives: Vec::new(),
            empties: Vec::new(),
            cut_off: Vec::new(),
        };
        for operation in &history.operations {
            match operation.name.as_str() {
                "send" if !failed(operation) => match operation.value {
                    Some(value) => channel.sends.push((value, operation)),
                    None => {
                        return Err(Unjudgeable::NoValue {
                            process: operation.process.clone(),
                            operation: operation.name.clone(),
                        });
                    }
                },
                "recv" if !failed(operation) => match (operation.answered(), operation.answer()) {
                    (None, _) => channel.cut_off.push(operation),
                    (Some(_), None) => channel.empties.push(operation),
                    (Some(_), Some(value)) => channel.receives.push((value, operation)),
                },
                _ => {}
            }
        }
        channel
            .sends
            .sort_by_key(|(value, send)| (*value, send.called));
        channel
            .receives
            .sort_by_key(|(value, recv)| (*value, answer(recv)));
        channel.cut_off.sort_by_key(|recv| recv.called);
        Ok(channel)
    }
}

/// Tells whether an operation reported that it had no effect.
pub(super) fn failed(operation: &Operation) -> bool {
    matches!(operation.outcome, crosswire_model::Outcome::Failed { .. })
}

/// Returns the time of an operation's answer; while it is pending, a time later than
/// everything.
pub(super) fn answer(operation: &Operation) -> u64 {
    operation.answered().unwrap_or(u64::MAX)
}

/// Returns the tasks that issued these operations, each once.
pub(super) fn tasks(operations: &[&Operation]) -> Vec<TaskId> {
    let mut tasks: Vec<TaskId> = operations.iter().map(|operation| operation.task).collect();
    tasks.sort_unstable();
    tasks.dedup();
    tasks
}

/// Returns a violation that these operations witness.
pub(super) fn violation(
    kind: crosswire_model::Kind,
    sentence: String,
    witness: &[&Operation],
) -> Violation {
    Violation {
        kind,
        sentence,
        tasks: tasks(witness),
        steps: Vec::new(),
        details: crosswire_histories::witness::draw(witness),
    }
}
