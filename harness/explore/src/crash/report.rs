//! Result of a search for fatal crashes.

use super::settings::CrashSearch;
use crate::{Found, GivenUp, LostCapability};
use crosswire_model::{Limit, Verdict, Wrapper};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Result of killing a process at every point.
#[derive(Debug, Clone)]
pub struct CrashReport {
    /// Over all runs, as that of an exploration.
    pub verdict: Verdict,
    /// Name of the victim; `None` if it was each program in turn.
    pub victim: Option<String>,
    /// Runs that the budget did not allow.
    pub not_tried: u64,
    /// Name of the second victim, if there is one.
    pub second: Option<String>,
    /// Under how many schedules.
    pub schedules: u32,
    /// Runs with one crash.
    pub single: CrashTally,
    /// Runs with two.
    pub double: CrashTally,
    /// Failures, each different one once; the one with most points first.
    pub groups: Vec<CrashGroup>,
    /// The seed of the schedules.
    pub seed: u64,
    /// Runs performed, not counting those that confirmed a violation.
    pub runs: u64,
    /// Schedule points passed in those runs.
    pub steps: u64,
    /// Real time.
    pub elapsed: Duration,
    /// Different traces seen.
    pub distinct_traces: u64,
    /// Runs given up, by the limit they reached.
    pub inconclusive: Vec<(Limit, u64)>,
    /// How the first run stood that reached each limit.
    pub given_up: Vec<GivenUp>,
    /// Processes whose unexpected ends were not judged, by the fault after which a program
    /// may give up.
    pub excused: BTreeMap<String, u64>,
    /// Violations that were found and accepted, by kind.
    pub allowed: BTreeMap<String, u64>,
    /// Runs that the harness could not perform.
    pub invalid: u64,
    /// The reason of the first of them.
    pub invalid_reason: Option<String>,
    /// Programs of which only the one counts that they execute.
    pub wrappers: Vec<Wrapper>,
    /// True if it was stopped before every class of points had been tried.
    pub interrupted: bool,
    /// Capabilities that the machine lacks, and the consequences for these runs.
    pub capabilities_lost: Vec<LostCapability>,
}

impl CrashReport {
    /// Returns the report of a search without runs.
    pub fn without_runs(verdict: Verdict, search: &CrashSearch) -> CrashReport {
        let invalid_reason = match &verdict {
            Verdict::Invalid(reason) => Some(reason.clone()),
            _ => None,
        };
        CrashReport {
            verdict,
            victim: search.victim.clone(),
            not_tried: 0,
            second: search.second.clone(),
            schedules: search.schedules,
            single: CrashTally::default(),
            double: CrashTally::default(),
            groups: Vec::new(),
            seed: search.exploration.seed,
            runs: 0,
            steps: 0,
            elapsed: Duration::ZERO,
            distinct_traces: 0,
            inconclusive: Vec::new(),
            given_up: Vec::new(),
            excused: BTreeMap::new(),
            allowed: BTreeMap::new(),
            invalid: u64::from(invalid_reason.is_some()),
            invalid_reason,
            wrappers: Vec::new(),
            interrupted: false,
            capabilities_lost: Vec::new(),
        }
    }

    /// Runs per second of real time.
    pub fn runs_per_second(&self) -> f64 {
        match self.elapsed.as_secs_f64() {
            0.0 => 0.0,
            seconds => self.runs as f64 / seconds,
        }
    }
}

/// Points, or pairs of points, and how many of them are fatal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CrashTally {
    /// Different ones that were tried, or stand for the same as one that was, over all
    /// schedules.
    pub points: u64,
    /// Those of them that were tried: one or more of each class.
    pub classes: u64,
    /// Points at which a crash led to a violation under at least one schedule.
    pub failing: u64,
}

/// Failures in which the same went wrong.
#[derive(Debug, Clone)]
pub struct CrashGroup {
    /// The failure, and the simplest run that shows it.
    pub found: Found,
    /// The crashes that lead there, in the order in which the victim passes them.
    pub points: Vec<FailingPoint>,
}

/// A crash, or two, with which something goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailingPoint {
    /// The faults, in their text form; none if it goes wrong without a crash.
    pub crashes: Vec<String>,
    /// Location of the last process killed, as far as its symbols tell: the innermost
    /// call whose source line is known. From the first run that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub died_in: Option<String>,
    /// Number of runs with these crashes that failed in this way.
    pub runs: u64,
}
