//! Locks: at most one process has it; or one that writes, or many that read.

use super::{Contract, Error};

/// Manner in which a lock was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The previous holder gave it back, or the kernel did in its name.
    Clean,
    /// The previous holder died with it: the protected data may be half written.
    AfterDeath,
}

/// A lock that has been created but not taken yet: a handle that processes inherit when
/// they are forked.
///
/// Dropping the handle removes what stands under a name; only the process that
/// created the lock is to do that, when no process uses it any more.
pub trait Lock: Sized {
    /// Contract of the lock.
    const CONTRACT: &'static Contract;

    /// Creates a lock that no process holds.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn create() -> Result<Self, Error>;

    /// Called once in every process that uses the lock, before anything else.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn attach(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Takes the lock, waiting until it is free.
    ///
    /// # Errors
    /// Where the death of a holder goes unnoticed, [`Error::TimedOut`] after
    /// [`PATIENCE`](super::PATIENCE).
    fn lock(&mut self) -> Result<Taken, Error>;

    /// Takes the lock if it is free; returns `None` if another process holds it.
    ///
    /// # Errors
    /// If the kernel refuses for another reason.
    fn try_lock(&mut self) -> Result<Option<Taken>, Error>;

    /// Gives the lock back. The caller has it.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn unlock(&mut self) -> Result<(), Error>;
}

/// A reader–writer lock: held by one process that writes, or by any number that
/// read. Handles as with [`Lock`].
pub trait RwLock: Sized {
    /// Contract of the lock.
    const CONTRACT: &'static Contract;

    /// Creates a lock that no process holds.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn create() -> Result<Self, Error>;

    /// Called once in every process that uses the lock, before anything else.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn attach(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Takes the lock to read, waiting until no process writes.
    ///
    /// # Errors
    /// Where the death of a holder goes unnoticed, [`Error::TimedOut`] after
    /// [`PATIENCE`](super::PATIENCE).
    fn read(&mut self) -> Result<(), Error>;

    /// Takes the lock to write, waiting until it is free.
    ///
    /// # Errors
    /// As [`read`](RwLock::read).
    fn write(&mut self) -> Result<(), Error>;

    /// Gives back what the caller has taken.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn unlock(&mut self) -> Result<(), Error>;
}
