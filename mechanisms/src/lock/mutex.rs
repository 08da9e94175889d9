//! Process-shared mutexes: pthread_mutexattr_setpshared(3),
//! pthread_mutexattr_setrobust(3).
//!
//! The mutex lies in memory that the processes share. Only the C library knows its
//! contents: it must be initialised once, before any other process can see it, and never
//! be copied.
//!
//! A plain mutex whose holder dies stays locked forever. A robust mutex is handed to the
//! next process with EOWNERDEAD: that process has the lock, must repair the protected
//! data and then call pthread_mutex_consistent(3). Otherwise the mutex becomes unusable
//! for all processes (ENOTRECOVERABLE).

use crate::common::{NO_BUFFER, NO_RESOURCES, NO_SIGNAL_LATE, NO_SIGNAL_LOST, NO_TRANSFER};
use crate::sys::mapping::Mapping;
use crate::sys::pthread::Mutex;
use crosswire::contract::{
    Contract, Death, Error, Exemption, Facility, Lock, PATIENCE, Peril, Promise, Taken, Traits,
    promise,
};
use std::io;
use std::marker::PhantomData;

const NAME: &str = "the shared mutex";

/// Robustness of a mutex, with its contract.
pub trait Robustness: 'static {
    /// True if the next process learns that a holder died.
    const ROBUST: bool;
    /// Contract of the mutex.
    const CONTRACT: &'static Contract;
}

/// A process-shared mutex in memory that is inherited.
#[derive(Debug)]
pub struct PthreadMutex<R> {
    memory: Mapping,
    robust: PhantomData<R>,
}

/// A robust mutex.
pub type RobustMutex = PthreadMutex<Robust>;
/// One that is not.
pub type PlainMutex = PthreadMutex<Stalled>;

/// `PTHREAD_MUTEX_ROBUST`.
#[derive(Debug)]
pub enum Robust {}
/// `PTHREAD_MUTEX_STALLED`, the default.
#[derive(Debug)]
pub enum Stalled {}

impl<R: Robustness> PthreadMutex<R> {
    fn mutex(&self) -> &Mutex {
        self.memory.get()
    }

    /// Interprets the result of taking it.
    fn taken(&self, result: io::Result<()>) -> Result<Option<Taken>, Error> {
        match result.map_err(|error| (error.raw_os_error(), error)) {
            Ok(()) => Ok(Some(Taken::Clean)),
            Err((Some(libc::EOWNERDEAD), _)) => {
                self.mutex()
                    .make_consistent()
                    .map_err(Error::system("repairing", NAME))?;
                Ok(Some(Taken::AfterDeath))
            }
            Err((Some(libc::EBUSY), _)) => Ok(None),
            Err((Some(libc::ETIMEDOUT), _)) => Err(Error::timed_out("locking", NAME)),
            Err((_, error)) => Err(Error::system("locking", NAME)(error)),
        }
    }
}

impl<R: Robustness> Lock for PthreadMutex<R> {
    const CONTRACT: &'static Contract = R::CONTRACT;

    fn create() -> Result<Self, Error> {
        let memory = Mapping::anonymous("crosswire-mutex", size_of::<Mutex>())
            .map_err(Error::system("creating", NAME))?;
        let lock = PthreadMutex {
            memory,
            robust: PhantomData,
        };
        let made = lock.mutex().init(R::ROBUST);
        made.map_err(Error::system("creating", NAME))?;
        Ok(lock)
    }

    fn lock(&mut self) -> Result<Taken, Error> {
        let taken = self.taken(self.mutex().lock(PATIENCE))?;
        taken.ok_or_else(|| Error::misuse(NAME, "a wait ended with EBUSY"))
    }

    fn try_lock(&mut self) -> Result<Option<Taken>, Error> {
        self.taken(self.mutex().try_lock())
    }

    fn unlock(&mut self) -> Result<(), Error> {
        self.mutex()
            .unlock()
            .map_err(Error::system("unlocking", NAME))
    }
}

impl Robustness for Robust {
    const ROBUST: bool = true;
    const CONTRACT: &'static Contract = &Contract {
        name: "robust-mutex",
        specification: "One holder at a time; after the death of a holder, the next one learns of \
                        it.",
        traits: Traits {
            death: Death::Told,
            ..Traits::USUAL
        },
        promises: &[
            promise(
                Peril::KillHolder,
                "the next process to take the mutex of a killed process gets it with EOWNERDEAD, \
                 once; after that process has repaired the protected data, the mutex is like any \
                 other. Only a wake-up may be lost: if a waiter is killed after it was woken, and \
                 another one has taken the mutex meanwhile, the remaining waiters sleep until the \
                 next one that has to wait gives it back",
                "pthread_mutexattr_setrobust(3), pthread_mutex_consistent(3)",
            ),
            EXCLUSION,
            SLOW,
            INTERRUPTED,
            CONTENDED,
            BY_MONOTONIC,
        ],
        ..COMMON
    };
}

impl Robustness for Stalled {
    const ROBUST: bool = false;
    const CONTRACT: &'static Contract = &Contract {
        name: "plain-mutex",
        specification: "One holder at a time; after the death of a holder, the next one waits \
                        forever.",
        traits: Traits {
            death: Death::Kept,
            ..Traits::USUAL
        },
        promises: &[
            promise(
                Peril::KillHolder,
                "the mutex of a killed process is lost without notice: waiters need a timeout",
                "pthread_mutexattr_setrobust(3): PTHREAD_MUTEX_STALLED",
            ),
            EXCLUSION,
            SLOW,
            INTERRUPTED,
            CONTENDED,
            BY_MONOTONIC,
        ],
        ..COMMON
    };
}

/// Contract parts common to both.
const COMMON: Contract = Contract {
    name: "",
    facility: Facility::Lock,
    specification: "",
    traits: Traits::USUAL,
    capacity: "one holder; any number of waiters",
    blocking: "lock waits until it is free, or until the timeout; try_lock never waits",
    linux: "waiting until a time of CLOCK_MONOTONIC (pthread_mutex_clocklock) is in POSIX since \
            2024",
    promises: &[],
    exemptions: LOCAL,
};

/// Exemptions common to all objects in shared memory.
pub(super) const LOCAL: &[Exemption] = &[
    NO_TRANSFER,
    NO_BUFFER,
    NO_SIGNAL_LOST,
    NO_SIGNAL_LATE,
    NO_RESOURCES,
];

const EXCLUSION: Promise = promise(
    Peril::None,
    "no two hold it at a time; no process is turned away from a free one, and none waits forever",
    "pthread_mutex_lock(3)",
);

const SLOW: Promise = promise(
    Peril::Pause,
    "a slow holder delays others and changes nothing else",
    "pthread_mutex_lock(3)",
);

const INTERRUPTED: Promise = promise(
    Peril::Interrupt,
    "a signal does not end a wait",
    "pthread_mutex_lock(3): never EINTR",
);

const CONTENDED: Promise = promise(
    Peril::Contend,
    "a process that finds it taken waits until it is given back, or gets an error at once if it \
     does not wait",
    "pthread_mutex_lock(3), pthread_mutex_trylock(3): EBUSY",
);

const BY_MONOTONIC: Promise = promise(
    Peril::ClockJump,
    "a wait by CLOCK_MONOTONIC is neither shortened nor prolonged when CLOCK_REALTIME is set",
    "pthread_mutex_clocklock(3); clock_settime(2)",
);
