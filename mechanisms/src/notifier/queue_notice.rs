//! The notification of a POSIX message queue: mq_notify(3).
//!
//! The kernel sends a signal when a message arrives in the empty queue, once: a process
//! that wants the next signal must register again, and must do so *before* it empties the
//! queue, or a message that arrives in between is never announced.

use super::rendezvous::Rendezvous;
use crate::channel::PosixQueue;
use crate::common::{NO_SIGNAL_LATE, NO_SIGNAL_LOST, NO_TRANSFER, own_name};
use crate::sys::{mq, signal};
use crosswire::contract::{
    Contract, Error, Facility, Notifier, PATIENCE, Peril, Role, Traits, Wakeup, promise,
};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

const NAME: &str = "the notification of the message queue";

/// Messages that the queue holds.
const MESSAGES: usize = 10;

/// Signal that announces a message.
const SIGNAL: i32 = libc::SIGUSR2;

/// A message queue whose waiter sleeps elsewhere until there is something in it. The
/// messages are the values.
#[derive(Debug)]
pub struct QueueNotice {
    queue: PosixQueue,
    rendezvous: Rendezvous,
}

impl QueueNotice {
    fn descriptor(&self) -> Result<BorrowedFd<'_>, Error> {
        let closed = "its queue is not open";
        self.queue
            .descriptor()
            .ok_or_else(|| Error::misuse(NAME, closed))
    }

    /// Returns a message, if there is one.
    fn take(&self) -> Result<Option<u32>, Error> {
        let mut room = [0; crosswire::contract::MESSAGE_BYTES];
        loop {
            // A date that is over: it does not wait, and needs no change of flags
            // that others would share.
            match mq::receive(self.descriptor()?, &mut room, Duration::ZERO) {
                Ok((4, _)) => {
                    let value = [room[0], room[1], room[2], room[3]];
                    return Ok(Some(u32::from_ne_bytes(value)));
                }
                Ok(_) => {
                    return Err(Error::Garbled {
                        object: NAME.to_owned(),
                    });
                }
                Err(error) if error.raw_os_error() == Some(libc::ETIMEDOUT) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::system("receiving from", NAME)(error)),
            }
        }
    }
}

impl Notifier for QueueNotice {
    const CONTRACT: &'static Contract = &CONTRACT;

    fn create(notifiers: usize) -> Result<Self, Error> {
        Ok(QueueNotice {
            queue: PosixQueue::create_named(&format!("/{}", own_name("notice")), MESSAGES)?,
            rendezvous: Rendezvous::new(notifiers)?,
        })
    }

    fn attach(&mut self, role: Role) -> Result<(), Error> {
        if role == Role::Notifier {
            return self.rendezvous.learn().map(drop);
        }
        signal::block(SIGNAL, true).map_err(Error::system("blocking the signal of", NAME))?;
        mq::notify(self.descriptor()?, SIGNAL).map_err(Error::system("asking for", NAME))?;
        self.rendezvous.announce()
    }

    fn notify(&mut self, value: u32) -> Result<(), Error> {
        let bytes = value.to_ne_bytes();
        let began = Instant::now();
        loop {
            match mq::send(self.descriptor()?, &bytes, 0, PATIENCE) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::ETIMEDOUT) => {
                    if began.elapsed() >= PATIENCE {
                        return Err(Error::Closed {
                            object: NAME.to_owned(),
                        });
                    }
                }
                Err(error) => return Err(Error::system("sending into", NAME)(error)),
            }
        }
    }

    fn wait(&mut self) -> Result<Option<Wakeup>, Error> {
        let began = Instant::now();
        loop {
            if let Some(value) = self.take()? {
                return Ok(Some(Wakeup {
                    count: 1,
                    value: Some(value),
                }));
            }
            let left = PATIENCE.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            match signal::wait(SIGNAL, left) {
                // Asked for again before the queue is emptied. Nobody else asks, and
                // the kernel has forgotten the last request.
                Ok(_) => mq::notify(self.descriptor()?, SIGNAL)
                    .map_err(Error::system("asking for", NAME))?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::system("waiting for", NAME)(error)),
            }
        }
    }
}

const CONTRACT: Contract = Contract {
    name: "posix-queue-notice",
    facility: Facility::Notifier,
    specification: "A queue of values that sends a signal when it is no longer empty.",
    traits: Traits::USUAL,
    capacity: "10 messages; one registered process",
    blocking: "notify waits while the queue is full; wait waits for the signal, or until the \
               timeout",
    linux: "if a process waits in mq_receive, it gets the message and no process is notified",
    promises: &[
        promise(
            Peril::None,
            "a message that arrives in the empty queue is announced to the registered process, \
             once per registration",
            "mq_notify(3)",
        ),
        promise(
            Peril::KillNotifier,
            "the message of a killed process is there whole or not at all, and is announced",
            "mq_send(3); mq_notify(3)",
        ),
        promise(
            Peril::KillWaiter,
            "the registration of a killed process is removed; the notifier waits for room and \
             gives up",
            "mq_notify(3); mq_close(3): the registration ends with the descriptor",
        ),
        promise(
            Peril::Pause,
            "a slow waiter finds the signal pending and later messages in the queue",
            "mq_notify(3)",
        ),
        promise(
            Peril::Interrupt,
            "a call that was interrupted has changed nothing and can be repeated",
            "mq_receive(3), sigwaitinfo(2): EINTR",
        ),
        promise(
            Peril::Full,
            "the notifier waits while there is no room, and nothing is lost",
            "mq_send(3)",
        ),
        promise(
            Peril::Errno,
            "if there is no memory for a message, the sender gets an error, and nothing was sent",
            "mq_send(3); mq_notify(3): ENOMEM",
        ),
        promise(
            Peril::Contend,
            "a process that notifies often hides no notification of another",
            "mq_notify(3)",
        ),
        promise(
            Peril::ClockJump,
            "a wait that a clock change cut short continues until its timeout by CLOCK_MONOTONIC",
            "mq_send(3): abs_timeout; clock_settime(2)",
        ),
    ],
    exemptions: &[NO_TRANSFER, NO_SIGNAL_LOST, NO_SIGNAL_LATE],
};
