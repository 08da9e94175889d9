//! Stream sockets with one receiver, who listens, and a connection for each sender:
//! what Unix and TCP have in common.

use super::frame;
use crate::common::{NO_CLOCK, NO_SIGNAL_LATE, NO_SIGNAL_LOST, taken};
use crosswire::contract::{
    Contract, Error, Facility, Order, Peril, Promise, Receiver, Sender, Traits, promise,
};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt::SndBuf};
use nix::unistd::write;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// A listening socket and a connection to it for each sender, until a process opens its
/// end.
#[derive(Debug)]
pub(super) struct Connections<Listener> {
    listener: Option<Listener>,
    ends: Vec<OwnedFd>,
    senders: usize,
}

impl<Listener> Connections<Listener> {
    pub fn new(listener: Listener) -> Connections<Listener> {
        Connections {
            listener: Some(listener),
            ends: Vec::new(),
            senders: 0,
        }
    }

    /// Adds the connection of another sender.
    pub fn push(&mut self, end: OwnedFd) {
        self.ends.push(end);
        self.senders += 1;
    }

    /// Makes the room of each sender as small as the kernel permits.
    pub fn shrink(&self, object: &str) -> Result<(), Error> {
        let mut ends = self.ends.iter();
        ends.try_for_each(|end| setsockopt(end, SndBuf, &0))
            .map_err(Error::system("shrinking", object))
    }

    #[cfg(test)]
    pub fn listener(&self) -> Option<&Listener> {
        self.listener.as_ref()
    }

    /// Opens the end of a sender.
    pub fn sender(&mut self, object: &str, number: usize) -> Result<StreamSender, Error> {
        // Another sender's connection must end when that sender does.
        let mut ends = std::mem::take(&mut self.ends);
        if self.listener.take().is_none() || number >= ends.len() {
            return Err(taken(object));
        }
        Ok(StreamSender {
            object: object.to_owned(),
            end: ends.swap_remove(number),
        })
    }

    /// Opens the receiver's end: accepts the connections of all senders.
    pub fn receiver(
        &mut self,
        object: &str,
        accept: impl Fn(&Listener) -> io::Result<OwnedFd>,
    ) -> Result<StreamReceiver, Error> {
        self.ends.clear();
        let listener = self.listener.take().ok_or_else(|| taken(object))?;
        let accepted = (0..self.senders).map(|_| accept(&listener));
        let connections: io::Result<Vec<OwnedFd>> = accepted.collect();
        Ok(StreamReceiver {
            object: object.to_owned(),
            connections: connections.map_err(Error::system("accepting at", object))?,
            next: 0,
        })
    }
}

/// A connected socket that messages go into.
#[derive(Debug)]
pub struct StreamSender {
    object: String,
    end: OwnedFd,
}

/// The accepted connections of all senders.
#[derive(Debug)]
pub struct StreamReceiver {
    object: String,
    connections: Vec<OwnedFd>,
    /// The connection asked first, so that no sender is served before all others
    /// every time.
    next: usize,
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
                    // The rest of this connection cannot be told apart any more.
                    drop(self.connections.remove(ready));
                    return Err(error);
                }
            }
        }
        Ok(None)
    }
}

impl StreamReceiver {
    /// A connection with something to read, waiting for one.
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

/// What holds for connections, Unix and TCP.
pub(super) const CONNECTIONS: Contract = Contract {
    name: "",
    facility: Facility::Channel,
    specification: "A queue for each sender, which all lead to one receiver: first in, first out, \
                    sender by sender.",
    traits: Traits {
        order: Order::PerSender,
        ..Traits::USUAL
    },
    capacity: "",
    blocking: "send waits while there is no room, recv while there is no message and a sender",
    linux: "",
    promises: PROMISES,
    exemptions: &[NO_SIGNAL_LOST, NO_SIGNAL_LATE, NO_CLOCK],
};

const PROMISES: &[Promise] = &[
    promise(
        Peril::None,
        "messages come out once each, each sender's in the order in which they went in, and the \
         end comes after the last sender has closed",
        "unix(7): SOCK_STREAM; socket(2); tcp(7)",
    ),
    promise(
        Peril::KillSender,
        "what a killed sender had sent is received, and the receiver sees the end once no sender \
         is left",
        "socket(2); _exit(2): open descriptors are closed",
    ),
    promise(
        Peril::KillReceiver,
        "a sender without a receiver is told so (EPIPE or ECONNRESET) and never waits",
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
        "where a read or write moves only part of a message, the next moves the rest",
        "read(2), write(2): \"RETURN VALUE\"",
    ),
    promise(
        Peril::Errno,
        "a receiver that cannot accept a connection says so, and senders are told that it has gone",
        "accept(2): EMFILE, ENOMEM; send(2): EPIPE",
    ),
    promise(
        Peril::Full,
        "a sender that finds no room waits until there is some, and nothing is lost",
        "send(2): \"DESCRIPTION\"",
    ),
    promise(
        Peril::Contend,
        "each sender has room of its own: another that fills its own delays nobody for ever",
        "socket(7): SO_SNDBUF",
    ),
];
