//! Channels: messages go in at one kind of end and come out at the other.

use super::{Contract, Error};

/// Bytes of the longest message that every channel takes.
pub const MESSAGE_BYTES: usize = 510;

/// Intended use of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Processes that send.
    pub senders: usize,
    /// Processes that receive.
    pub receivers: usize,
    /// Room for as little as possible, rather than what the kernel gives unasked.
    pub small: bool,
}

/// A channel that has been created but not opened yet: a handle that processes inherit
/// when they are forked.
///
/// Each of them opens one end, which gives up, in that process, whatever else the
/// handle holds. Dropping the handle removes what stands in the file system or the
/// kernel under a name; only the process that created the channel is to do that. If
/// that process is killed the name stays, and the next `create` must cope with it.
///
/// ```
/// use crosswire_contract::{Channel, Contract, Error, Facility, Receiver, Sender};
/// use crosswire_contract::{Shape, Traits};
/// use std::collections::VecDeque;
/// use std::sync::{Arc, Mutex};
///
/// /// Between threads, not processes: the shape of an implementation.
/// struct Queue(Arc<Mutex<VecDeque<Vec<u8>>>>);
///
/// impl Channel for Queue {
///     type Sender = Queue;
///     type Receiver = Queue;
///     const RECEIVERS: usize = usize::MAX;
///     const CONTRACT: &'static Contract = &Contract {
///         name: "queue",
///         facility: Facility::Channel,
///         specification: "first in, first out",
///         traits: Traits::USUAL,
///         capacity: "as much as there is memory",
///         blocking: "never blocks",
///         linux: "",
///         promises: &[],
///         exemptions: &[],
///     };
///
///     fn create(_: Shape) -> Result<Self, Error> {
///         Ok(Queue(Arc::default()))
///     }
///     fn sender(&mut self, _: usize) -> Result<Queue, Error> {
///         Ok(Queue(self.0.clone()))
///     }
///     fn receiver(&mut self) -> Result<Queue, Error> {
///         Ok(Queue(self.0.clone()))
///     }
/// }
///
/// impl Sender for Queue {
///     fn send(&mut self, message: &[u8]) -> Result<(), Error> {
///         self.0.lock().unwrap().push_back(message.to_vec());
///         Ok(())
///     }
/// }
///
/// impl Receiver for Queue {
///     fn recv(&mut self) -> Result<Option<Vec<u8>>, Error> {
///         Ok(self.0.lock().unwrap().pop_front())
///     }
/// }
///
/// let mut queue = Queue::create(Shape { senders: 1, receivers: 1, small: false })?;
/// queue.sender(0)?.send(b"one")?;
/// assert_eq!(queue.receiver()?.recv()?.as_deref(), Some(&b"one"[..]));
/// # Ok::<(), Error>(())
/// ```
pub trait Channel: Sized {
    /// The end that messages go into.
    type Sender: Sender;
    /// The end that they come out of.
    type Receiver: Receiver;

    /// Contract of the channel.
    const CONTRACT: &'static Contract;

    /// The most senders it can have.
    const SENDERS: usize = usize::MAX;

    /// The most receivers it can have.
    const RECEIVERS: usize;

    /// Builds a new, empty channel.
    ///
    /// # Errors
    /// If the kernel refuses, or a channel of this shape is impossible.
    fn create(shape: Shape) -> Result<Self, Error>;

    /// Opens the end of the sender with this number, counted from 0.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn sender(&mut self, number: usize) -> Result<Self::Sender, Error>;

    /// Opens the end of a receiver.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn receiver(&mut self) -> Result<Self::Receiver, Error>;
}

/// The end of a channel that messages go into. Dropping it closes it.
pub trait Sender {
    /// Sends a message of at most [`MESSAGE_BYTES`], waiting for room.
    ///
    /// # Errors
    /// [`Error::Closed`] if no receiver is left; in a channel that
    /// cannot tell, [`Error::TimedOut`] if there has been no room for
    /// [`PATIENCE`](super::PATIENCE). [`Error::TooLong`].
    fn send(&mut self, message: &[u8]) -> Result<(), Error>;

    /// Sends a message ahead of all that are less urgent; 0 is the least. Channels
    /// without [`Order::Urgency`](super::Order::Urgency) take no notice of it.
    ///
    /// # Errors
    /// As [`send`](Sender::send).
    fn send_urgent(&mut self, _urgency: u32, message: &[u8]) -> Result<(), Error> {
        self.send(message)
    }
}

/// The end of a channel that messages come out of. Dropping it closes it.
pub trait Receiver {
    /// Receives the next message, waiting for one. `None` means that there will
    /// never be another: all senders have gone, or, in a channel that cannot tell,
    /// none has come for [`PATIENCE`](super::PATIENCE).
    ///
    /// # Errors
    /// [`Error::Torn`] if a sender ended in the middle of a message.
    fn recv(&mut self) -> Result<Option<Vec<u8>>, Error>;
}
