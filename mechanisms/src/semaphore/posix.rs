//! POSIX semaphores: sem_overview(7).
//!
//! A named one is a file in `/dev/shm`, found by its name until a process removes it; an
//! unnamed one lies in shared memory. Neither records who took a permit, so the permits
//! of a dead process are lost.

use crate::common::{
    NO_BUFFER, NO_RESOURCES, NO_SIGNAL_LATE, NO_SIGNAL_LOST, NO_TRANSFER, own_name,
};
use crate::sys::mapping::Mapping;
use crate::sys::posix_semaphore::{self, Handle, Named, Unnamed};
use crosswire::contract::{
    Contract, Death, Error, Facility, PATIENCE, Peril, Semaphore, Traits, promise,
};
use std::ffi::CString;
use std::io;
use std::time::Instant;

/// A named semaphore.
#[derive(Debug)]
pub struct NamedSemaphore {
    name: CString,
    semaphore: Named,
}

/// A semaphore in memory that is inherited.
#[derive(Debug)]
pub struct SharedSemaphore {
    memory: Mapping,
}

impl NamedSemaphore {
    /// Creates the semaphore of this name, which begins with a slash and has no other.
    ///
    /// # Errors
    /// If the name is taken (EEXIST), too long (251 bytes are possible) or has another
    /// slash (EINVAL from glibc, where sem_open(3) has ENAMETOOLONG for the first); if there are too many permits (EINVAL).
    ///
    /// ```
    /// use crosswire::contract::Semaphore;
    /// use crosswire_mechanisms::semaphore::NamedSemaphore;
    /// let mut semaphore = NamedSemaphore::create_named("/crosswire-example", 1)?;
    /// assert!(semaphore.try_wait()?);
    /// assert!(!semaphore.try_wait()?);
    /// semaphore.post()?;
    /// let taken = NamedSemaphore::create_named("/crosswire-example", 1).unwrap_err();
    /// assert!(taken.to_string().contains("EEXIST"), "{taken}");
    /// # Ok::<(), crosswire::contract::Error>(())
    /// ```
    pub fn create_named(name: &str, permits: u32) -> Result<NamedSemaphore, Error> {
        let object = format!("the semaphore {name}");
        let Ok(name) = CString::new(name) else {
            return Err(Error::misuse(&object, "a name cannot contain a zero byte"));
        };
        let semaphore =
            Named::create(&name, permits).map_err(Error::system("creating", &object))?;
        Ok(NamedSemaphore { name, semaphore })
    }

    fn object(&self) -> String {
        format!("the semaphore {}", self.name.to_string_lossy())
    }
}

impl Drop for NamedSemaphore {
    fn drop(&mut self) {
        // A process that removed it before had a reason.
        let _ = posix_semaphore::unlink(&self.name);
    }
}

impl SharedSemaphore {
    fn handle(&self) -> Handle<'_> {
        self.memory.get::<Unnamed>().handle()
    }
}

const UNNAMED: &str = "the shared semaphore";

fn wait(semaphore: Handle<'_>, object: &str) -> Result<(), Error> {
    let began = Instant::now();
    loop {
        match semaphore.wait(PATIENCE.saturating_sub(began.elapsed())) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.raw_os_error() == Some(libc::ETIMEDOUT) => {
                return Err(Error::timed_out("waiting for", object));
            }
            result => return result.map_err(Error::system("waiting for", object)),
        }
    }
}

fn try_wait(semaphore: Handle<'_>, object: &str) -> Result<bool, Error> {
    loop {
        return match semaphore.try_wait() {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(Error::system("trying", object)(error)),
        };
    }
}

impl Semaphore for NamedSemaphore {
    const CONTRACT: &'static Contract = &Contract {
        name: "named-semaphore",
        specification: "A fixed number of permits, found by name; those of a dead process are \
                        lost.",
        ..COMMON
    };

    fn create(permits: u32) -> Result<Self, Error> {
        NamedSemaphore::create_named(&format!("/{}", own_name("semaphore")), permits)
    }

    fn wait(&mut self) -> Result<(), Error> {
        wait(self.semaphore.handle(), &self.object())
    }

    fn try_wait(&mut self) -> Result<bool, Error> {
        try_wait(self.semaphore.handle(), &self.object())
    }

    fn post(&mut self) -> Result<(), Error> {
        let posted = self.semaphore.handle().post();
        posted.map_err(Error::system("posting", &self.object()))
    }
}

impl Semaphore for SharedSemaphore {
    const CONTRACT: &'static Contract = &Contract {
        name: "shared-semaphore",
        specification: "A fixed number of permits, in shared memory; those of a dead process are \
                        lost.",
        ..COMMON
    };

    fn create(permits: u32) -> Result<Self, Error> {
        let memory = Mapping::anonymous("crosswire-semaphore", size_of::<Unnamed>())
            .map_err(Error::system("creating", UNNAMED))?;
        memory
            .get::<Unnamed>()
            .init(permits)
            .map_err(Error::system("creating", UNNAMED))?;
        Ok(SharedSemaphore { memory })
    }

    fn wait(&mut self) -> Result<(), Error> {
        wait(self.handle(), UNNAMED)
    }

    fn try_wait(&mut self) -> Result<bool, Error> {
        try_wait(self.handle(), UNNAMED)
    }

    fn post(&mut self) -> Result<(), Error> {
        self.handle()
            .post()
            .map_err(Error::system("posting", UNNAMED))
    }
}

/// Contract parts common to both.
const COMMON: Contract = Contract {
    name: "",
    facility: Facility::Semaphore,
    specification: "",
    traits: Traits {
        death: Death::Kept,
        ..Traits::USUAL
    },
    capacity: "2147483647 permits (SEM_VALUE_MAX); any number of waiters",
    blocking: "wait waits for a permit, or until the timeout",
    linux: "waiting until a time of CLOCK_MONOTONIC (sem_clockwait) is in POSIX since 2024",
    promises: &[
        promise(
            Peril::None,
            "never more holders than permits; no process is turned away while a permit is \
             available, and none waits forever",
            "sem_wait(3), sem_post(3)",
        ),
        promise(
            Peril::KillHolder,
            "the permit of a killed process is lost without notice: waiters need a timeout",
            "sem_overview(7)",
        ),
        promise(
            Peril::Pause,
            "a slow holder delays others and changes nothing else",
            "sem_overview(7)",
        ),
        promise(
            Peril::Interrupt,
            "a wait that was interrupted has taken nothing and can be repeated",
            "sem_wait(3): EINTR",
        ),
        promise(
            Peril::Contend,
            "a process that finds no permit waits for one, or gets an error at once if it does not \
             wait",
            "sem_wait(3), sem_trywait(3): EAGAIN",
        ),
        promise(
            Peril::ClockJump,
            "a wait by CLOCK_MONOTONIC is neither shortened nor prolonged when CLOCK_REALTIME is \
             set",
            "sem_clockwait(3); clock_settime(2)",
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
