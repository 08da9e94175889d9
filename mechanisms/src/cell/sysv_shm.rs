//! System V shared memory: sysvipc(7), shmget(2), shmop(2), shmctl(2).
//!
//! A segment has no owner: it stays until a process marks it for removal, and then until
//! the last process has detached it. So the creator marks it as soon as all processes
//! have it attached, and it cannot be left behind, however they end. Processes inherit
//! attachments.
//!
//! Memory orders nothing by itself. Here a semaphore with `SEM_UNDO` is the lock, so that
//! the kernel gives back the lock of a dead process.

use super::slots::Slots;
use crate::common::{NO_BUFFER, NO_CLOCK, NO_SIGNAL_LATE, NO_SIGNAL_LOST, NO_TRANSFER};
use crate::semaphore::SysvSemaphore as Guard;
use crate::sys::mapping::Mapping;
use crate::sys::sysv;
use crosswire::contract::{
    Contract, Error, Facility, Peril, Semaphore, SharedCell, Traits, VALUE_BYTES, promise,
};

const NAME: &str = "the System V segment";

/// A value in a segment, and a semaphore that guards it.
#[derive(Debug)]
pub struct SysvSharedMemory {
    memory: Mapping,
    guard: Guard,
}

impl SysvSharedMemory {
    fn guarded<T>(&mut self, action: impl FnOnce(&Slots) -> T) -> Result<T, Error> {
        self.guard.wait()?;
        let result = action(self.memory.get());
        self.guard.post()?;
        Ok(result)
    }
}

impl SharedCell for SysvSharedMemory {
    const CONTRACT: &'static Contract = &CONTRACT;

    fn create() -> Result<Self, Error> {
        let bytes = size_of::<Slots>();
        let id = sysv::shmget(sysv::PRIVATE, bytes, sysv::NEW)
            .map_err(Error::system("creating", NAME))?;
        let attached = Mapping::attach(id, bytes);
        // From here on it lives only as long as a process has it attached.
        let marked = sysv::shm_remove(id);
        let memory = attached.map_err(Error::system("attaching", NAME))?;
        marked.map_err(Error::system("marking for removal", NAME))?;
        Ok(SysvSharedMemory {
            memory,
            guard: Guard::create(1)?,
        })
    }

    fn attach(&mut self) -> Result<(), Error> {
        self.guard.attach()
    }

    fn store(&mut self, value: &[u8; VALUE_BYTES]) -> Result<(), Error> {
        self.guarded(|slots| slots.store(value))
    }

    fn load(&mut self) -> Result<[u8; VALUE_BYTES], Error> {
        self.guarded(Slots::load)
    }
}

const CONTRACT: Contract = Contract {
    name: "sysv-shm",
    facility: Facility::SharedCell,
    specification: "A register: a load returns the last value stored.",
    traits: Traits::USUAL,
    capacity: "64 bytes here; a segment has at most SHMMAX, and takes whole pages",
    blocking: "load and store wait for the semaphore",
    linux: "a segment that is marked for removal can still be attached by its id; IPC_RMID is how \
            it goes away with its last user",
    promises: &[
        promise(
            Peril::None,
            "a load returns the value of the last store, whole",
            "shmop(2); semop(2)",
        ),
        promise(
            Peril::KillReader,
            "a killed reader's hold on the semaphore is undone, and its attachment with it",
            "semop(2): SEM_UNDO; shmop(2): detached at exit",
        ),
        promise(
            Peril::KillWriter,
            "after a writer was killed, loads return the old value or the new one, whole; the \
             semaphore that it held is given back, and nothing is left behind",
            "semop(2): SEM_UNDO; shmctl(2): IPC_RMID",
        ),
        promise(
            Peril::Pause,
            "a slow process delays others and changes nothing else",
            "semop(2)",
        ),
        promise(
            Peril::Interrupt,
            "a wait for the semaphore that was interrupted is repeated",
            "semop(2): EINTR",
        ),
        promise(
            Peril::Errno,
            "if there is no memory for an operation on the semaphore, its caller gets an error",
            "semop(2): ENOMEM",
        ),
        promise(
            Peril::Contend,
            "a process that finds the semaphore taken waits its turn",
            "semop(2)",
        ),
    ],
    exemptions: &[
        NO_TRANSFER,
        NO_BUFFER,
        NO_SIGNAL_LOST,
        NO_SIGNAL_LATE,
        NO_CLOCK,
    ],
};
