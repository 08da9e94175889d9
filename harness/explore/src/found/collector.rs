//! Takes in outcomes by the number of their run, whatever order they come in.

use crate::found::coverage::{OrderedPair, Orders};
use crate::found::findings::Findings;
use crate::found::first::FirstRun;
use crate::found::idle;
use crate::found::outcome::Outcome;
use crate::found::relevance::Relevance;
use crate::found::report::{FaultTally, Progress, Report};
use crate::found::tally::Tally;
use crate::plan::beginnings::Beginnings;
use crate::plan::guarantee::Guarantee;
use crate::plan::mix::Mix;
use crate::plan::planner::MUCH;
use crate::plan::points::{FaultSpace, Points};
use crate::plan::profile::Profiles;
use crosswire_model::{Fault, FaultKind, Met, StartUp, Verdict, Wrapper};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

#[derive(Default)]
pub(crate) struct Collector {
    stop_at_first: bool,
    /// Handed in, but a run with a smaller number is still under way.
    waiting: BTreeMap<u64, Outcome>,
    /// The next number to take in.
    next: u64,
    /// Nothing further counts.
    closed: bool,
    pub tally: Tally,
    findings: Findings,
    faults: FaultTally,
    /// The faults that were injected.
    struck: HashSet<Fault>,
    guarantee: Guarantee,
    pub orders: Orders,
    /// What the runs have met of the suspects.
    pub met: Met,
    /// What the runs of each strategy have shown.
    pub mix: Mix,
    /// How those began that were the first to show something.
    pub beginnings: Beginnings,
    /// Points at which faults can be injected, as far as known.
    pub points: Points,
    /// True if that has grown since the last query.
    pub points_grown: bool,
    /// Output of run 0, if it passed.
    pub reference: Option<Vec<u8>>,
    pub processes: Vec<String>,
    /// Size of the program, as runs have shown it in which start-up does not come first.
    pub profiles: Profiles,
    /// The steps that can matter, as run 0 has shown them, if not nearly all do.
    relevance: Option<Relevance>,
    /// Size of the program in runs in which all start-up comes first.
    pub after_start: Profiles,
    /// True if these are much shorter.
    pub is_start_long: bool,
    /// What the programs did in run 0.
    first: Option<FirstRun>,
    /// Programs of run 0 of which only the one counts that they execute.
    pub wrappers: Vec<Wrapper>,
    /// The shortest of the start-ups of all runs.
    pub start_up: Option<StartUp>,
    /// Shared memory whose accesses are no schedule points, and why.
    unwatched: BTreeSet<String>,
    /// True if a process had several threads.
    pub has_threads: bool,
    /// True if an instruction could be split.
    pub splittable: bool,
}

impl Collector {
    pub fn new(stop_at_first: bool) -> Collector {
        Collector {
            stop_at_first,
            ..Collector::default()
        }
    }

    /// Hands in the outcome of a run.
    pub fn offer(&mut self, run: u64, outcome: Outcome) {
        self.waiting.insert(run, outcome);
        while let Some(outcome) = self.waiting.remove(&self.next) {
            self.take(self.next, outcome);
            self.next += 1;
        }
    }

    /// Takes in what still waits for a run that will never be handed in.
    pub fn flush(&mut self) {
        for (run, outcome) in std::mem::take(&mut self.waiting) {
            self.take(run, outcome);
        }
    }

    /// Returns the number below which every run has been recorded.
    pub fn taken(&self) -> u64 {
        self.next
    }

