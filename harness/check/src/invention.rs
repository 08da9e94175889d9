//! Inventions: receiving a value that no process sent.

use super::channel::{Channel, answer, failed, violation};
use super::{Check, Unjudgeable};
use crosswire_model::{Kind, Operation, Run, Violation};
use std::sync::Arc;

/// Checks that every received value is one that some process had begun to send. A failed
/// send had no effect, so its value must not arrive.
///
/// Values may be sent more than once. The operations are `send` and `recv`.
pub fn no_invention() -> Arc<dyn Check> {
    Arc::new(NoInvention)
}

struct NoInvention;

impl Check for NoInvention {
    fn name(&self) -> &str {
        "no-invention"
    }

    fn judges_unfinished(&self) -> bool {
        true
    }

    fn check(&self, run: &Run) -> Result<Vec<Violation>, Unjudgeable> {
        let channel = Channel::of(&run.history)?;
        let Some((value, receive)) = invented(&channel) else {
            return Ok(Vec::new());
        };
        let failed = run.history.operations.iter().find(|operation| {
            operation.name == "send" && operation.value == Some(value) && failed(operation)
        });
        Ok(vec![describe(&channel, value, receive, failed)])
    }
}

/// Returns the first value by number that was received before its first send was called.
fn invented<'a>(channel: &Channel<'a>) -> Option<(i64, &'a Operation)> {
    let mut sends = channel.sends.iter().peekable();
    let mut last = None;
    for &(value, receive) in &channel.receives {
        // Receives are sorted by answer, so the first one of a value decides.
        if last.replace(value) == Some(value) {
            continue;
        }
        while sends.next_if(|(sent, _)| *sent < value).is_some() {}
        match sends.peek() {
            Some((sent, send)) if *sent == value && send.called <= answer(receive) => {}
            _ => return Some((value, receive)),
        }
    }
    None
}

fn describe(
    channel: &Channel<'_>,
    value: i64,
    receive: &Operation,
    failed: Option<&Operation>,
) -> Violation {
    let who = &receive.process;
    let later = channel.sends.iter().find(|(sent, _)| *sent == value);
    match (later, failed) {
        (Some((_, send)), _) => violation(
            Kind::Invention,
            format!(
                "`{who}` received {value} before `{}` began to send it",
                send.process
            ),
            &[receive, send],
        ),
        (None, Some(send)) => violation(
            Kind::Invention,
            format!(
                "`{who}` received {value}, although sending it failed in `{}`",
                send.process
            ),
            &[send, receive],
        ),
        (None, None) => violation(
            Kind::Invention,
            format!("`{who}` received {value}, which nobody sent"),
            &[receive],
        ),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{found, history, kinds};
    use crosswire_model::Kind;

    #[test]
    fn only_what_was_sent_may_arrive() {
        let check = super::no_invention();
        let check = check.as_ref();
        assert_eq!(kinds(check, "send(1) 1-3, recv=1 2-4"), []);
        assert_eq!(
            kinds(check, "send(1) 3, recv=1 2-4"),
            [],
            "cut off, yet it arrived"
        );
        assert_eq!(kinds(check, "send(1) 1-2, recv=2 3-4"), [Kind::Invention]);
        assert_eq!(kinds(check, "send(1) 5-6, recv=1 3-4"), [Kind::Invention]);
        assert_eq!(kinds(check, "recv=7 3-4, send(9) 1-2"), [Kind::Invention]);
        let failed = found(check, history("p: send(1) 1-2!, c: recv=1 3-4"));
        assert_eq!(
            failed[0].sentence,
            "`c` received 1, although sending it failed in `p`"
        );
    }
}
