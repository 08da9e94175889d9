//! A sequence lock in a memfd: memfd_create(2).
//!
//! Readers take no lock and delay no other process: they read, and read again if the
//! writer was active meanwhile. A writer that dies during a store leaves an odd number,
//! and readers then find no value at all: they give up.

use super::slots::{bytes, words};
use crate::common::{NO_BUFFER, NO_RESOURCES, NO_SIGNAL_LATE, NO_SIGNAL_LOST, NO_TRANSFER};
use crate::sys::mapping::Mapping;
use crate::words::Sequence;
use crosswire::contract::{
    Contract, Death, Error, Facility, PATIENCE, Peril, SharedCell, Traits, VALUE_BYTES, promise,
};
use std::time::{Duration, Instant};

const NAME: &str = "the sequence lock";

/// Number of times that a reader retries before it pauses.
const TRIES: usize = 3;

/// Length of a pause: the writer may need the processor.
const REST: Duration = Duration::from_millis(50);

/// A value under a sequence lock, in memory that is inherited.
#[derive(Debug)]
pub struct SequenceLock {
    memory: Mapping,
}

impl SharedCell for SequenceLock {
    const CONTRACT: &'static Contract = &CONTRACT;

    fn create() -> Result<Self, Error> {
        let memory = Mapping::anonymous("crosswire-sequence", size_of::<Sequence>())
            .map_err(Error::system("creating", NAME))?;
        Ok(SequenceLock { memory })
    }

    fn store(&mut self, value: &[u8; VALUE_BYTES]) -> Result<(), Error> {
        self.memory.get::<Sequence>().store(&words(value));
        Ok(())
    }

    fn load(&mut self) -> Result<[u8; VALUE_BYTES], Error> {
        let began = Instant::now();
        let sequence = self.memory.get::<Sequence>();
        loop {
            if let Some(value) = (0..TRIES).find_map(|_| sequence.try_load()) {
                return Ok(bytes(value));
            }
            if began.elapsed() >= PATIENCE {
                return Err(Error::timed_out("loading from", NAME));
            }
            std::thread::sleep(REST);
        }
    }
}

const CONTRACT: Contract = Contract {
    name: "sequence-lock",
    facility: Facility::SharedCell,
    specification: "A register with one writer: a load returns the last value stored.",
    traits: Traits {
        death: Death::Kept,
        ..Traits::USUAL
    },
    capacity: "64 bytes",
    blocking: "store never waits; load retries while the writer stores",
    linux: "memfds exist on Linux and a few systems that copied them",
    promises: &[
        promise(
            Peril::None,
            "a load returns the value of the last store, whole",
            "memfd_create(2); Boehm, \"Can Seqlocks Get Along With Programming Language Memory \
             Models?\" (MSPC 2012)",
        ),
        promise(
            Peril::KillReader,
            "the death of a reader has no effect",
            "memfd_create(2): readers change nothing",
        ),
        promise(
            Peril::KillWriter,
            "after a writer was killed, loads return the old value or the new one, whole, or, if \
             it was killed during a store, give up; no load is torn",
            "Boehm (MSPC 2012)",
        ),
        promise(
            Peril::Pause,
            "a slow writer makes readers retry; a slow reader delays no other process",
            "Boehm (MSPC 2012)",
        ),
        promise(
            Peril::Contend,
            "however many read, the writer is not delayed",
            "Boehm (MSPC 2012)",
        ),
        promise(
            Peril::ClockJump,
            "the timeout of a reader is measured by a clock that cannot be set",
            "clock_gettime(2): CLOCK_MONOTONIC",
        ),
    ],
    exemptions: &[
        crosswire::contract::exempt(
            Peril::Interrupt,
            "no call waits except for the reader's pause, after which it retries in any case",
        ),
        NO_TRANSFER,
        NO_BUFFER,
        NO_SIGNAL_LOST,
        NO_SIGNAL_LATE,
        NO_RESOURCES,
    ],
};
