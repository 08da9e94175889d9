//! Queue of runs for the workers. Each crash-free run yields the crash runs to perform,
//! and each of those, if two crashes are requested, the runs with two; so there is no
//! list of all runs beforehand.

use super::CrashSearch;
use super::groups::Groups;
use super::report::{CrashReport, CrashTally};
use crate::ExploreError;
use crate::collector::MOST_INVALID;
use crate::exploration::Supervised;
use crate::outcome::Outcome;
use crate::report::{LostCapability, Progress};
use crosswire_model::{Fault, Limit, Verdict};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A run to perform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    pub schedule: u32,
    /// Number of steps of the undisturbed run, which some schedules depend on.
    pub horizon: u32,
    pub crashes: Vec<Fault>,
    /// The place of each crash among those that could have been in its stead. With
    /// the schedule it orders all runs, however they were shared out.
    pub order: Vec<usize>,
}

impl Job {
    /// Tells whether it is the run that reveals all others.
    pub fn is_first(&self) -> bool {
        self.schedule == 0 && self.crashes.is_empty()
    }
}

/// Result of a run.
pub(super) struct Performed {
    pub outcome: Outcome,
    /// The crashes that can be added to those of the run.
    pub next: Vec<Fault>,
    /// The names of the processes, of the first run only.
    pub processes: Vec<String>,
}

impl Performed {
    pub fn invalid(reason: String) -> Performed {
        Performed {
            outcome: Outcome::invalid(reason),
            next: Vec::new(),
            processes: Vec::new(),
        }
    }
}

pub(super) struct Queue {
    began: Instant,
    state: Mutex<State>,
    /// Waited for by workers without work: there is more, or the end has come.
    more: Condvar,
    /// Waited for by the coordinator: a worker has ended.
    ended: Condvar,
}

struct State {
    jobs: VecDeque<Job>,
    /// Jobs that are being performed, which may beget others.
    under_way: usize,
    working: usize,
    closed: bool,
    error: Option<ExploreError>,
    /// Every list of crashes that was tried, and whether a run with it failed.
    tried: BTreeMap<Vec<String>, bool>,
    groups: Groups,
    distinct: HashSet<u64>,
    runs: u64,
    steps: u64,
    inconclusive: BTreeMap<String, (Limit, u64)>,
    invalid: u64,
    invalid_reason: Option<String>,
    capabilities_lost: Vec<LostCapability>,
    processes: Vec<String>,
}

