//! Report of an exploration, at its end and in progress.

use crate::found::findings::{key, simplicity};
use crate::found::first::FirstRun;
use crate::found::relevance::Relevance;
use crate::{Chance, Coverage, Exhaustion, Found, GivenUp, Guarantee, IdleFault, LostCapability};
use crosswire_model::{Limit, Verdict, Wrapper};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Result of an exploration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Over all runs, by [`Verdict::and`]: only if every run passed does the whole pass.
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
    /// A hash of each of them, if they are those of one exploration.
    pub traces: BTreeSet<u64>,
    /// Findings, in the order of the runs.
    pub found: Vec<Found>,
    /// Violations that were too many different ones to be kept.
    pub dropped: u64,
    /// Runs given up, by the limit they reached.
    pub inconclusive: Vec<(Limit, u64)>,
    /// How the first run stood that reached each limit.
    #[serde(default)]
    pub given_up: Vec<GivenUp>,
    /// Processes whose unexpected ends were not judged, by the fault after which a program
    /// may give up.
    pub excused: BTreeMap<String, u64>,
    /// Violations that were found and accepted, by kind.
    pub allowed: BTreeMap<String, u64>,
    /// Runs that the harness could not perform, and why the first one.
    pub invalid: u64,
    /// The reason of the first of them.
    pub invalid_reason: Option<String>,
    /// Numbers of faults.
    pub faults: FaultTally,
    /// Kinds of faults that were asked for and never injected.
    pub idle_faults: Vec<IdleFault>,
    /// The steps of run 0 that can matter, if other steps were no choices.
    pub relevance: Option<Relevance>,
    /// What the programs did in run 0.
    pub first: Option<FirstRun>,
    /// Programs of which only the one counts that they execute.
    pub wrappers: Vec<Wrapper>,
    /// Combined guarantee of the runs with random priorities.
    pub guarantee: Guarantee,
    /// Contested pairs, and the orders in which they were seen.
    pub coverage: Coverage,
    /// Progress of an exhaustive exploration.
    pub exhaustion: Option<Exhaustion>,
    /// The parts that this report was merged from, if it was.
    pub shards: Option<Shards>,
    /// True if it was stopped before its budget was used up and not because of a finding.
    pub interrupted: bool,
    /// Capabilities that the machine lacks, and the consequences for these runs.
    pub capabilities_lost: Vec<LostCapability>,
    /// Further notes needed to interpret the report, in sentences.
    pub notes: Vec<String>,
}

/// Parts of an exploration, by number from 1.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shards {
    /// Number of parts of the whole exploration.
    pub of: u64,
    /// Parts whose results are in the report.
    pub merged: Vec<u64>,
    /// Those of them that were interrupted, or are under way: their results so far are in it.
    pub unfinished: Vec<u64>,
    /// Parts without any result.
    pub missing: Vec<u64>,
}

impl Shards {
    /// Tells whether every part has finished.
    pub fn is_complete(&self) -> bool {
        self.unfinished.is_empty() && self.missing.is_empty()
    }
}

/// Numbers of faults of an exploration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FaultTally {
    /// Different faults that could have been injected.
    pub possible: u64,
    /// Those of them that are tried first. At each of the others a kill or pause comes to the
    /// same as at one of these.
    pub classes: u64,
    /// Faults that plans contained.
    pub planned: u64,
    /// Number of faults injected. The others found no matching point, because the
    /// schedule had led the process elsewhere.
    pub struck: u64,
}

/// Different traces that are told apart: 16 MB of hashes.
pub(crate) const MOST_DISTINCT: usize = 1_000_000;

/// Said where no run has come to its end.
pub(crate) const NO_RUN: &str = "stopped before the first run had ended";

/// Adds what is not there yet.
fn add_new<T: PartialEq>(list: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if !list.contains(&one) {
            list.push(one);
        }
    }
}

