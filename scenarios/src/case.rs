//! One field of the table, and how it is explored.

use crosswire::conformance::{Trial, injects};
use crosswire::contract::Peril;
use crosswire::explore::{
    Changes, CrashReport, Progress, ReduceError, Reduced, Replay, ReplayError,
};
use crosswire::model::{Limit, Record, Verdict};
use crosswire::scenario::Scenario;
use crosswire::{Budget, Report};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// One field of the table.
#[derive(Debug, Clone)]
pub enum Cell {
    /// A peril that the mechanism promises something about.
    Case(Case),
    /// A peril that has no meaning for it.
    Exempt {
        /// The mechanism's name.
        mechanism: &'static str,
        /// The peril.
        fault: Peril,
        /// Reason, in a sentence.
        because: &'static str,
    },
}

impl Cell {
    /// `MECHANISM/PERIL`: what the cases of one row have in common.
    pub fn row(&self) -> String {
        match self {
            Cell::Case(case) => format!("{}/{}", case.mechanism, case.fault),
            Cell::Exempt {
                mechanism, fault, ..
            } => format!("{mechanism}/{fault}"),
        }
    }

    /// Returns the case, if it is one.
    pub(crate) fn into_case(self) -> Option<Case> {
        match self {
            Cell::Case(case) => Some(case),
            Cell::Exempt { .. } => None,
        }
    }
}

/// One mechanism in one shape under one peril.
#[derive(Debug, Clone)]
pub struct Case {
    /// `MECHANISM/PERIL/SOME-OTHERS`, unique among all cases.
    pub name: String,
    /// The mechanism's name.
    pub mechanism: &'static str,
    /// The fault.
    pub fault: Peril,
    /// Guarantee that holds nevertheless.
    pub promise: &'static str,
    /// The manual page that says so.
    pub source: &'static str,
    /// Participants of the trial.
    pub trial: Trial,
    /// The adapter's program and its arguments; empty for a reference implementation.
    pub command: Vec<String>,
    pub(crate) explore: fn(&Case, Way, Settings, Watch<'_>) -> Report,
    pub(crate) replay: fn(&Case, &Record, Changes) -> Result<Replay, ReplayError>,
    pub(crate) shrink: fn(&Case, &Record, Duration, &AtomicBool) -> Result<Reduced, ReduceError>,
    pub(crate) crash: fn(&Case, u32) -> Option<CrashReport>,
}

/// Settings of the exploration of a case.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Budget of the exploration.
    pub budget: Budget,
    /// Determines every plan.
    pub seed: u64,
    /// Runs at a time; one a CPU unless said otherwise.
    pub jobs: Option<usize>,
}

impl From<Budget> for Settings {
    fn from(budget: Budget) -> Settings {
        Settings {
            budget,
            seed: 0,
            jobs: None,
        }
    }
}

/// Observer of an exploration, which can stop it.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Ends it when it becomes true.
    pub stop: &'a AtomicBool,
    /// Called about ten times a second.
    pub progress: &'a dyn Fn(&Progress),
}

static NEVER: AtomicBool = AtomicBool::new(false);

impl Watch<'_> {
    /// No observer.
    pub const NOBODY: Watch<'static> = Watch {
        stop: &NEVER,
        progress: &|_| {},
    };
}

/// Way in which the program, started again, returns to a case.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// By the verb that calls [`reenter`].
    Verb,
    /// As to any scenario of a test.
    Test,
}

/// The hidden verb of the command; its argument is the case's name.
pub(crate) const VERB: &str = "__scenario";

/// Number of runs within which an injectable fault has been injected.
const ENOUGH: u64 = 16;

impl Case {
    /// Explores the case, in a program that calls [`reenter`](crate::reenter) with `NAME` when it is
    /// started as `PROGRAM __scenario NAME`.
    pub fn explore(&self, settings: impl Into<Settings>, watch: Watch<'_>) -> Report {
        self.judged((self.explore)(self, Way::Verb, settings.into(), watch))
    }

