//! TCP on the loopback interface: tcp(7), ip(7).
//!
//! A stream per sender, as with [`UnixStream`](super::UnixStream). Port 0 asks the
//! kernel for a free one, so that two programs never fight over a number. A receiver
//! that goes while it has unread bytes resets the connection: the sender then hears
//! ECONNRESET once, then EPIPE.

use super::unix_stream::{STREAM_PROMISES, StreamReceiver, StreamSender};
use crate::common::{NO_CLOCK, NO_SIGNAL_LATE, NO_SIGNAL_LOST, taken};
use crosswire::contract::{Channel, Contract, Error, Facility, Order, Shape, Traits};
use nix::sys::socket::{setsockopt, sockopt::SndBuf};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

/// A listening socket on the loopback interface: one receiver, who listens, and a
/// connection for each sender, made before the channel is handed over.
#[derive(Debug)]
pub struct Tcp {
    object: String,
    listener: Option<TcpListener>,
    connections: Vec<TcpStream>,
    senders: usize,
}

impl Channel for Tcp {
    type Sender = StreamSender;
    type Receiver = StreamReceiver;
    const CONTRACT: &'static Contract = &CONTRACT;
    const RECEIVERS: usize = 1;

    fn create(shape: Shape) -> Result<Tcp, Error> {
        let mut object = "a TCP port of the loopback interface".to_owned();
        if shape.receivers > 1 {
            return Err(Error::misuse(&object, "a stream has one receiver"));
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .map_err(Error::system("creating", &object))?;
        let address = listener
            .local_addr()
            .map_err(Error::system("asking for the address of", &object))?;
        object = format!("the TCP port {address}");
        let mut connections = Vec::new();
        for _ in 0..shape.senders {
            let connection =
                TcpStream::connect(address).map_err(Error::system("connecting to", &object))?;
            // A message is written at once, so holding it back can only delay it.
            connection
                .set_nodelay(true)
                .map_err(Error::system("setting TCP_NODELAY of", &object))?;
            if shape.small {
                setsockopt(&connection, SndBuf, &0).map_err(Error::system("shrinking", &object))?;
            }
            connections.push(connection);
        }
        Ok(Tcp {
            object,
            listener: Some(listener),
            connections,
            senders: shape.senders,
        })
    }

    fn sender(&mut self, number: usize) -> Result<StreamSender, Error> {
        // Another sender's connection must end when that sender does.
        let mut connections = std::mem::take(&mut self.connections);
        if self.listener.take().is_none() || number >= connections.len() {
            return Err(taken(&self.object));
        }
        Ok(StreamSender {
            object: self.object.clone(),
            end: OwnedFd::from(connections.swap_remove(number)),
        })
    }

    fn receiver(&mut self) -> Result<StreamReceiver, Error> {
        self.connections.clear();
        let listener = self.listener.take().ok_or_else(|| taken(&self.object))?;
        let mut connections = Vec::new();
        for _ in 0..self.senders {
            let (connection, _) = listener
                .accept()
                .map_err(Error::system("accepting at", &self.object))?;
            connections.push(OwnedFd::from(connection));
        }
        Ok(StreamReceiver {
            object: self.object.clone(),
            connections,
            next: 0,
        })
    }
}

const CONTRACT: Contract = Contract {
    name: "tcp",
    facility: Facility::Channel,
    specification: "A queue for each sender, which all lead to one receiver: first in, first out, \
                    sender by sender.",
    traits: Traits {
        order: Order::PerSender,
        ..Traits::USUAL
    },
    capacity: "what the buffers of both sides hold (tcp(7), tcp_wmem, tcp_rmem)",
    blocking: "send waits while there is no room, recv while there is no message and a sender",
    linux: "",
    promises: STREAM_PROMISES,
    exemptions: &[NO_SIGNAL_LOST, NO_SIGNAL_LATE, NO_CLOCK],
};
