//! A process-shared condition variable: pthread_cond_timedwait(3).
//!
//! A condition variable remembers nothing: the state must be in memory that the mutex
//! protects, and a waiter checks it in a loop, because of spurious wake-ups. Here it is a
//! counter. The mutex is robust, so that a process that dies between taking and giving it
//! back blocks no other.

use crate::common::{NO_BUFFER, NO_RESOURCES, NO_SIGNAL_LATE, NO_SIGNAL_LOST, NO_TRANSFER};
use crate::sys::mapping::Mapping;
use crate::sys::pthread::{Condition, Mutex};
use crosswire::contract::{
    Contract, Error, Facility, Notifier, PATIENCE, Peril, Role, Traits, Wakeup, exempt, promise,
};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

const NAME: &str = "the shared condition variable";

/// Content of the shared memory.
#[repr(C)]
pub(crate) struct Inside {
    mutex: Mutex,
    condition: Condition,
    /// Notifications that the waiter has not taken.
    count: AtomicU32,
}

/// A condition variable, its mutex and a counter in memory that is inherited.
#[derive(Debug)]
pub struct ConditionVariable {
    memory: Mapping,
}

impl ConditionVariable {
    fn inside(&self) -> &Inside {
        self.memory.get()
    }

    /// Takes the mutex, repairing it if its holder died: the counter is one word, so
    /// it is whole whenever that happened.
    fn lock(&self) -> Result<(), Error> {
        repaired(&self.inside().mutex, self.inside().mutex.lock(PATIENCE))
    }
}

fn repaired(mutex: &Mutex, result: io::Result<()>) -> Result<(), Error> {
    match result {
        Err(error) if error.raw_os_error() == Some(libc::EOWNERDEAD) => mutex
            .make_consistent()
            .map_err(Error::system("repairing", NAME)),
        Err(error) if error.raw_os_error() == Some(libc::ETIMEDOUT) => {
            Err(Error::timed_out("locking", NAME))
        }
        result => result.map_err(Error::system("locking", NAME)),
    }
}

impl Notifier for ConditionVariable {
    const CONTRACT: &'static Contract = &CONTRACT;

    fn create(_: usize) -> Result<Self, Error> {
        let memory = Mapping::anonymous("crosswire-condition", size_of::<Inside>())
            .map_err(Error::system("creating", NAME))?;
        let variable = ConditionVariable { memory };
        let inside = variable.inside();
        let made = inside
            .mutex
            .init(true)
            .and_then(|()| inside.condition.init());
        made.map_err(Error::system("creating", NAME))?;
        Ok(variable)
    }

    fn attach(&mut self, _: Role) -> Result<(), Error> {
        Ok(())
    }

    fn notify(&mut self, _: u32) -> Result<(), Error> {
        self.lock()?;
        let inside = self.inside();
        inside.count.fetch_add(1, Ordering::Relaxed);
        // While it has the mutex: a woken waiter finds the counter changed.
        let signalled = inside.condition.signal();
        inside
            .mutex
            .unlock()
            .and(signalled)
            .map_err(Error::system("signalling", NAME))
    }

    fn wait(&mut self) -> Result<Option<Wakeup>, Error> {
        let began = Instant::now();
        self.lock()?;
        let inside = self.inside();
        let count = loop {
            let count = inside.count.swap(0, Ordering::Relaxed);
            let left = PATIENCE.saturating_sub(began.elapsed());
            if count > 0 || left.is_zero() {
                break count;
            }
            match inside.condition.wait(&inside.mutex, left) {
                // Timed out: it has the mutex, and looks once more.
                Err(error) if error.raw_os_error() == Some(libc::ETIMEDOUT) => {}
                result => repaired(&inside.mutex, result)?,
            }
        };
        inside
            .mutex
            .unlock()
            .map_err(Error::system("unlocking", NAME))?;
        Ok((count > 0).then_some(Wakeup { count, value: None }))
    }
}

const CONTRACT: Contract = Contract {
    name: "condition-variable",
    facility: Facility::Notifier,
    specification: "A counter under a mutex, and a condition variable that wakes the waiter; the \
                    waiter takes the whole count.",
    traits: Traits::USUAL,
    capacity: "4294967295 notifications",
    blocking: "notify waits for the mutex only; wait waits until the counter is not 0, or until \
               the timeout",
    linux: "a process killed in pthread_cond_signal can leave a glibc condition variable in a \
            state that no process repairs (glibc bug 21422 is of this family): a wait needs a \
            timeout",
    promises: &[
        promise(
            Peril::None,
            "the waiter receives every notification, and none that was not sent; no wake-up is \
             lost between checking and sleeping",
            "pthread_cond_wait(3): unlocks and waits atomically",
        ),
        promise(
            Peril::KillWaiter,
            "notifying works without a waiter; the mutex that it held is repaired",
            "pthread_mutexattr_setrobust(3)",
        ),
        promise(
            Peril::Pause,
            "a slow waiter gets its notifications together, with their number",
            "pthread_cond_wait(3)",
        ),
        promise(
            Peril::Interrupt,
            "a signal ends no wait, or causes a spurious wake-up, which the waiter's loop handles",
            "pthread_cond_wait(3): \"spurious wakeups\"",
        ),
        promise(
            Peril::Contend,
            "a process that notifies often hides no notification of another",
            "pthread_cond_signal(3)",
        ),
        promise(
            Peril::ClockJump,
            "a wait by CLOCK_MONOTONIC is neither shortened nor prolonged when CLOCK_REALTIME is \
             set",
            "pthread_condattr_setclock(3)",
        ),
    ],
    exemptions: &[
        NO_TRANSFER,
        NO_BUFFER,
        NO_SIGNAL_LOST,
        NO_SIGNAL_LATE,
        NO_RESOURCES,
        exempt(
            Peril::KillNotifier,
            "nothing is promised: a process killed in pthread_cond_signal can leave a glibc \
             condition variable in a state that no process repairs",
        ),
    ],
};
