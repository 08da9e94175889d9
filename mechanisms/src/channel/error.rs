//! What can go wrong with a channel.

use nix::errno::Errno;

/// Why an operation on a channel failed. None has had an effect, except where a
/// variant says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The kernel refused.
    #[error("{operation} {object}: {source}")]
    System {
        /// What was attempted: `creating`, `opening`, `writing to`, …
        operation: &'static str,
        /// On what.
        object: String,
        /// Why.
        source: Errno,
    },
    /// Nobody is left to receive.
    #[error("sending into {object}: every receiver has gone")]
    Closed {
        /// Which channel.
        object: String,
    },
    /// A sender ended in the midst of a message, whose beginning is lost.
    #[error("receiving from {object}: a sender ended in the midst of a message")]
    Torn {
        /// Which channel.
        object: String,
    },
    /// What was received is not a message of this channel.
    #[error("receiving from {object}: this is not a message")]
    Garbled {
        /// Which channel.
        object: String,
    },
    /// The message is longer than a channel takes.
    #[error("a message of {length} bytes is too long; {most} are possible", most = super::MESSAGE_BYTES)]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// The channel cannot have so many ends, or this end is already open here.
    #[error("{object}: {reason}")]
    Ends {
        /// Which channel.
        object: String,
        /// What is the matter.
        reason: &'static str,
    },
}

impl ChannelError {
    pub(super) fn system<'a>(
        operation: &'static str,
        object: &'a str,
    ) -> impl FnOnce(Errno) -> ChannelError + 'a {
        move |source| ChannelError::System {
            operation,
            object: object.to_owned(),
            source,
        }
    }

    pub(super) fn taken(object: &str) -> ChannelError {
        ChannelError::Ends {
            object: object.to_owned(),
            reason: "this process has opened an end already",
        }
    }
}
