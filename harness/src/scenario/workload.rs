//! Scenarios whose values are drawn by proptest: values, schedule and faults are
//! searched together, and made simpler together.

use super::drawn::{Drawn, Step, WORKLOAD};
use super::failure::{self, REPLAY};
use super::reentry::{Reentry, Role};
use super::regressions::Kept;
use super::{Named, Scenario};
use crosswire_explore::{Budget, Found, Regression, Report, load};
use crosswire_model::Verdict;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestRng, TestRunner};
use std::env;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Fewer runs than this say little about a value, and starting the processes anew for
/// each value takes as long as several.
const LEAST_RUNS: u64 = 16;

/// Runs of a value where only time bounds them.
const USUAL_RUNS: u64 = 64;

/// A scenario that is described anew for each of many values; made by
/// [`Named::workload`].
#[must_use = "a scenario does nothing until it is explored"]
pub struct Workload<S, F> {
    named: Named,
    values: S,
    describe: F,
}

impl Named {
    /// Returns a scenario for every value that a proptest strategy draws: the numbers of
    /// messages, their sizes, the operations of each process.
    ///
    /// The budget is shared by the values, of which there are `PROPTEST_CASES` at most
    /// (256 unless that is set; `PROPTEST_RNG_SEED` and `PROPTEST_MAX_SHRINK_ITERS` mean
    /// what they mean to proptest). If a run fails, the value is made simpler first, as
    /// long as the failure shows in some run, and then the schedule and the faults.
    ///
    /// ```no_run
    /// use crosswire::{Budget, check, scenario};
    /// use proptest::collection::vec;
    /// use std::os::unix::net::UnixDatagram;
    ///
    /// // #[test]
    /// fn datagrams_of_every_size_arrive_in_order() {
    ///     scenario!("datagrams")
    ///         .workload(vec(1_usize..2000, 1..6), |scenario, sizes| {
    ///             let count = sizes.len();
    ///             scenario
    ///                 .setup(|| UnixDatagram::pair().unwrap())
    ///                 .process("sender", move |(end, _), log| {
    ///                     for size in sizes {
    ///                         let text = vec![0; size];
    ///                         log.send(size as u64, || end.send(&text)).unwrap();
    ///                     }
    ///                 })
    ///                 .process("receiver", move |(_, end), log| {
    ///                     for _ in 0..count {
    ///                         let mut text = [0; 4096];
    ///                         log.recv(|| end.recv(&mut text).ok().map(|n| n as u64));
    ///                     }
    ///                 })
    ///                 .check(check::fifo())
    ///         })
    ///         .explore(Budget::runs(2_000));
    /// }
    /// ```
    pub fn workload<'a, S, Q, F>(self, values: S, describe: F) -> Workload<S, F>
    where
        S: Strategy,
        F: Fn(Named, S::Value) -> Scenario<'a, Q>,
    {
        Workload {
            named: self,
            values,
            describe,
        }
    }
}

/// One failure of one value.
struct Failure {
    drawn: Drawn,
    found: Found,
}

