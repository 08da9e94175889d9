//! Semaphores with one planted bug each: the generic scenario finds it, and names the
//! promise that is broken.

use super::{breaks, keeps, trial};
use crosswire::conformance::semaphore;
use crosswire::contract::{Contract, Error, PATIENCE, Peril, Semaphore};
use crosswire::{Budget, scenario};
use crosswire_mechanisms::semaphore::{
    NamedSemaphore, SemaphoreSet, SysvSemaphore, SysvSemaphoreWithoutUndo,
};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::os::fd::AsFd;

const BUDGET: Budget = Budget::runs(400);

/// Looks at the value first, and takes a permit from it afterwards: below zero, if two
/// do so at a time. The value is twice what it says, so that the kernel does not mind.
struct CountsBelowZero(SemaphoreSet);

impl Semaphore for CountsBelowZero {
    const CONTRACT: &'static Contract = SysvSemaphoreWithoutUndo::CONTRACT;

    fn create(permits: u32) -> Result<Self, Error> {
        let slack = 10;
        SemaphoreSet::open_or_create(0x6265_6c6f, &[permits as u16 + slack]).map(CountsBelowZero)
    }

    fn wait(&mut self) -> Result<(), Error> {
        while !self.try_wait()? {
            std::thread::sleep(PATIENCE / 20);
        }
        Ok(())
    }

    fn try_wait(&mut self) -> Result<bool, Error> {
        let free = self.0.value(0)? > 10;
        if free {
            self.0.perform(&[(0, -1)])?;
        }
        Ok(free)
    }

    fn post(&mut self) -> Result<(), Error> {
        self.0.perform(&[(0, 1)])
    }
}

impl Drop for CountsBelowZero {
    fn drop(&mut self) {
        let _ = self.0.remove();
    }
}

/// Says that the kernel gives back what the dead had, and does not ask it to.
struct NoUndo(SysvSemaphoreWithoutUndo);

impl Semaphore for NoUndo {
    const CONTRACT: &'static Contract = SysvSemaphore::CONTRACT;
    fn create(permits: u32) -> Result<Self, Error> {
        SysvSemaphoreWithoutUndo::create(permits).map(NoUndo)
    }
    fn wait(&mut self) -> Result<(), Error> {
        self.0.wait()
    }
    fn try_wait(&mut self) -> Result<bool, Error> {
        self.0.try_wait()
    }
    fn post(&mut self) -> Result<(), Error> {
        self.0.post()
    }
}

/// Does not remove its name.
struct LeaksName(std::mem::ManuallyDrop<NamedSemaphore>);

impl Semaphore for LeaksName {
    const CONTRACT: &'static Contract = NamedSemaphore::CONTRACT;
    fn create(permits: u32) -> Result<Self, Error> {
        NamedSemaphore::create(permits).map(|inner| LeaksName(std::mem::ManuallyDrop::new(inner)))
    }
    fn wait(&mut self) -> Result<(), Error> {
        self.0.wait()
    }
    fn try_wait(&mut self) -> Result<bool, Error> {
        self.0.try_wait()
    }
    fn post(&mut self) -> Result<(), Error> {
        self.0.post()
    }
}

/// An eventfd without `EFD_SEMAPHORE`: who reads takes all permits, and gives one back.
struct TakesAll(EventFd);

impl Semaphore for TakesAll {
    const CONTRACT: &'static Contract = NamedSemaphore::CONTRACT;

    fn create(permits: u32) -> Result<Self, Error> {
        let flags = EfdFlags::EFD_NONBLOCK;
        EventFd::from_value_and_flags(permits, flags)
            .map(TakesAll)
            .map_err(Error::system("creating", "the eventfd"))
    }

    fn wait(&mut self) -> Result<(), Error> {
        while !self.try_wait()? {
            // As if a wait that was interrupted had ended well.
            match poll(
                &mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)],
                PollTimeout::NONE,
            ) {
                Err(Errno::EINTR) => return Ok(()),
                result => result
                    .map(drop)
                    .map_err(Error::system("polling", "the eventfd"))?,
            }
        }
        Ok(())
    }

    fn try_wait(&mut self) -> Result<bool, Error> {
        Ok(self.0.read().is_ok())
    }

    fn post(&mut self) -> Result<(), Error> {
        while self.0.write(1).is_err() {}
        Ok(())
    }
}

#[test]
fn looking_before_taking_is_a_race() {
    let report = semaphore::<CountsBelowZero>(scenario!("below"), trial(Peril::None, 3, 2));
    let report = report.try_explore(BUDGET);
    breaks(
        &report,
        CountsBelowZero::CONTRACT,
        Peril::None,
        "no-more-than-its-permits",
    );
}

#[test]
fn a_permit_that_dies_with_its_holder_is_found() {
    let trial = trial(Peril::KillHolder, 2, 1);
    keeps(&semaphore::<SysvSemaphore>(scenario!("undo"), trial).try_explore(BUDGET));
    let report = semaphore::<NoUndo>(scenario!("no-undo"), trial).try_explore(BUDGET);
    breaks(
        &report,
        NoUndo::CONTRACT,
        Peril::KillHolder,
        "refused-only-when-taken",
    );
}

#[test]
fn a_name_that_stays_is_found() {
    let report = semaphore::<LeaksName>(scenario!("leaks"), trial(Peril::None, 3, 2));
    breaks(
        &report.try_explore(BUDGET),
        LeaksName::CONTRACT,
        Peril::None,
        "leak",
    );
}

#[test]
fn taking_more_than_one_is_found() {
    let report = semaphore::<TakesAll>(scenario!("all"), trial(Peril::None, 3, 2));
    let report = report.try_explore(BUDGET);
    breaks(
        &report,
        TakesAll::CONTRACT,
        Peril::None,
        "refused-only-when-taken",
    );
}

#[test]
fn an_interrupted_wait_is_no_permit() {
    let report = semaphore::<TakesAll>(scenario!("eintr"), trial(Peril::Interrupt, 2, 1));
    let report = report.try_explore(BUDGET);
    breaks(
        &report,
        TakesAll::CONTRACT,
        Peril::Interrupt,
        "no-more-than-its-permits",
    );
}
