//! What a run has done with terminals.

use std::collections::HashMap;

/// The terminals of a run.
#[derive(Debug, Default)]
pub(crate) struct Terminals {
    /// `VTIME` and `VMIN` of those whose reads have a timeout, by number.
    pub(super) limited: HashMap<u32, [u8; 2]>,
    /// There are pseudoterminals.
    pub(super) are_made: bool,
    /// The call under way may write to one.
    pub are_to_carry: bool,
}
