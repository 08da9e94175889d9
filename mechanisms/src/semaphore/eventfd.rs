//! An eventfd as a semaphore: eventfd(2), `EFD_SEMAPHORE`.
//!
//! Reading takes 1 from its counter, waiting while that is 0; writing adds. It is a
//! descriptor, so it can be polled together with others, which no other semaphore can.

use crate::common::{NO_BUFFER, NO_CLOCK, NO_SIGNAL_LATE, NO_SIGNAL_LOST};
use crosswire::contract::{
    Contract, Death, Error, Facility, PATIENCE, Peril, Semaphore, Traits, exempt, promise,
};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::os::fd::AsFd;
use std::time::Instant;

const NAME: &str = "the eventfd";

/// A counter in the kernel that is inherited as a descriptor.
#[derive(Debug)]
pub struct EventFdSemaphore(EventFd);

impl Semaphore for EventFdSemaphore {
    const CONTRACT: &'static Contract = &CONTRACT;

    fn create(permits: u32) -> Result<Self, Error> {
        let flags = EfdFlags::EFD_SEMAPHORE | EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        EventFd::from_value_and_flags(permits, flags)
            .map(EventFdSemaphore)
            .map_err(Error::system("creating", NAME))
    }

    fn wait(&mut self) -> Result<(), Error> {
        let began = Instant::now();
        // Several may be woken for one permit: a process that finds none waits again.
        while !self.try_wait()? {
            let left = PATIENCE.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(Error::timed_out("waiting for", NAME));
            }
            let time = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], time) {
                Ok(0) => return Err(Error::timed_out("waiting for", NAME)),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(Error::system("polling", NAME)(error)),
            }
        }
        Ok(())
    }

    fn try_wait(&mut self) -> Result<bool, Error> {
        loop {
            return match self.0.read() {
                Ok(_) => Ok(true),
                Err(Errno::EAGAIN) => Ok(false),
                Err(Errno::EINTR) => continue,
                Err(error) => Err(Error::system("reading", NAME)(error)),
            };
        }
    }

    fn post(&mut self) -> Result<(), Error> {
        loop {
            match self.0.write(1) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(Error::system("adding to", NAME)(error)),
            }
        }
    }
}

const CONTRACT: Contract = Contract {
    name: "eventfd-semaphore",
    facility: Facility::Semaphore,
    specification: "A fixed number of permits; those of a dead process are lost.",
    traits: Traits {
        death: Death::Kept,
        ..Traits::USUAL
    },
    capacity: "18446744073709551614 permits; any number of waiters",
    blocking: "wait waits for a permit, or until the timeout",
    linux: "eventfds exist on Linux and a few systems that copied them",
    promises: &[
        promise(
            Peril::None,
            "never more holders than permits; no process is turned away while a permit is \
             available, and none waits forever",
            "eventfd(2): EFD_SEMAPHORE",
        ),
        promise(
            Peril::KillHolder,
            "the permit of a killed process is lost without notice: waiters need a timeout",
            "eventfd(2)",
        ),
        promise(
            Peril::Pause,
            "a slow holder delays others and changes nothing else",
            "eventfd(2)",
        ),
        promise(
            Peril::Interrupt,
            "a read or wait that was interrupted has taken nothing and can be repeated",
            "read(2), poll(2): EINTR",
        ),
        promise(
            Peril::Errno,
            "if there is no memory to wait, the caller gets an error, and nothing was taken",
            "poll(2): ENOMEM",
        ),
        promise(
            Peril::Contend,
            "a process that finds no permit waits for one, or gets an error at once if it does not \
             wait",
            "eventfd(2): EAGAIN",
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
