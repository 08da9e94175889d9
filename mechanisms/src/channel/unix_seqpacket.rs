//! Unix sockets of type `SOCK_SEQPACKET`: unix(7).
//!
//! Connected as a stream, and with boundaries as datagrams have them. A pair is made
//! before the processes are forked, so it needs no name; all senders share one end,
//! all receivers the other.
//!
//! What such a socket gives at the end of the stream, 0 bytes, is what it gives for
//! an empty message, too. So each message begins with a byte of its own.

use super::message;
use crate::common::{NO_CLOCK, NO_RESOURCES, NO_SIGNAL_LATE, NO_SIGNAL_LOST, WHOLE, taken};
use crosswire::contract::{
    Channel, Contract, Error, Facility, MESSAGE_BYTES, Peril, Receiver, Sender, Shape, Traits,
    promise,
};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, recv, send, setsockopt, socketpair,
    sockopt::SndBuf,
};
use std::os::fd::{AsRawFd, OwnedFd};

const NAME: &str = "the socket pair";

/// The byte before each message.
const BEGINS: u8 = 1;

/// A pair of connected sockets.
#[derive(Debug)]
pub struct UnixSeqpacket {
    ends: Option<(OwnedFd, OwnedFd)>,
}

/// One of them.
#[derive(Debug)]
pub struct PacketEnd(OwnedFd);

impl Channel for UnixSeqpacket {
    type Sender = PacketEnd;
    type Receiver = PacketEnd;
    const CONTRACT: &'static Contract = &CONTRACT;
    const RECEIVERS: usize = usize::MAX;

    fn create(shape: Shape) -> Result<UnixSeqpacket, Error> {
        let ends = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_CLOEXEC,
        )
        .map_err(Error::system("creating", NAME))?;
        if shape.small {
            setsockopt(&ends.0, SndBuf, &0).map_err(Error::system("shrinking", NAME))?;
        }
        Ok(UnixSeqpacket { ends: Some(ends) })
    }

    fn sender(&mut self, _: usize) -> Result<PacketEnd, Error> {
        let (end, _) = self.ends.take().ok_or_else(|| taken(NAME))?;
        Ok(PacketEnd(end))
    }

    fn receiver(&mut self) -> Result<PacketEnd, Error> {
        let (_, end) = self.ends.take().ok_or_else(|| taken(NAME))?;
        Ok(PacketEnd(end))
    }
}

impl Sender for PacketEnd {
    fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        let gone = [Errno::EPIPE, Errno::ECONNRESET];
        message::send(NAME, message, &gone, |message| {
            let packet = [&[BEGINS], message].concat();
            Ok(send(self.0.as_raw_fd(), &packet, MsgFlags::MSG_NOSIGNAL)?)
        })
    }
}

impl Receiver for PacketEnd {
    fn recv(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut room = [0; MESSAGE_BYTES + 1];
        let length = message::recv(NAME, &mut room, |room| {
            Ok(recv(self.0.as_raw_fd(), room, MsgFlags::empty())?)
        })?;
        let length = length.filter(|length| *length > 0);
        Ok(length.map(|length| room[1..length].to_vec()))
    }
}

const CONTRACT: Contract = Contract {
    name: "unix-seqpacket",
    facility: Facility::Channel,
    specification: "A queue of messages that keep their boundaries: first in, first out, with an \
                    end.",
    traits: Traits::USUAL,
    capacity: "what the sender's buffer holds, 212992 bytes unless changed (socket(7), SO_SNDBUF)",
    blocking: "send waits while there is no room, recv while there is no message and a sender",
    linux: "",
    promises: &[
        promise(
            Peril::None,
            "messages are received once each, whole, in the order of sending, and the end comes \
             after the last sender has closed",
            "unix(7): SOCK_SEQPACKET",
        ),
        promise(
            Peril::KillSender,
            "the message of a killed sender arrives whole or not at all, and receivers see the \
             end once no sender is left",
            "socket(2); _exit(2): open descriptors are closed",
        ),
        promise(
            Peril::KillReceiver,
            "a sender without receivers gets EPIPE and never waits",
            "unix(7): EPIPE",
        ),
        promise(
            Peril::Pause,
            "a slow process delays others and changes nothing else",
            "unix(7)",
        ),
        promise(
            Peril::Interrupt,
            "a call that was interrupted has transferred nothing and can be repeated",
            "signal(7): \"Interruption of system calls and library functions by signal handlers\"",
        ),
        promise(
            Peril::Full,
            "a sender waits while there is no room, and nothing is lost",
            "send(2): \"DESCRIPTION\"",
        ),
        promise(
            Peril::Contend,
            "a sender that finds the room taken by another waits its turn; nothing is lost",
            "unix(7)",
        ),
    ],
    exemptions: &[
        WHOLE,
        NO_SIGNAL_LOST,
        NO_SIGNAL_LATE,
        NO_CLOCK,
        NO_RESOURCES,
    ],
};
