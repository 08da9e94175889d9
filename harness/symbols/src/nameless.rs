//! Frames of which only the address is known.

use crosswire_model::Frame;

/// Returns the frame of an address in memory that belongs to no file.
pub(super) fn in_memory(address: u64) -> Frame {
    Frame {
        module: String::new(),
        address,
        function: None,
        file: None,
        line: None,
    }
}
