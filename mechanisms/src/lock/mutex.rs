//! Process-shared mutexes: pthread_mutexattr_setpshared(3),
//! pthread_mutexattr_setrobust(3).
//!
//! The mutex lies in memory that the processes share. Only the C library knows its
//! inside: it must be initialised once, before anybody else can see it, and never be
//! copied.
//!
//! A plain mutex whose holder dies stays locked for ever. A robust one is handed to
//! the next process with EOWNERDEAD: that process has the lock, is to put in order
//! what it protects, and must say so (pthread_mutex_consistent(3)), or the mutex is
//! of no use to anybody from then on (ENOTRECOVERABLE).

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

/// Whether a mutex is robust, and what it promises.
pub trait Robustness: 'static {
    /// Whether the next one learns that a holder died.
    const ROBUST: bool;
    /// What it promises.
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

    /// What the result of taking it means.
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
        specification: "One holder at a time; the next after one that died is told so.",
        traits: Traits {
            death: Death::Told,
            ..Traits::USUAL
        },
        promises: &[
            promise(
                Peril::KillHolder,
                "the next one that takes the mutex of a killed process gets it and is told \
                 (EOWNERDEAD), once; after it has repaired what the mutex protects, it is a mutex \
                 like any other. Only a wake-up may be lost: if a waiter is killed after it was \
                 woken, and another one has taken the mutex meanwhile, the waiters that are left \
                 sleep until the next one that has to wait gives it back",
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
        specification: "One holder at a time; the next after one that died waits for ever.",
        traits: Traits {
            death: Death::Kept,
            ..Traits::USUAL
        },
        promises: &[
            promise(
                Peril::KillHolder,
                "nobody gets the mutex of a killed process, and nobody is told: whoever waits \
                 must have a time-out",
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

/// What holds for both.
const COMMON: Contract = Contract {
    name: "",
    facility: Facility::Lock,
    specification: "",
    traits: Traits::USUAL,
    capacity: "one holder; any number that wait",
    blocking: "lock waits until nobody has it, or the time is over; try_lock never waits",
    linux: "waiting until a moment of the monotonic clock (pthread_mutex_clocklock) is in POSIX \
            since 2024",
    promises: &[],
    exemptions: LOCAL,
};

/// What no object in shared memory can meet.
pub(super) const LOCAL: &[Exemption] = &[
    NO_TRANSFER,
    NO_BUFFER,
    NO_SIGNAL_LOST,
    NO_SIGNAL_LATE,
    NO_RESOURCES,
];

const EXCLUSION: Promise = promise(
    Peril::None,
    "no two have it at a time; nobody is turned away from a free one, and nobody waits for ever",
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
    "whoever finds it taken waits until it is given back, or is told at once if it will not wait",
    "pthread_mutex_lock(3), pthread_mutex_trylock(3): EBUSY",
);

const BY_MONOTONIC: Promise = promise(
    Peril::ClockJump,
    "a wait by the monotonic clock is neither cut short nor drawn out when the calendar is set",
    "pthread_mutex_clocklock(3); clock_settime(2)",
);
