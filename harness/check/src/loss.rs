//! Losses of acknowledged messages.

use super::channel::{Channel, answer, violation};
use super::{Check, Unjudgeable};
use crosswire_histories::Free;
use crosswire_histories::NEVER;
use crosswire_model::{End, Kind, Operation, Run, Violation};
use std::sync::Arc;

/// Checks that a message whose send answered is received, whatever else goes wrong.
///
/// A message that was not received may still be in the channel; that is no loss.
/// It is lost if afterwards a `recv` answered that there was nothing, or that the
/// channel had ended. Receives that were cut off are given the benefit of the
/// doubt: each may have taken one message.
///
/// Values may be sent more than once. The operations are `send` and `recv`.
pub fn no_loss_of_acknowledged() -> Arc<dyn Check> {
    Arc::new(NoLoss {
        everything_received: false,
    })
}

/// Checks the same as [`no_loss_of_acknowledged`], and that nothing remains in the
/// channel when the run is over, if a receiver was left to fetch it: at least one task
/// that issued a `recv` was not killed by a fault. For scenarios whose receivers continue
/// until they have everything.
pub fn everything_received() -> Arc<dyn Check> {
    Arc::new(NoLoss {
        everything_received: true,
    })
}

struct NoLoss {
    everything_received: bool,
}

impl Check for NoLoss {
    fn name(&self) -> &str {
        match self.everything_received {
            true => "everything-received",
            false => "no-loss-of-acknowledged",
        }
    }

    fn judges_unfinished(&self) -> bool {
        true
    }

    fn check(&self, run: &Run) -> Result<Vec<Violation>, Unjudgeable> {
        let channel = Channel::of(&run.history)?;
        let missing = missing(&channel);
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let found = found_empty(&channel, &missing).or_else(|| {
            let judged = self.everything_received && over(run) && receiver_left(run);
            (judged && missing.len() > channel.cut_off.len())
                .then(|| describe(&missing, channel.cut_off.len(), None))
        });
        Ok(found.into_iter().collect())
    }
}

/// Acknowledged sends that no receive accounts for, by answer.
///
/// Of several sends of one value the first to answer are taken to be those that
/// were received, and before any that were cut off: that leaves the fewest
/// missing, and those the latest.
fn missing<'a>(channel: &Channel<'a>) -> Vec<(i64, &'a Operation)> {
    let mut missing = Vec::new();
    let mut receives = channel.receives.as_slice();
    for sends in channel.sends.chunk_by(|(a, _), (b, _)| a == b) {
        let value = sends[0].0;
        receives = &receives[receives.partition_point(|(other, _)| *other < value)..];
        let received = receives.partition_point(|(other, _)| *other == value);
        let acknowledged = sends.iter().filter(|(_, send)| send.answered().is_some());
        if acknowledged.clone().count() > received {
            let first = missing.len();
            missing.extend(acknowledged);
            missing[first..].sort_by_key(|(_, send)| answer(send));
            missing.drain(first..first + received);
        }
    }
    missing.sort_by_key(|(_, send)| answer(send));
    missing
}

/// Tells whether nothing can be received any more.
fn over(run: &Run) -> bool {
    matches!(run.trace.end, End::Finished | End::Deadlock(_))
}

/// Tells whether some task that ever received was not killed by a fault.
fn receiver_left(run: &Run) -> bool {
    let leader = |task: crosswire_model::TaskId| {
        let task = run.trace.tasks.get(task.index());
        task.map(|task| task.leader)
    };
    run.history
        .operations
        .iter()
        .filter(|operation| operation.name == "recv")
        .any(|receive| {
            let receiver = leader(receive.task);
            !run.trace
                .killed_by_fault()
                .any(|killed| Some(killed) == receiver)
        })
}

fn found_empty(channel: &Channel<'_>, missing: &[(i64, &Operation)]) -> Option<Violation> {
    if channel.empties.is_empty() {
        return None;
    }
    let free = Free::of(
        missing.iter().map(|(_, send)| (answer(send), NEVER)),
        channel.cut_off.iter().map(|receive| receive.called),
    );
    let is_false = |told: &&&Operation| !free.within(told.called, answer(told));
    let told = channel.empties.iter().find(is_false)?;
    let before = missing.partition_point(|(_, send)| answer(send) < told.called);
    let takers = channel
        .cut_off
        .partition_point(|receive| receive.called <= told.called);
    Some(describe(&missing[..before], takers, Some(told)))
}

/// Messages named in a sentence before it says "and n more".
const NAMED: usize = 5;

