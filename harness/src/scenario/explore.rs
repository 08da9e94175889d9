//! Exploring a scenario, and replaying a failure of it.

use super::failure::{self, REPLAY};
use super::reentry::{Reentry, Role};
use super::regressions::Kept;
use super::{Scenario, perform};
use crosswire_engine::{Engine, Target};
use crosswire_explore::{
    Budget, Changes, Exploration, Progress, ReduceError, Reduced, Regression, Replay, ReplayError,
    Report, Starter, load, reduce_with, replay_with, target_of,
};
use crosswire_model::{Record, Verdict};
use crosswire_report::{Palette, text};
use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

impl<Q> Scenario<'_, Q> {
    /// Explores the scenario, as a test does: returns if every run passed.
    ///
    /// With `CROSSWIRE_REPLAY=FILE` in the environment it performs only the run
    /// recorded there, if that is one of this scenario. If the program has changed
    /// since, the test shows what becomes of that run now.
    ///
    /// What is found is kept in a file next to the test, and is run first from then on
    /// ([`regressions`](Scenario::regressions)).
    ///
    /// # Panics
    /// If a run violated something: with what happened, the last steps, and the
    /// line that replays it. If the harness could not do its job or a limit was
    /// reached: with that. If the scenario's description makes no sense.
    pub fn explore(self, budget: Budget) {
        self.check_description();
        let reentry = self.reentry();
        match reentry.role() {
            Role::Performer => perform::perform(self),
            Role::Bystander => {}
            Role::Explorer => match env::var_os(REPLAY) {
                Some(file) => self.replay_file(&reentry, Path::new(&file)),
                None => {
                    let report = self.explore_and_keep(&reentry, budget);
                    let withheld = reentry.environment(&self.passed_on).withheld;
                    if let Some(failure) = failure::of(&self.name, &report, &withheld) {
                        panic!("{failure}");
                    }
                }
            },
        }
    }

    /// Explores the scenario and says what came out, whatever it is.
    ///
    /// # Panics
    /// If the scenario's description makes no sense.
    pub fn try_explore(self, budget: Budget) -> Report {
        self.try_explore_until(budget, &AtomicBool::new(false), &|_| {})
    }

    /// Explores under observation: calls `progress` about ten times a second, and when
    /// `stop` becomes true, ends within a second with the results so far.
    ///
    /// # Panics
    /// If the scenario's description makes no sense.
    pub fn try_explore_until(
        self,
        budget: Budget,
        stop: &AtomicBool,
        progress: &dyn Fn(&Progress),
    ) -> Report {
        self.check_description();
        let reentry = self.reentry();
        match reentry.role() {
            Role::Performer => perform::perform(self),
            Role::Bystander => Report::without_runs(Verdict::Pass, self.seed),
            Role::Explorer => self.report(&reentry, budget, Vec::new(), stop, progress),
        }
    }

    /// Performs a recorded run of this scenario again, and judges it by the
    /// scenario's checks.
    ///
    /// # Errors
    /// If the program or its surroundings are not those of the recording, or the
    /// engine cannot work here.
    ///
    /// # Panics
    /// If the scenario's description makes no sense.
    pub fn replay(self, record: &Record, changes: Changes) -> Result<Replay, ReplayError> {
        self.check_description();
        match self.reentry().role() {
            Role::Performer => perform::perform(self),
            _ => self.replay_on(record, changes),
        }
    }

    /// Shrinks a recorded failure of this scenario, for so much real time at most.
    ///
    /// # Errors
    /// If it is a record of no violation, or cannot be replayed with the same trace.
    ///
    /// # Panics
    /// If the scenario's description makes no sense.
    pub fn shrink(
        self,
        record: &Record,
        time: Duration,
        stop: &AtomicBool,
    ) -> Result<Reduced, ReduceError> {
        self.check_description();
        match self.reentry().role() {
            Role::Performer => perform::perform(self),
            _ => self.reduce(record, time, stop),
        }
    }

    pub(super) fn reduce(
        &self,
        record: &Record,
        time: Duration,
        stop: &AtomicBool,
    ) -> Result<Reduced, ReduceError> {
        reduce_with(record, &self.starter(record)?, &self.checks, time, stop)
    }

    /// Runs the failures of before first, and keeps what else is found.
    fn explore_and_keep(&self, reentry: &Reentry, budget: Budget) -> Report {
        let kept = Kept::of(self, reentry);
        let never = AtomicBool::new(false);
        let mut report = self.report(reentry, budget, kept.load(), &never, &|_| {});
        // Without a run it was one of those kept that failed.
        if report.runs > 0 {
            let notes = kept.add(&report.found, None);
            report.notes.extend(notes);
        }
        report
    }

    pub(super) fn reentry(&self) -> Reentry {
        match &self.reentry {
            Some(known) => known.clone(),
            None => Reentry::new(&self.name, self.arguments.clone(), self.place.here),
        }
    }

    fn report(
        &self,
        reentry: &Reentry,
        budget: Budget,
        kept: Vec<(PathBuf, Regression)>,
        stop: &AtomicBool,
        progress: &dyn Fn(&Progress),
    ) -> Report {
        let mut exploration = self.exploration(reentry);
        exploration.budget = budget;
        exploration.regressions = kept;
        exploration.explore(stop, progress).unwrap_or_else(|error| {
            Report::without_runs(Verdict::Invalid(error.to_string()), self.seed)
        })
    }

    /// Builds the exploration of the scenario with its checks; the caller sets the
    /// budget.
    pub(super) fn exploration(&self, reentry: &Reentry) -> Exploration {
        let environment = reentry.environment(&self.passed_on);
        let target = Target {
            successors: self.successors.clone(),
            ..reentry.target(&self.name, self.names(), environment)
        };
        let mut exploration = Exploration::new(target);
        exploration.seed = self.seed;
        exploration.limits = self.limits.clone();
        exploration.expectations = self.expectations.clone();
        exploration.checks = self.checks.clone();
        exploration.scenario = Some(reentry.id.clone());
        exploration.faults = self.faults.resolve(&self.names());
        exploration.faults_where_possible = self.faults.where_possible;
        exploration.fault_pairs = self.fault_pairs;
        exploration.strategy = self.strategy;
        exploration.suspects = self.suspects.clone();
        exploration.memory = self.memory;
        exploration.watches_threads = self.watches_threads;
        exploration.exhaust = self.exhaust;
        if let Some(jobs) = self.jobs {
            exploration.jobs = jobs;
        }
        if let Some(time) = self.shrinking {
            exploration.shrink = time;
        }
        exploration
    }

    /// Returns the time for shrinking the findings.
    pub(super) fn shrinking_time(&self) -> Duration {
        self.shrinking.unwrap_or(Exploration::USUAL_SHRINKING)
    }

    pub(super) fn replay_file(&self, reentry: &Reentry, file: &Path) {
        let mut record = load(file).unwrap_or_else(|error| panic!("{REPLAY}: {error}"));
        if record.scenario.as_deref() != Some(reentry.id.as_str()) {
            refuse_unless_same_test(&record, reentry, file);
            eprintln!(
                "scenario `{}` is not the one recorded in {}",
                reentry.id,
                file.display()
            );
            return;
        }
        find_moved_program(&mut record);
        let replay = self
            .replay_on(&record, Changes::Allow)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let said = text::replay(&record, &replay, Palette::PLAIN);
        match replay.verdict {
            Verdict::Pass => eprintln!("scenario `{}`: the recorded run passes\n{said}", self.name),
            _ => panic!(
                "scenario `{}`, replayed from {}\n{said}",
                self.name,
                file.display()
            ),
        }
    }

    fn replay_on(&self, record: &Record, changes: Changes) -> Result<Replay, ReplayError> {
        replay_with(record, &self.starter(record)?, &self.checks, changes)
    }

    /// Starts the engine on the program of a recording.
    fn starter(&self, record: &Record) -> Result<Starter, ReplayError> {
        let target = Target {
            // As the program forks them now, should it have changed.
            children: self.names(),
            successors: self.successors.clone(),
            ..target_of(record)?
        };
        Ok(Arc::new(move |cpu| {
            Ok(Box::new(Engine::start(&target, cpu)?))
        }))
    }
}

/// Finds a test program that was rebuilt under another name; this one leads to the same
/// test.
fn find_moved_program(record: &mut Record) {
    let Some(program) = record.programs.first_mut() else {
        return;
    };
    let this = env::current_exe()
        .ok()
        .and_then(|path| path.into_os_string().into_string().ok());
    if let (false, Some(this)) = (Path::new(&program.executable).exists(), this) {
        program.executable.clone_from(&this);
        if let Some(word) = program.command.first_mut() {
            *word = this;
        }
    }
}

/// Panics if a test was asked to replay another test's failure: it must not pass.
fn refuse_unless_same_test(record: &Record, reentry: &Reentry, file: &Path) {
    let recorded = record
        .programs
        .first()
        .and_then(|program| program.command.get(1..));
    assert!(
        recorded == Some(reentry.arguments.as_slice()),
        "{REPLAY} names {}, a failure of {}, so `{}` was not explored",
        file.display(),
        record
            .scenario
            .as_deref()
            .map_or("a program".to_owned(), |id| format!("scenario `{id}`")),
        reentry.id,
    );
}
