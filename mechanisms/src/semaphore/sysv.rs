//! System V semaphore sets: sysvipc(7), semget(2), semop(2), semctl(2).
//!
//! A set has several semaphores, and semop performs operations on them at once: all,
//! or none and waits. With `SEM_UNDO` the kernel takes back what a process has added
//! or taken when that process ends, however it ends.
//!
//! Creating one is a race by design: semget makes the set, semctl or semop gives it
//! its value, and in between others find a set that is not ready. The cure, from
//! semget(2) and Stevens, "UNIX Network Programming", volume 2, section 11.2: the
//! creator, whom `IPC_EXCL` tells that it is the one, sets the value by semop; the
//! others wait until the set shows that semop has been performed (`sem_otime`).

use crate::common::{NO_BUFFER, NO_CLOCK, NO_SIGNAL_LATE, NO_SIGNAL_LOST, NO_TRANSFER};
use crate::sys::sysv::{self, sem_operation};
use crosswire::contract::{
    Contract, Death, Error, Facility, PATIENCE, Peril, Promise, Semaphore, Traits, promise,
};
use libc::{EAGAIN, EEXIST, EIDRM, EINTR, EINVAL, IPC_NOWAIT, SEM_UNDO, c_short};
use std::io;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

/// Interval between two checks whether a set is ready.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A set of semaphores, found by a key.
///
/// ```
/// use crosswire_mechanisms::semaphore::SemaphoreSet;
/// let set = SemaphoreSet::open_or_create(0x6372_6f73, &[2, 0])?;
/// // Two steps at once: one from the first, one to the second.
/// set.perform(&[(0, -1), (1, 1)])?;
/// assert_eq!((set.value(0)?, set.value(1)?), (1, 1));
/// // 0 waits until the value is 0.
/// set.perform(&[(1, -1)])?;
/// set.perform(&[(1, 0)])?;
/// set.remove()?;
/// assert!(set.value(0).unwrap_err().to_string().contains("removed"));
/// # Ok::<(), crosswire::contract::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SemaphoreSet {
    id: i32,
    object: String,
}

