//! TCP on the loopback interface: tcp(7), ip(7).
//!
//! A stream per sender, as with [`UnixStream`](super::UnixStream). Port 0 asks the
//! kernel for a free one, so that two programs never fight over a number. A receiver
//! that goes while it has unread bytes resets the connection: the sender then hears
//! ECONNRESET once, then EPIPE.

use super::stream::{CONNECTIONS, Connections, StreamReceiver, StreamSender};
use crosswire::contract::{Channel, Contract, Error, Shape};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// A listening socket on the loopback interface: one receiver, who listens, and a
/// connection for each sender, made before the channel is handed over.
#[derive(Debug)]
pub struct Tcp {
    object: String,
    connections: Connections<TcpListener>,
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
        let mut connections = Connections::new(listener);
        for _ in 0..shape.senders {
            let connection =
                TcpStream::connect(address).map_err(Error::system("connecting to", &object))?;
            // A message is written at once, so holding it back can only delay it.
            connection
                .set_nodelay(true)
                .map_err(Error::system("setting TCP_NODELAY of", &object))?;
            connections.push(connection.into());
        }
        if shape.small {
            connections.shrink(&object)?;
        }
        Ok(Tcp {
            object,
            connections,
        })
    }

    fn sender(&mut self, number: usize) -> Result<StreamSender, Error> {
        self.connections.sender(&self.object, number)
    }

    fn receiver(&mut self) -> Result<StreamReceiver, Error> {
        let accept = |listener: &TcpListener| Ok(listener.accept()?.0.into());
        self.connections.receiver(&self.object, accept)
    }
}

const CONTRACT: Contract = Contract {
    name: "tcp",
    capacity: "what the buffers of both sides hold (tcp(7), tcp_wmem, tcp_rmem)",
    ..CONNECTIONS
};
