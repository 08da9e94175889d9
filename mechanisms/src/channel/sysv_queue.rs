//! System V message queues: sysvipc(7), msgget(2), msgop(2), msgctl(2).
//!
//! A queue holds messages, each with a type, a number greater than 0. The receiver
//! selects by type: 0 takes the oldest message of any type, n the oldest of type n, -n
//! the oldest of the lowest type up to n. So one queue serves as a priority queue
//! ([`SysvTypedQueue`]), as a mailbox for a process that is named directly ([`Direct`]),
//! or as one that several processes share ([`Mailbox`]).
//!
//! A queue has no owner. Its id outlives its creator and its users, until a process
//! removes it; removal wakes all waiters (EIDRM). The kernel notifies neither side of the
//! death of the other, and offers no timeout: an alarm must interrupt a wait that may be
//! in vain.

use crate::common::{NO_CLOCK, WHOLE};
use crate::sys::{alarm, sysv};
use crosswire::contract::{
    Channel, Contract, Error, Facility, MESSAGE_BYTES, Order, PATIENCE, Peril, Promise, Receiver,
    Sender, Shape, Traits, promise,
};
use libc::{EAGAIN, EIDRM, EINVAL, ENOMSG, IPC_NOWAIT};
use std::io;
use std::marker::PhantomData;

const NAME: &str = "the System V queue";

/// The type of messages of the least urgency; more urgent ones have lower types.
const LEAST_URGENT: i64 = 100;

/// Assigns types to messages, and messages to receivers.
pub trait Typing: 'static {
    /// Returns the type of a message of sender `number`, who names one of `receivers`.
    fn of(number: usize, receivers: usize, urgency: u32) -> i64;
    /// Returns the type that the receiver with this number asks for.
    fn wanted(number: usize) -> i64;
    /// Contract of the channel.
    const CONTRACT: &'static Contract;
    /// The most receivers.
    const RECEIVERS: usize;
}

/// A System V message queue; `T` says how types are used.
#[derive(Debug)]
pub struct Queue<T> {
    id: i32,
    receivers: usize,
    typing: PhantomData<T>,
}

/// The end of a queue, in one process.
#[derive(Debug)]
pub struct QueueEnd<T> {
    id: i32,
    number: usize,
    receivers: usize,
    typing: PhantomData<T>,
}

/// One type for all: first in, first out.
pub type SysvQueue = Queue<OneType>;
/// Lower types are more urgent: received by a negative type.
pub type SysvTypedQueue = Queue<ByUrgency>;
/// Named directly: the type is the receiver's.
pub type Direct = Queue<ByReceiver>;
/// Indirect naming: the first receiver takes the oldest message.
pub type Mailbox = Queue<Shared>;

/// See [`SysvQueue`].
#[derive(Debug)]
pub enum OneType {}
/// See [`SysvTypedQueue`].
#[derive(Debug)]
pub enum ByUrgency {}
/// See [`Direct`].
#[derive(Debug)]
pub enum ByReceiver {}
/// See [`Mailbox`].
#[derive(Debug)]
pub enum Shared {}

impl<T> Queue<T> {
    /// Builds a new queue.
    ///
    /// # Errors
    /// If there are too many (ENOSPC), or no memory.
    pub fn new(receivers: usize) -> Result<Self, Error> {
        let id = sysv::msgget(sysv::PRIVATE, sysv::NEW).map_err(Error::system("creating", NAME))?;
        Ok(Queue {
            id,
            receivers,
            typing: PhantomData,
        })
    }

    fn end(&mut self, number: usize) -> QueueEnd<T> {
        QueueEnd {
            id: self.id,
            number,
            receivers: self.receivers,
            typing: PhantomData,
        }
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        // A process that removed it before had a reason.
        let _ = sysv::msg_remove(self.id);
    }
}

impl<T: Typing> Channel for Queue<T> {
    type Sender = QueueEnd<T>;
    type Receiver = QueueEnd<T>;
    const CONTRACT: &'static Contract = T::CONTRACT;
    const RECEIVERS: usize = T::RECEIVERS;

    fn create(shape: Shape) -> Result<Self, Error> {
        let queue = Queue::new(shape.receivers)?;
        if shape.small {
            sysv::msg_limit(queue.id, 2 * MESSAGE_BYTES as u64)
                .map_err(Error::system("shrinking", NAME))?;
        }
        Ok(queue)
    }

