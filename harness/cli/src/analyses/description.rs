//! Descriptions of analyses: `analysis.toml` in a directory of its own.

use super::recorded::Result as Outcome;
use serde::Deserialize;
use std::fs;
use std::path::Path;

/// The file that describes an analysis.
const FILE: &str = "analysis.toml";

/// An analysis of one library.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Analysis {
    /// Name of its directory.
    #[serde(skip)]
    pub name: String,
    /// Name of the library.
    pub library: String,
    /// Version that is analysed.
    pub version: String,
    /// Registry or distribution that it comes from.
    pub from: String,
    /// Facility that it offers, such as `locks`.
    pub facility: String,
    /// Shell script that installs it below `{cache}`.
    pub install: Option<String>,
    /// Shell command that prints the version that is used.
    pub version_command: Option<String>,
    /// Promises, and how they are tried.
    #[serde(rename = "promise", default)]
    pub promises: Vec<Promise>,
    /// Promises and faults that make no sense for this library.
    #[serde(rename = "not-applicable", default)]
    pub not_applicable: Vec<NotApplicable>,
}

/// A promise under one fault.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    /// The promise, in words.
    pub promise: String,
    /// Where the library promises it, or that it is what a user expects.
    pub documented: String,
    /// The fault that is injected, or `none`.
    pub fault: String,
    /// Command line of Crosswire from the verb on; `{cache}` is where the library is installed.
    pub run: String,
    /// The result that is expected.
    pub expect: Expected,
    /// Kind of the violation that is expected.
    pub kind: Option<String>,
    /// Account of a broken promise.
    pub finding: Option<Finding>,
}

/// Account of a broken promise.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Summary of what happens, in one line.
    pub title: String,
    /// Where it is promised, what happens, the schedule in words, the smallest program.
    pub text: String,
    /// Shell command that shows it without Crosswire and then exits with status 0; `{here}` is the
    /// directory of the analysis. Without it the finding counts as not reproduced.
    pub native: Option<String>,
}

/// A promise and a fault that make no sense for a library.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotApplicable {
    /// Promises of other libraries of this facility that this one does not make.
    pub promise: String,
    /// The fault.
    pub fault: String,
    /// Why it does not apply.
    pub why: String,
}

/// Result that an analysis expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// No violation is found.
    Holds,
    /// A violation is found.
    Broken,
    /// A violation is found, and the documentation says so.
    Documented,
    /// A limit is reached before enough was tried.
    Unexplored,
}

impl Expected {
    /// Returns the result that a repetition has if the expectation is met.
    pub fn result(self) -> Outcome {
        match self {
            Expected::Holds => Outcome::Holds,
            Expected::Broken | Expected::Documented => Outcome::Broken,
            Expected::Unexplored => Outcome::Unexplored,
        }
    }
}

impl Analysis {
    /// Reads an analysis. The error names the file and says what is wrong with it.
    pub fn read(directory: &Path) -> Result<Analysis, String> {
        let file = directory.join(FILE);
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let text = fs::read_to_string(&file).map_err(|error| told(&error))?;
        let mut analysis: Analysis = toml::from_str(&text).map_err(|error| told(&error))?;
        let name = directory.file_name().unwrap_or_default();
        analysis.name = name.to_string_lossy().into_owned();
        analysis.judge().map_err(|error| told(&error))?;
        Ok(analysis)
    }

    /// Tells what a description lacks that its form does not require.
    fn judge(&self) -> Result<(), String> {
        if self.promises.is_empty() {
            return Err("it has no [[promise]]".to_owned());
        }
        for promise in &self.promises {
            let (name, fault) = (&promise.promise, &promise.fault);
            let same = |other: &&Promise| other.promise == *name && other.fault == *fault;
            if self.promises.iter().filter(same).count() > 1 {
                return Err(format!("`{name}` under `{fault}` stands there twice"));
            }
            let is_broken = promise.expect.result() == Outcome::Broken;
            if is_broken != promise.finding.is_some() || is_broken != promise.kind.is_some() {
                return Err(format!(
                    "`{name}` under `{fault}`: a promise that is expected to be broken needs a \
                     `kind` and a [promise.finding], any other must have neither"
                ));
            }
        }
        Ok(())
    }
}

/// Reads all analyses of a directory, by facility and library.
pub fn read_all(directory: &Path) -> Result<Vec<Analysis>, String> {
    let told = |error: std::io::Error| {
        let directory = directory.display();
        format!("cannot read the directory of analyses {directory}: {error}; --directory names it")
    };
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.join(FILE).exists() {
            all.push(Analysis::read(&path)?);
        }
    }
    all.sort_by(|a, b| (&a.facility, &a.name).cmp(&(&b.facility, &b.name)));
    Ok(all)
}
