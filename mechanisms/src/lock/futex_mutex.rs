//! A mutex built on futex(2): one word in shared memory, no call without contention.
//!
//! It is here to show how such locks work, and what they lack: the kernel does not
//! know who holds it, so a holder that dies keeps it.

use super::mutex::LOCAL;
use crate::sys::futex;
use crate::sys::mapping::Mapping;
use crate::words::futex_word;
use crosswire::contract::{
    Contract, Death, Error, Facility, Lock, PATIENCE, Peril, Taken, Traits, promise,
};
use std::sync::atomic::AtomicU32;
use std::time::Instant;

const NAME: &str = "the futex mutex";

/// A mutex of one word, in memory that is inherited.
#[derive(Debug)]
pub struct FutexMutex {
    memory: Mapping,
}

impl FutexMutex {
    fn word(&self) -> &AtomicU32 {
        self.memory.get::<AtomicU32>()
    }
}

impl Lock for FutexMutex {
    const CONTRACT: &'static Contract = &CONTRACT;

    fn create() -> Result<Self, Error> {
        let memory = Mapping::anonymous("crosswire-futex", size_of::<AtomicU32>())
            .map_err(Error::system("creating", NAME))?;
        Ok(FutexMutex { memory })
    }

    fn lock(&mut self) -> Result<Taken, Error> {
        let began = Instant::now();
        futex_word::lock(self.word(), |word| {
            let left = PATIENCE.saturating_sub(began.elapsed());
            match futex::wait(word, futex_word::WAITED_FOR, left) {
                Err(error) if error.raw_os_error() == Some(libc::ETIMEDOUT) => {
                    Err(Error::timed_out("locking", NAME))
                }
                // Woken, interrupted, or too late to sleep: look again.
                _ => Ok(()),
            }
        })?;
        Ok(Taken::Clean)
    }

    fn try_lock(&mut self) -> Result<Option<Taken>, Error> {
        Ok(futex_word::try_lock(self.word()).then_some(Taken::Clean))
    }

    fn unlock(&mut self) -> Result<(), Error> {
        futex_word::unlock(self.word(), |word| futex::wake(word, 1));
        Ok(())
    }
}

const CONTRACT: Contract = Contract {
    name: "futex-mutex",
    facility: Facility::Lock,
    specification: "One holder at a time; after the death of a holder, the next one waits forever.",
    traits: Traits {
        death: Death::Kept,
        ..Traits::USUAL
    },
    capacity: "one holder; any number of waiters",
    blocking: "lock waits until it is free, or until the timeout; try_lock never waits",
    linux: "futexes exist on Linux only",
    promises: &[
        promise(
            Peril::None,
            "no two hold it at a time; no process is turned away from a free one, and no wake-up \
             is lost",
            "futex(2): FUTEX_WAIT compares and sleeps atomically",
        ),
        promise(
            Peril::KillHolder,
            "the mutex of a killed process is lost without notice: waiters need a timeout",
            "futex(2): the kernel does not know the owner",
        ),
        promise(
            Peril::Pause,
            "a slow holder delays others and changes nothing else",
            "futex(2)",
        ),
        promise(
            Peril::Interrupt,
            "an interrupted wait checks the word again",
            "futex(2): EINTR, spurious wake-ups",
        ),
        promise(
            Peril::Contend,
            "a process that finds it taken waits until it is given back, or gets an error at once \
             if it does not wait",
            "futex(2)",
        ),
        promise(
            Peril::ClockJump,
            "a relative timeout is neither shortened nor prolonged when CLOCK_REALTIME is set",
            "futex(2): FUTEX_WAIT measures by the monotonic clock",
        ),
    ],
    exemptions: LOCAL,
};