impl SemaphoreSet {
    /// Opens the set with this key; creates it with these values if it does not exist.
    /// The first process creates it, and no process sees it before it has its values.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if its creator died before it was ready: remove it
    /// then. EACCES, or EINVAL if it has fewer semaphores.
    ///
    /// # Panics
    /// If there are no values.
    pub fn open_or_create(key: i32, values: &[u16]) -> Result<SemaphoreSet, Error> {
        assert!(!values.is_empty(), "a set has at least one semaphore");
        let object = format!("the semaphore set {key:#x}");
        let count = values.len() as i32;
        let began = Instant::now();
        loop {
            match sysv::semget(key, count, sysv::NEW) {
                Ok(id) => {
                    let set = SemaphoreSet { id, object };
                    set.make_ready(values)?;
                    return Ok(set);
                }
                Err(error) if error.raw_os_error() == Some(EEXIST) => {}
                Err(error) => return Err(Error::system("creating", &object)(error)),
            }
            let ready =
                sysv::semget(key, count, 0).and_then(|id| Ok((id, sysv::sem_was_used(id)?)));
            match ready {
                Ok((id, true)) => return Ok(SemaphoreSet { id, object }),
                Ok((_, false)) => {}
                // It was removed between the two calls: begin again.
                Err(error) if is_gone(&error) => continue,
                Err(error) => return Err(Error::system("opening", &object)(error)),
            }
            if began.elapsed() >= PATIENCE {
                return Err(Error::timed_out("waiting for the maker of", &object));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Creates a set that is found by its id alone.
    fn private(values: &[u16]) -> Result<SemaphoreSet, Error> {
        let object = "the semaphore set".to_owned();
        let id = sysv::semget(sysv::PRIVATE, values.len() as i32, sysv::NEW)
            .map_err(Error::system("creating", &object))?;
        let set = SemaphoreSet { id, object };
        set.make_ready(values)?;
        Ok(set)
    }

    /// Makes a new set ready atomically, by adding the values to its zeros. Without
    /// SEM_UNDO, since the values would otherwise vanish with their creator.
    fn make_ready(&self, values: &[u16]) -> Result<(), Error> {
        let mut operations: Vec<libc::sembuf> = (0..)
            .zip(values)
            .map(|(number, &value)| sem_operation(number, value as c_short, 0))
            .collect();
        // Adding 0 would wait for 0, which it is, and count as having been used.
        self.repeat("setting the values of", || {
            sysv::semop(self.id, &mut operations, None)
        })
    }

    /// Performs all of these operations at once: adds to the value of a semaphore,
    /// takes from it, waiting until there is so much, or, for 0, waits until it is 0.
    ///
    /// # Errors
    /// [`Error::TimedOut`]; [`Error::Removed`]. Nothing was done then.
    pub fn perform(&self, operations: &[(u16, i16)]) -> Result<(), Error> {
        self.apply(operations, 0)
    }

    fn apply(&self, operations: &[(u16, i16)], flags: i32) -> Result<(), Error> {
        let began = Instant::now();
        let mut operations: Vec<libc::sembuf> = operations
            .iter()
            .map(|&(number, add)| sem_operation(number, add, flags))
            .collect();
        self.repeat("using", || {
            let left = PATIENCE.saturating_sub(began.elapsed());
            sysv::semop(self.id, &mut operations, Some(left))
        })
    }

    fn repeat(
        &self,
        operation: &'static str,
        mut call: impl FnMut() -> io::Result<()>,
    ) -> Result<(), Error> {
        loop {
            match call() {
                // Never restarted by the kernel (signal(7)).
                Err(error) if error.raw_os_error() == Some(EINTR) => {}
                Err(error) if error.raw_os_error() == Some(EAGAIN) => {
                    return Err(Error::timed_out(operation, &self.object));
                }
                Err(error) => return Err(self.refused(operation, error)),
                Ok(()) => return Ok(()),
            }
        }
    }

    fn refused(&self, operation: &'static str, error: io::Error) -> Error {
        match is_gone(&error) {
            true => Error::Removed {
                operation,
                object: self.object.clone(),
            },
            false => Error::system(operation, &self.object)(error),
        }
    }

    /// Returns the value of a semaphore.
    ///
    /// # Errors
    /// [`Error::Removed`].
    pub fn value(&self, number: u16) -> Result<i32, Error> {
        sysv::sem_value(self.id, i32::from(number)).map_err(|e| self.refused("reading", e))
    }

    /// Removes the set; waiters are woken ([`Error::Removed`]).
    ///
    /// # Errors
    /// [`Error::Removed`] if another process has.
    pub fn remove(&self) -> Result<(), Error> {
        sysv::sem_remove(self.id).map_err(|e| self.refused("removing", e))
    }
}

/// Tells whether an error means that the set has been removed: EIDRM while waiting,
/// EINVAL afterwards.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(EIDRM | EINVAL | libc::ENOENT))
}

/// Choice whether the kernel undoes the operations of a dead process, with the contract.
pub trait Undo: 'static {
    /// The flag of semop.
    const FLAGS: i32;
    /// Creates the set: by the first process that needs it, or by the creator.
    fn create(key: i32, permits: u16) -> Result<Option<SemaphoreSet>, Error>;
    /// Contract of the semaphore.
    const CONTRACT: &'static Contract;
}

/// A set of one semaphore.
#[derive(Debug)]
pub struct Counting<U> {
    key: i32,
    permits: u16,
    set: Option<SemaphoreSet>,
    undo: PhantomData<U>,
}

/// With SEM_UNDO; made by the first process that needs it.
pub type SysvSemaphore = Counting<WithUndo>;
/// Without; made beforehand.
pub type SysvSemaphoreWithoutUndo = Counting<WithoutUndo>;

/// See [`SysvSemaphore`].
#[derive(Debug)]
pub enum WithUndo {}
/// See [`SysvSemaphoreWithoutUndo`].
#[derive(Debug)]
pub enum WithoutUndo {}

impl<U: Undo> Counting<U> {
    fn set(&self) -> Result<&SemaphoreSet, Error> {
        let unused = "this process has not attached it";
        self.set
            .as_ref()
            .ok_or_else(|| Error::misuse("the semaphore", unused))
    }
}

impl<U> Drop for Counting<U> {
    fn drop(&mut self) {
        let found = sysv::semget(self.key, 1, 0);
        let own = self.set.as_ref().map(|set| set.id);
        // A process that removed it before had a reason.
        if let Some(id) = own.or(found.ok()) {
            let _ = sysv::sem_remove(id);
        }
    }
}

impl<U: Undo> Semaphore for Counting<U> {
    const CONTRACT: &'static Contract = U::CONTRACT;

