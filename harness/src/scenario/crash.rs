//! Killing a scenario's process at every point that makes a difference.

use super::failure::{self, REPLAY};
use super::reentry::{Reentry, Role};
use super::{Scenario, perform};
use crosswire_explore::{CrashReport, CrashSearch};
use crosswire_model::{Action, Verdict};
use std::env;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// A scenario one of whose processes is killed at its points, a point a run;
/// made by [`Scenario::crash`].
#[must_use = "no process is killed before it is explored"]
pub struct Crash<'a, Q> {
    scenario: Scenario<'a, Q>,
    victim: String,
    second: Option<String>,
    schedules: u32,
    every_point: bool,
}

impl<'a, Q> Scenario<'a, Q> {
    /// Instead of exploring schedules and faults at random: kills one process at each of
    /// its points, one in each run, under several schedules. The others continue, and all
    /// that the scenario checks must hold. Faults given with
    /// [`faults`](Scenario::faults) have no meaning here.
    ///
    /// Points between which the process does nothing whose effect outlives it form a class, of
    /// which one point is tried; an operation of the log is such an effect.
    /// [`every_point`](Crash::every_point) tries all of them.
    ///
    /// ```no_run
    /// use crosswire::scenario;
    /// # struct Journal;
    /// # impl Journal {
    /// #     fn create() -> Journal { Journal }
    /// #     fn append(&self, _: &str) {}
    /// #     fn repair(&self) {}
    /// #     fn is_whole(&self) -> bool { true }
    /// # }
    ///
    /// // #[test]
    /// fn the_journal_survives_every_crash() {
    ///     scenario!("journal")
    ///         .setup(Journal::create)
    ///         .process("writer", |journal, _| journal.append("entry"))
    ///         .process_after("writer", "reader", |journal, _| {
    ///             journal.repair();
    ///             assert!(journal.is_whole());
    ///         })
    ///         .crash("writer")
    ///         .explore();
    /// }
    /// ```
    ///
    /// # Panics
    /// If there is no such process.
    pub fn crash(self, victim: &str) -> Crash<'a, Q> {
        self.require(victim);
        Crash {
            scenario: self,
            victim: victim.to_owned(),
            second: None,
            schedules: CrashSearch::SCHEDULES,
            every_point: false,
        }
    }

    /// Returns the process that its [`faults`](Scenario::faults) kill, if they name one.
    pub fn victim(&self) -> Option<String> {
        let mut kinds = self.faults.kinds.iter();
        kinds
            .find(|kind| kind.action == Action::Kill)
            .and_then(|kind| kind.process.clone())
    }

    fn require(&self, process: &str) {
        let names = self.names();
        assert!(
            names.iter().any(|name| name == process),
            "scenario `{}` has no process `{process}` to kill; its processes are {}",
            self.name,
            names.join(", ")
        );
    }
}

impl<Q> Crash<'_, Q> {
    /// Under how many schedules each point is tried;
    /// [`CrashSearch::SCHEDULES`] unless said otherwise.
    ///
    /// # Panics
    /// If it is 0.
    pub fn schedules(mut self, schedules: u32) -> Self {
        assert!(schedules > 0, "a run needs a schedule");
        self.schedules = schedules;
        self
    }

    /// Kills the process at every point instead of one of each class.
    pub fn every_point(mut self) -> Self {
        self.every_point = true;
        self
    }

    /// Kills another process, too, in the same run and after the first: as many runs as
    /// there are pairs of points.
    ///
    /// # Panics
    /// If there is no such process.
    pub fn then(mut self, second: &str) -> Self {
        self.scenario.require(second);
        self.second = Some(second.to_owned());
        self
    }

    /// Performs all runs, as a test does: returns if every one passed. With
    /// `CROSSWIRE_REPLAY=FILE` in the environment it performs only the run recorded
    /// there, as [`Scenario::explore`] does.
    ///
    /// # Panics
    /// If a run violated something: with what happened, the crashes that lead there, and
    /// the line that replays it. Otherwise as [`Scenario::explore`].
    pub fn explore(self) {
        self.scenario.check_description();
        let reentry = self.scenario.reentry();
        match reentry.role() {
            Role::Performer => perform::perform(self.scenario),
            Role::Bystander => {}
            Role::Explorer => match env::var_os(REPLAY) {
                Some(file) => self.scenario.replay_file(&reentry, Path::new(&file)),
                None => {
                    let report = self.report(&reentry);
                    let withheld = reentry.environment(&self.scenario.passed_on).withheld;
                    let name = &self.scenario.name;
                    if let Some(failure) = failure::of_crashes(name, &report, &withheld) {
                        panic!("{failure}");
                    }
                }
            },
        }
    }

    /// Performs all runs and says what came out, whatever it is.
    ///
    /// # Panics
    /// If the scenario's description makes no sense.
    pub fn try_explore(self) -> CrashReport {
        self.scenario.check_description();
        let reentry = self.scenario.reentry();
        match reentry.role() {
            Role::Performer => perform::perform(self.scenario),
            Role::Bystander => CrashReport::without_runs(Verdict::Pass, &self.search(&reentry)),
            Role::Explorer => self.report(&reentry),
        }
    }

    fn search(&self, reentry: &Reentry) -> CrashSearch {
        CrashSearch {
            second: self.second.clone(),
            schedules: self.schedules,
            every_point: self.every_point,
            ..CrashSearch::new(self.scenario.exploration(reentry), self.victim.as_str())
        }
    }

    fn report(&self, reentry: &Reentry) -> CrashReport {
        let search = self.search(reentry);
        let report = search.perform(&AtomicBool::new(false), &|_| {});
        report.unwrap_or_else(|error| {
            CrashReport::without_runs(Verdict::Invalid(error.to_string()), &search)
        })
    }
}
