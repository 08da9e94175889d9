//! Many runs of one target.

use super::criteria::Judge;
use super::planner::Planner;
use super::pool::{Pool, message};
use super::recorder::Recorder;
use super::reduce::reduce_all;
use super::regression::recheck_all;
use super::runner::{Starter, engine_starter};
use super::sampling::Sampling;
use super::worker::{Work, perform_job};
use super::{Budget, Exhaust, Found, Progress, Regression, Report, Shard, Strategy};
use crosswire_check::{Check, Expectations};
use crosswire_engine::{EngineError, ExecutableError, Target};
use crosswire_model::{FaultKind, Limits, Verdict};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Settings of an exploration: target, budget and checks. All fields are plain settings;
/// [`new`](Exploration::new) gives them their usual values.
#[derive(Clone)]
pub struct Exploration {
    /// The processes under test.
    pub target: Target,
    /// Budget of the exploration.
    pub budget: Budget,
    /// Every order of the steps is explored instead of a choice of them, if asked for.
    pub exhaust: Option<Exhaust>,
    /// The part of the exploration that is done here, if others do the rest.
    pub shard: Option<Shard>,
    /// Failures of before, which are run first, each with its file.
    pub regressions: Vec<(PathBuf, Regression)>,
    /// One run in this number is performed twice, with the same result; none where
    /// this is zero.
    pub self_check: u64,
    /// The faults that may be injected, one in every other run.
    pub faults: Vec<FaultKind>,
    /// True if two faults may be injected in one run, once each was tried alone. Promises
    /// for one fault seldom hold for two.
    pub fault_pairs: bool,
    /// Runs that were performed before: the exploration resumes after them.
    pub performed: u64,
    /// Scheduling strategy.
    pub strategy: Strategy,
    /// Determines every plan.
    pub seed: u64,
    /// Runs at a time, each on a CPU of its own.
    pub jobs: usize,
    /// Options of the built-in checkers.
    pub expectations: Expectations,
    /// Further checkers.
    pub checks: Vec<Arc<dyn Check>>,
    /// Bounds on each run.
    pub limits: Limits,
    /// True if the first violation ends the exploration.
    pub stop_at_first: bool,
    /// True if every run without faults must print the same as the first one.
    pub check_output: bool,
    /// Time for shrinking all findings together; zero disables shrinking.
    pub shrink: Duration,
    /// True if each violation is replayed at once; only tests of Crosswire itself have a
    /// reason to disable it.
    pub confirm: bool,
    /// The name of the scenario, for records.
    pub scenario: Option<String>,
}

/// Reason why an exploration has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExploreError {
    /// A program is missing or may not be executed.
    #[error(transparent)]
    Program(#[from] ExecutableError),
    /// An engine cannot be started.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A fault is meant for a process that does not exist.
    #[error("no process is called `{name}`; those of the first run are: {seen}")]
    UnknownProcess {
        /// The name in the fault.
        name: String,
        /// The names that exist.
        seen: String,
    },
    /// There is nothing to kill after the first crash.
    #[error(
        "nothing to kill: no run has a process `{name}` that reaches a point after the first \
         crash"
    )]
    NothingToKill {
        /// Name of the process to kill.
        name: String,
    },
    /// A worker panicked, or a check did.
    #[error("a worker panicked: {0}")]
    Panic(String),
}

/// Fraction of the runs that is performed twice: enough to detect a program that depends
/// on something uncontrolled, at a cost of two per cent.
const USUAL_SELF_CHECK: u64 = 50;

impl Exploration {
    /// Default time for shrinking findings.
    pub const USUAL_SHRINKING: Duration = Duration::from_secs(5);

    /// Returns a thousand runs without faults, on every CPU, up to the first violation.
    pub fn new(target: Target) -> Exploration {
        Exploration {
            target,
            budget: Budget::runs(1000),
            exhaust: None,
            shard: None,
            regressions: Vec::new(),
            self_check: USUAL_SELF_CHECK,
            faults: Vec::new(),
            fault_pairs: false,
            performed: 0,
            strategy: Strategy::default(),
            seed: 0,
            jobs: available_cpus().len(),
            expectations: Expectations::default(),
            checks: Vec::new(),
            limits: Limits::default(),
            stop_at_first: true,
            check_output: false,
            shrink: Self::USUAL_SHRINKING,
            confirm: true,
            scenario: None,
        }
    }

    /// Explores. `progress` is called about ten times a second. When `stop`
    /// becomes true, it ends within a second and reports what it has.
    ///
    /// # Errors
    /// If no run could be performed. What goes wrong in a run is in the report.
    pub fn explore(
        &self,
        stop: &AtomicBool,
        progress: &dyn Fn(&Progress),
    ) -> Result<Report, ExploreError> {
        self.explore_with(engine_starter(&self.target), stop, progress)
    }

