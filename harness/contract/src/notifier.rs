//! Notifiers: one process tells another that something has happened.

use super::{Contract, Error};

/// Side of a notifier on which a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It waits.
    Waiter,
    /// It notifies.
    Notifier,
}

/// That, and how often, a waiter has been notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wakeup {
    /// Number of notifications that arrived as this one, if the mechanism counts them;
    /// otherwise 1.
    pub count: u32,
    /// The value that came with it, for mechanisms that carry one.
    pub value: Option<u32>,
}

/// A notifier that has been created: a handle that one waiter and any number of
/// notifiers inherit when they are forked.
///
/// Dropping the handle removes what stands under a name; only the process that
/// created it is to do that.
pub trait Notifier: Sized {
    /// Contract of the notifier.
    const CONTRACT: &'static Contract;

    /// Creates a notifier without pending notifications.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn create(notifiers: usize) -> Result<Self, Error>;

    /// Called once in every process, before anything else. A notifier may wait here
    /// for the waiter to be ready.
    ///
    /// # Errors
    /// If the kernel refuses; [`Error::Closed`] if the waiter has gone.
    fn attach(&mut self, role: Role) -> Result<(), Error>;

    /// Notifies the waiter. Never waits for it.
    ///
    /// # Errors
    /// [`Error::Closed`] if the waiter has gone and the mechanism can tell.
    fn notify(&mut self, value: u32) -> Result<(), Error>;

    /// Waits to be notified; `None` if that has not happened for
    /// [`PATIENCE`](super::PATIENCE).
    ///
    /// # Errors
    /// If the kernel refuses.
    fn wait(&mut self) -> Result<Option<Wakeup>, Error>;
}
