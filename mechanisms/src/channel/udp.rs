//! UDP on the loopback interface: udp(7).
//!
//! Messages keep their boundaries. A message that finds no room in the receiver's buffer
//! is dropped without notice: a program that needs every message must use
//! acknowledgements, or another mechanism.

use super::message;
use crate::common::{NO_CLOCK, NO_SIGNAL_LATE, NO_SIGNAL_LOST, WHOLE, taken};
use crosswire::contract::{
    Channel, Contract, Delivery, Error, Facility, MESSAGE_BYTES, Order, PATIENCE, Peril, Receiver,
    Sender, Shape, Traits, promise,
};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt::RcvBuf};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

/// A UDP port of the loopback interface. Its socket is inherited, so several can
/// receive from it.
#[derive(Debug)]
pub struct Udp {
    object: String,
    address: SocketAddr,
    socket: Option<UdpSocket>,
}

/// A socket that messages are sent from or received at.
#[derive(Debug)]
pub struct UdpEnd {
    object: String,
    socket: UdpSocket,
}

impl Channel for Udp {
    type Sender = UdpEnd;
    type Receiver = UdpEnd;
    const CONTRACT: &'static Contract = &CONTRACT;
    const RECEIVERS: usize = usize::MAX;

    fn create(shape: Shape) -> Result<Udp, Error> {
        let object = "a UDP port of the loopback interface";
        let socket =
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::system("creating", object))?;
        let address = socket
            .local_addr()
            .map_err(Error::system("asking for the address of", object))?;
        let object = format!("the UDP port {address}");
        if shape.small {
            setsockopt(&socket, RcvBuf, &0).map_err(Error::system("shrinking", &object))?;
        }
        Ok(Udp {
            object,
            address,
            socket: Some(socket),
        })
    }

    fn sender(&mut self, _: usize) -> Result<UdpEnd, Error> {
        drop(self.socket.take().ok_or_else(|| taken(&self.object))?);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .map_err(Error::system("creating a socket for", &self.object))?;
        // A connected socket learns that no process has the port (ICMP, ECONNREFUSED).
        socket
            .connect(self.address)
            .map_err(Error::system("connecting to", &self.object))?;
        Ok(UdpEnd {
            object: self.object.clone(),
            socket,
        })
    }

    fn receiver(&mut self) -> Result<UdpEnd, Error> {
        let socket = self.socket.take().ok_or_else(|| taken(&self.object))?;
        socket
            .set_read_timeout(Some(PATIENCE))
            .map_err(Error::system("setting the timeout of", &self.object))?;
        Ok(UdpEnd {
            object: self.object.clone(),
            socket,
        })
    }
}

impl Sender for UdpEnd {
    fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        let gone = [Errno::ECONNREFUSED];
        message::send(&self.object, message, &gone, |message| {
            self.socket.send(message)
        })
    }
}

impl Receiver for UdpEnd {
    fn recv(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut room = [0; MESSAGE_BYTES];
        let length = message::recv(&self.object, &mut room, |room| self.socket.recv(room))?;
        Ok(length.map(|length| room[..length].to_vec()))
    }
}

const CONTRACT: Contract = Contract {
    name: "udp",
    facility: Facility::Channel,
    specification: "Messages that arrive whole, at most once each; on the loopback interface in \
                    the order of sending.",
    traits: Traits {
        // In truth one queue; but what was lost has no place in it.
        order: Order::PerSender,
        delivery: Delivery::AtMostOnce,
        tells_end: false,
        ..Traits::USUAL
    },
    capacity: "what the receiver's buffer holds, 212992 bytes unless changed (socket(7), \
               SO_RCVBUF); 65507 bytes a message",
    blocking: "send never waits for the receiver; recv waits while there is no message, as long \
               as SO_RCVTIMEO says",
    linux: "the loopback interface delivers before send returns, and so keeps the order, which \
            UDP does not promise",
    promises: &[
        promise(
            Peril::None,
            "messages are received at most once each, whole, in order",
            "udp(7); ip(7)",
        ),
        promise(
            Peril::KillSender,
            "the message of a killed sender arrives whole or not at all; no process is notified of \
             the death",
            "udp(7)",
        ),
        promise(
            Peril::KillReceiver,
            "once no process has the port, a connected sender gets ECONNREFUSED and never waits",
            "udp(7): \"All fatal errors will be passed to the user\"; ip(7): ECONNREFUSED",
        ),
        promise(
            Peril::Pause,
            "a slow receiver loses messages, but never those that fit its buffer",
            "socket(7): SO_RCVBUF",
        ),
        promise(
            Peril::Interrupt,
            "a call that was interrupted has transferred nothing and can be repeated",
            "signal(7): \"Interruption of system calls and library functions by signal handlers\"",
        ),
        promise(
            Peril::Errno,
            "a process that gets no socket reports the error, and the others continue without it",
            "socket(2): EMFILE, ENOMEM",
        ),
        promise(
            Peril::Full,
            "a sender never waits for the receiver",
            "udp(7)",
        ),
        promise(
            Peril::Contend,
            "a message that finds the room taken by another is dropped whole",
            "socket(7): SO_RCVBUF",
        ),
    ],
    exemptions: &[WHOLE, NO_SIGNAL_LOST, NO_SIGNAL_LATE, NO_CLOCK],
};
