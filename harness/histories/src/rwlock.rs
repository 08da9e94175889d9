//! A lock for one writer or several readers at a time.

use super::{BUDGET, Checker, Operations, Outcome, Unusable, locks};

/// A lock that one process holds for itself alone, or several hold to read.
/// Operations: `lock`, `trylock`, `readlock`, `tryreadlock`, `unlock`, `crash`.
///
/// As [`Mutex`](super::Mutex), but readers may overlap, and an attempt to read is
/// refused only while the lock may be held exclusively.
#[derive(Debug, Clone, Copy)]
pub struct RwLock {
    /// True if the death of a holder gives its hold back.
    pub robust: bool,
    /// Configurations that a search may look at.
    pub budget: u64,
}

impl Default for RwLock {
    fn default() -> RwLock {
        RwLock {
            robust: false,
            budget: BUDGET,
        }
    }
}

impl Checker for RwLock {
    fn name(&self) -> &'static str {
        "rwlock"
    }

    fn check(&self, operations: &Operations) -> Result<Outcome, Unusable> {
        locks::check(operations, self.robust, self.budget)
    }
}
