//! Counting semaphores: a number of permits, taken and given back one at a time.

use super::{Contract, Error};

/// A semaphore that has been created: a handle that processes inherit when they are
/// forked.
///
/// Dropping the handle removes what stands under a name; only the process that
/// created the semaphore is to do that, when no process uses it any more.
pub trait Semaphore: Sized {
    /// Contract of the semaphore.
    const CONTRACT: &'static Contract;

    /// Builds a new semaphore with this number of permits.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn create(permits: u32) -> Result<Self, Error>;

    /// Called once in every process that uses the semaphore, before anything else.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn attach(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Takes a permit, waiting for one.
    ///
    /// # Errors
    /// Where permits die with their holders, [`Error::TimedOut`] after
    /// [`PATIENCE`](super::PATIENCE).
    fn wait(&mut self) -> Result<(), Error>;

    /// Takes a permit if there is one; whether there was.
    ///
    /// # Errors
    /// If the kernel refuses for another reason.
    fn try_wait(&mut self) -> Result<bool, Error>;

    /// Gives a permit.
    ///
    /// # Errors
    /// If there are as many as can be counted.
    fn post(&mut self) -> Result<(), Error>;
}
