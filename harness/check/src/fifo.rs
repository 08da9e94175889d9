//! A channel is one queue: first in, first out.

use super::Check;
use super::history::{Fifo, of_run};
use std::sync::Arc;

/// Checks that all messages pass through one queue, in the order of sending: see
/// [`Fifo`]. Every value sent must be different. The operations are `send` and `recv`.
pub fn fifo() -> Arc<dyn Check> {
    of_run(Fifo)
}

#[cfg(test)]
mod tests {
    use super::fifo;
    use crate::testing::{found, history, kinds};
    use crosswire_model::{History, Kind, Operation, Outcome, TaskId};

    fn said(text: &str) -> Vec<Kind> {
        kinds(fifo().as_ref(), text)
    }

    #[test]
    fn the_four_patterns() {
        assert_eq!(said("recv=1 1-2"), [Kind::Invention]);
        assert_eq!(
            said("send(1) 1-2, recv=1 3-4, recv=1 5-6"),
            [Kind::Duplication]
        );
        assert_eq!(
            said("send(1) 1-2, send(2) 3-4, recv=2 5-6, recv=1 7-8"),
            [Kind::Order]
        );
        assert_eq!(
            said("send(1) 1-2, recv=none 3-4, recv=1 5-6"),
            [Kind::Order]
        );
        assert_eq!(said("send(1) 1-2, send(2) 3-4, recv=2 5-6"), [Kind::Loss]);
        assert_eq!(said("send(1) 1-2, recv=none 3-4"), [Kind::Loss]);
    }

    #[test]
    fn overlapping_operations_may_be_in_either_order() {
        assert_eq!(said("send(1) 1-3, send(2) 2-4, recv=2 5-6, recv=1 7-8"), []);
        assert_eq!(said("send(1) 1-2, send(2) 3-4, recv=2 5-7, recv=1 6-8"), []);
        assert_eq!(said("send(1) 1-3, recv=none 2-4, recv=1 5-6"), []);
        assert_eq!(said("send(1) 1-2, recv=1 3-5, recv=none 4-6"), []);
    }

    #[test]
    fn a_chain_of_messages_keeps_the_queue_filled() {
        // 1 leaves only after 2 has arrived.
        let chain = "send(1) 1-2, recv=none 3-8, send(2) 4-5, recv=1 6-7, recv=2 9-10";
        assert_eq!(said(chain), [Kind::Order]);
        let sentence = &found(fifo().as_ref(), history(chain))[0].sentence;
        assert!(
            sentence.ends_with("and 2 was there when 1 was taken"),
            "{sentence}"
        );
    }

    #[test]
    fn a_send_that_was_cut_off_may_have_happened() {
        assert_eq!(said("send(1) 1, recv=1 2-3"), []);
        assert_eq!(said("send(1) 1, recv=none 2-3"), []);
        assert_eq!(said("send(1) 1, send(2) 2-3, recv=2 4-5, recv=1 6-7"), []);
    }

    #[test]
    fn a_receive_that_was_cut_off_may_have_taken_one_message_and_no_more() {
        let one = "send(1) 1-2, send(2) 3-4, recv 5, recv=2 6-7";
        assert_eq!(said(one), []);
        let too_late = "send(1) 1-2, send(2) 3-4, recv=2 6-7, recv 8";
        assert_eq!(said(too_late), [Kind::Loss]);
        let two = "send(1) 1-2, send(2) 3-4, send(3) 5-6, recv 7, recv=3 8-9";
        assert_eq!(said(two), [Kind::Loss]);
        let sentence = &found(fifo().as_ref(), history(two))[0].sentence;
        assert!(sentence.contains("can have taken only 1"), "{sentence}");
        let sends = "send(1) 1-2, send(2) 3-4, send(3) 5-6, send(4) 7-8";
        let each_in_time = "recv 9, recv=2 10-11, recv 12, recv=4 13-14";
        assert_eq!(said(&format!("{sends}, {each_in_time}")), []);
        let both_late = "recv=2 10-11, recv 12, recv 12, recv=4 13-14";
        assert_eq!(said(&format!("{sends}, {both_late}")), [Kind::Loss]);
        assert_eq!(said("send(1) 1-2, recv 3, recv=none 4-5"), []);
        assert_eq!(
            said("send(1) 1-2, send(2) 3-4, recv 5, recv=none 6-7"),
            [Kind::Loss]
        );
    }

    #[test]
    fn a_long_history_is_judged_without_delay() {
        let mut operations = Vec::new();
        for i in 0..200_000_u64 {
            let (send, at) = (i % 2 == 0, 2 * i);
            let value = (i / 2) as i64;
            operations.push(Operation {
                task: TaskId(u32::from(send)),
                process: String::new(),
                name: if send { "send" } else { "recv" }.into(),
                value: send.then_some(value),
                called: at,
                outcome: Outcome::Answered {
                    at: at + 1,
                    value: (!send).then_some(value),
                },
            });
        }
        assert!(found(fifo().as_ref(), History { operations }).is_empty());
    }
}
