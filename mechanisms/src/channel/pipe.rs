//! The anonymous pipe: pipe(2), pipe(7).

use super::{Channel, ChannelError, Receiver, Sender, Shape, frame};
use crate::contract::{Contract, Exemption, Peril, Promise};
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
pub(super) fn shrink(pipe: &OwnedFd, object: &str) -> Result<(), ChannelError> {
    fcntl(pipe, FcntlArg::F_SETPIPE_SZ(1))
        .map(drop)
        .map_err(ChannelError::system("shrinking", object))
}

impl Channel for Pipe {
    type Sender = PipeSender;
    type Receiver = PipeReceiver;
    const CONTRACT: &'static Contract = &CONTRACT;
    const RECEIVERS: usize = usize::MAX;

    fn create(shape: Shape) -> Result<Pipe, ChannelError> {
        let (read, write) =
            pipe2(OFlag::O_CLOEXEC).map_err(ChannelError::system("creating", NAME))?;
        if shape.small {
            shrink(&write, NAME)?;
        }
        Ok(Pipe {
            ends: Some((read, write)),
        })
    }

    fn sender(&mut self, _number: usize) -> Result<PipeSender, ChannelError> {
        let (_, end) = self.ends.take().ok_or_else(|| ChannelError::taken(NAME))?;
        Ok(PipeSender {
            object: NAME.to_owned(),
            end,
        })
    }

    fn receiver(&mut self) -> Result<PipeReceiver, ChannelError> {
        let (end, _) = self.ends.take().ok_or_else(|| ChannelError::taken(NAME))?;
        Ok(PipeReceiver {
            object: NAME.to_owned(),
            end,
        })
    }
}

impl Sender for PipeSender {
    fn send(&mut self, message: &[u8]) -> Result<(), ChannelError> {
        frame::send(&self.object, message, |bytes| write(&self.end, bytes))
    }
}

impl Receiver for PipeReceiver {
    fn recv(&mut self) -> Result<Option<Vec<u8>>, ChannelError> {
        frame::recv(&self.object, &self.end)
    }
}

/// What pipes and FIFOs promise alike: a FIFO is a pipe with a name (fifo(7)).
pub(super) const PROMISES: &[Promise] = &[
    Promise {
        peril: Peril::None,
        text: "messages come out once each, in the order in which they went in, and the end \
               comes after the last sender has closed",
        source: "pipe(7): \"PIPE_BUF\", \"I/O on pipes and FIFOs\"",
    },
    Promise {
        peril: Peril::KillSender,
        text: "what a killed sender had sent is received, no message is torn, and receivers \
               see the end once no sender is left",
        source: "pipe(7): \"PIPE_BUF\"; _exit(2): open descriptors are closed",
    },
    Promise {
        peril: Peril::KillReceiver,
        text: "a sender without receivers is told so (EPIPE) and never waits; other receivers \
               get everything that the killed one had not taken",
        source: "pipe(7): \"I/O on pipes and FIFOs\"",
    },
    Promise {
        peril: Peril::Pause,
        text: "a slow process delays others and changes nothing else",
        source: "pipe(7)",
    },
    Promise {
        peril: Peril::Interrupt,
        text: "a read or write that was interrupted has transferred nothing and can be repeated",
        source: "signal(7): \"Interruption of system calls and library functions by signal \
                 handlers\"",
    },
    Promise {
        peril: Peril::ShortIo,
        text: "where a read brings only part of a message, the next brings the rest",
        source: "read(2): \"RETURN VALUE\"",
    },
    Promise {
        peril: Peril::Full,
        text: "a sender that finds no room waits until there is some, and nothing is lost",
        source: "pipe(7): \"Pipe capacity\"",
    },
];

/// Perils that no pipe meets.
pub(super) const NO_SIGNALS: Exemption = Exemption {
    peril: Peril::LoseSignal,
    because: "no signal takes part: SIGPIPE is ignored, and EPIPE says the same",
};

const CONTRACT: Contract = Contract {
    name: "pipe",
    specification: "A queue of messages, each written at once: first in, first out.",
    one_queue: true,
    capacity: "65536 bytes unless changed; at least one page (pipe(7))",
    blocking: "send waits while there is no room, recv while there is no message and a sender",
    promises: PROMISES,
    exemptions: &[
        NO_SIGNALS,
        Exemption {
            peril: Peril::Errno,
            because: "once it exists, a blocking pipe has no error for want of resources \
                      (read(2), write(2))",
        },
    ],
};
