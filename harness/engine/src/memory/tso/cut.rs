//! Pages that calls cut off mapped files.

use std::ops::Range;

/// Pages that a call has cut off a file, or is about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::memory) struct Cut {
    pub object: u32,
    /// Where they are in it.
    pub bytes: Range<u64>,
    /// The number of events before.
    pub since: usize,
}

impl Cut {
    /// Tells whether any of these bytes are on the pages.
    pub fn contains(&self, object: u32, offset: u64, size: u64) -> bool {
        self.object == object && offset < self.bytes.end && self.bytes.start < offset + size
    }
}
