//! Channels: messages go in at one kind of end and come out at the other.

mod error;
mod fifo;
mod frame;
mod pipe;
mod unix_stream;

pub use error::ChannelError;
pub use fifo::Fifo;
pub use frame::{FRAME_BYTES, MESSAGE_BYTES};
pub use pipe::Pipe;
pub use unix_stream::UnixStream;

use crate::Contract;

/// How a channel is to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Processes that send.
    pub senders: usize,
    /// Processes that receive.
    pub receivers: usize,
    /// Room for as little as possible, rather than what the kernel gives unasked.
    pub small: bool,
}

/// A channel that has been created and not yet opened by anybody: a handle that
/// processes inherit when they are forked.
///
/// Each of them opens one end, which gives up, in that process, whatever else the
/// handle holds. Dropping the handle removes what stands in the file system; only
/// the process that created the channel is to do that.
pub trait Channel: Sized {
    /// The end that messages go into.
    type Sender: Sender;
    /// The end that they come out of.
    type Receiver: Receiver;

    /// What the channel promises.
    const CONTRACT: &'static Contract;

    /// The most receivers it can have.
    const RECEIVERS: usize;

    /// A new, empty channel.
    ///
    /// # Errors
    /// If the kernel refuses, or a channel of this shape is impossible.
    fn create(shape: Shape) -> Result<Self, ChannelError>;

    /// Opens the end of the sender with this number, counted from 0.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn sender(&mut self, number: usize) -> Result<Self::Sender, ChannelError>;

    /// Opens the end of a receiver.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn receiver(&mut self) -> Result<Self::Receiver, ChannelError>;
}

/// The end of a channel that messages go into. Dropping it closes it.
pub trait Sender {
    /// Sends a message of at most [`MESSAGE_BYTES`], waiting for room.
    ///
    /// # Errors
    /// [`ChannelError::Closed`] if there is nobody left to receive it.
    fn send(&mut self, message: &[u8]) -> Result<(), ChannelError>;
}

/// The end of a channel that messages come out of. Dropping it closes it.
pub trait Receiver {
    /// Receives the next message, waiting for one. `None` means that there will
    /// never be another: all senders have gone.
    ///
    /// # Errors
    /// [`ChannelError::Torn`] if a sender ended in the midst of a message.
    fn recv(&mut self) -> Result<Option<Vec<u8>>, ChannelError>;
}