impl<'a, S, Q, F> Workload<S, F>
where
    S: Strategy,
    F: Fn(Named, S::Value) -> Scenario<'a, Q>,
{
    /// Explores the scenario with value after value, as a test does: returns if every
    /// run passed. Otherwise as [`Scenario::explore`], which the replay of a failure
    /// becomes.
    ///
    /// # Panics
    /// As [`Scenario::explore`], with the value; and if no value can be drawn.
    pub fn explore(self, budget: Budget) {
        let reentry = Reentry::new(&self.named.name, None, self.named.place.here);
        match (reentry.role(), env::var_os(REPLAY)) {
            (Role::Bystander, _) => {}
            (Role::Performer, _) => self.perform(&reentry),
            (Role::Explorer, Some(file)) => {
                let record = load(Path::new(&file)).unwrap_or_else(|error| panic!("{error}"));
                let drawn = Drawn::in_record(&record).unwrap_or_else(first);
                self.scenario(&reentry, &drawn).explore(budget);
            }
            (Role::Explorer, None) => self.explore_all(&reentry, budget),
        }
    }

    /// Explores the scenario with value after value, and says what came out, whatever it
    /// is. Failures kept from before are not run, and none is kept.
    ///
    /// # Panics
    /// If no value can be drawn, or the description of the scenario makes no sense.
    pub fn try_explore(self, budget: Budget) -> Report {
        let reentry = Reentry::new(&self.named.name, None, self.named.place.here);
        match reentry.role() {
            Role::Performer => self.perform(&reentry),
            Role::Bystander => Report::without_runs(Verdict::Pass, 0),
            Role::Explorer => self.sample(&reentry, budget).0,
        }
    }

    fn perform(&self, reentry: &Reentry) -> ! {
        let told = env::var(WORKLOAD).unwrap_or_default();
        let drawn = told.parse().unwrap_or_else(|error| panic!("{error}"));
        super::perform::perform(self.scenario(reentry, &drawn))
    }

    fn explore_all(&self, reentry: &Reentry, budget: Budget) {
        let scenario = self.scenario(reentry, &first());
        let (name, passed_on) = (scenario.name.clone(), scenario.passed_on.clone());
        let kept = Kept::of(&scenario, reentry);
        let mut report = self.recheck(reentry, kept.load());
        if report.found.is_empty() {
            let (mut fresh, workload) = self.sample(reentry, budget);
            let workload = workload.map(|drawn| drawn.to_string());
            let stored = kept.add(&fresh.found, workload.as_deref());
            fresh.notes.extend(report.notes.into_iter().chain(stored));
            report = fresh;
        }
        let withheld = reentry.environment(&passed_on).withheld;
        if let Some(said) = failure::of(&name, &report, &withheld) {
            panic!("{said}");
        }
    }

    /// Runs the failures of before, up to the first that still shows.
    fn recheck(&self, reentry: &Reentry, kept: Vec<(PathBuf, Regression)>) -> Report {
        let mut all = Report::without_runs(Verdict::Pass, 0);
        for (path, regression) in kept {
            let told = regression.workload.clone().unwrap_or_default();
            let drawn: Drawn = match told.parse() {
                Ok(drawn) => drawn,
                Err(error) => panic!("{}: {error}", path.display()),
            };
            let mut report = self.try_one(reentry, &drawn, Budget::runs(1), |exploration| {
                exploration.regressions = vec![(path, regression)];
            });
            if !report.found.is_empty() {
                report.notes.push(self.told(&drawn, &drawn));
            }
            all.absorb(report);
            if !all.found.is_empty() {
                break;
            }
        }
        all
    }

    /// Value after value, until the budget is used up or something is found. With it the
    /// value that failed.
    fn sample(&self, reentry: &Reentry, budget: Budget) -> (Report, Option<Drawn>) {
        let config = Config::default();
        let began = Instant::now();
        let shrinking = self.scenario(reentry, &first()).shrinking_time();
        let mut all = Report::without_runs(Verdict::Pass, 0);
        let runs = match budget.runs {
            u64::MAX => USUAL_RUNS,
            runs => (runs / u64::from(config.cases.max(1)))
                .max(LEAST_RUNS)
                .min(runs),
        };
        for case in 0.. {
            let left = budget.runs.saturating_sub(all.runs);
            let late = budget.time.is_some_and(|time| began.elapsed() >= time);
            if case > 0 && (left == 0 || late) {
                break;
            }
            let drawn = Drawn::new(seed_of(&config).wrapping_add(case));
            let share = Budget {
                runs: runs.min(left.max(1)),
                time: budget.time.map(|time| time.saturating_sub(began.elapsed())),
            };
            let report = self.try_one(reentry, &drawn, share, |exploration| {
                exploration.seed = exploration.seed.wrapping_add(case);
            });
            let ended = report.verdict != Verdict::Pass;
            let failed = report.found.first().cloned();
            all.absorb(report);
            if let Some(found) = failed {
                let failure = Failure { drawn, found };
                let least = self.simplified(reentry, failure, shrinking, &config, &mut all);
                return (all, Some(least));
            }
            if ended {
                break;
            }
        }
        (all, None)
    }

    /// Makes the value simpler, then the run, each for half of the time; replaces what
    /// was found in the report. The value that is left.
    fn simplified(
        &self,
        reentry: &Reentry,
        failure: Failure,
        time: Duration,
        config: &Config,
        report: &mut Report,
    ) -> Drawn {
        let began = Instant::now();
        let original = failure.drawn.clone();
        let mut least = failure;
        let mut tree = self.tree(&original);
        let mut steps = Vec::new();
        let mut next = Step::Simplify;
        let mut tried = 0_u64;
        while began.elapsed() < time / 2 && tried < u64::from(config.max_shrink_iters) {
            if !next.take(&mut tree) {
                break;
            }
            steps.push(next);
            tried += 1;
            let drawn = Drawn {
                steps: steps.clone(),
                ..original
            };
            next = match self.shows_again(reentry, &drawn, &least.found) {
                Some(found) => {
                    least = Failure { drawn, found };
                    Step::Simplify
                }
                None => Step::Complicate,
            };
        }
        let scenario = self.scenario(reentry, &least.drawn);
        let left = time.saturating_sub(began.elapsed());
        if !time.is_zero()
            && let Ok(mut reduced) =
                scenario.reduce(&least.found.record, left, &AtomicBool::new(false))
        {
            reduced.tried += tried;
            least.found.shrink_to(reduced);
        }
        report.verdict = Verdict::Violation(vec![least.found.violation.clone()]);
        report.found = vec![least.found];
        report.notes.push(self.told(&least.drawn, &original));
        least.drawn
    }

    /// Looks for the same failure with another value: by the plan that showed it, then
    /// by a few runs.
    fn shows_again(&self, reentry: &Reentry, drawn: &Drawn, known: &Found) -> Option<Found> {
        let regression = Regression::of("", &known.record);
        let budget = Budget::runs(USUAL_RUNS);
        let report = self.try_one(reentry, drawn, budget, |exploration| {
            exploration.regressions = vec![(PathBuf::from("the run that failed"), regression)];
        });
        let same = |found: &Found| found.violation.kind == known.violation.kind;
        report.found.into_iter().find(same)
    }

    fn try_one(
        &self,
        reentry: &Reentry,
        drawn: &Drawn,
        budget: Budget,
        change: impl FnOnce(&mut crosswire_explore::Exploration),
    ) -> Report {
        let scenario = self.scenario(reentry, drawn);
        scenario.check_description();
        let reentry = scenario.reentry();
        let mut exploration = scenario.exploration(&reentry);
        exploration.budget = budget;
        // The value is made simpler first.
        exploration.shrink = Duration::ZERO;
        change(&mut exploration);
        let explored = exploration.explore(&AtomicBool::new(false), &|_| {});
        explored.unwrap_or_else(|error| {
            Report::without_runs(Verdict::Invalid(error.to_string()), exploration.seed)
        })
    }

    fn scenario(&self, reentry: &Reentry, drawn: &Drawn) -> Scenario<'a, Q> {
        let value = self.tree(drawn).current();
        let mut scenario = (self.describe)(self.named.clone(), value);
        scenario.reentry = Some(Reentry {
            workload: Some(drawn.to_string()),
            ..reentry.clone()
        });
        scenario
    }

    fn tree(&self, drawn: &Drawn) -> S::Tree {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&drawn.seed.to_le_bytes());
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let mut runner = TestRunner::new_with_rng(Config::default(), random);
        let mut tree = self.values.new_tree(&mut runner).unwrap_or_else(|reason| {
            panic!(
                "scenario `{}`: cannot generate a workload: {reason}",
                self.named.name
            )
        });
        for step in &drawn.steps {
            step.take(&mut tree);
        }
        tree
    }

    fn told(&self, least: &Drawn, original: &Drawn) -> String {
        let value = |drawn| shown(&self.tree(drawn).current());
        match least == original {
            true => format!("the workload: {}", value(least)),
            false => format!(
                "the workload: {} (drawn: {})",
                value(least),
                value(original)
            ),
        }
    }
}

/// Returns a value as a report shows it.
fn shown(value: &impl Debug) -> String {
    const MOST: usize = 400;
    let text = format!("{value:?}");
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Returns the first value that is drawn.
fn first() -> Drawn {
    Drawn::new(seed_of(&Config::default()))
}

/// Runs are to come out the same next time, so the seed is fixed unless one is given.
fn seed_of(config: &Config) -> u64 {
    match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_drawn_again_by_its_text_form() {
        let workload = Workload {
            named: Named::new(
                "numbers",
                super::super::Place {
                    here: "",
                    file: "",
                    package: None,
                },
            ),
            values: proptest::collection::vec(0_u32..1000, 3..20),
            describe: |scenario: Named, _| scenario.process("alone", |(), _| ()),
        };
        let drawn: Drawn = "3:sscss".parse().unwrap();
        let value = workload.tree(&drawn).current();
        assert_eq!(workload.tree(&drawn).current(), value);
        let original = workload.tree(&"3:".parse().unwrap()).current();
        assert_ne!(original, value);
        assert_ne!(original, workload.tree(&"4:".parse().unwrap()).current());
    }
}