    fn sender(&mut self, number: usize) -> Result<QueueEnd<T>, Error> {
        Ok(self.end(number))
    }

    fn receiver(&mut self) -> Result<QueueEnd<T>, Error> {
        Ok(self.end(0))
    }
}

impl<T> QueueEnd<T> {
    /// Calls without waiting, and only if that is refused with `busy`, waits.
    fn perform<R>(
        &self,
        operation: &'static str,
        busy: i32,
        mut call: impl FnMut(i32) -> io::Result<R>,
    ) -> Result<R, Error> {
        let result = match call(IPC_NOWAIT) {
            Err(error) if is(&error, busy) || error.kind() == io::ErrorKind::Interrupted => {
                alarm::within(PATIENCE, || call(0))
            }
            result => result.map(Some),
        };
        match result {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(Error::timed_out(operation, NAME)),
            // A queue that is gone before the call begins is an unknown id.
            Err(error) if is(&error, EIDRM) || is(&error, EINVAL) => Err(Error::Removed {
                operation,
                object: NAME.to_owned(),
            }),
            Err(error) => Err(Error::system(operation, NAME)(error)),
        }
    }
}

fn is(error: &io::Error, errno: i32) -> bool {
    error.raw_os_error() == Some(errno)
}

impl<T: Typing> Sender for QueueEnd<T> {
    fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        self.send_urgent(0, message)
    }

    fn send_urgent(&mut self, urgency: u32, message: &[u8]) -> Result<(), Error> {
        if message.len() > MESSAGE_BYTES {
            return Err(Error::TooLong {
                object: NAME.to_owned(),
                length: message.len(),
                most: MESSAGE_BYTES,
            });
        }
        let kind = T::of(self.number, self.receivers, urgency);
        self.perform("sending into", EAGAIN, |flags| {
            sysv::msgsnd(self.id, kind, message, flags)
        })
    }
}

