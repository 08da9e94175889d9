//! Unix datagram sockets: unix(7).
//!
//! Messages keep their boundaries, and, unlike with UDP, none is lost: a sender waits
//! while the receiver's queue is full. The name is an abstract one: it begins with a
//! zero byte, has no file, and goes away with the socket, however its owner ends.

use super::message;
use crate::common::{NO_CLOCK, NO_SIGNAL_LATE, NO_SIGNAL_LOST, WHOLE, own_name, taken};
use crosswire::contract::{
    Channel, Contract, Error, Facility, MESSAGE_BYTES, PATIENCE, Peril, Receiver, Sender, Shape,
    Traits, promise,
};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt::SndBuf};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram as Socket};

/// A Unix datagram socket with an abstract name. It is inherited, so several can
/// receive from it.
#[derive(Debug)]
pub struct UnixDatagram {
    name: String,
    socket: Option<Socket>,
    small: bool,
}

/// A socket that messages are sent from or received at.
#[derive(Debug)]
pub struct DatagramEnd {
    object: String,
    socket: Socket,
}

impl UnixDatagram {
    /// Creates the socket of this abstract name.
    ///
    /// # Errors
    /// If the name is taken (EADDRINUSE), or longer than 107 bytes (EINVAL).
    ///
    /// ```
    /// use crosswire_mechanisms::channel::UnixDatagram;
    /// let socket = UnixDatagram::create_named("crosswire-example")?;
    /// assert!(UnixDatagram::create_named("crosswire-example").is_err());
    /// drop(socket);
    /// // Nothing is left that could be in the way.
    /// UnixDatagram::create_named("crosswire-example")?;
    /// # Ok::<(), crosswire::contract::Error>(())
    /// ```
    pub fn create_named(name: &str) -> Result<UnixDatagram, Error> {
        let object = object(name);
        let socket = SocketAddr::from_abstract_name(name)
            .and_then(|address| Socket::bind_addr(&address))
            .map_err(Error::system("creating", &object))?;
        Ok(UnixDatagram {
            name: name.to_owned(),
            socket: Some(socket),
            small: false,
        })
    }
}

fn object(name: &str) -> String {
    format!("the abstract socket {name}")
}

impl Channel for UnixDatagram {
    type Sender = DatagramEnd;
    type Receiver = DatagramEnd;
    const CONTRACT: &'static Contract = &CONTRACT;
    const RECEIVERS: usize = usize::MAX;

    fn create(shape: Shape) -> Result<UnixDatagram, Error> {
        let mut channel = UnixDatagram::create_named(&own_name("datagram"))?;
        channel.small = shape.small;
        Ok(channel)
    }

    fn sender(&mut self, _: usize) -> Result<DatagramEnd, Error> {
        let object = object(&self.name);
        drop(self.socket.take().ok_or_else(|| taken(&object))?);
        let socket = Socket::unbound().map_err(Error::system("creating a socket for", &object))?;
        let address =
            SocketAddr::from_abstract_name(&self.name).map_err(Error::system("naming", &object))?;
        loop {
            match socket.connect_addr(&address) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if message::is_one_of(&error, GONE) => {
                    return Err(Error::Closed { object });
                }
                Err(error) => return Err(Error::system("connecting to", &object)(error)),
            }
        }
        if self.small {
            setsockopt(&socket, SndBuf, &0).map_err(Error::system("shrinking", &object))?;
        }
        Ok(DatagramEnd { object, socket })
    }

    fn receiver(&mut self) -> Result<DatagramEnd, Error> {
        let object = object(&self.name);
        let socket = self.socket.take().ok_or_else(|| taken(&object))?;
        socket
            .set_read_timeout(Some(PATIENCE))
            .map_err(Error::system("setting the timeout of", &object))?;
        Ok(DatagramEnd { object, socket })
    }
}

/// What a call says if nobody has the other socket any more.
const GONE: &[Errno] = &[
    Errno::ECONNREFUSED,
    Errno::ECONNRESET,
    Errno::ENOTCONN,
    Errno::EPIPE,
];

impl Sender for DatagramEnd {
    fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        message::send(&self.object, message, GONE, |message| {
            self.socket.send(message)
        })
    }
}

impl Receiver for DatagramEnd {
    fn recv(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut room = [0; MESSAGE_BYTES];
        let length = message::recv(&self.object, &mut room, |room| self.socket.recv(room))?;
        Ok(length.map(|length| room[..length].to_vec()))
    }
}

const CONTRACT: Contract = Contract {
    name: "unix-datagram",
    facility: Facility::Channel,
    specification: "A queue of messages that keep their boundaries: first in, first out.",
    traits: Traits {
        tells_end: false,
        ..Traits::USUAL
    },
    capacity: "what the sender's buffer holds, and 11 messages in the receiver's queue \
               (unix(7); net.unix.max_dgram_qlen)",
    blocking: "send waits while the receiver's queue is full, recv while there is no message, as \
               long as SO_RCVTIMEO says",
    linux: "datagrams are reliable and keep their order, which POSIX does not promise; abstract \
            names exist on Linux only",
    promises: &[
        promise(
            Peril::None,
            "messages are received once each, whole, in the order of sending",
            "unix(7): \"UNIX domain datagram sockets are always reliable\"",
        ),
        promise(
            Peril::KillSender,
            "the message of a killed sender arrives whole or not at all; no process is notified of \
             the death",
            "unix(7)",
        ),
        promise(
            Peril::KillReceiver,
            "once no process has the socket, a sender gets ECONNREFUSED and never waits; its \
             abstract name is free again",
            "unix(7): \"Abstract sockets\"; connect(2): ECONNREFUSED",
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
            Peril::Errno,
            "a process that gets no socket reports the error, and the others continue without it",
            "socket(2): EMFILE, ENOMEM",
        ),
        promise(
            Peril::Full,
            "a sender waits while there is no room, and nothing is lost",
            "send(2): \"DESCRIPTION\"",
        ),
        promise(
            Peril::Contend,
            "a sender that finds the queue filled by another waits its turn; nothing is lost",
            "unix(7)",
        ),
    ],
    exemptions: &[WHOLE, NO_SIGNAL_LOST, NO_SIGNAL_LATE, NO_CLOCK],
};
