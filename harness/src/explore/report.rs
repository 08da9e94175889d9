//! What an exploration says in the end, and on the way.

use super::Found;
use crate::model::{Limit, Verdict};
use std::time::Duration;

/// How an exploration came out.
#[derive(Debug, Clone)]
pub struct Report {
    /// Over all runs. A violation outweighs an `Invalid` run, that outweighs an
    /// `Inconclusive` one, and only if every run passed does the whole pass.
    pub verdict: Verdict,
    /// The exploration's seed.
    pub seed: u64,
    /// Runs performed, not counting those that confirmed a violation.
    pub runs: u64,
    /// Schedule points passed in those runs.
    pub steps: u64,
    /// Real time.
    pub elapsed: Duration,
    /// Different traces seen. Beyond a million they are not told apart any more.
    pub distinct_traces: u64,
    /// What was found, in the order of the runs.
    pub found: Vec<Found>,
    /// Violations that were too many different ones to be kept.
    pub dropped: u64,
    /// Runs given up, by the limit they reached.
    pub inconclusive: Vec<(Limit, u64)>,
    /// Runs that the harness could not perform, and why the first one.
    pub invalid: u64,
    /// The reason of the first of them.
    pub invalid_reason: Option<String>,
    /// What became of the faults.
    pub faults: FaultTally,
    /// Whether it was stopped before its budget was used up and for no finding.
    pub interrupted: bool,
}

/// What became of the faults of an exploration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultTally {
    /// Different faults that could have been injected.
    pub possible: u64,
    /// Faults that plans contained.
    pub planned: u64,
    /// Those that struck. The others found no point to strike at, because the
    /// schedule had led the process elsewhere.
    pub struck: u64,
}

impl Report {
    /// Runs per second of real time.
    pub fn runs_per_second(&self) -> f64 {
        match self.elapsed.as_secs_f64() {
            0.0 => 0.0,
            seconds => self.runs as f64 / seconds,
        }
    }
}

/// How far an exploration has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Runs performed.
    pub runs: u64,
    /// Runs to perform, unless only time bounds them.
    pub of: Option<u64>,
    /// Real time so far.
    pub elapsed: Duration,
    /// Real time to use, if bounded.
    pub time: Option<Duration>,
    /// Different findings so far.
    pub found: usize,
    /// Different traces so far.
    pub distinct_traces: u64,
}
