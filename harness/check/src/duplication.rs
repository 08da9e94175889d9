//! Duplications: values received more often than they were sent.

use super::channel::{Channel, answer, violation};
use super::{Check, Unjudgeable};
use crosswire_model::{Kind, Operation, Run, Violation};
use std::sync::Arc;

/// Checks that no value is received more often than it had been sent by then, counting
/// sends that were cut off.
///
/// Values may be sent more than once. The operations are `send` and `recv`.
pub fn no_duplication() -> Arc<dyn Check> {
    Arc::new(NoDuplication)
}

struct NoDuplication;

impl Check for NoDuplication {
    fn name(&self) -> &str {
        "no-duplication"
    }

    fn judges_unfinished(&self) -> bool {
        true
    }

    fn check(&self, run: &Run) -> Result<Vec<Violation>, Unjudgeable> {
        let channel = Channel::of(&run.history)?;
        Ok(find(&channel).into_iter().collect())
    }
}

/// Finds a value received for the nth time when fewer than n sends of it had begun, but
/// at least one: the rest is invention.
fn find(channel: &Channel<'_>) -> Option<Violation> {
    let mut rest = channel.sends.as_slice();
    for receives in channel.receives.chunk_by(|(a, _), (b, _)| a == b) {
        let value = receives[0].0;
        rest = &rest[rest.partition_point(|(sent, _)| *sent < value)..];
        let sends = &rest[..rest.partition_point(|(sent, _)| *sent == value)];
        for (n, (_, receive)) in receives.iter().enumerate() {
            let begun = sends.partition_point(|(_, send)| send.called <= answer(receive));
            if 0 < begun && begun <= n {
                let witness = [sends[0].1, receives[n - 1].1, receive];
                return Some(describe(value, begun, n + 1, &witness));
            }
        }
    }
    None
}

fn describe(value: i64, sent: usize, received: usize, witness: &[&Operation; 3]) -> Violation {
    let [_, first, second] = witness;
    let (first, second) = (&first.process, &second.process);
    let sentence = match (sent, received) {
        (1, 2) if first == second => {
            format!("{value} was sent once and received twice, by `{first}`")
        }
        (1, 2) => {
            format!("{value} was sent once and received twice, by `{first}` and by `{second}`")
        }
        _ => format!(
            "{value} had been sent {sent} times when it was received for the {received}th time, \
             by `{second}`"
        ),
    };
    violation(Kind::Duplication, sentence, witness)
}

#[cfg(test)]
mod tests {
    use crate::testing::{found, history, kinds};
    use crosswire_model::Kind;

    #[test]
    fn every_send_accounts_for_one_receive() {
        let check = super::no_duplication();
        let check = check.as_ref();
        assert_eq!(kinds(check, "send(1) 1-2, recv=1 3-4"), []);
        assert_eq!(
            kinds(check, "send(1) 1-2, send(1) 3, recv=1 4-5, recv=1 6-7"),
            []
        );
        assert_eq!(
            kinds(check, "send(1) 1-2, recv=1 3-4, recv=1 5-6, send(1) 7-8"),
            [Kind::Duplication],
            "the second send came too late"
        );
        assert_eq!(
            kinds(check, "send(1) 1-2, send(1) 3-4!, recv=1 5-6, recv=1 7-8"),
            [Kind::Duplication],
            "the second send failed"
        );
        assert_eq!(
            kinds(check, "recv=1 5-6, recv=1 7-8"),
            [],
            "that is invention"
        );
        let twice = found(
            check,
            history("p: send(4) 1-2, c: recv=4 3-4, d: recv=4 5-6"),
        );
        assert_eq!(
            twice[0].sentence,
            "4 was sent once and received twice, by `c` and by `d`"
        );
    }
}