    /// Tells whether further runs are useless.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn take(&mut self, run: u64, outcome: Outcome) {
        // With several workers, runs behind the one that ended the exploration
        // may have been under way: as with one worker, they do not count.
        if self.closed {
            return;
        }
        self.tally.count(&outcome, || format!("run {run}"));
        let comes_first = outcome.start_up.comes_first;
        self.faults.planned += outcome.faults_planned;
        self.faults.struck += outcome.faults_struck.len() as u64;
        self.struck.extend(outcome.faults_struck);
        self.unwatched.extend(outcome.unwatched);
        self.has_threads |= outcome.has_threads;
        self.splittable |= outcome.splittable;
        let is_like_others = (self.start_up.as_ref())
            .is_none_or(|known| known.skips_wrappers == outcome.start_up.skips_wrappers);
        if is_like_others && !matches!(outcome.verdict, Verdict::Invalid(_)) {
            match &mut self.start_up {
                Some(start_up) => {
                    start_up.learn(&outcome.start_up);
                }
                None => self.start_up = Some(outcome.start_up),
            }
        }
        self.guarantee.count(outcome.promise);
        if let Some(place) = outcome.strategy {
            self.mix
                .add(place, outcome.orders.keys().map(OrderedPair::hash));
        }
        let shown = outcome
            .orders
            .iter()
            .map(|(order, step)| (order.hash(), *step));
        let Outcome {
            has_begun, steps, ..
        } = outcome;
        (self.beginnings).add(has_begun, outcome.plan, steps, shown);
        self.orders.add(outcome.orders.into_keys());
        self.met.join(outcome.met);
        self.points_grown |= self.points.merge(outcome.points);
        if let Some(profile) = outcome.profile.filter(|_| is_like_others) {
            let steps = profile.all_steps;
            self.guarantee.meet(profile.tasks.len() as u64);
            if comes_first {
                self.after_start.add(profile);
            } else {
                self.profiles.add(profile);
            }
            let usual = self.profiles.mean().all_steps;
            self.is_start_long |= run == 1 && comes_first && steps > 0 && MUCH * steps <= usual;
        }
        if run == 0 {
            self.processes = outcome.processes;
            self.first = outcome.first;
            self.wrappers = outcome.wrappers;
            self.relevance = outcome.relevance.filter(Relevance::is_worth_telling);
            self.reference = outcome.reference;
        }
        if let Verdict::Violation(violations) = &outcome.verdict {
            let record = outcome.record.as_ref().expect("a violation has a record");
            self.findings.add(
                run,
                violations,
                record,
                &outcome.last_lines,
                outcome.replayed,
            );
            self.closed |= self.stop_at_first;
        }
        self.closed |= self.tally.is_hopeless();
    }

    /// Returns the progress so far; the caller adds budget and time.
    pub fn so_far(&self) -> Progress {
        Progress {
            found: self.findings.len(),
            guarantee: self.guarantee.best(),
            ..self.tally.progress()
        }
    }

    /// Returns the sum of all so far, of an exploration with faults of these kinds.
    pub fn report(
        &self,
        seed: u64,
        elapsed: Duration,
        kinds: &[FaultKind],
        stopped: bool,
    ) -> Report {
        let space = FaultSpace::new(kinds, &self.points);
        let idle = idle::among(kinds, &self.points, self.faults.planned, |kind| {
            self.struck.iter().any(|fault| kind.allows(fault))
        });
        let dropped = self.findings.dropped;
        let found = self.findings.clone().into_vec();
        let tally = self.tally.clone();
        Report {
            verdict: tally.verdict(found.iter().map(|found| &found.violation)),
            seed,
            runs: tally.runs,
            steps: tally.steps,
            elapsed,
            distinct_traces: tally.distinct_traces(),
            traces: tally.distinct.into_iter().collect(),
            found,
            dropped,
            inconclusive: tally.inconclusive,
            given_up: tally.given_up,
            excused: tally.excused,
            allowed: tally.allowed,
            invalid: tally.invalid,
            invalid_reason: tally.invalid_reason,
            faults: FaultTally {
                possible: space.len(),
                classes: space.examples().len() as u64,
                ..self.faults
            },
            idle_faults: idle,
            relevance: self.relevance.clone(),
            first: self.first.clone(),
            wrappers: self.wrappers.clone(),
            guarantee: self.guarantee.clone(),
            coverage: self.orders.clone().into_coverage(),
            exhaustion: None,
            shards: None,
            interrupted: stopped && !self.closed,
            capabilities_lost: tally.capabilities_lost,
            notes: self.unwatched.iter().cloned().collect(),
        }
    }
}
