//! Saved failures, rerun first from then on: each is a file with a whole shrunk plan,
//! stored beside the test and committed with it.
//!
//! A plan, not a seed: a strategy that draws otherwise does not change what it means.
//! If the program changes so that the plan no longer fits, its decisions are followed
//! as far as they can be, and moved a little.

use super::confirm::{Confirmed, confirm};
use super::criteria::Judge;
use super::output::LastLines;
use super::runner::Runner;
use super::store::{LoadError, parse, plain, read, write_new};
use super::worker::Work;
use super::{ExploreError, Found, available_cpus};
use crosswire_engine::EngineError;
use crosswire_model::{End, FORMAT_VERSION, Plan, Record, Run, Schedule, Switch, Verdict};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Content of a regression file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regression {
    /// Version of this format.
    pub format_version: u32,
    /// Test that failed: a scenario, or the processes of a program.
    pub test: String,
    /// Description of the failure, for people.
    pub violation: String,
    /// Plan of the run.
    pub plan: Plan,
    /// The plan's decisions, told by what tasks have done.
    pub switches: Vec<Switch>,
    /// Workload drawn for the test, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
}

/// Reason why a regression file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegressionError {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] LoadError),
    /// It is not a regression file, or of a newer version.
    #[error("{path}: not a regression file that this program can read, or damaged: {reason}")]
    Malformed {
        /// Path of the file.
        path: String,
        /// Reason of the failure.
        reason: String,
    },
    /// It was given by name and is another test's.
    #[error("{path}: a regression of `{theirs}`, not of `{ours}`")]
    OfAnotherTest {
        /// Path of the file.
        path: String,
        /// Test named in the file.
        theirs: String,
        /// Test that was expected.
        ours: String,
    },
    /// The directory cannot be read or written.
    #[error("{path}: {source}")]
    Directory {
        /// Path of the file.
        path: String,
        /// Cause of the failure.
        source: io::Error,
    },
}

impl Regression {
    /// Builds the regression of a failure that was found and shrunk.
    pub fn of(test: &str, record: &Record) -> Regression {
        let violation = match &record.verdict {
            Verdict::Violation(all) => all.first().map(|one| one.sentence.clone()),
            _ => None,
        };
        Regression {
            format_version: FORMAT_VERSION,
            test: test.to_owned(),
            violation: violation.unwrap_or_default(),
            plan: record.plan.clone(),
            switches: record.trace.switches.clone(),
            workload: None,
        }
    }

    /// Stores it in a directory, which is created if need be. The same one is stored
    /// once, another one is never overwritten.
    ///
    /// # Errors
    /// If the directory cannot be created or the file cannot be written.
    pub fn save(&self, directory: &Path) -> Result<PathBuf, RegressionError> {
        let text = serde_json::to_string_pretty(self).expect("plans have string keys only") + "\n";
        write_new(directory, &plain(&self.test), &text).map_err(|source| {
            RegressionError::Directory {
                path: directory.display().to_string(),
                source,
            }
        })
    }
}

/// Returns the regressions of a test: those in a directory that are its own, or the one
/// that is named. A directory that does not exist has none.
///
/// # Errors
/// If a file is damaged, or the one that is named is another test's.
pub fn regressions(path: &Path, test: &str) -> Result<Vec<(PathBuf, Regression)>, RegressionError> {
    if path.is_file() {
        let regression = load(path)?;
        return match regression.test == test {
            true => Ok(vec![(path.to_owned(), regression)]),
            false => Err(RegressionError::OfAnotherTest {
                path: path.display().to_string(),
                theirs: regression.test,
                ours: test.to_owned(),
            }),
        };
    }
    let listed = match fs::read_dir(path) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            let path = path.display().to_string();
            return Err(RegressionError::Directory { path, source });
        }
    };
    let is_file = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    let mut files: Vec<PathBuf> = listed
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.retain(is_file);
    files.sort();
    let mut own = Vec::new();
    for file in files {
        let regression = load(&file)?;
        if regression.test == test {
            own.push((file, regression));
        }
    }
    Ok(own)
}

fn load(path: &Path) -> Result<Regression, RegressionError> {
    let regression = parse(&read(path)?, |one: &Regression| one.format_version);
    regression.map_err(|reason| RegressionError::Malformed {
        path: path.display().to_string(),
        reason,
    })
}

/// Result of rerunning a regression.
pub(super) enum Recheck {
    /// The run of its plan passes.
    Passes,
    /// It still fails, with its own plan or with one close by.
    Fails(Box<(Run, Verdict)>),
    /// Its plan cannot be followed any more, and no similar plan fails.
    NoLongerFits(String),
}

/// Distance by which decisions are moved to either side in a program that has changed.
const REACH: u64 = 3;

/// Runs a regression; where its plan no longer fits, plans around it.
pub(super) fn recheck(
    runner: &mut dyn Runner,
    judge: &Judge,
    regression: &Regression,
) -> Result<Recheck, EngineError> {
    let run = runner.run(&regression.plan)?;
    let verdict = judge.judge(&run, None);
    let End::Invalid(reason) = &run.trace.end else {
        return Ok(match verdict {
            Verdict::Violation(_) => Recheck::Fails(Box::new((run, verdict))),
            Verdict::Pass if run.trace.unused_faults.is_empty() => Recheck::Passes,
            Verdict::Pass => around(runner, judge, regression, "a fault has no point any more")?,
            other => Recheck::NoLongerFits(format!("its run is {}", other.word())),
        });
    };
    let reason = reason.clone();
    around(runner, judge, regression, &reason)
}

