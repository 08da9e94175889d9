//! Shared cells: a value that one process stores and others load.

use super::{Contract, Error};

/// Bytes of the value in a cell: more than any instruction stores at once.
pub const VALUE_BYTES: usize = 64;

/// A register of [`VALUE_BYTES`] that has been created, all zero: a handle that one
/// writer and any number of readers inherit when they are forked.
///
/// Dropping the handle removes what stands under a name; only the process that
/// created the cell is to do that, when no process uses it any more.
pub trait SharedCell: Sized {
    /// Contract of the cell.
    const CONTRACT: &'static Contract;

    /// Builds a new cell, all zero.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn create() -> Result<Self, Error>;

    /// Called once in every process that uses the cell, before anything else.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn attach(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Puts a value into the cell. There is one process that does.
    ///
    /// # Errors
    /// If the kernel refuses; [`Error::TimedOut`] where a dead process is in the
    /// way.
    fn store(&mut self, value: &[u8; VALUE_BYTES]) -> Result<(), Error>;

    /// Returns the value in the cell.
    ///
    /// # Errors
    /// [`Error::TimedOut`] where a writer that died during a store is in
    /// the way.
    fn load(&mut self) -> Result<[u8; VALUE_BYTES], Error>;
}
