//! The access that a task is about to make, before it is made.

use super::reading::value_at;
use crate::run::session::Session;
use crosswire_model::Access;

impl Session<'_> {
    /// Describes the access to shared memory that a task is about to make, as far as its
    /// instruction tells.
    pub fn next_access(&self, index: usize) -> Option<Access> {
        let (address, size, kind) = self.pending_access(index)?;
        let region = self.space(index).at(address)?;
        Some(Access {
            object: region.object,
            offset: region.position(address),
            size,
            kind,
            before: value_at(self.tasks[index].tid, address, u64::from(size)),
            after: None,
            since: None,
            // It is among the places once the access has been made.
            place: u32::MAX,
        })
    }
}
