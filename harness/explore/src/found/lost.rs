//! Capabilities that a machine lacks.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that the engine wants from the machine and has not got.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LostCapability {
    /// Name of the capability.
    pub name: String,
    /// Reason why it is not there.
    pub reason: String,
    /// Consequences for runs.
    pub lost: String,
}

impl fmt::Display for LostCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {} ({}): {}", self.name, self.reason, self.lost)
    }
}
