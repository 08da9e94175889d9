//! Saved failures, rerun first from then on: each is a file with a whole shrunk plan,
//! stored beside the test and committed with it.
//!
//! A plan, not a seed: a strategy that draws otherwise does not change what it means.

use crate::keep::store::{LoadError, parse, plain, read, write_new};
use crosswire_model::{FORMAT_VERSION, Plan, Record, Switch, Verdict};
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
    let regression = parse(&read(path)?);
    regression.map_err(|reason| RegressionError::Malformed {
        path: path.display().to_string(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
