//! POSIX message queues: mq_overview(7).
//!
//! A queue has a name, holds a number of messages of a size fixed at its creation, and
//! delivers the message of the highest priority first. On Linux a queue is a file of its
//! own file system, and a descriptor refers to it, so it can be polled and inherited.
//!
//! Timeouts are absolute wall-clock times; mq_timedreceive(3) offers no other. The wall
//! clock may be set, so a wait that ended is checked against CLOCK_MONOTONIC, and
//! continues if it ended early.

use crate::common::{NO_SIGNAL_LATE, NO_SIGNAL_LOST, WHOLE, own_name};
use crate::sys::mq;
use crosswire::contract::{
    Channel, Contract, Error, Facility, MESSAGE_BYTES, Order, PATIENCE, Peril, Receiver, Sender,
    Shape, Traits, promise,
};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

/// Messages that a queue holds unless it shall be small: as many as an unprivileged
/// process may ask for (mq_overview(7), msg_max).
const MESSAGES: usize = 10;

/// A POSIX message queue.
#[derive(Debug)]
pub struct PosixQueue {
    name: CString,
    queue: Option<OwnedFd>,
}

/// The end of a queue, in one process.
#[derive(Debug)]
pub struct QueueEnd {
    object: String,
    queue: OwnedFd,
}

impl PosixQueue {
    /// Creates the queue of this name, which begins with a slash and has no other,
    /// with room for this number of messages.
    ///
    /// # Errors
    /// If the name is taken (EEXIST), too long (ENAMETOOLONG), has another slash
    /// (EACCES) or none (EINVAL), or the limits are exceeded.
    ///
    /// ```
    /// use crosswire_mechanisms::channel::PosixQueue;
    /// let queue = PosixQueue::create_named("/crosswire-example", 1)?;
    /// let taken = PosixQueue::create_named("/crosswire-example", 1).unwrap_err();
    /// assert!(taken.to_string().contains("/crosswire-example: EEXIST"), "{taken}");
    /// # drop(queue);
    /// # Ok::<(), crosswire::contract::Error>(())
    /// ```
    pub fn create_named(name: &str, messages: usize) -> Result<PosixQueue, Error> {
        let object = format!("the message queue {name}");
        let Ok(name) = CString::new(name) else {
            return Err(Error::misuse(&object, "a name cannot contain a zero byte"));
        };
        if !name.as_bytes().starts_with(b"/") {
            return Err(Error::misuse(&object, "a name must begin with a slash"));
        }
        let queue = mq::create(&name, messages, MESSAGE_BYTES)
            .map_err(Error::system("creating", &object))?;
        Ok(PosixQueue {
            name,
            queue: Some(queue),
        })
    }

    fn object(&self) -> String {
        format!("the message queue {}", self.name.to_string_lossy())
    }

    fn end(&mut self) -> Result<QueueEnd, Error> {
        let object = self.object();
        let queue = self
            .queue
            .take()
            .ok_or_else(|| crate::common::taken(&object))?;
        Ok(QueueEnd { object, queue })
    }

    /// Returns the queue's descriptor, until an end has been opened.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.queue.as_ref().map(AsFd::as_fd)
    }
}

impl Drop for PosixQueue {
    fn drop(&mut self) {
        // A process that removed it before had a reason.
        let _ = mq::unlink(&self.name);
    }
}

impl Channel for PosixQueue {
    type Sender = QueueEnd;
    type Receiver = QueueEnd;
    const CONTRACT: &'static Contract = &CONTRACT;
    const RECEIVERS: usize = usize::MAX;

    fn create(shape: Shape) -> Result<PosixQueue, Error> {
        let messages = if shape.small { 1 } else { MESSAGES };
        PosixQueue::create_named(&format!("/{}", own_name("queue")), messages)
    }

    fn sender(&mut self, _: usize) -> Result<QueueEnd, Error> {
        self.end()
    }

    fn receiver(&mut self) -> Result<QueueEnd, Error> {
        self.end()
    }
}

impl QueueEnd {
    /// Repeats a call that was interrupted, or that timed out because the wall clock was
    /// set, until the timeout by CLOCK_MONOTONIC.
    fn perform<T>(
        &self,
        operation: &'static str,
        mut call: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> Result<T, Error> {
        let began = Instant::now();
        loop {
            match call(self.queue.as_fd()) {
                Ok(value) => return Ok(value),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::ETIMEDOUT) => {
                    if began.elapsed() >= PATIENCE {
                        return Err(Error::timed_out(operation, &self.object));
                    }
                }
                Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                    return Err(Error::misuse(
                        &self.object,
                        "the message is longer than the queue takes",
                    ));
                }
                Err(error) => return Err(Error::system(operation, &self.object)(error)),
            }
        }
    }
}

