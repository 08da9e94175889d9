//! Process-shared reader–writer locks: pthread_rwlockattr_setpshared(3).
//!
//! There is no robust kind: if a holder dies, the lock stays as it was. Where
//! processes may die, use a file lock or a robust mutex.

use super::mutex::LOCAL;
use crate::sys::mapping::Mapping;
use crate::sys::pthread::ReadWrite;
use crosswire::contract::{
    Contract, Death, Error, Facility, PATIENCE, Peril, RwLock, Traits, promise,
};
use std::io;

const NAME: &str = "the shared reader-writer lock";

/// A process-shared reader–writer lock in memory that is inherited.
#[derive(Debug)]
pub struct PthreadRwLock {
    memory: Mapping,
}

impl PthreadRwLock {
    fn inside(&self) -> &ReadWrite {
        self.memory.get()
    }
}

fn told(result: io::Result<()>) -> Result<(), Error> {
    match result {
        Err(error) if error.raw_os_error() == Some(libc::ETIMEDOUT) => {
            Err(Error::timed_out("locking", NAME))
        }
        result => result.map_err(Error::system("locking", NAME)),
    }
}

impl RwLock for PthreadRwLock {
    const CONTRACT: &'static Contract = &CONTRACT;

    fn create() -> Result<Self, Error> {
        let memory = Mapping::anonymous("crosswire-rwlock", size_of::<ReadWrite>())
            .map_err(Error::system("creating", NAME))?;
        let lock = PthreadRwLock { memory };
        lock.inside()
            .init()
            .map_err(Error::system("creating", NAME))?;
        Ok(lock)
    }

    fn read(&mut self) -> Result<(), Error> {
        told(self.inside().read(PATIENCE))
    }

    fn write(&mut self) -> Result<(), Error> {
        told(self.inside().write(PATIENCE))
    }

    fn unlock(&mut self) -> Result<(), Error> {
        self.inside()
            .unlock()
            .map_err(Error::system("unlocking", NAME))
    }
}

const CONTRACT: Contract = Contract {
    name: "pthread-rwlock",
    facility: Facility::RwLock,
    specification: "One writer, or any number of readers; the lock of a dead holder is never given \
                    back.",
    traits: Traits {
        death: Death::KeptAndStuck,
        ..Traits::USUAL
    },
    capacity: "one writer, or any number of readers; any number of waiters",
    blocking: "read waits until no process writes, write until it is free, or until the timeout",
    linux: "readers precede waiting writers unless pthread_rwlockattr_setkind_np says otherwise",
    promises: &[
        promise(
            Peril::None,
            "no two hold it at a time, unless both read; no process waits forever",
            "pthread_rwlock_rdlock(3p), pthread_rwlock_wrlock(3p)",
        ),
        promise(
            Peril::KillReader,
            "after a reader was killed, readers still get the lock and writers never do, without \
             notice. If it was killed while it gave the lock back, waiters may spin forever: glibc \
             waits for the end of the hand-over in a loop, regardless of the timeout",
            "pthread_rwlock_unlock(3p): undefined; what glibc does",
        ),
        promise(
            Peril::KillWriter,
            "after a writer was killed, no process gets the lock, without notice: waiters need a \
             timeout. If it was killed while it gave the lock back, not even that helps: glibc \
             waits for the end of the hand-over in a loop",
            "pthread_rwlock_unlock(3p): undefined; what glibc does",
        ),
        promise(
            Peril::Pause,
            "a slow holder delays others and changes nothing else",
            "pthread_rwlock_wrlock(3p)",
        ),
        promise(
            Peril::Interrupt,
            "a signal does not end a wait",
            "pthread_rwlock_rdlock(3p): never EINTR",
        ),
        promise(
            Peril::Contend,
            "a process that finds it taken waits until it is given back",
            "pthread_rwlock_wrlock(3p)",
        ),
        promise(
            Peril::ClockJump,
            "a wait by CLOCK_MONOTONIC is neither shortened nor prolonged when CLOCK_REALTIME is \
             set",
            "pthread_rwlock_clockrdlock(3p); clock_settime(2)",
        ),
    ],
    exemptions: LOCAL,
};
