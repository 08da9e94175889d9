//! A queue, judged while it is used.

use super::NEVER;
use super::values::Multiply;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

/// Judges the history of a queue event by event, in the order of their moments, as
/// [`Fifo`](super::Fifo) does afterwards, in constant time an event and with memory for
/// what is in the queue only. Events of one moment come calls first.
///
/// Receiving *a* is wrong if and only if, when that receive was called, a message had
/// already been received whose send was called after the send of *a* had answered. What
/// is still missing in the end must have been taken by receives that were cut off.
///
/// Answers "nothing" are not judged here: whether one is false depends on whether what is
/// there will be received. A value may come again once it has been received.
///
/// ```
/// use crosswire_histories::{FifoStream, Wrong};
/// let mut queue = FifoStream::new(1);
/// queue.send_called(7)?;
/// queue.send_answered(7);
/// queue.send_called(8)?;
/// queue.send_answered(8);
/// queue.receive_called(0);
/// queue.receive_answered(0, Some(8))?;
/// queue.receive_called(0);
/// assert_eq!(queue.receive_answered(0, Some(7)), Err(Wrong::Order(7)));
/// # Ok::<(), Wrong>(())
/// ```
#[derive(Debug, Default)]
pub struct FifoStream {
    /// Events so far.
    now: u64,
    /// Messages that were sent and not yet received.
    sent: HashMap<i64, Sent, BuildHasherDefault<Multiply>>,
    /// The latest call of a send whose message has been received.
    newest: u64,
    /// Of each receiver's receive that has not answered: when it was called, and what
    /// `newest` was then.
    receiving: Vec<Option<(u64, u64)>>,
    /// Calls of receives that were cut off.
    cut_off: Vec<u64>,
    /// Answers to sends, in their order, with the value; those not yet overtaken.
    answered: VecDeque<(u64, i64)>,
    /// Messages that were overtaken and are still there, each with the time by which it
    /// must have been gone.
    overtaken: HashMap<i64, u64, BuildHasherDefault<Multiply>>,
}

/// Times at which a message was sent.
#[derive(Debug, Clone, Copy)]
struct Sent {
    called: u64,
    answered: u64,
}

/// Violation by a queue, with the value that shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It is sent while one of the same value is in the queue.
    #[error("{0} is sent although one like it is still in the queue")]
    SentTwice(i64),
    /// It was received without being in the queue.
    #[error("{0} was received, but no process had sent it, or it had been received before")]
    NotThere(i64),
    /// It was received after one that was sent later.
    #[error("{0} was received after a message that was sent later")]
    Order(i64),
    /// It was never received, although one that was sent later was.
    #[error("{0} never came, although a message that was sent later did")]
    Loss(i64),
}

impl FifoStream {
    /// Returns an empty queue with this number of receivers, which are numbered.
    pub fn new(receivers: usize) -> FifoStream {
        FifoStream {
            receiving: vec![None; receivers],
            ..FifoStream::default()
        }
    }

    /// Records that a process begins to send a value.
    ///
    /// # Errors
    /// If an equal value is in the queue: they could not be distinguished.
    pub fn send_called(&mut self, value: i64) -> Result<(), Wrong> {
        self.now += 1;
        let sent = Sent {
            called: self.now,
            answered: NEVER,
        };
        match self.sent.insert(value, sent) {
            None => Ok(()),
            Some(_) => Err(Wrong::SentTwice(value)),
        }
    }

    /// That has been done.
    pub fn send_answered(&mut self, value: i64) {
        self.now += 1;
        // It may have been received already.
        if let Some(sent) = self.sent.get_mut(&value) {
            sent.answered = self.now;
            self.answered.push_back((self.now, value));
        }
    }

    /// Records that a receiver begins to receive. If its last receive has not answered,
    /// that was cut off.
    ///
    /// # Panics
    /// If there is no such receiver.
    pub fn receive_called(&mut self, receiver: usize) {
        self.now += 1;
        let last = self.receiving[receiver].replace((self.now, self.newest));
        self.cut_off.extend(last.map(|(called, _)| called));
    }

    /// Records that the receiver gets this value, or nothing.
    ///
    /// # Errors
    /// If it must not.
    ///
    /// # Panics
    /// If there is no such receiver, or it has not begun to receive.
    pub fn receive_answered(&mut self, receiver: usize, value: Option<i64>) -> Result<(), Wrong> {
        self.now += 1;
        let receiving = self.receiving[receiver].take();
        let (_, newest) = receiving.expect("a receive is called before it answers");
        let Some(value) = value else { return Ok(()) };
        let sent = self.sent.remove(&value).ok_or(Wrong::NotThere(value))?;
        if newest > sent.answered {
            return Err(Wrong::Order(value));
        }
        if !self.overtaken.is_empty() {
            self.overtaken.remove(&value);
        }
        if sent.called > self.newest {
            self.newest = sent.called;
            self.overtake();
        }
        Ok(())
    }

    /// Notes what has been overtaken by the newest message.
    fn overtake(&mut self) {
        while let Some(&(answered, value)) = self.answered.front()
            && answered < self.newest
        {
            self.answered.pop_front();
            if self
                .sent
                .get(&value)
                .is_some_and(|sent| sent.answered == answered)
            {
                self.overtaken.insert(value, self.now);
            }
        }
    }

    /// Ends the history.
    ///
    /// # Errors
    /// If more messages are missing than receives that were cut off can have taken.
    pub fn finish(mut self) -> Result<(), Wrong> {
        let open = self.receiving.iter().flatten().map(|(called, _)| *called);
        self.cut_off.extend(open);
        self.cut_off.sort_unstable();
        let mut missing: Vec<(u64, i64)> = self
            .overtaken
            .iter()
            .map(|(value, gone_by)| (*gone_by, *value))
            .collect();
        missing.sort_unstable();
        for (n, (gone_by, value)) in missing.iter().enumerate() {
            if self.cut_off.partition_point(|called| called < gone_by) <= n {
                return Err(Wrong::Loss(*value));
            }
        }
        Ok(())
    }

    /// Returns the number of messages remembered.
    pub fn remembered(&self) -> usize {
        self.sent.len()
    }
}
