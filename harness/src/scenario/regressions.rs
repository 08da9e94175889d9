//! The failures that a test keeps: run first, and added to when another one is found.

use super::Scenario;
use super::reentry::Reentry;
use crosswire_explore::{Found, Regression, regressions};
use std::path::{Path, PathBuf};

/// Regressions of one scenario.
pub(super) struct Kept {
    directory: Option<PathBuf>,
    /// Name of the test in a directory that tests share.
    test: String,
}

impl Kept {
    pub fn of<Q>(scenario: &Scenario<'_, Q>, reentry: &Reentry) -> Kept {
        let file = Path::new(scenario.place.file).file_name();
        let file = file.unwrap_or_default().to_string_lossy();
        Kept {
            directory: scenario.regressions.clone(),
            test: format!("{file} {}", reentry.path()),
        }
    }

    /// Returns those that are there, each with its file.
    ///
    /// # Panics
    /// If a file is damaged: a test that passed it over would say that all is well.
    pub fn load(&self) -> Vec<(PathBuf, Regression)> {
        let Some(directory) = &self.directory else {
            return Vec::new();
        };
        regressions(directory, &self.test).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Adds what was found; what became of that, in sentences.
    pub fn add(&self, found: &[Found], workload: Option<&str>) -> Vec<String> {
        let Some(directory) = &self.directory else {
            return Vec::new();
        };
        let save = |one: &Found| {
            let regression = Regression {
                workload: workload.map(str::to_owned),
                ..Regression::of(&self.test, &one.record)
            };
            match regression.save(directory) {
                Ok(file) => format!(
                    "saved as {}, and rerun first from now on; commit that file",
                    file.display()
                ),
                Err(error) => format!("cannot save the failure for the next time: {error}"),
            }
        };
        found.iter().map(save).collect()
    }
}
