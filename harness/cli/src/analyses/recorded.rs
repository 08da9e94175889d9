//! Results of analyses, and the file that records them.

use serde::{Deserialize, Serialize};
use std::path::Path;
use std::{fmt, fs, io};

/// Result of trying a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Result {
    /// No violation was found in the runs.
    Holds,
    /// A violation was found, and replayed.
    Broken,
    /// A limit was reached, or the fault never struck.
    Unexplored,
    /// Crosswire could not do its job.
    Invalid,
}

impl fmt::Display for Result {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Result::Holds => "holds",
            Result::Broken => "broken",
            Result::Unexplored => "not explored enough",
            Result::Invalid => "invalid",
        })
    }
}

/// A promise that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// The analysis.
    pub analysis: String,
    /// The promise.
    pub promise: String,
    /// The fault.
    pub fault: String,
    /// What came out.
    pub result: Result,
    /// Number of runs performed.
    pub runs: u64,
    /// Number of different traces among them.
    pub traces: u64,
    /// Number of runs that a fault struck; in a crash search all.
    pub struck: u64,
    /// Number of points at which a process was killed, in a crash search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<u64>,
    /// Kinds of the violations found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// The first violation, or why there is no verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
    /// True if the finding was reproduced without Crosswire, if that was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<bool>,
    /// Real time in seconds.
    pub seconds: f64,
}

/// Results of all analyses.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    rows: Vec<Tried>,
}

impl Results {
    /// Reads recorded results; none if there is no file.
    pub fn read(file: &Path) -> std::result::Result<Results, String> {
        let told = |error: &dyn fmt::Display| format!("cannot read {}: {error}", file.display());
        match fs::read_to_string(file) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| told(&error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Results::default()),
            Err(error) => Err(told(&error)),
        }
    }

    /// Writes them, one row a line, so that changes read well.
    pub fn write(&self, file: &Path) -> std::result::Result<(), String> {
        let row = |row: &Tried| serde_json::to_string(row).expect("rows have string keys only");
        let rows: Vec<String> = self.rows.iter().map(row).collect();
        let text = format!("{{\"rows\": [\n{}\n]}}\n", rows.join(",\n"));
        fs::write(file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))
    }

    /// Returns the recorded row of a promise under a fault.
    pub fn of(&self, analysis: &str, promise: &str, fault: &str) -> Option<&Tried> {
        self.rows
            .iter()
            .find(|row| row.analysis == analysis && row.promise == promise && row.fault == fault)
    }

    /// Records the rows of an analysis in place of its former ones.
    pub fn replace(&mut self, analysis: &str, rows: Vec<Tried>) {
        self.rows.retain(|row| row.analysis != analysis);
        self.rows.extend(rows);
        // Stable: the promises of an analysis keep their order.
        self.rows.sort_by(|a, b| a.analysis.cmp(&b.analysis));
    }
}
