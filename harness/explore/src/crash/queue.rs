//! Queue of runs for the workers. Each crash-free run yields the crash runs to perform,
//! and each of those, if two crashes are requested, the runs with two; so there is no
//! list of all runs beforehand.

use super::groups::Groups;
use super::report::{CrashReport, CrashTally};
use super::settings::CrashSearch;
use crate::found::outcome::Outcome;
use crate::found::report::Progress;
use crate::found::tally::Tally;
use crate::perform::pool::{Agenda, Next};
use crate::plan::effects::classes::KillClass;
use crate::{Budget, ExploreError};
use crosswire_model::{Fault, Limit, StartUp, Verdict, Wrapper};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A run to perform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CrashRun {
    pub schedule: u32,
    /// Number of steps of the undisturbed run, which some schedules depend on.
    pub horizon: u32,
    pub crashes: Vec<Fault>,
    /// Crashes that would leave the same behind as the last of these.
    pub alike: Vec<Fault>,
    /// The place of each crash among those that could have been in its stead. With
    /// the schedule it orders all runs, however they were shared out.
    pub order: Vec<usize>,
    /// The start-up of the first run, for all others.
    pub start_up: Option<StartUp>,
}

impl CrashRun {
    /// Whether it is the run that shows everything else.
    pub fn is_first(&self) -> bool {
        self.schedule == 0 && self.crashes.is_empty()
    }
}

/// What came of a run.
pub(super) struct CrashOutcome {
    pub outcome: Outcome,
    /// The crashes that can be added to those of the run, in classes.
    pub next: Vec<KillClass>,
    /// The names of the processes, of the first run only.
    pub processes: Vec<String>,
}

/// What is known of a list of crashes.
#[derive(Debug, Default)]
struct Tried {
    /// A run had these crashes, and not only ones that come to the same.
    itself: bool,
    /// A run with it failed.
    failed: bool,
}

/// The runs of a search for fatal crashes, and what they came to.
pub(super) struct Queue {
    search: CrashSearch,
    jobs: VecDeque<CrashRun>,
    /// Jobs that are being performed, which may beget others.
    under_way: usize,
    handed_out: u64,
    tally: Tally,
    /// Every list of crashes that was tried, or that a tried one stands for.
    tried: BTreeMap<Vec<String>, Tried>,
    groups: Groups,
    wrappers: Vec<Wrapper>,
}

impl Queue {
    pub fn new(search: CrashSearch) -> Queue {
        let first = CrashRun {
            schedule: 0,
            horizon: 0,
            crashes: Vec::new(),
            alike: Vec::new(),
            order: Vec::new(),
            start_up: None,
        };
        Queue {
            search,
            jobs: VecDeque::from([first]),
            under_way: 0,
            handed_out: 0,
            tally: Tally::default(),
            tried: BTreeMap::new(),
            groups: Groups::default(),
            wrappers: Vec::new(),
        }
    }

    /// Takes up what the first run has shown.
    fn begin(&mut self, performed: &CrashOutcome) -> Result<(), ExploreError> {
        let seen = &performed.processes;
        let missing = |victim: &&String| !seen.is_empty() && !seen.contains(victim);
        if let Some(victim) = self.search.victim.as_ref().filter(missing) {
            return Err(ExploreError::UnknownProcess {
                name: victim.clone(),
                seen: seen.join(", "),
            });
        }
        self.wrappers.clone_from(&performed.outcome.wrappers);
        let horizon = u32::try_from(performed.outcome.steps).unwrap_or(u32::MAX);
        for schedule in 1..self.search.schedules {
            self.jobs.push_back(CrashRun {
                schedule,
                horizon,
                crashes: Vec::new(),
                alike: Vec::new(),
                order: Vec::new(),
                start_up: Some(performed.outcome.start_up.clone()),
            });
        }
        Ok(())
    }

    fn count(&mut self, job: &CrashRun, outcome: &Outcome) {
        let crashes: Vec<String> = job.crashes.iter().map(ToString::to_string).collect();
        self.tally.count(outcome, || {
            let with = match crashes.is_empty() {
                true => "without a crash".to_owned(),
                false => crashes.join(" and "),
            };
            format!("{with}, schedule {}", job.schedule)
        });
        let failed = outcome.verdict.is_violation();
        if !crashes.is_empty() && !matches!(outcome.verdict, Verdict::Invalid(_)) {
            for crashes in std::iter::once(&crashes).chain(&alike(job)) {
                self.tried.entry(crashes.clone()).or_default().failed |= failed;
            }
            self.tried.entry(crashes.clone()).or_default().itself = true;
        }
        if let Verdict::Violation(violations) = &outcome.verdict {
            let order = (job.schedule, job.order.clone());
            self.groups
                .add(violations, outcome, (crashes, alike(job)), order);
        }
    }

    /// Tells whether the budget is used up.
    fn is_late(&self, elapsed: Duration) -> bool {
        let Budget { runs, time } = self.search.budget;
        self.handed_out >= runs || time.is_some_and(|time| elapsed >= time)
    }

