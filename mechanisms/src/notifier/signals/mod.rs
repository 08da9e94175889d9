//! Signals: signal(7), kill(2), sigqueue(3).
//!
//! A standard signal is a flag: sent again before it is received, it merges with
//! itself. A real-time signal is queued, with a value, in the order of sending, as
//! long as the queue has room (RLIMIT_SIGPENDING). The ways to receive them:
//!
//! * by a handler ([`HandledSignal`]), in which hardly anything is permitted
//!   (signal-safety(7)). Between looking whether it has run and going to sleep it may
//!   run unnoticed, unless both are one step, as in ppoll(2);
//! * by sigwaitinfo(2) ([`WaitedSignal`], [`RealTimeSignal`]), while it is blocked;
//! * by a descriptor ([`SignalfdSignal`], [`RealTimeSignalFd`]), signalfd(2), which
//!   can be polled with others. The signal must be blocked, too.
//!
//! A signal that is blocked, and waited for, is never delivered, so no handler runs,
//! and nothing is interrupted. It must be blocked before anybody can send it: the
//! waiter tells its process id only afterwards.

mod ways;

pub use ways::{
    By, QueuedByDescriptor, QueuedByWaiting, StandardByDescriptor, StandardByHandler,
    StandardByWaiting, Way,
};

use super::rendezvous::Rendezvous;
use crate::sys::signal;
use crosswire::contract::{Contract, Error, Notifier, PATIENCE, Role, Wakeup};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::marker::PhantomData;
use std::mem::offset_of;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

/// Notifies by a signal.
#[derive(Debug)]
pub struct SignalNotifier<W> {
    rendezvous: Rendezvous,
    waiter: i32,
    descriptor: Option<OwnedFd>,
    way: PhantomData<W>,
}

/// SIGUSR1, received by a handler.
pub type HandledSignal = SignalNotifier<StandardByHandler>;
/// SIGUSR1, received by sigtimedwait(2).
pub type WaitedSignal = SignalNotifier<StandardByWaiting>;
/// SIGUSR1, received by signalfd(2).
pub type SignalfdSignal = SignalNotifier<StandardByDescriptor>;
/// A real-time signal with values, received by sigtimedwait(2).
pub type RealTimeSignal = SignalNotifier<QueuedByWaiting>;
/// A real-time signal with values, received by signalfd(2).
pub type RealTimeSignalFd = SignalNotifier<QueuedByDescriptor>;

const NAME: &str = "the waiter's signal";

impl<W: Way> Notifier for SignalNotifier<W> {
    const CONTRACT: &'static Contract = W::CONTRACT;

    fn create(notifiers: usize) -> Result<Self, Error> {
        Ok(SignalNotifier {
            rendezvous: Rendezvous::new(notifiers)?,
            waiter: 0,
            descriptor: None,
            way: PhantomData,
        })
    }

    fn attach(&mut self, role: Role) -> Result<(), Error> {
        if role == Role::Notifier {
            self.waiter = self.rendezvous.learn()?;
            return Ok(());
        }
        // Blocked before anybody can send it; unblocked by a handler's wait only.
        signal::block(W::number(), true).map_err(Error::system("blocking", NAME))?;
        match W::BY {
            By::Handler => {
                signal::handle(W::number()).map_err(Error::system("handling", NAME))?;
            }
            By::Descriptor => {
                let made = signal::descriptor(W::number());
                self.descriptor =
                    Some(made.map_err(Error::system("making a descriptor of", NAME))?);
            }
            By::Waiting => {}
        }
        self.rendezvous.announce()
    }

    fn notify(&mut self, value: u32) -> Result<(), Error> {
        let sent = match W::QUEUED {
            true => signal::queue(self.waiter, W::number(), value),
            false => signal::send(self.waiter, W::number()),
        };
        match sent {
            // The process is gone. Had its parent waited for it, the number could
            // belong to another: pidfd_send_signal(2) is for those who cannot know.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Err(Error::Closed {
                object: NAME.to_owned(),
            }),
            result => result.map_err(Error::system("sending", NAME)),
        }
    }

    fn wait(&mut self) -> Result<Option<Wakeup>, Error> {
        let began = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(began.elapsed());
            let woken = match W::BY {
                By::Handler => handled(left),
                By::Waiting => waited::<W>(left),
                By::Descriptor => self.read(left),
            };
            match woken {
                Ok(None) if left.is_zero() => return Ok(None),
                Ok(None) => {}
                Ok(wakeup) => return Ok(wakeup),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::system("waiting for", NAME)(error)),
            }
        }
    }
}

/// Sleeps until the handler has run, unless it has already.
fn handled(left: std::time::Duration) -> io::Result<Option<Wakeup>> {
    let count = signal::take_handled();
    if count > 0 {
        return Ok(Some(Wakeup { count, value: None }));
    }
    match signal::sleep_unblocked(StandardByHandler::number(), left) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
        result => result?,
    }
    Ok(None)
}

fn waited<W: Way>(left: std::time::Duration) -> io::Result<Option<Wakeup>> {
    match signal::wait(W::number(), left) {
        Ok((value, _)) => Ok(Some(Wakeup {
            count: 1,
            value: W::QUEUED.then_some(value),
        })),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

impl<W: Way> SignalNotifier<W> {
    fn read(&self, left: std::time::Duration) -> io::Result<Option<Wakeup>> {
        let Some(descriptor) = &self.descriptor else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let time = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(
            &mut [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)],
            time,
        ) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(Errno::EINTR) => return Err(io::ErrorKind::Interrupted.into()),
            Err(error) => return Err(error.into()),
        }
        let value = value_of(descriptor)?;
        Ok(Some(Wakeup {
            count: 1,
            value: W::QUEUED.then_some(value),
        }))
    }
}

/// Reads a signal that is pending: its value (signalfd(2)).
fn value_of(descriptor: &OwnedFd) -> io::Result<u32> {
    let mut record = [0; size_of::<libc::signalfd_siginfo>()];
    if nix::unistd::read(descriptor, &mut record)? != record.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let at = offset_of!(libc::signalfd_siginfo, ssi_int);
    let value = [record[at], record[at + 1], record[at + 2], record[at + 3]];
    Ok(u32::from_ne_bytes(value))
}
