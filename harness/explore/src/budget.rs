//! Budget of an exploration.

use std::time::Duration;

/// An exploration ends when either bound is reached. The first run is always
/// performed, however short the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The number of runs, not counting those that confirm a violation.
    pub runs: u64,
    /// Real time, if bounded.
    pub time: Option<Duration>,
}

impl Budget {
    /// So many runs, however long they take.
    pub const fn runs(runs: u64) -> Budget {
        Budget { runs, time: None }
    }

    /// As many runs as fit into this time.
    pub const fn time(time: Duration) -> Budget {
        Budget {
            runs: u64::MAX,
            time: Some(time),
        }
    }

    /// The same number of runs, but no longer than this.
    #[must_use]
    pub const fn within(self, time: Duration) -> Budget {
        Budget {
            time: Some(time),
            ..self
        }
    }
}