impl Sender for QueueEnd {
    fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        self.send_urgent(0, message)
    }

    fn send_urgent(&mut self, urgency: u32, message: &[u8]) -> Result<(), Error> {
        if message.len() > MESSAGE_BYTES {
            return Err(Error::TooLong {
                object: self.object.clone(),
                length: message.len(),
                most: MESSAGE_BYTES,
            });
        }
        self.perform("sending into", |queue| {
            mq::send(queue, message, urgency, PATIENCE)
        })
    }
}

impl Receiver for QueueEnd {
    fn recv(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut room = [0; MESSAGE_BYTES];
        let received = self.perform("receiving from", |queue| {
            mq::receive(queue, &mut room, PATIENCE)
        });
        match received {
            Ok((length, _)) => Ok(Some(room[..length].to_vec())),
            Err(Error::TimedOut { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

const CONTRACT: Contract = Contract {
    name: "posix-queue",
    facility: Facility::Channel,
    specification: "A queue of messages with priorities: the highest first; among equals, first \
                    in, first out.",
    traits: Traits {
        order: Order::Urgency,
        tells_end: false,
        ..Traits::USUAL
    },
    capacity: "10 messages unless changed; all of at most the size given at its creation \
               (mq_overview(7), mq_getattr(3))",
    blocking: "send waits while there are as many messages as fit, recv while there is none; both \
               with an absolute wall-clock timeout",
    linux: "a queue descriptor is a file descriptor: it can be polled, and fork inherits it; \
            removing the name does not affect open queues",
    promises: &[
        promise(
            Peril::None,
            "messages are received once each, whole, the highest priority first; among equals, \
             first in, first out",
            "mq_receive(3): \"DESCRIPTION\"",
        ),
        promise(
            Peril::KillSender,
            "the message of a killed sender is there whole or not at all; no process is notified \
             of the death",
            "mq_send(3); mq_overview(7): queues persist",
        ),
        promise(
            Peril::KillReceiver,
            "a message that a killed receiver had not taken stays; a sender that waits for room is \
             not notified that no receiver is left, and gives up by its own timeout",
            "mq_send(3); mq_overview(7): queues persist",
        ),
        promise(
            Peril::Pause,
            "a slow process delays others and changes nothing else",
            "mq_overview(7)",
        ),
        promise(
            Peril::Interrupt,
            "a call that was interrupted has transferred nothing and can be repeated",
            "mq_send(3), mq_receive(3): EINTR",
        ),
        promise(
            Peril::Errno,
            "if there is no memory for a message, the sender gets an error, and nothing was sent",
            "mq_send(3); mq_overview(7): RLIMIT_MSGQUEUE",
        ),
        promise(
            Peril::Full,
            "a sender waits while there is no room, and nothing is lost",
            "mq_send(3): EAGAIN",
        ),
        promise(
            Peril::Contend,
            "a sender that finds the room taken by another waits its turn; nothing is lost or torn",
            "mq_send(3)",
        ),
        promise(
            Peril::ClockJump,
            "a wait that a clock change cut short continues until its timeout by CLOCK_MONOTONIC; \
             nothing is lost",
            "mq_receive(3): abs_timeout; clock_settime(2)",
        ),
    ],
    exemptions: &[WHOLE, NO_SIGNAL_LOST, NO_SIGNAL_LATE],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_are_refused() {
        let refused = |name: &str| {
            PosixQueue::create_named(name, 1)
                .map(drop)
                .unwrap_err()
                .to_string()
        };
        assert!(refused("/a/b").ends_with("/a/b: EACCES"));
        assert!(refused(&format!("/{}", "x".repeat(300))).ends_with("ENAMETOOLONG"));
        assert!(refused("plain").ends_with("a name must begin with a slash"));
        assert!(refused("/a\0b").ends_with("a name cannot contain a zero byte"));
    }

    #[test]
    fn messages_of_every_length_come_back_and_no_longer_ones() {
        let mut queue = PosixQueue::create_named("/crosswire-lengths", 2).unwrap();
        let mut end = queue.end().unwrap();
        for length in [0, 1, MESSAGE_BYTES] {
            end.send(&vec![7; length]).unwrap();
            assert_eq!(end.recv().unwrap(), Some(vec![7; length]));
        }
        let error = end.send(&[7; MESSAGE_BYTES + 1]).unwrap_err();
        assert!(matches!(error, Error::TooLong { .. }), "{error}");
    }
}