impl Report {
    /// Returns the report of an exploration without runs.
    pub fn without_runs(verdict: Verdict, seed: u64) -> Report {
        let invalid_reason = match &verdict {
            Verdict::Invalid(reason) => Some(reason.clone()),
            _ => None,
        };
        Report {
            verdict,
            seed,
            runs: 0,
            steps: 0,
            elapsed: Duration::ZERO,
            distinct_traces: 0,
            traces: BTreeSet::new(),
            found: Vec::new(),
            dropped: 0,
            inconclusive: Vec::new(),
            given_up: Vec::new(),
            excused: BTreeMap::new(),
            allowed: BTreeMap::new(),
            invalid: u64::from(invalid_reason.is_some()),
            invalid_reason,
            faults: FaultTally::default(),
            idle_faults: Vec::new(),
            relevance: None,
            first: None,
            wrappers: Vec::new(),
            guarantee: Guarantee::default(),
            coverage: Coverage::default(),
            exhaustion: None,
            shards: None,
            interrupted: false,
            capabilities_lost: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds another exploration to this one: of the same scenario with another value.
    pub fn absorb(&mut self, other: Report) {
        let so_far = std::mem::replace(&mut self.verdict, Verdict::Pass);
        self.verdict = so_far.and(other.verdict);
        self.runs += other.runs;
        self.steps += other.steps;
        self.elapsed += other.elapsed;
        self.distinct_traces += other.distinct_traces;
        self.found.extend(other.found);
        self.dropped += other.dropped;
        self.inconclusive.extend(other.inconclusive);
        self.know(other.given_up);
        for (fault, count) in other.excused {
            *self.excused.entry(fault).or_default() += count;
        }
        for (kind, count) in other.allowed {
            *self.allowed.entry(kind).or_default() += count;
        }
        self.invalid += other.invalid;
        self.invalid_reason = self.invalid_reason.take().or(other.invalid_reason);
        self.faults.possible += other.faults.possible;
        self.faults.planned += other.faults.planned;
        self.faults.struck += other.faults.struck;
        self.idle_faults.extend(other.idle_faults);
        self.capabilities_lost = other.capabilities_lost;
        self.notes.extend(other.notes);
    }

    /// Adds other runs of the same exploration: those of another part, or those that were
    /// performed later. Findings that are the same are kept once, in the simplest run. The
    /// progress of an exhaustive exploration stays as it is.
    pub(crate) fn join(&mut self, other: Report) {
        self.runs += other.runs;
        self.steps += other.steps;
        self.elapsed += other.elapsed;
        self.traces.extend(other.traces);
        self.distinct_traces = self.traces.len().min(MOST_DISTINCT) as u64;
        other.found.into_iter().for_each(|found| self.find(found));
        self.dropped += other.dropped;
        self.know(other.given_up);
        for (limit, runs) in other.inconclusive {
            match self.inconclusive.iter_mut().find(|(one, _)| *one == limit) {
                Some((_, count)) => *count += runs,
                None => self.inconclusive.push((limit, runs)),
            }
        }
        for (fault, count) in other.excused {
            *self.excused.entry(fault).or_default() += count;
        }
        for (kind, count) in other.allowed {
            *self.allowed.entry(kind).or_default() += count;
        }
        self.invalid += other.invalid;
        self.invalid_reason = self.invalid_reason.take().or(other.invalid_reason);
        self.faults = FaultTally {
            possible: self.faults.possible.max(other.faults.possible),
            classes: self.faults.classes.max(other.faults.classes),
            planned: self.faults.planned + other.faults.planned,
            struck: self.faults.struck + other.faults.struck,
        };
        let is_idle =
            |idle: &IdleFault| other.idle_faults.iter().any(|one| one.fault == idle.fault);
        self.idle_faults.retain(is_idle);
        self.relevance = self.relevance.take().or(other.relevance);
        self.first = self.first.take().or(other.first);
        if self.wrappers.is_empty() {
            self.wrappers = other.wrappers;
        }
        self.guarantee.join(other.guarantee);
        self.coverage.join(other.coverage);
        self.interrupted = other.interrupted;
        add_new(&mut self.capabilities_lost, other.capabilities_lost);
        add_new(&mut self.notes, other.notes);
        let in_vain = Verdict::Inconclusive(Limit::Faults);
        let is_in_vain =
            self.faults.struck == 0 && [&self.verdict, &other.verdict].contains(&&in_vain);
        self.verdict = self.judged();
        if is_in_vain {
            let judged = std::mem::replace(&mut self.verdict, Verdict::Pass);
            self.verdict = judged.and(in_vain);
        }
    }

    /// Takes in how runs stood that reached limits which none had reached so far.
    fn know(&mut self, given_up: Vec<GivenUp>) {
        for one in given_up {
            if !self.given_up.iter().any(|known| known.limit == one.limit) {
                self.given_up.push(one);
            }
        }
    }

    /// Takes in a finding, or counts it, if it is known.
    fn find(&mut self, found: Found) {
        let is_same = |known: &&mut Found| key(&known.violation) == key(&found.violation);
        match self.found.iter_mut().find(is_same) {
            None => self.found.push(found),
            Some(known) => {
                let count = known.count + found.count;
                if simplicity(&found.record) < simplicity(&known.record) {
                    *known = found;
                }
                known.count = count;
            }
        }
    }

    /// Judges all runs together.
    fn judged(&self) -> Verdict {
        let violations = self.found.iter().map(|found| found.violation.clone());
        match (&self.invalid_reason, self.inconclusive.first()) {
            _ if !self.found.is_empty() => Verdict::Violation(violations.collect()),
            (Some(reason), _) => Verdict::Invalid(reason.clone()),
            _ if self.runs == 0 => Verdict::Invalid(NO_RUN.to_owned()),
            (None, Some((limit, _))) => Verdict::Inconclusive(*limit),
            (None, None) => Verdict::Pass,
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

/// Progress of an exploration.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    /// Runs performed.
    pub runs: u64,
    /// Schedule points passed.
    pub steps: u64,
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
    /// The depth of bugs of which most can be said, and how likely one would have shown.
    pub guarantee: Option<Chance>,
    /// Of an exhaustive exploration: choices that are known to be left.
    pub left: Option<u64>,
    /// The estimated number of classes of interleavings that are left of it.
    pub estimated: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::{Kind, Violation};

    #[test]
    fn a_violation_outweighs_what_was_absorbed_before() {
        let violation = Verdict::Violation(vec![Violation {
            kind: Kind::Leak,
            sentence: "a queue was left".to_owned(),
            tasks: Vec::new(),
            steps: Vec::new(),
            details: Vec::new(),
        }]);
        let invalid = Verdict::Invalid("no engine".to_owned());
        let verdicts = [Verdict::Pass, invalid, violation.clone(), Verdict::Pass];
        let mut all = Report::without_runs(Verdict::Inconclusive(Limit::Steps), 0);
        for verdict in verdicts {
            all.absorb(Report::without_runs(verdict, 0));
        }
        assert_eq!(all.verdict, violation);
        assert_eq!(all.invalid_reason.as_deref(), Some("no engine"));
    }
}
