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
    /// Limits the number of runs, but not the time.
    pub const fn runs(runs: u64) -> Budget {
        Budget { runs, time: None }
    }

    /// Limits the time: performs as many runs as fit.
    pub const fn time(time: Duration) -> Budget {
        Budget {
            runs: u64::MAX,
            time: Some(time),
        }
    }

    /// Adds a limit on the time to the same number of runs.
    #[must_use]
    pub const fn within(self, time: Duration) -> Budget {
        Budget {
            time: Some(time),
            ..self
        }
    }
}
