//! Histories that cannot be judged.

/// Reason why a history cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unusable {
    /// The operation that is to blame, as an index into the history.
    pub operation: usize,
    /// Reason why the history cannot be judged.
    pub reason: String,
}

impl Unusable {
    /// This operation is to blame.
    pub fn new(operation: usize, reason: impl Into<String>) -> Unusable {
        Unusable {
            operation,
            reason: reason.into(),
        }
    }
}
