//! Reason why an operation failed.

use crosswire_model::Errno;
use std::io;

/// Reason why an operation of a contract failed. It has had no effect, except where a
/// variant says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused.
    #[error("{operation} {object}: {errno}")]
    System {
        /// The attempted operation: `creating`, `opening`, `writing to`, …
        operation: &'static str,
        /// Name of the object.
        object: String,
        /// Cause of the failure.
        errno: Errno,
    },
    /// No process is left at the other end.
    #[error("sending into {object}: every receiver has gone")]
    Closed {
        /// Name of the channel.
        object: String,
    },
    /// Nothing happened within [`PATIENCE`](super::PATIENCE).
    #[error("{operation} {object}: nothing happened for a second")]
    TimedOut {
        /// The event that was waited for.
        operation: &'static str,
        /// Name of the object.
        object: String,
    },
    /// The object was removed while it was in use.
    #[error("{operation} {object}: it has been removed")]
    Removed {
        /// The attempted operation.
        operation: &'static str,
        /// Name of the object.
        object: String,
    },
    /// A sender ended in the middle of a message, whose beginning is lost.
    #[error("receiving from {object}: a sender ended in the midst of a message")]
    Torn {
        /// Name of the channel.
        object: String,
    },
    /// The data found was not written by this mechanism.
    #[error("reading {object}: its contents make no sense")]
    Garbled {
        /// Name of the object.
        object: String,
    },
    /// The message is longer than the channel takes.
    #[error("sending into {object}: a message of {length} bytes is too long; {most} are possible")]
    TooLong {
        /// Name of the channel.
        object: String,
        /// Its length in bytes.
        length: usize,
        /// The most bytes.
        most: usize,
    },
    /// The object cannot be used so.
    #[error("{object}: {reason}")]
    Misuse {
        /// Name of the object.
        object: String,
        /// Reason of the failure.
        reason: &'static str,
    },
    /// The server died; whether it carried out the request is unknown.
    #[error("calling {object}: the server died, and may have carried the request out or not")]
    Unknown {
        /// Name of the server.
        object: String,
    },
}

impl Error {
    /// For `map_err`: turns what the system said, an [`io::Error`] or what becomes
    /// one, into a [`System`](Error::System) error. One that carries no number counts
    /// as `EIO`.
    ///
    /// ```
    /// use crosswire_contract::Error;
    /// use std::io;
    /// let refused = Error::system("creating", "the pipe")(io::Error::from_raw_os_error(24));
    /// assert_eq!(refused.to_string(), "creating the pipe: EMFILE");
    /// ```
    pub fn system<'a, E: Into<io::Error>>(
        operation: &'static str,
        object: &'a str,
    ) -> impl FnOnce(E) -> Error + use<'a, E> {
        /// `EIO` of errno(3).
        const EIO: i32 = 5;
        move |error| Error::System {
            operation,
            object: object.to_owned(),
            errno: Errno(error.into().raw_os_error().unwrap_or(EIO)),
        }
    }

    /// Builds the error of an object that cannot be used in this way.
    pub fn misuse(object: &str, reason: &'static str) -> Error {
        Error::Misuse {
            object: object.to_owned(),
            reason,
        }
    }

    /// Builds the error of a wait in which nothing happened within
    /// [`PATIENCE`](super::PATIENCE).
    pub fn timed_out(operation: &'static str, object: &str) -> Error {
        Error::TimedOut {
            operation,
            object: object.to_owned(),
        }
    }
}