fn around(
    runner: &mut dyn Runner,
    judge: &Judge,
    regression: &Regression,
    reason: &str,
) -> Result<Recheck, EngineError> {
    for switches in close_by(&regression.switches) {
        let plan = Plan {
            schedule: Schedule::switching(switches),
            ..regression.plan.clone()
        };
        let run = runner.run(&plan)?;
        let verdict = judge.judge(&run, None);
        if verdict.is_violation() {
            return Ok(Recheck::Fails(Box::new((run, verdict))));
        }
    }
    Ok(Recheck::NoLongerFits(reason.to_owned()))
}

/// Returns the decisions themselves, and each of them a little earlier or later.
fn close_by(switches: &[Switch]) -> Vec<Vec<Switch>> {
    let mut all = vec![switches.to_vec()];
    for at in 0..switches.len() {
        let Some((from, taken)) = switches[at].after else {
            continue;
        };
        for moved in taken.saturating_sub(REACH)..=taken + REACH {
            if moved == taken {
                continue;
            }
            let mut others = switches.to_vec();
            others[at].after = Some((from, moved));
            all.push(others);
        }
    }
    all
}

/// Runs every regression; those that still fail as findings, and what else there is to
/// say of them, in sentences.
pub(super) fn recheck_all(
    work: &Work,
    regressions: &[(PathBuf, Regression)],
) -> Result<(Vec<Found>, Vec<String>), ExploreError> {
    let mut runner = (work.starter)(available_cpus().first().copied())?;
    let (mut found, mut notes) = (Vec::new(), Vec::new());
    for (path, regression) in regressions {
        let name = path.display();
        match recheck(runner.as_mut(), &work.judge, regression)? {
            Recheck::Passes => notes.push(format!("{name}: its run passes")),
            Recheck::NoLongerFits(reason) => notes.push(format!(
                "{name}: the program has changed and its plan no longer fits ({reason}); no \
                 similar plan fails. Delete the file if its failure is repaired"
            )),
            Recheck::Fails(failed) => {
                let (run, verdict) = *failed;
                notes.push(format!("{name}: still fails"));
                found.push(finding(work, runner.as_mut(), run, &verdict)?);
            }
        }
    }
    Ok((found.into_iter().flatten().collect(), notes))
}

/// Builds the finding of a run that fails; none if a replay gives a different result.
fn finding(
    work: &Work,
    runner: &mut dyn Runner,
    mut run: Run,
    verdict: &Verdict,
) -> Result<Option<Found>, EngineError> {
    let verdict = match confirm(runner, &work.judge, None, &run, verdict)? {
        Confirmed::Same(again, verdict) => {
            run.seen = again.seen;
            run.captures = again.captures;
            verdict
        }
        Confirmed::Different(_) => return Ok(None),
    };
    let record = work.recorder.record(&run, verdict.clone(), None);
    let Verdict::Violation(violations) = &verdict else {
        return Ok(None);
    };
    Ok(violations.first().map(|violation| Found {
        violation: violation.clone(),
        record,
        last_lines: LastLines::of(&run),
        run: 0,
        replayed: true,
        count: 1,
        shrunk: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::TaskId;

    fn regression(test: &str) -> Regression {
        Regression {
            format_version: FORMAT_VERSION,
            test: test.to_owned(),
            violation: "it broke".to_owned(),
            plan: Plan::default(),
            switches: Vec::new(),
            workload: None,
        }
    }

    #[test]
    fn files_are_found_by_their_test_and_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let mine = regression("orders#0").save(path).unwrap();
        assert_eq!(regression("orders#0").save(path).unwrap(), mine);
        regression("others#0").save(path).unwrap();
        let found = regressions(path, "orders#0").unwrap();
        assert_eq!(found, [(mine.clone(), regression("orders#0"))]);
        assert!(
            regressions(&path.join("nowhere"), "orders#0")
                .unwrap()
                .is_empty()
        );

        let error = regressions(&mine, "others#0").unwrap_err().to_string();
        assert!(
            error.ends_with("a regression of `orders#0`, not of `others#0`"),
            "{error}"
        );
        fs::write(&mine, "{\"format_version\": 1").unwrap();
        let error = regressions(path, "orders#0").unwrap_err().to_string();
        assert!(
            error.contains("damaged") && !error.contains('\n'),
            "{error}"
        );
    }

    #[test]
    fn decisions_are_moved_one_at_a_time() {
        let at = |taken| Switch {
            after: Some((TaskId(0), taken)),
            task: TaskId(1),
        };
        let all = close_by(&[at(1), at(9)]);
        assert_eq!(all[0], [at(1), at(9)]);
        assert!(all.contains(&vec![at(4), at(9)]) && all.contains(&vec![at(1), at(6)]));
        assert_eq!(all.len(), 1 + 4 + 6);
    }
}