    fn create(permits: u32) -> Result<Self, Error> {
        let permits = u16::try_from(permits)
            .ok()
            .filter(|permits| *permits < 32767)
            .ok_or_else(|| Error::misuse("the semaphore", "it counts to 32767 (SEMVMX)"))?;
        let key = sysv::own_key(b's');
        Ok(Counting {
            key,
            permits,
            set: U::create(key, permits)?,
            undo: PhantomData,
        })
    }

    fn attach(&mut self) -> Result<(), Error> {
        if self.set.is_none() {
            self.set = Some(SemaphoreSet::open_or_create(self.key, &[self.permits])?);
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<(), Error> {
        self.set()?.apply(&[(0, -1)], U::FLAGS)
    }

    fn try_wait(&mut self) -> Result<bool, Error> {
        match self.set()?.apply(&[(0, -1)], U::FLAGS | IPC_NOWAIT) {
            Ok(()) => Ok(true),
            Err(Error::TimedOut { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn post(&mut self) -> Result<(), Error> {
        self.set()?.apply(&[(0, 1)], U::FLAGS)
    }
}

impl Undo for WithUndo {
    const FLAGS: i32 = SEM_UNDO;

    fn create(_: i32, _: u16) -> Result<Option<SemaphoreSet>, Error> {
        Ok(None)
    }

    const CONTRACT: &'static Contract = &Contract {
        name: "sysv-semaphore",
        specification: "A fixed number of permits; those of a dead process are given back. Created \
                        by the first process that needs it.",
        promises: &[
            COUNTS,
            promise(
                Peril::KillHolder,
                "the kernel gives back the permit of a killed process, but none that it had given \
                 back itself; a set whose creator died before it was ready is never mistaken for a \
                 ready one",
                "semop(2): SEM_UNDO; semget(2): \"Semaphore initialization\"",
            ),
            SLOW,
            INTERRUPTED,
            CONTENDED,
            NO_MEMORY,
        ],
        ..COMMON
    };
}

impl Undo for WithoutUndo {
    const FLAGS: i32 = 0;

    fn create(_: i32, permits: u16) -> Result<Option<SemaphoreSet>, Error> {
        SemaphoreSet::private(&[permits]).map(Some)
    }

    const CONTRACT: &'static Contract = &Contract {
        name: "sysv-semaphore-no-undo",
        specification: "A fixed number of permits; those of a dead process are lost.",
        traits: Traits {
            death: Death::Kept,
            ..Traits::USUAL
        },
        promises: &[
            COUNTS,
            promise(
                Peril::KillHolder,
                "the permit of a killed process is lost without notice: waiters need a timeout",
                "semop(2): without SEM_UNDO",
            ),
            SLOW,
            INTERRUPTED,
            CONTENDED,
            NO_MEMORY,
        ],
        ..COMMON
    };
}

/// Contract parts common to both.
const COMMON: Contract = Contract {
    name: "",
    facility: Facility::Semaphore,
    specification: "",
    traits: Traits::USUAL,
    capacity: "32767 permits (SEMVMX), 32000 semaphores a set (SEMMSL); any number of waiters",
    blocking: "wait waits for a permit, or until the timeout (semtimedop); IPC_RMID wakes waiters \
               with EIDRM",
    linux: "semtimedop and its relative time are not in POSIX; a new set has zeros, which POSIX \
            leaves undefined",
    promises: &[],
    exemptions: &[
        NO_TRANSFER,
        NO_BUFFER,
        NO_SIGNAL_LOST,
        NO_SIGNAL_LATE,
        NO_CLOCK,
    ],
};

const COUNTS: Promise = promise(
    Peril::None,
    "never more holders than permits; no process is turned away while a permit is available, and \
     none waits forever",
    "semop(2)",
);

const SLOW: Promise = promise(
    Peril::Pause,
    "a slow holder delays others and changes nothing else",
    "semop(2)",
);

const INTERRUPTED: Promise = promise(
    Peril::Interrupt,
    "a wait that was interrupted has taken nothing and is repeated by the caller: the kernel never \
     restarts it",
    "semop(2): EINTR; signal(7)",
);

const CONTENDED: Promise = promise(
    Peril::Contend,
    "a process that finds no permit waits for one, or gets an error at once if it does not wait",
    "semop(2): EAGAIN",
);

const NO_MEMORY: Promise = promise(
    Peril::Errno,
    "if there is no memory for an operation, its caller gets an error, and nothing was done",
    "semop(2): ENOMEM; semget(2): ENOMEM, ENOSPC",
);
