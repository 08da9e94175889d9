//! Unix stream sockets: unix(7).

use super::frame;
use crate::common::{NO_CLOCK, NO_SIGNAL_LATE, NO_SIGNAL_LOST, own_path, taken};
use crosswire::contract::{
    Channel, Contract, Error, Facility, Order, Peril, Promise, Receiver, Sender, Shape, Traits,
    promise,
};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::SndBuf;
use nix::unistd::write;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream as Stream};
use std::path::{Path, PathBuf};

/// A Unix stream socket in the directory for temporary files: one receiver, who
/// listens, and a connection for each sender.
///
/// The creator connects all senders before it hands the channel over, so that the
/// receiver knows how many there are: a sender that dies early ends its connection
/// rather than being waited for.
#[derive(Debug)]
pub struct UnixStream {
    path: PathBuf,
    listener: Option<UnixListener>,
    connections: Vec<Stream>,
    senders: usize,
}

/// A connected socket that messages go into.
#[derive(Debug)]
pub struct StreamSender {
    pub(super) object: String,
    pub(super) end: OwnedFd,
}

/// The accepted connections of all senders.
#[derive(Debug)]
pub struct StreamReceiver {
    pub(super) object: String,
    pub(super) connections: Vec<OwnedFd>,
    /// The connection asked first, so that no sender is served before all others
    /// every time.
    pub(super) next: usize,
}

impl UnixStream {
    /// Creates the socket at `path`. Replaces a socket that a crashed creator left there
    /// and at which no process listens.
    ///
    /// # Errors
    /// If there is something else, or the kernel refuses.
    pub fn create_at(path: PathBuf, senders: usize) -> Result<UnixStream, Error> {
        let object = object(&path);
        let mut bound = UnixListener::bind(&path);
        if is_errno(&bound, Errno::EADDRINUSE) && is_abandoned(&path) {
            std::fs::remove_file(&path).ok();
            bound = UnixListener::bind(&path);
        }
        let listener = bound.map_err(Error::system("creating", &object))?;
        let mut channel = UnixStream {
            path,
            listener: Some(listener),
            connections: Vec::new(),
            senders,
        };
        for _ in 0..senders {
            let connection =
                Stream::connect(&channel.path).map_err(Error::system("connecting to", &object))?;
            channel.connections.push(connection);
        }
        Ok(channel)
    }
}

fn object(path: &Path) -> String {
    format!("the socket {}", path.display())
}

fn is_errno<T>(result: &io::Result<T>, errno: Errno) -> bool {
    result.as_ref().err().and_then(io::Error::raw_os_error) == Some(errno as i32)
}

/// Tells whether this is a socket at which no process listens: connecting then fails
/// (connect(2)).
fn is_abandoned(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|data| data.file_type().is_socket());
    is_socket && is_errno(&Stream::connect(path), Errno::ECONNREFUSED)
}

impl Drop for UnixStream {
    fn drop(&mut self) {
        // A process that removed it before had a reason.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Channel for UnixStream {
    type Sender = StreamSender;
    type Receiver = StreamReceiver;
    const CONTRACT: &'static Contract = &CONTRACT;
    const RECEIVERS: usize = 1;

    fn create(shape: Shape) -> Result<UnixStream, Error> {
        let path = own_path("socket");
        if shape.receivers > 1 {
            return Err(Error::misuse(&object(&path), "a stream has one receiver"));
        }
        let channel = UnixStream::create_at(path, shape.senders)?;
        for connection in channel.connections.iter().filter(|_| shape.small) {
            setsockopt(connection, SndBuf, &0)
                .map_err(Error::system("shrinking", &object(&channel.path)))?;
        }
        Ok(channel)
    }

    fn sender(&mut self, number: usize) -> Result<StreamSender, Error> {
        let object = object(&self.path);
        // Another sender's connection must end when that sender does.
        let mut connections = std::mem::take(&mut self.connections);
        if self.listener.take().is_none() || number >= connections.len() {
            return Err(taken(&object));
        }
        let end = OwnedFd::from(connections.swap_remove(number));
        Ok(StreamSender { object, end })
    }

    fn receiver(&mut self) -> Result<StreamReceiver, Error> {
        let object = object(&self.path);
        self.connections.clear();
        let listener = self.listener.take().ok_or_else(|| taken(&object))?;
        let mut connections = Vec::new();
        for _ in 0..self.senders {
            let (connection, _) = listener
                .accept()
                .map_err(Error::system("accepting at", &object))?;
            connections.push(OwnedFd::from(connection));
        }
        Ok(StreamReceiver {
            object,
            connections,
            next: 0,
        })
    }
}

impl Sender for StreamSender {
    fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        frame::send(&self.object, message, |bytes| write(&self.end, bytes))
    }
}