fn describe(missing: &[(i64, &Operation)], takers: usize, told: Option<&Operation>) -> Violation {
    let values: Vec<String> = missing
        .iter()
        .take(NAMED)
        .map(|(value, _)| value.to_string())
        .collect();
    let mut sentence = match missing {
        [(value, send)] => format!("`{}` sent {value} and was told so", send.process),
        _ => format!("sending {}", values.join(", ")),
    };
    if missing.len() > NAMED {
        sentence.push_str(&format!(" and {} more", missing.len() - NAMED));
    }
    if missing.len() > 1 {
        sentence.push_str(" was acknowledged");
    }
    sentence.push_str(match missing.len() {
        1 => ", but nobody received it",
        _ => ", but nobody received them",
    });
    if let Some(told) = told {
        sentence.push_str(&format!(
            ", and `{}` then found nothing there",
            told.process
        ));
    }
    if takers > 0 {
        sentence.push_str(&format!(
            "; receives that were cut off can have taken only {takers} of them"
        ));
    }
    let shown = 3;
    let mut witness: Vec<&Operation> = missing.iter().take(shown).map(|(_, send)| *send).collect();
    witness.extend(told);
    violation(Kind::Loss, sentence, &witness)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{found, history, kinds};
    use crosswire_model::Limit;
    use crosswire_model::testing::RunBuilder;

    #[test]
    fn what_may_still_be_in_the_channel_is_not_lost() {
        let check = no_loss_of_acknowledged();
        let check = check.as_ref();
        assert_eq!(kinds(check, "send(1) 1-2"), []);
        assert_eq!(kinds(check, "send(1) 1-2, recv=none 3-4"), [Kind::Loss]);
        assert_eq!(
            kinds(check, "send(1) 1-3, recv=none 2-4"),
            [],
            "it may have come after"
        );
        assert_eq!(
            kinds(check, "send(1) 1-2, recv=none 3-4, recv=1 5-6"),
            [],
            "late, not lost"
        );
        assert_eq!(
            kinds(check, "send(1) 1, recv=none 3-4"),
            [],
            "never acknowledged"
        );
        assert_eq!(kinds(check, "send(1) 1-2!, recv=none 3-4"), [], "it failed");
    }

    #[test]
    fn a_receive_that_was_cut_off_may_have_taken_it() {
        let check = no_loss_of_acknowledged();
        let check = check.as_ref();
        assert_eq!(kinds(check, "send(1) 1-2, recv 3, recv=none 4-5"), []);
        assert_eq!(
            kinds(check, "send(1) 1-2, recv=none 4-5, recv 6"),
            [Kind::Loss]
        );
        let two = found(
            check,
            history("send(1) 1-2, send(2) 1-2, recv 3, recv=none 4-5"),
        );
        assert_eq!(
            two[0].sentence,
            "sending 1, 2 was acknowledged, but nobody received them, and `p3` then found nothing \
             there; receives that were cut off can have taken only 1 of them"
        );
    }

    #[test]
    fn of_equal_values_as_many_must_arrive_as_were_acknowledged() {
        let check = no_loss_of_acknowledged();
        let check = check.as_ref();
        let twice = "send(1) 1-2, send(1) 3-4, recv=1 5-6";
        assert_eq!(
            kinds(check, &format!("{twice}, recv=none 7-8")),
            [Kind::Loss]
        );
        assert_eq!(
            kinds(check, &format!("{twice}, recv=1 7-8, recv=none 9-10")),
            []
        );
    }

    #[test]
    fn everything_is_received_if_somebody_was_left_to_receive_it() {
        let check = everything_received();
        let ended = |run: RunBuilder, end| {
            let mut run = run.end(end);
            run.history = history("p: send(1) 1-2, p: send(2) 3-4, c: recv=1 5-6");
            check.check(&run).unwrap()
        };
        let both = || RunBuilder::new(&["p", "c"]);
        let found = ended(both(), End::Finished);
        assert_eq!(
            found[0].sentence,
            "`p` sent 2 and was told so, but nobody received it"
        );
        assert!(ended(both(), End::Limit(Limit::Steps)).is_empty());
        let mut none = both().end(End::Finished);
        none.history = history("p: send(1) 1-2, p: send(2) 3-4, p: send(3) 5-6, c: recv 7");
        assert_eq!(
            check.check(&none).unwrap()[0].sentence,
            "sending 1, 2, 3 was acknowledged, but nobody received them; receives that were cut \
             off can have taken only 1 of them"
        );
        assert!(ended(both().fault(1, 9, "kill:c@#1"), End::Finished).is_empty());
        assert!(!ended(both().fault(0, 9, "kill:p@#1"), End::Finished).is_empty());
    }
}