impl<T: Typing> Receiver for QueueEnd<T> {
    fn recv(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let wanted = T::wanted(self.number);
        let received = self.perform("receiving from", ENOMSG, |flags| {
            sysv::msgrcv(self.id, wanted, flags)
        });
        match received {
            Ok((_, message)) => Ok(Some(message)),
            Err(Error::TimedOut { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Typing for OneType {
    fn of(_: usize, _: usize, _: u32) -> i64 {
        1
    }
    fn wanted(_: usize) -> i64 {
        1
    }
    const RECEIVERS: usize = usize::MAX;
    const CONTRACT: &'static Contract = &Contract {
        name: "sysv-queue",
        specification: "A queue of messages, all of one type: first in, first out.",
        ..COMMON
    };
}

impl Typing for ByUrgency {
    fn of(_: usize, _: usize, urgency: u32) -> i64 {
        LEAST_URGENT - i64::from(urgency)
    }
    fn wanted(_: usize) -> i64 {
        -LEAST_URGENT
    }
    const RECEIVERS: usize = usize::MAX;
    const CONTRACT: &'static Contract = &Contract {
        name: "sysv-queue-types",
        specification: "A queue of messages with types, received by a negative type: the lowest \
                        type first; among equals, first in, first out.",
        traits: Traits {
            order: Order::Urgency,
            ..COMMON.traits
        },
        ..COMMON
    };
}

impl Typing for ByReceiver {
    fn of(number: usize, receivers: usize, _: u32) -> i64 {
        (number % receivers.max(1)) as i64 + 1
    }
    fn wanted(number: usize) -> i64 {
        number as i64 + 1
    }
    const RECEIVERS: usize = 1;
    const CONTRACT: &'static Contract = &Contract {
        name: "direct-messages",
        specification: "A mailbox for each process: the sender names the receiver by the type of \
                        the message; the messages of each sender are received in the order of \
                        sending.",
        traits: Traits {
            order: Order::PerSender,
            ..COMMON.traits
        },
        ..COMMON
    };
}

impl Typing for Shared {
    fn of(_: usize, _: usize, urgency: u32) -> i64 {
        i64::from(urgency) + 1
    }
    fn wanted(_: usize) -> i64 {
        0
    }
    const RECEIVERS: usize = usize::MAX;
    const CONTRACT: &'static Contract = &Contract {
        name: "mailbox",
        specification: "A mailbox that several processes share: the sender names the box, and the \
                        first receiver takes the oldest message.",
        ..COMMON
    };
}

/// Contract parts common to every use of a queue.
const COMMON: Contract = Contract {
    name: "",
    facility: Facility::Channel,
    specification: "",
    traits: Traits {
        tells_end: false,
        ..Traits::USUAL
    },
    capacity: "16384 bytes unless changed, as many messages as bytes (msgget(2), MSGMNB); 8192 \
               bytes a message (MSGMAX)",
    blocking: "send waits while there is no room, recv while there is no message of a type that it \
               takes; neither has a timeout, and IPC_RMID ends both with EIDRM",
    linux: "messages of 0 bytes are accepted, in any number: the limit of messages is that of \
            bytes",
    promises: PROMISES,
    exemptions: &[WHOLE, NO_CLOCK],
};

const PROMISES: &[Promise] = &[
    promise(
        Peril::None,
        "messages are received once each, whole, oldest first among those of the types asked for",
        "msgop(2): \"DESCRIPTION\"",
    ),
    promise(
        Peril::KillSender,
        "the message of a killed sender is there whole or not at all; no process is notified of \
         the death",
        "msgop(2): \"DESCRIPTION\"; sysvipc(7): objects outlive processes",
    ),
    promise(
        Peril::KillReceiver,
        "a message that a killed receiver had not taken stays; a sender that waits for room is not \
         notified that no receiver is left, and gives up by its own timeout",
        "msgop(2); sysvipc(7)",
    ),
    promise(
        Peril::Pause,
        "a slow process delays others and changes nothing else",
        "msgop(2)",
    ),
    promise(
        Peril::LoseSignal,
        "the alarm that ends a wait repeats, so a lost one only delays the end",
        "setitimer(2): it_interval",
    ),
    promise(
        Peril::DelaySignal,
        "a late alarm ends a wait late, and no other operation",
        "setitimer(2)",
    ),
    promise(
        Peril::Interrupt,
        "a call that was interrupted has transferred nothing and is repeated by the caller: the \
         kernel never restarts it",
        "msgop(2): EINTR; signal(7): SA_RESTART",
    ),
    promise(
        Peril::Full,
        "a sender waits while there is no room, and nothing is lost",
        "msgop(2): EAGAIN",
    ),
    promise(
        Peril::Contend,
        "a sender that finds the room taken by another waits its turn; nothing is lost or torn",
        "msgop(2)",
    ),
    promise(
        Peril::Errno,
        "if there is no memory for a message, the sender gets an error, and nothing was sent",
        "msgop(2): ENOMEM",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn queue<T: Typing>() -> Queue<T> {
        Queue::new(1).unwrap()
    }

    #[test]
    fn lower_types_come_first() {
        let mut queue = queue::<ByUrgency>();
        let (mut sender, mut receiver) = (queue.end(0), queue.end(0));
        for (urgency, message) in [(0, b"late"), (2, b"soon"), (2, b"then")] {
            sender.send_urgent(urgency, message).unwrap();
        }
        for expected in [b"soon", b"then", b"late"] {
            assert_eq!(receiver.recv().unwrap().as_deref(), Some(&expected[..]));
        }
    }

    #[test]
    fn a_queue_that_is_removed_says_so() {
        let mut queue = queue::<OneType>();
        let mut end = queue.end(0);
        end.send(b"").unwrap();
        assert_eq!(end.recv().unwrap(), Some(Vec::new()));
        drop(queue);
        let error = end.send(b"x").unwrap_err();
        assert_eq!(
            error.to_string(),
            "sending into the System V queue: it has been removed"
        );
        assert!(matches!(end.recv(), Err(Error::Removed { .. })));
    }

    #[test]
    fn a_message_that_is_too_long_is_refused() {
        let mut queue = queue::<OneType>();
        let mut end = queue.end(0);
        end.send(&[7; MESSAGE_BYTES]).unwrap();
        assert_eq!(end.recv().unwrap().map(|m| m.len()), Some(MESSAGE_BYTES));
        let error = end.send(&[7; MESSAGE_BYTES + 1]).unwrap_err();
        assert!(matches!(
            error,
            Error::TooLong {
                length: 511,
                most: 510,
                ..
            }
        ));
    }
}
