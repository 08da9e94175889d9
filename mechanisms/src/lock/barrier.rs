//! A process-shared barrier: pthread_barrier_wait(3p).
//!
//! A fixed number of processes meet: each waits until all have arrived, and then all
//! continue; the barrier can be used again at once. If one dies on the way, the others
//! wait for it forever, and there is no timeout: a barrier is for processes that live and
//! die together.

use crate::sys::mapping::Mapping;
use crate::sys::pthread;
use crosswire::contract::Error;

const NAME: &str = "the shared barrier";

/// A barrier in memory that is inherited.
#[derive(Debug)]
pub struct Barrier {
    memory: Mapping,
}

impl Barrier {
    /// Creates a barrier for this number of processes.
    ///
    /// # Errors
    /// EINVAL if that is 0; if there is no memory or descriptor.
    ///
    /// ```
    /// use crosswire_mechanisms::lock::Barrier;
    /// // Alone, one never waits, and is always the one that is chosen.
    /// let barrier = Barrier::create(1)?;
    /// assert!(barrier.wait()?);
    /// assert!(Barrier::create(0).is_err());
    /// # Ok::<(), crosswire::contract::Error>(())
    /// ```
    pub fn create(parties: u32) -> Result<Barrier, Error> {
        let memory = Mapping::anonymous("crosswire-barrier", size_of::<pthread::Barrier>())
            .map_err(Error::system("creating", NAME))?;
        let made = memory.get::<pthread::Barrier>().init(parties);
        made.map_err(Error::system("creating", NAME))?;
        Ok(Barrier { memory })
    }

    /// Waits until all have come; `true` for one of them, whichever.
    ///
    /// # Errors
    /// None on a barrier that was created.
    pub fn wait(&self) -> Result<bool, Error> {
        let met = self.memory.get::<pthread::Barrier>().wait();
        met.map_err(Error::system("waiting at", NAME))
    }
}