impl Queue {
    pub fn new(workers: usize) -> Queue {
        let first = Job {
            schedule: 0,
            horizon: 0,
            crashes: Vec::new(),
            order: Vec::new(),
        };
        Queue {
            began: Instant::now(),
            state: Mutex::new(State {
                jobs: VecDeque::from([first]),
                under_way: 0,
                working: workers,
                closed: false,
                error: None,
                tried: BTreeMap::new(),
                groups: Groups::default(),
                distinct: HashSet::new(),
                runs: 0,
                steps: 0,
                inconclusive: BTreeMap::new(),
                invalid: 0,
                invalid_reason: None,
                capabilities_lost: Vec::new(),
                processes: Vec::new(),
            }),
            more: Condvar::new(),
            ended: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere is reported by `end`; the counts stay usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the next run to perform; `None` when there will be no more.
    pub fn take(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if state.closed || (state.jobs.is_empty() && state.under_way == 0) {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                state.under_way += 1;
                return Some(job);
            }
            let waited = self.more.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Tells what a worker's engine lacks.
    pub fn lacks(&self, capabilities: Vec<LostCapability>) {
        self.state().capabilities_lost = capabilities;
    }

    /// Hands in what came of a run.
    pub fn deliver(&self, job: Job, result: Performed, search: &CrashSearch) {
        let mut state = self.state();
        state.under_way -= 1;
        if job.is_first() {
            state.begin(&result, search);
        }
        for (order, crash) in result.next.iter().enumerate() {
            let mut next = job.clone();
            next.crashes.push(crash.clone());
            next.order.push(order);
            state.jobs.push_back(next);
        }
        state.take_in(&job, result.outcome);
        drop(state);
        self.more.notify_all();
    }

    /// Records that a worker is done, or has failed.
    pub fn end(&self, result: Result<(), ExploreError>) {
        let mut state = self.state();
        state.working -= 1;
        if let Err(error) = result {
            state.error.get_or_insert(error);
            state.closed = true;
        }
        drop(state);
        self.more.notify_all();
        self.ended.notify_all();
    }

    /// Returns the report, once nothing more is awaited.
    pub fn finish(&self, search: &CrashSearch, stopped: bool) -> Result<CrashReport, ExploreError> {
        let mut state = self.state();
        if let Some(error) = state.error.take() {
            return Err(error);
        }
        let unfinished = !state.jobs.is_empty() || state.under_way > 0;
        let tally = |length: usize| {
            let of_length = |(crashes, _): &(&Vec<String>, &bool)| crashes.len() == length;
            let tried = state.tried.iter().filter(of_length);
            CrashTally {
                points: tried.clone().count() as u64,
                failing: tried.filter(|(_, failed)| **failed).count() as u64,
            }
        };
        let (single, double) = (tally(1), tally(2));
        let second_is_missing = search.second.as_ref().filter(|_| double.points == 0);
        if let (Some(name), false, true) = (second_is_missing, unfinished, single.points > 0) {
            return Err(ExploreError::NothingToKill { name: name.clone() });
        }
        let groups = std::mem::take(&mut state.groups).into_vec();
        let verdict = if !groups.is_empty() {
            let violations = groups.iter().map(|group| group.found.violation.clone());
            Verdict::Violation(violations.collect())
        } else if let Some(reason) = &state.invalid_reason {
            Verdict::Invalid(reason.clone())
        } else if state.runs == 0 {
            Verdict::Invalid("stopped before the first run had ended".into())
        } else if let Some((limit, _)) = state.inconclusive.values().next() {
            Verdict::Inconclusive(*limit)
        } else {
            Verdict::Pass
        };
        Ok(CrashReport {
            single,
            double,
            groups,
            runs: state.runs,
            steps: state.steps,
            elapsed: self.began.elapsed(),
            distinct_traces: state.distinct.len() as u64,
            inconclusive: state.inconclusive.values().copied().collect(),
            invalid: state.invalid,
            invalid_reason: state.invalid_reason.take(),
            interrupted: stopped && unfinished,
            capabilities_lost: std::mem::take(&mut state.capabilities_lost),
            ..CrashReport::without_runs(verdict, search)
        })
    }
}

impl Supervised for Queue {
    fn wait(&self, time: Duration) -> bool {
        let state = self.state();
        let wait = self
            .ended
            .wait_timeout_while(state, time, |state| state.working > 0);
        wait.unwrap_or_else(PoisonError::into_inner).0.working == 0
    }

    fn close(&self) {
        self.state().closed = true;
        self.more.notify_all();
    }

    fn progress(&self) -> Progress {
        let state = self.state();
        Progress {
            runs: state.runs,
            of: Some(state.runs + (state.jobs.len() + state.under_way) as u64),
            elapsed: self.began.elapsed(),
            found: state.groups.len(),
            distinct_traces: state.distinct.len() as u64,
            ..Progress::default()
        }
    }
}

impl State {
    /// Takes up what the first run has shown.
    fn begin(&mut self, result: &Performed, search: &CrashSearch) {
        self.processes.clone_from(&result.processes);
        if !self.processes.is_empty() && !self.processes.contains(&search.victim) {
            self.error = Some(ExploreError::UnknownProcess {
                name: search.victim.clone(),
                seen: self.processes.join(", "),
            });
            self.closed = true;
            return;
        }
        let horizon = u32::try_from(result.outcome.steps).unwrap_or(u32::MAX);
        for schedule in 1..search.schedules {
            self.jobs.push_back(Job {
                schedule,
                horizon,
                crashes: Vec::new(),
                order: Vec::new(),
            });
        }
    }

    fn take_in(&mut self, job: &Job, outcome: Outcome) {
        self.runs += 1;
        self.steps += outcome.steps;
        let crashes: Vec<String> = job.crashes.iter().map(ToString::to_string).collect();
        let failed = outcome.verdict.is_violation();
        if !crashes.is_empty() && !matches!(outcome.verdict, Verdict::Invalid(_)) {
            *self.tried.entry(crashes.clone()).or_default() |= failed;
        }
        match &outcome.verdict {
            Verdict::Pass => {}
            Verdict::Violation(violations) => {
                let order = (job.schedule, job.order.clone());
                self.groups.add(violations, &outcome, crashes, order);
            }
            Verdict::Inconclusive(limit) => {
                let entry = self.inconclusive.entry(limit.to_string());
                entry.or_insert((*limit, 0)).1 += 1;
            }
            Verdict::Invalid(reason) => {
                self.invalid += 1;
                let with = match crashes.is_empty() {
                    true => "without a crash".to_owned(),
                    false => crashes.join(" and "),
                };
                let schedule = job.schedule;
                self.invalid_reason
                    .get_or_insert_with(|| format!("{with}, schedule {schedule}: {reason}"));
                self.closed |= self.invalid >= MOST_INVALID;
                return;
            }
        }
        self.distinct.insert(outcome.fingerprint);
    }
}
