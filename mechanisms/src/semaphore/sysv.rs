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

/// How long to wait before looking again whether a set is ready.
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
    /// The set with this key, and, if nobody has made it yet, these values. Whoever
    /// comes first makes it; nobody sees it before it has its values.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if whoever made it died before it was ready: remove it
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

    /// A set that is found by its id alone.
    fn private(values: &[u16]) -> Result<SemaphoreSet, Error> {
        let object = "the semaphore set".to_owned();
        let id = sysv::semget(sysv::PRIVATE, values.len() as i32, sysv::NEW)
            .map_err(Error::system("creating", &object))?;
        let set = SemaphoreSet { id, object };
        set.make_ready(values)?;
        Ok(set)
    }

    /// A new set has zeros; adding makes it ready, in one step. Without SEM_UNDO, or
    /// the values would go with their maker.
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

    /// The value of a semaphore.
    ///
    /// # Errors
    /// [`Error::Removed`].
    pub fn value(&self, number: u16) -> Result<i32, Error> {
        sysv::sem_value(self.id, i32::from(number)).map_err(|e| self.refused("reading", e))
    }

    /// Removes the set; whoever waits is woken ([`Error::Removed`]).
    ///
    /// # Errors
    /// [`Error::Removed`] if somebody else has.
    pub fn remove(&self) -> Result<(), Error> {
        sysv::sem_remove(self.id).map_err(|e| self.refused("removing", e))
    }
}

/// Whether an error says that the set has been removed: EIDRM while waiting, EINVAL
/// afterwards.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(EIDRM | EINVAL | libc::ENOENT))
}

/// Whether the kernel takes back what a dead process did, and what is promised.
pub trait Undo: 'static {
    /// The flag of semop.
    const FLAGS: i32;
    /// How the set comes to be: by the first process that needs it, or by the creator.
    fn create(key: i32, permits: u16) -> Result<Option<SemaphoreSet>, Error>;
    /// What is promised.
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
        // Whoever removed it before had a reason.
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
        specification: "So many permits; what a dead process had is given back. Made by whoever \
                        needs it first.",
        promises: &[
            COUNTS,
            promise(
                Peril::KillHolder,
                "the kernel gives back the permit of a killed process, and takes away none that \
                 it had given back itself; a set whose maker died before it was ready is never \
                 taken for one that is",
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
        specification: "So many permits; what a dead process had is lost.",
        traits: Traits {
            death: Death::Kept,
            ..Traits::USUAL
        },
        promises: &[
            COUNTS,
            promise(
                Peril::KillHolder,
                "the permit of a killed process is lost, and nobody is told: whoever waits must \
                 have a time-out",
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

/// What holds for both.
const COMMON: Contract = Contract {
    name: "",
    facility: Facility::Semaphore,
    specification: "",
    traits: Traits::USUAL,
    capacity: "32767 permits (SEMVMX), 32000 semaphores a set (SEMMSL); any number that wait",
    blocking: "wait waits for a permit, or until the time is over (semtimedop); IPC_RMID wakes \
               whoever waits with EIDRM",
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
    "never more holders than permits; nobody is turned away while a permit is there, and nobody \
     waits for ever",
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
    "whoever finds no permit waits for one, or is told at once if it will not wait",
    "semop(2): EAGAIN",
);

const NO_MEMORY: Promise = promise(
    Peril::Errno,
    "where there is no memory for an operation, its caller is told, and nothing was done",
    "semop(2): ENOMEM; semget(2): ENOMEM, ENOSPC",
);
