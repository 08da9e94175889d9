//! Process-shared mutexes, condition variables, reader–writer locks and barriers.

use super::mapping::Shared;
use super::{checked_number, deadline};
use std::cell::UnsafeCell;
use std::io;
use std::time::Duration;

/// Defines a pthread object in shared memory.
macro_rules! object {
    ($(#[$doc:meta])* $name:ident, $type:ident) => {
        $(#[$doc])*
        #[repr(transparent)]
        pub(crate) struct $name(UnsafeCell<libc::$type>);

        // SAFETY: only the C library looks at it, and it expects others to change it.
        unsafe impl Shared for $name {}
    };
}

object!(
    /// pthread_mutex_t.
    Mutex, pthread_mutex_t
);
object!(
    /// pthread_cond_t.
    Condition, pthread_cond_t
);
object!(
    /// pthread_rwlock_t.
    ReadWrite, pthread_rwlock_t
);
object!(
    /// pthread_barrier_t.
    Barrier, pthread_barrier_t
);

unsafe extern "C" {
    /// glibc 2.30 and newer; not in the crate libc.
    fn pthread_mutex_clocklock(
        mutex: *mut libc::pthread_mutex_t,
        clock: libc::clockid_t,
        until: *const libc::timespec,
    ) -> libc::c_int;
    fn pthread_rwlock_clockrdlock(
        lock: *mut libc::pthread_rwlock_t,
        clock: libc::clockid_t,
        until: *const libc::timespec,
    ) -> libc::c_int;
    fn pthread_rwlock_clockwrlock(
        lock: *mut libc::pthread_rwlock_t,
        clock: libc::clockid_t,
        until: *const libc::timespec,
    ) -> libc::c_int;
}

impl Mutex {
    /// Initialises a mutex in zeroed memory, once, before any use of it.
    pub fn init(&self, robust: bool) -> io::Result<()> {
        // SAFETY: an attribute object is initialised before its use; the memory of
        // the mutex is large enough, and it is not in use yet.
        unsafe {
            let mut attributes = std::mem::zeroed();
            checked_number(libc::pthread_mutexattr_init(&mut attributes))?;
            let shared = libc::PTHREAD_PROCESS_SHARED;
            checked_number(libc::pthread_mutexattr_setpshared(&mut attributes, shared))?;
            if robust {
                let robust = libc::PTHREAD_MUTEX_ROBUST;
                checked_number(libc::pthread_mutexattr_setrobust(&mut attributes, robust))?;
            }
            checked_number(libc::pthread_mutex_init(self.0.get(), &attributes))?;
            checked_number(libc::pthread_mutexattr_destroy(&mut attributes))
        }
    }

    /// Locks. `EOWNERDEAD` has locked, too.
    pub fn lock(&self, patience: Duration) -> io::Result<()> {
        let until = deadline(libc::CLOCK_MONOTONIC, patience);
        // SAFETY: the mutex has been initialised; the deadline outlives the call.
        checked_number(unsafe {
            pthread_mutex_clocklock(self.0.get(), libc::CLOCK_MONOTONIC, &until)
        })
    }

    pub fn try_lock(&self) -> io::Result<()> {
        // SAFETY: the mutex has been initialised.
        checked_number(unsafe { libc::pthread_mutex_trylock(self.0.get()) })
    }

    pub fn unlock(&self) -> io::Result<()> {
        // SAFETY: the mutex has been initialised.
        checked_number(unsafe { libc::pthread_mutex_unlock(self.0.get()) })
    }

    /// Declares what the mutex protects to be in order again.
    pub fn make_consistent(&self) -> io::Result<()> {
        // SAFETY: the mutex has been initialised.
        checked_number(unsafe { libc::pthread_mutex_consistent(self.0.get()) })
    }
}

impl Condition {
    /// Initialises a condition variable in zeroed memory, once, before any use of it.
    pub fn init(&self) -> io::Result<()> {
        // SAFETY: as for the mutex.
        unsafe {
            let mut attributes = std::mem::zeroed();
            checked_number(libc::pthread_condattr_init(&mut attributes))?;
            let shared = libc::PTHREAD_PROCESS_SHARED;
            checked_number(libc::pthread_condattr_setpshared(&mut attributes, shared))?;
            // Not the wall clock, which may be set.
            let clock = libc::CLOCK_MONOTONIC;
            checked_number(libc::pthread_condattr_setclock(&mut attributes, clock))?;
            checked_number(libc::pthread_cond_init(self.0.get(), &attributes))?;
            checked_number(libc::pthread_condattr_destroy(&mut attributes))
        }
    }

    /// Gives the mutex back, waits, and takes it again, whatever comes back.
    pub fn wait(&self, mutex: &Mutex, patience: Duration) -> io::Result<()> {
        let until = deadline(libc::CLOCK_MONOTONIC, patience);
        // SAFETY: both have been initialised.
        checked_number(unsafe { libc::pthread_cond_timedwait(self.0.get(), mutex.0.get(), &until) })
    }

    pub fn signal(&self) -> io::Result<()> {
        // SAFETY: it has been initialised.
        checked_number(unsafe { libc::pthread_cond_signal(self.0.get()) })
    }
}

impl ReadWrite {
    /// Initialises a lock in zeroed memory, once, before any use of it.
    pub fn init(&self) -> io::Result<()> {
        // SAFETY: as for the mutex.
        unsafe {
            let mut attributes = std::mem::zeroed();
            checked_number(libc::pthread_rwlockattr_init(&mut attributes))?;
            let shared = libc::PTHREAD_PROCESS_SHARED;
            checked_number(libc::pthread_rwlockattr_setpshared(&mut attributes, shared))?;
            checked_number(libc::pthread_rwlock_init(self.0.get(), &attributes))?;
            checked_number(libc::pthread_rwlockattr_destroy(&mut attributes))
        }
    }

    pub fn read(&self, patience: Duration) -> io::Result<()> {
        let until = deadline(libc::CLOCK_MONOTONIC, patience);
        // SAFETY: it has been initialised; the deadline outlives the call.
        checked_number(unsafe {
            pthread_rwlock_clockrdlock(self.0.get(), libc::CLOCK_MONOTONIC, &until)
        })
    }

    pub fn write(&self, patience: Duration) -> io::Result<()> {
        let until = deadline(libc::CLOCK_MONOTONIC, patience);
        // SAFETY: as above.
        checked_number(unsafe {
            pthread_rwlock_clockwrlock(self.0.get(), libc::CLOCK_MONOTONIC, &until)
        })
    }

    pub fn unlock(&self) -> io::Result<()> {
        // SAFETY: it has been initialised.
        checked_number(unsafe { libc::pthread_rwlock_unlock(self.0.get()) })
    }
}

impl Barrier {
    /// Initialises a barrier for this number of processes in zeroed memory, once, before
    /// any use of it.
    pub fn init(&self, parties: u32) -> io::Result<()> {
        // SAFETY: as for the mutex.
        unsafe {
            let mut attributes = std::mem::zeroed();
            checked_number(libc::pthread_barrierattr_init(&mut attributes))?;
            let shared = libc::PTHREAD_PROCESS_SHARED;
            checked_number(libc::pthread_barrierattr_setpshared(
                &mut attributes,
                shared,
            ))?;
            checked_number(libc::pthread_barrier_init(
                self.0.get(),
                &attributes,
                parties,
            ))?;
            checked_number(libc::pthread_barrierattr_destroy(&mut attributes))
        }
    }

    /// Waits until all have come; `true` for one of them.
    pub fn wait(&self) -> io::Result<bool> {
        // SAFETY: it has been initialised.
        match unsafe { libc::pthread_barrier_wait(self.0.get()) } {
            libc::PTHREAD_BARRIER_SERIAL_THREAD => Ok(true),
            result => checked_number(result).map(|()| false),
        }
    }
}
