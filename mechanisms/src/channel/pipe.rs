//! The anonymous pipe: pipe(2), pipe(7).

use super::frame;
use crate::common::{NO_CLOCK, NO_RESOURCES, NO_SIGNAL_LATE, NO_SIGNAL_LOST, taken};
use crosswire::contract::{
    Channel, Contract, Error, Facility, Peril, Promise, Receiver, Sender, Shape, Traits, promise,
};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{pipe2, write};
use std::os::fd::OwnedFd;

const NAME: &str = "the pipe";

/// An anonymous pipe. Only processes that inherit it can use it.
#[derive(Debug)]
pub struct Pipe {
    ends: Option<(OwnedFd, OwnedFd)>,
}

/// The write end of a pipe or FIFO.
#[derive(Debug)]
pub struct PipeSender {
    pub(super) object: String,
    pub(super) end: OwnedFd,
}

/// The read end of a pipe or FIFO.
#[derive(Debug)]
pub struct PipeReceiver {
    pub(super) object: String,
    pub(super) end: OwnedFd,
}

/// Gives a pipe the least capacity there is: one page (fcntl(2), F_SETPIPE_SZ).
pub(super) fn shrink(pipe: &OwnedFd, object: &str) -> Result<(), Error> {
    fcntl(pipe, FcntlArg::F_SETPIPE_SZ(1))
        .map(drop)
        .map_err(Error::system("shrinking", object))
}

impl Channel for Pipe {
    type Sender = PipeSender;
    type Receiver = PipeReceiver;
    const CONTRACT: &'static Contract = &CONTRACT;
    const RECEIVERS: usize = usize::MAX;

    fn create(shape: Shape) -> Result<Pipe, Error> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(Error::system("creating", NAME))?;
        if shape.small {
            shrink(&write, NAME)?;
        }
        Ok(Pipe {
            ends: Some((read, write)),
        })
    }

    fn sender(&mut self, _number: usize) -> Result<PipeSender, Error> {
        let (_, end) = self.ends.take().ok_or_else(|| taken(NAME))?;
        Ok(PipeSender {
            object: NAME.to_owned(),
            end,
        })
    }

    fn receiver(&mut self) -> Result<PipeReceiver, Error> {
        let (end, _) = self.ends.take().ok_or_else(|| taken(NAME))?;
        Ok(PipeReceiver {
            object: NAME.to_owned(),
            end,
        })
    }
}

impl Sender for PipeSender {
    fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        frame::send(&self.object, message, |bytes| write(&self.end, bytes))
    }
}

impl Receiver for PipeReceiver {
    fn recv(&mut self) -> Result<Option<Vec<u8>>, Error> {
        frame::recv(&self.object, &self.end)
    }
}

/// Promises common to pipes and FIFOs: a FIFO is a pipe with a name (fifo(7)).
pub(super) const PROMISES: &[Promise] = &[
    promise(
        Peril::None,
        "messages are received once each, in the order of sending, writes of up to PIPE_BUF bytes \
         are not interleaved, and the end comes after the last sender has closed",
        "pipe(7): \"PIPE_BUF\", \"I/O on pipes and FIFOs\"",
    ),
    promise(
        Peril::KillSender,
        "messages of a killed sender are received, no message is torn, and receivers see the end \
         once no sender is left",
        "pipe(7): \"PIPE_BUF\"; _exit(2): open descriptors are closed",
    ),
    promise(
        Peril::KillReceiver,
        "a sender without receivers gets EPIPE and never waits; other receivers get everything \
         that the killed one had not taken",
        "pipe(7): \"I/O on pipes and FIFOs\"",
    ),
    promise(
        Peril::Pause,
        "a slow process delays others and changes nothing else",
        "pipe(7)",
    ),
    promise(
        Peril::Interrupt,
        "a read or write that was interrupted has transferred nothing and can be repeated",
        "signal(7): \"Interruption of system calls and library functions by signal handlers\"",
    ),
    promise(
        Peril::ShortIo,
        "if a read or write transfers only part of a message, the next transfers the rest",
        "read(2), write(2): \"RETURN VALUE\"",
    ),
    promise(
        Peril::Full,
        "a sender waits while there is no room, and nothing is lost",
        "pipe(7): \"Pipe capacity\"",
    ),
    promise(
        Peril::Contend,
        "a sender that finds the room taken by another waits its turn; nothing is lost, torn or \
         overtaken",
        "pipe(7): \"PIPE_BUF\"",
    ),
];

const CONTRACT: Contract = Contract {
    name: "pipe",
    facility: Facility::Channel,
    specification: "A queue of messages, each written at once: first in, first out.",
    traits: Traits::USUAL,
    capacity: "65536 bytes unless changed; at least one page (pipe(7))",
    blocking: "send waits while there is no room, recv while there is no message and a sender",
    linux: "PIPE_BUF is 4096 bytes, while POSIX requires 512; the capacity can be changed \
            (F_SETPIPE_SZ)",
    promises: PROMISES,
    exemptions: &[NO_SIGNAL_LOST, NO_SIGNAL_LATE, NO_CLOCK, NO_RESOURCES],
};
