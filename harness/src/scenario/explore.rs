//! Exploring a scenario, replaying a failure of it, and saying what came out.

use super::reentry::{Reentry, Role};
use super::{Scenario, perform};
use crate::engine::{Engine, Target};
use crate::explore::{
    Budget, Exploration, FaultTally, Found, Replay, ReplayError, Report, Starter, load,
    replay_with, save, target_of,
};
use crate::model::{Record, Verdict};
use crate::report::{Palette, text};
use std::env;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Names the file whose run a test is to replay instead of exploring.
const REPLAY: &str = "CROSSWIRE_REPLAY";

impl<Q> Scenario<'_, Q> {
    /// Explores the scenario, as a test does: returns if every run passed.
    ///
    /// With `CROSSWIRE_REPLAY=FILE` in the environment it performs only the run
    /// recorded there, if that is one of this scenario.
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
                Some(file) => self.replay(&reentry, Path::new(&file)),
                None => {
                    let report = self.report(&reentry, budget);
                    if let Some(failure) = failure(&self.name, &reentry, &report) {
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
        self.check_description();
        let reentry = self.reentry();
        match reentry.role() {
            Role::Performer => perform::perform(self),
            Role::Bystander => nothing(Verdict::Pass, self.seed),
            Role::Explorer => self.report(&reentry, budget),
        }
    }

    fn reentry(&self) -> Reentry {
        Reentry::new(&self.name, self.arguments.clone(), self.here)
    }

    fn report(&self, reentry: &Reentry, budget: Budget) -> Report {
        let names = self.names();
        let mut exploration = Exploration::new(reentry.target(&self.name, names.clone()));
        exploration.budget = budget;
        exploration.faults = self.faults.resolve(&names);
        exploration.seed = self.seed;
        exploration.limits = self.limits.clone();
        exploration.expectations = self.expectations.clone();
        exploration.checks = self.checks.clone();
        exploration.scenario = Some(reentry.id.clone());
        if let Some(jobs) = self.jobs {
            exploration.jobs = jobs;
        }
        exploration
            .explore(&AtomicBool::new(false), &|_| {})
            .unwrap_or_else(|error| nothing(Verdict::Invalid(error.to_string()), self.seed))
    }

    fn replay(&self, reentry: &Reentry, file: &Path) {
        let record = load(file).unwrap_or_else(|error| panic!("{REPLAY}: {error}"));
        if record.scenario.as_deref() != Some(reentry.id.as_str()) {
            refuse_unless_same_test(&record, reentry, file);
            eprintln!(
                "scenario `{}` is not the one in {}",
                reentry.id,
                file.display()
            );
            return;
        }
        let replay = self
            .replay_on(&record)
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

    fn replay_on(&self, record: &Record) -> Result<Replay, ReplayError> {
        let target = Target {
            children: self.names(),
            ..target_of(record)?
        };
        let starter: Starter = Arc::new(move |cpu| Ok(Box::new(Engine::start(&target, cpu)?)));
        replay_with(record, &starter, &self.checks)
    }
}

/// A test that was asked to replay another test's failure must not pass.
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

/// The report of an exploration without runs.
fn nothing(verdict: Verdict, seed: u64) -> Report {
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
        found: Vec::new(),
        dropped: 0,
        inconclusive: Vec::new(),
        invalid: u64::from(invalid_reason.is_some()),
        invalid_reason,
        faults: FaultTally::default(),
        interrupted: false,
    }
}

/// What a test says when its scenario did not pass.
fn failure(name: &str, reentry: &Reentry, report: &Report) -> Option<String> {
    match &report.verdict {
        Verdict::Pass => None,
        Verdict::Violation(_) => {
            let texts: Vec<String> = report
                .found
                .iter()
                .map(|found| finding(name, reentry, found))
                .collect();
            Some(texts.join("\n"))
        }
        Verdict::Inconclusive(limit) => Some(format!(
            "scenario `{name}` is inconclusive: of {} runs, {} reached the limit of {limit}; \
             nothing is known to be wrong. Raise it with `.limits(…)`, or look for a process \
             that goes on for ever",
            report.runs,
            report
                .inconclusive
                .iter()
                .map(|(_, runs)| runs)
                .sum::<u64>(),
        )),
        Verdict::Invalid(reason) => Some(format!(
            "scenario `{name}` could not be judged, which says nothing about it: {reason}"
        )),
    }
}

fn finding(name: &str, reentry: &Reentry, found: &Found) -> String {
    let mut said = format!(
        "scenario `{name}`: {}",
        text::finding(found, None, Palette::PLAIN)
    );
    let outcome = match save(&found.record, &found.violation.kind, &directory()) {
        Ok(file) => writeln!(said, "  replay it: {}", command(reentry, &file)),
        Err(error) => writeln!(
            said,
            "  it cannot be replayed, writing its file failed: {error}"
        ),
    };
    outcome.expect("writing to a string");
    said
}

/// The line that replays a file.
fn command(reentry: &Reentry, file: &Path) -> String {
    let file = file.display();
    match reentry.test() {
        Some(test) => format!("{REPLAY}={file} cargo test {test} -- --exact"),
        None => format!("crosswire replay {file}"),
    }
}

/// Where replay files go: `crosswire` in the build directory, known by the tag that
/// cargo leaves there, else in the working directory.
fn directory() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    program
        .ancestors()
        .find(|directory| directory.join("CACHEDIR.TAG").is_file())
        .map_or_else(
            || PathBuf::from("crosswire-failures"),
            |target| target.join("crosswire"),
        )
}
