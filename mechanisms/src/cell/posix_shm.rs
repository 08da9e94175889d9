//! POSIX shared memory: shm_overview(7).
//!
//! An object has a name until a process removes it, and memory as long as a process has
//! it open or mapped. Its size is 0 until ftruncate(2) sets it: a process that opens it
//! by name before that and touches it gets SIGBUS. So the object is initialised before
//! its name is published.
//!
//! A robust mutex in it is the lock; two slots make a store atomic.

use super::slots::Slots;
use crate::common::{
    NO_BUFFER, NO_RESOURCES, NO_SIGNAL_LATE, NO_SIGNAL_LOST, NO_TRANSFER, own_name,
};
use crate::sys::mapping::Mapping;
use crate::sys::pthread::Mutex;
use crosswire::contract::{
    Contract, Error, Facility, PATIENCE, Peril, SharedCell, Traits, VALUE_BYTES, promise,
};
use nix::fcntl::OFlag;
use nix::sys::mman::{shm_open, shm_unlink};
use nix::sys::stat::Mode;
use std::fs::File;

/// Content of the object.
#[repr(C)]
pub(crate) struct Inside {
    mutex: Mutex,
    slots: Slots,
}

/// A value in a shared memory object, and a robust mutex that guards it.
#[derive(Debug)]
pub struct PosixSharedMemory {
    name: String,
    memory: Mapping,
}

impl PosixSharedMemory {
    /// Creates the object of this name, which begins with a slash and has no other.
    ///
    /// # Errors
    /// If the name is taken (EEXIST), too long (ENAMETOOLONG: 255 bytes are possible),
    /// or has another slash (EINVAL).
    ///
    /// ```
    /// use crosswire::contract::SharedCell;
    /// use crosswire_mechanisms::cell::PosixSharedMemory;
    /// let mut cell = PosixSharedMemory::create_named("/crosswire-example")?;
    /// cell.store(&[7; 64])?;
    /// assert_eq!(cell.load()?, [7; 64]);
    /// let taken = PosixSharedMemory::create_named("/crosswire-example").unwrap_err();
    /// assert!(taken.to_string().contains("EEXIST"), "{taken}");
    /// # Ok::<(), crosswire::contract::Error>(())
    /// ```
    pub fn create_named(name: &str) -> Result<PosixSharedMemory, Error> {
        let object = object(name);
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let file = shm_open(name, flags, mode).map_err(Error::system("creating", &object))?;
        let made = make_ready(&File::from(file));
        match made {
            Ok(memory) => Ok(PosixSharedMemory {
                name: name.to_owned(),
                memory,
            }),
            Err(error) => {
                // Nobody else has learned the name.
                let _ = shm_unlink(name);
                Err(Error::system("creating", &object)(error))
            }
        }
    }

    fn guarded<T>(&mut self, action: impl FnOnce(&Slots) -> T) -> Result<T, Error> {
        let object = object(&self.name);
        let inside = self.memory.get::<Inside>();
        match inside.mutex.lock(PATIENCE) {
            // Whatever the dead one was at, the slot that counts is whole.
            Err(error) if error.raw_os_error() == Some(libc::EOWNERDEAD) => inside
                .mutex
                .make_consistent()
                .map_err(Error::system("repairing", &object))?,
            Err(error) if error.raw_os_error() == Some(libc::ETIMEDOUT) => {
                return Err(Error::timed_out("locking", &object));
            }
            result => result.map_err(Error::system("locking", &object))?,
        }
        let result = action(&inside.slots);
        let unlocked = inside.mutex.unlock();
        unlocked.map_err(Error::system("unlocking", &object))?;
        Ok(result)
    }
}

fn object(name: &str) -> String {
    format!("the shared memory {name}")
}

fn make_ready(file: &File) -> std::io::Result<Mapping> {
    file.set_len(size_of::<Inside>() as u64)?;
    let memory = Mapping::of(file, size_of::<Inside>())?;
    memory.get::<Inside>().mutex.init(true)?;
    Ok(memory)
}

impl Drop for PosixSharedMemory {
    fn drop(&mut self) {
        // A process that removed it before had a reason.
        let _ = shm_unlink(self.name.as_str());
    }
}

impl SharedCell for PosixSharedMemory {
    const CONTRACT: &'static Contract = &CONTRACT;

    fn create() -> Result<Self, Error> {
        PosixSharedMemory::create_named(&format!("/{}", own_name("memory")))
    }

    fn store(&mut self, value: &[u8; VALUE_BYTES]) -> Result<(), Error> {
        self.guarded(|slots| slots.store(value))
    }

    fn load(&mut self) -> Result<[u8; VALUE_BYTES], Error> {
        self.guarded(Slots::load)
    }
}

const CONTRACT: Contract = Contract {
    name: "posix-shm",
    facility: Facility::SharedCell,
    specification: "A register: a load returns the last value stored.",
    traits: Traits::USUAL,
    capacity: "64 bytes here; an object has whole pages of the memory file system",
    blocking: "load and store wait for the mutex",
    linux: "an object is a file in /dev/shm; its name has 255 bytes at most",
    promises: &[
        promise(
            Peril::None,
            "a load returns the value of the last store, whole",
            "shm_overview(7); pthread_mutex_lock(3)",
        ),
        promise(
            Peril::KillReader,
            "the mutex of a killed reader passes to the next process",
            "pthread_mutexattr_setrobust(3)",
        ),
        promise(
            Peril::KillWriter,
            "after a writer was killed, loads return the old value or the new one, whole; the \
             mutex that it held is handed on",
            "pthread_mutexattr_setrobust(3), pthread_mutex_consistent(3)",
        ),
        promise(
            Peril::Pause,
            "a slow process delays others and changes nothing else",
            "pthread_mutex_lock(3)",
        ),
        promise(
            Peril::Interrupt,
            "a signal does not end a wait for the mutex",
            "pthread_mutex_lock(3): never EINTR",
        ),
        promise(
            Peril::Contend,
            "a process that finds the mutex taken waits its turn",
            "pthread_mutex_lock(3)",
        ),
        promise(
            Peril::ClockJump,
            "a wait by CLOCK_MONOTONIC is neither shortened nor prolonged when CLOCK_REALTIME is \
             set",
            "pthread_mutex_clocklock(3)",
        ),
    ],
    exemptions: &[
        NO_TRANSFER,
        NO_BUFFER,
        NO_SIGNAL_LOST,
        NO_SIGNAL_LATE,
        NO_RESOURCES,
    ],
};
