//! An eventfd as a counter of events: eventfd(2).
//!
//! Writing adds to it, reading takes all there is. So no notification is lost, and
//! those that came before the waiter looked come as one, with their number.

use crate::common::{NO_BUFFER, NO_CLOCK, NO_SIGNAL_LATE, NO_SIGNAL_LOST};
use crosswire::contract::{
    Contract, Error, Facility, Notifier, PATIENCE, Peril, Role, Traits, Wakeup, exempt, promise,
};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::os::fd::AsFd;
use std::time::Instant;

const NAME: &str = "the eventfd";

/// A counter in the kernel that is inherited as a descriptor.
#[derive(Debug)]
pub struct EventFdNotifier(EventFd);

impl Notifier for EventFdNotifier {
    const CONTRACT: &'static Contract = &CONTRACT;

    fn create(_: usize) -> Result<Self, Error> {
        EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)
            .map(EventFdNotifier)
            .map_err(Error::system("creating", NAME))
    }

    fn attach(&mut self, _: Role) -> Result<(), Error> {
        Ok(())
    }

    fn notify(&mut self, _: u32) -> Result<(), Error> {
        loop {
            match self.0.write(1) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(Error::system("adding to", NAME)(error)),
            }
        }
    }

    fn wait(&mut self) -> Result<Option<Wakeup>, Error> {
        let began = Instant::now();
        loop {
            match self.0.read() {
                Ok(count) => {
                    let count = u32::try_from(count).unwrap_or(u32::MAX);
                    return Ok(Some(Wakeup { count, value: None }));
                }
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => {}
                Err(error) => return Err(Error::system("reading", NAME)(error)),
            }
            let left = PATIENCE.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            let time = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], time) {
                Ok(0) => return Ok(None),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(Error::system("polling", NAME)(error)),
            }
        }
    }
}

const CONTRACT: Contract = Contract {
    name: "eventfd",
    facility: Facility::Notifier,
    specification: "A counter of what has happened; the waiter takes the whole count.",
    traits: Traits::USUAL,
    capacity: "18446744073709551614 notifications",
    blocking: "notify waits only if the counter is at its maximum; wait waits until it is not 0, \
               or until the timeout",
    linux: "eventfds exist on Linux and a few systems that copied them",
    promises: &[
        promise(
            Peril::None,
            "the waiter receives every notification, and none that was not sent",
            "eventfd(2)",
        ),
        promise(
            Peril::KillNotifier,
            "the notifications of a killed process stay; no process is notified of the death",
            "eventfd(2)",
        ),
        promise(
            Peril::KillWaiter,
            "notifying works without a waiter, without an error",
            "eventfd(2)",
        ),
        promise(
            Peril::Pause,
            "a slow waiter gets its notifications together, with their number",
            "eventfd(2)",
        ),
        promise(
            Peril::Interrupt,
            "a call that was interrupted has changed nothing and can be repeated",
            "read(2), write(2), poll(2): EINTR",
        ),
        promise(
            Peril::Errno,
            "if there is no memory to wait, the waiter gets an error",
            "poll(2): ENOMEM",
        ),
        promise(
            Peril::Contend,
            "a process that notifies often hides no notification of another",
            "eventfd(2)",
        ),
    ],
    exemptions: &[
        exempt(
            Peril::ShortIo,
            "8 bytes are read or written, or none: the kernel refuses smaller transfers (EINVAL)",
        ),
        NO_BUFFER,
        NO_SIGNAL_LOST,
        NO_SIGNAL_LATE,
        NO_CLOCK,
    ],
};