impl Receiver for StreamReceiver {
    fn recv(&mut self) -> Result<Option<Vec<u8>>, Error> {
        while !self.connections.is_empty() {
            let ready = self.ready()?;
            match frame::recv(&self.object, &self.connections[ready]) {
                Ok(None) => drop(self.connections.remove(ready)),
                Ok(message) => {
                    self.next = ready + 1;
                    return Ok(message);
                }
                Err(error) => {
                    // The messages in the rest of this connection cannot be separated any more.
                    drop(self.connections.remove(ready));
                    return Err(error);
                }
            }
        }
        Ok(None)
    }
}

impl StreamReceiver {
    /// Returns a connection with something to read, waiting for one.
    fn ready(&self) -> Result<usize, Error> {
        let count = self.connections.len();
        let order = (0..count).map(|i| (self.next + i) % count);
        loop {
            let mut asked: Vec<PollFd<'_>> = self
                .connections
                .iter()
                .map(|connection| PollFd::new(connection.as_fd(), PollFlags::POLLIN))
                .collect();
            match poll(&mut asked, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(Error::system("polling", &self.object)(error)),
            }
            // What ended says POLLHUP, which counts: reading then gives the end.
            if let Some(ready) = order.clone().find(|&i| asked[i].any() == Some(true)) {
                return Ok(ready);
            }
        }
    }
}

const CONTRACT: Contract = Contract {
    name: "unix-stream",
    facility: Facility::Channel,
    specification: "A queue for each sender, which all lead to one receiver: first in, first out, \
                    sender by sender.",
    traits: Traits {
        order: Order::PerSender,
        ..Traits::USUAL
    },
    capacity: "what the sender's buffer holds, 212992 bytes unless changed (socket(7), SO_SNDBUF)",
    blocking: "send waits while there is no room, recv while there is no message and a sender",
    linux: "",
    promises: STREAM_PROMISES,
    exemptions: &[NO_SIGNAL_LOST, NO_SIGNAL_LATE, NO_CLOCK],
};

/// Promises common to Unix and TCP connections.
pub(super) const STREAM_PROMISES: &[Promise] = &[
    promise(
        Peril::None,
        "messages are received once each, each sender's in the order of sending, and the end comes \
         after the last sender has closed",
        "unix(7): SOCK_STREAM; socket(2); tcp(7)",
    ),
    promise(
        Peril::KillSender,
        "messages of a killed sender are received, and the receiver sees the end once no sender is \
         left",
        "socket(2); _exit(2): open descriptors are closed",
    ),
    promise(
        Peril::KillReceiver,
        "a sender without a receiver gets EPIPE or ECONNRESET and never waits",
        "unix(7): EPIPE; send(2): ECONNRESET, EPIPE",
    ),
    promise(
        Peril::Pause,
        "a slow process delays others and changes nothing else",
        "socket(7)",
    ),
    promise(
        Peril::Interrupt,
        "a call that was interrupted has transferred nothing and can be repeated",
        "signal(7): \"Interruption of system calls and library functions by signal handlers\"",
    ),
    promise(
        Peril::ShortIo,
        "if a read or write transfers only part of a message, the next transfers the rest",
        "read(2), write(2): \"RETURN VALUE\"",
    ),
    promise(
        Peril::Errno,
        "a receiver that cannot accept a connection reports the error, and senders learn that it \
         is gone",
        "accept(2): EMFILE, ENOMEM; send(2): EPIPE",
    ),
    promise(
        Peril::Full,
        "a sender waits while there is no room, and nothing is lost",
        "send(2): \"DESCRIPTION\"",
    ),
    promise(
        Peril::Contend,
        "each sender has room of its own: a sender that fills its own blocks no other forever",
        "socket(7): SO_SNDBUF",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abandoned_socket_is_replaced_and_one_in_use_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("orders");
        drop(UnixListener::bind(&path).unwrap());
        let first = UnixStream::create_at(path.clone(), 1).unwrap();
        let second = UnixStream::create_at(path.clone(), 1).unwrap_err();
        assert!(
            second.to_string().contains("orders: EADDRINUSE"),
            "{second}"
        );
        drop(first);
        assert!(!path.exists());
    }

    #[test]
    fn a_sender_learns_that_the_receiver_has_gone() {
        let directory = tempfile::tempdir().unwrap();
        let mut channel = UnixStream::create_at(directory.path().join("x"), 1).unwrap();
        let listener = channel.listener.as_ref().unwrap().try_clone().unwrap();
        let mut sender = channel.sender(0).unwrap();
        sender.send(b"one").unwrap();
        drop(listener);
        let error = sender.send(b"two").unwrap_err();
        assert!(matches!(error, Error::Closed { .. }), "{error}");
    }
}