    /// Performs the exploration with another engine.
    ///
    /// # Errors
    /// As [`explore`](Exploration::explore).
    pub fn explore_with(
        &self,
        starter: Starter,
        stop: &AtomicBool,
        progress: &dyn Fn(&Progress),
    ) -> Result<Report, ExploreError> {
        let (still_failing, notes) = self.recheck(&starter)?;
        if self.stop_at_first && !still_failing.is_empty() {
            let violations = still_failing.iter().map(|found| found.violation.clone());
            let verdict = Verdict::Violation(violations.collect());
            return Ok(Report {
                found: still_failing,
                notes,
                ..Report::without_runs(verdict, self.seed)
            });
        }
        let (mut report, work) = match self.exhaust {
            Some(exhaust) => self.exhaust_with(exhaust, starter, stop, progress)?,
            None => self.sample_with(starter, stop, progress)?,
        };
        if !report.found.is_empty() && !self.shrink.is_zero() {
            // An engine cannot change threads, and pins the one it is started on.
            let notes = std::thread::scope(|scope| {
                let found = &mut report.found;
                let reduce = || reduce_all(found, &work.starter, &work.judge, self.shrink, stop);
                scope.spawn(reduce).join()
            });
            let notes = notes.map_err(|panic| ExploreError::Panic(message(panic.as_ref())))?;
            report.notes.extend(notes);
        }
        report.notes.splice(0..0, notes);
        report.found.splice(0..0, still_failing);
        if !report.found.is_empty() {
            let found = report.found.iter().map(|found| found.violation.clone());
            report.verdict = Verdict::Violation(found.collect());
        }
        Ok(report)
    }

    /// Runs the failures of before.
    fn recheck(&self, starter: &Starter) -> Result<(Vec<Found>, Vec<String>), ExploreError> {
        if self.regressions.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let work = self.work(starter.clone())?;
        // An engine cannot change threads, and pins the one it is started on.
        std::thread::scope(|scope| {
            let recheck = || recheck_all(&work, &self.regressions);
            let joined = scope.spawn(recheck).join();
            joined.unwrap_or_else(|panic| Err(ExploreError::Panic(message(panic.as_ref()))))
        })
    }

    /// Returns a choice of the orders, made by the strategy.
    fn sample_with(
        &self,
        starter: Starter,
        stop: &AtomicBool,
        progress: &dyn Fn(&Progress),
    ) -> Result<(Report, Arc<Work>), ExploreError> {
        let work = Arc::new(self.work(starter)?);
        let sampling = Sampling::new(self.budget, self.faults.clone(), self.stop_at_first);
        let pool = Pool::new(self.jobs, sampling);
        let shared = work.clone();
        let worker = move |pool: &Pool<Sampling>, place| {
            pool.work_through(&shared.starter, place, |runner, job| {
                perform_job(&shared, runner, job)
            })
        };
        let stopped = pool.perform(worker, stop, progress);
        let report = pool.finish(|sampling, elapsed| {
            Ok(sampling.report(elapsed, self.seed, stopped, self.check_output))
        })?;
        Ok((report, work))
    }

    pub(super) fn work(&self, starter: Starter) -> Result<Work, ExploreError> {
        let recorder = Recorder::new(
            &self.target,
            self.scenario.clone(),
            self.expectations.clone(),
        )?;
        Ok(Work {
            starter,
            planner: Planner {
                seed: self.seed,
                strategy: self.strategy,
                shard: self.shard,
                fault_pairs: self.fault_pairs,
                performed: self.performed,
                limits: self.limits.clone(),
            },
            judge: Judge {
                expectations: self.expectations.clone(),
                checks: self.checks.clone(),
            },
            recorder,
            check_output: self.check_output,
            confirm: self.confirm,
            learn_points: !self.faults.is_empty(),
            self_check: self.self_check,
        })
    }
}

/// Keeps the calling thread, and the explorations that it starts, to one CPU. Where the
/// kernel refuses they only take turns on the CPUs there are.
pub fn stay_on(cpu: usize) {
    let _ = crosswire_engine::pin(cpu);
}

/// Returns the CPUs that the calling thread may use.
pub fn available_cpus() -> Vec<usize> {
    let this_thread = nix::unistd::Pid::from_raw(0);
    let Ok(set) = nix::sched::sched_getaffinity(this_thread) else {
        return Vec::new();
    };
    (0..nix::sched::CpuSet::count())
        .filter(|&cpu| set.is_set(cpu).unwrap_or(false))
        .collect()
}