    /// Explores the case in a test.
    pub fn explore_in_test(&self, settings: impl Into<Settings>) -> Report {
        self.judged((self.explore)(
            self,
            Way::Test,
            settings.into(),
            Watch::NOBODY,
        ))
    }

    /// Shrinks a failure that [`explore`](Case::explore) has recorded, for so much real
    /// time at most.
    ///
    /// # Errors
    /// If it is a record of no violation, or cannot be replayed with the same trace.
    pub fn shrink(
        &self,
        record: &Record,
        time: Duration,
        stop: &AtomicBool,
    ) -> Result<Reduced, ReduceError> {
        (self.shrink)(self, record, time, stop)
    }

    /// Kills the process that the peril names at each of its points, under this number of
    /// schedules; `None` if the peril kills no process. For tests.
    pub fn crash_in_test(&self, schedules: u32) -> Option<CrashReport> {
        (self.crash)(self, schedules)
    }

    /// Returns a promise has been tried only if what it speaks of has happened.
    fn judged(&self, mut report: Report) -> Report {
        let untried = report.faults.struck == 0 && !report.interrupted;
        if report.verdict == Verdict::Pass && injects(self.fault) && untried {
            // An adapter's program need not do what the fault strikes at, and who knows
            // how much else it does.
            let is_adapter = !self.command.is_empty();
            if is_adapter && report.runs >= ENOUGH && report.faults.possible == 0 {
                return report;
            }
            let all_planned = report.faults.planned >= report.faults.possible;
            // The budget may have been too short to come to the faults.
            if report.runs < ENOUGH || is_adapter && !all_planned {
                report.verdict = Verdict::Inconclusive(Limit::WallTime);
                return report;
            }
            report.verdict = Verdict::Invalid(format!(
                "in {} runs no fault of the kind {} found a point to strike at",
                report.runs, self.fault
            ));
        }
        report
    }

    /// Returns the scenario, made to be explored.
    pub(crate) fn explored<Q>(
        &self,
        scenario: Scenario<'static, Q>,
        way: Way,
        settings: Settings,
        watch: Watch<'_>,
    ) -> Report {
        let mut scenario = self.reached(scenario, way).seed(settings.seed);
        if let Some(jobs) = settings.jobs {
            scenario = scenario.jobs(jobs);
        }
        scenario.try_explore_until(settings.budget, watch.stop, watch.progress)
    }

    /// Returns the scenario, with the way that leads back to it.
    pub(crate) fn reached<Q>(
        &self,
        scenario: Scenario<'static, Q>,
        way: Way,
    ) -> Scenario<'static, Q> {
        match way {
            Way::Verb => {
                let own = [VERB, &self.name].map(str::to_owned);
                scenario.reenter_with(own.into_iter().chain(self.command.iter().cloned()))
            }
            // Those who know what a program breaks have no use for the simplest run, and a
            // program that is loaded in each run takes long to find it.
            Way::Test if !self.command.is_empty() => scenario.shrinking(Duration::ZERO),
            Way::Test => scenario,
        }
    }

    /// Returns the scenario, with its victim killed at every point.
    pub(crate) fn crashed<Q>(
        &self,
        scenario: Scenario<'static, Q>,
        schedules: u32,
    ) -> Option<CrashReport> {
        let victim = scenario.victim()?;
        let crash = self.reached(scenario, Way::Test).crash(&victim);
        Some(crash.schedules(schedules).try_explore())
    }

    /// Performs a run again that [`explore`](Case::explore) has recorded.
    ///
    /// # Errors
    /// If the program or its surroundings are not those of the recording, or the
    /// engine cannot work here.
    pub fn replay(&self, record: &Record, changes: Changes) -> Result<Replay, ReplayError> {
        (self.replay)(self, record, changes)
    }
}
