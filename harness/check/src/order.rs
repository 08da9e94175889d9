//! Messages arrive in the order in which they were sent.

use super::Check;
use super::history::{Datagram, prepared};
use std::sync::Arc;

/// Checks that of two messages that one process sent one after the other, the first is
/// not received after the second. Messages may be lost: a message that never arrives has
/// no place in the order. Receives that found nothing do not matter.
///
/// Every value sent must be different. The operations are `send` and `recv`.
pub fn per_sender_order() -> Arc<dyn Check> {
    prepared("per-sender-order", Datagram { lossy: true }, |op| {
        !op.nothing
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{found, history, kinds};
    use crosswire_model::Kind;

    #[test]
    fn what_one_task_sends_stays_in_order() {
        let check = super::per_sender_order();
        let check = check.as_ref();
        let swapped = "p: send(1) 1-2, p: send(2) 3-4, c: recv=2 5-6, c: recv=1 7-8";
        let violations = found(check, history(swapped));
        assert_eq!(
            violations[0].sentence,
            "1 was sent before 2 by `p`, but 2 was received before 1 by `c`"
        );
        assert_eq!(violations[0].details.len(), 4);
        assert_eq!(kinds(check, swapped), [Kind::Order]);
        for fine in [
            "p: send(1) 1-2, q: send(2) 3-4, c: recv=2 5-6, c: recv=1 7-8",
            "p: send(1) 1-2, p: send(2) 3-4, c: recv=2 5-7, d: recv=1 6-8",
            "p: send(1) 1-2, p: send(2) 3-4, c: recv=2 5-6",
            "p: send(1) 1-2, p: send(2) 3, c: recv=1 5-6, c: recv=2 7-8",
        ] {
            assert_eq!(kinds(check, fine), [], "{fine}");
        }
    }
}