    fn points(&self, crashes: usize) -> CrashTally {
        let of_length = |(list, _): &(&Vec<String>, &Tried)| list.len() == crashes;
        let tried = self.tried.iter().filter(of_length).map(|(_, tried)| tried);
        CrashTally {
            points: tried.clone().count() as u64,
            classes: tried.clone().filter(|tried| tried.itself).count() as u64,
            failing: tried.filter(|tried| tried.failed).count() as u64,
        }
    }

    /// Makes the report.
    ///
    /// # Errors
    /// If there was nobody to kill after the first crash.
    pub fn report(
        &mut self,
        elapsed: Duration,
        stopped: bool,
    ) -> Result<CrashReport, ExploreError> {
        let unfinished = !self.jobs.is_empty() || self.under_way > 0;
        let (single, double) = (self.points(1), self.points(2));
        let second_is_missing = self.search.second.as_ref().filter(|_| double.points == 0);
        if let (Some(name), false, true) = (second_is_missing, unfinished, single.points > 0) {
            return Err(ExploreError::NothingToKill { name: name.clone() });
        }
        let groups = std::mem::take(&mut self.groups).into_vec();
        let is_hopeless = self.tally.is_hopeless();
        let mut tally = std::mem::take(&mut self.tally);
        // Runs are handed in by whoever is fast.
        let by_name = |(limit, _): &(Limit, u64)| limit.to_string();
        tally.inconclusive.sort_by_key(by_name);
        let mut verdict = tally.verdict(groups.iter().map(|group| &group.found.violation));
        if single.points == 0 && !unfinished {
            // Nothing was survived.
            verdict = verdict.and(Verdict::Inconclusive(Limit::Faults));
        }
        if unfinished && !stopped && !is_hopeless {
            verdict = verdict.and(Verdict::Inconclusive(Limit::Budget));
        }
        Ok(CrashReport {
            single,
            double,
            groups,
            runs: tally.runs,
            steps: tally.steps,
            elapsed,
            distinct_traces: tally.distinct_traces(),
            inconclusive: tally.inconclusive,
            given_up: tally.given_up,
            excused: tally.excused,
            allowed: tally.allowed,
            invalid: tally.invalid,
            invalid_reason: tally.invalid_reason,
            not_tried: self.jobs.len() as u64,
            wrappers: self.wrappers.clone(),
            interrupted: stopped && unfinished,
            capabilities_lost: tally.capabilities_lost,
            ..CrashReport::without_runs(verdict, &self.search)
        })
    }
}

/// Returns the lists of crashes that the run stands for besides its own.
fn alike(job: &CrashRun) -> Vec<Vec<String>> {
    let names = job.crashes.iter().map(ToString::to_string);
    let before: Vec<String> = names.take(job.crashes.len().saturating_sub(1)).collect();
    let all = job.alike.iter().map(|last| {
        let last = std::iter::once(last.to_string());
        before.iter().cloned().chain(last).collect()
    });
    all.collect()
}

impl Agenda for Queue {
    type Job = CrashRun;
    type Performed = CrashOutcome;

    fn next(&mut self, elapsed: Duration) -> Next<CrashRun> {
        // The first run shows all others.
        if self.handed_out > 0 && self.is_late(elapsed) {
            return Next::End;
        }
        match self.jobs.pop_front() {
            Some(job) => {
                self.under_way += 1;
                self.handed_out += 1;
                Next::Perform(job)
            }
            None if self.under_way == 0 => Next::End,
            None => Next::Wait,
        }
    }

    fn take_in(&mut self, job: CrashRun, performed: CrashOutcome) -> Result<(), ExploreError> {
        self.under_way -= 1;
        let begun = match job.is_first() {
            true => self.begin(&performed),
            false => Ok(()),
        };
        // First come points at effects that others meet. A program does at its end what it
        // is for: of the others the last come first.
        let mut next: Vec<(usize, &KillClass)> = performed.next.iter().enumerate().rev().collect();
        next.sort_by_key(|(_, class)| class.rank);
        for (order, class) in next {
            let mut next = job.clone();
            next.crashes.push(class.example().clone());
            next.alike = class.others().to_vec();
            next.order.push(order);
            next.start_up = Some(performed.outcome.start_up.clone());
            self.jobs.push_back(next);
        }
        self.count(&job, &performed.outcome);
        begun
    }

    fn is_closed(&self) -> bool {
        self.tally.is_hopeless()
    }

    fn invalid(reason: String) -> CrashOutcome {
        CrashOutcome {
            outcome: Outcome::invalid(reason),
            next: Vec::new(),
            processes: Vec::new(),
        }
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn progress(&self) -> Progress {
        Progress {
            of: Some(self.tally.runs + (self.jobs.len() + self.under_way) as u64),
            found: self.groups.len(),
            ..self.tally.progress()
        }
    }
}
