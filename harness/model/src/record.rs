//! The replay file: reading, writing and versions.

use super::{FORMAT_VERSION, Frame, History, Inquiry, Plan, Seen, Stack, Trace, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A program and everything of its surroundings that a replay must restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Name of its process in the run.
    pub name: String,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// The executable that the command meant.
    pub executable: String,
    /// SHA-256 of the executable, in hexadecimal.
    pub digest: String,
}

/// Content of a replay file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this format.
    pub format_version: u32,
    /// The programs under test.
    pub programs: Vec<Program>,
    /// The scenario, for processes that are closures of a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// The names of its processes, in the order in which they are created.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<String>,
    /// Working directory of the programs.
    pub working_dir: String,
    /// Their environment, sorted.
    pub environment: Vec<(String, String)>,
    /// The names in each directory of the machine that a run has listed, as they were then.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub listings: BTreeMap<String, BTreeSet<String>>,
    /// Options of the checkers, as the command or scenario gave them.
    #[serde(default)]
    pub checks: serde_json::Value,
    /// Plan of the run.
    pub plan: Plan,
    /// Verdict on the run.
    pub verdict: Verdict,
    /// Trace of the run.
    pub trace: Trace,
    /// The operations that the processes logged.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub history: History,
    /// Data that calls read and wrote, by event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<Seen>,
    /// Stacks of tasks at the time they died or got stuck.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<Stack>,
    /// The functions and lines of [`Trace::places`], in the same order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Frame>,
    /// What changing one thing at a time has shown about the cause of the violation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inquiry: Option<Inquiry>,
}

/// Reason why a text is not a replay file.
#[derive(Debug, thiserror::Error)]
pub enum ReadRecordError {
    /// Not JSON, cut short, or another program's.
    #[error("this is not a Crosswire replay file, or it is damaged: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Written by a newer version.
    #[error(
        "the file has format version {0}; this program reads up to version {FORMAT_VERSION}. Use a newer Crosswire"
    )]
    Newer(u32),
}

impl Record {
    /// Reads a replay file's text.
    ///
    /// # Errors
    /// If it is not one, or is newer than this program.
    pub fn from_json(text: &str) -> Result<Record, ReadRecordError> {
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let Version { format_version } = serde_json::from_str(text)?;
        if format_version > FORMAT_VERSION {
            return Err(ReadRecordError::Newer(format_version));
        }
        Ok(serde_json::from_str(text)?)
    }

    /// Returns the file's text: the head pretty-printed, each event on a line of its own.
    pub fn to_json(&self) -> String {
        let mut head = serde_json::to_value(self).expect("records have string keys only");
        let events = head["trace"]["events"].take();
        let seen = head.get_mut("seen").map(serde_json::Value::take);
        let mut text = serde_json::to_string_pretty(&head).expect("a value is always writable");
        // The keys are unique: no other members of the head have these names.
        let seen = seen.unwrap_or_default();
        text = text.replacen(
            "\"seen\": null",
            &format!("\"seen\": {}", list(&seen, 2)),
            1,
        );
        let events = list(&events, 4);
        text = text.replacen("\"events\": null", &format!("\"events\": {events}"), 1);
        text.push('\n');
        text
    }
}

/// Returns each element of an array on a line of its own.
fn list(array: &serde_json::Value, indent: usize) -> String {
    let elements = array.as_array().into_iter().flatten();
    let lines: Vec<String> = elements
        .map(|element| format!("{:indent$}  {element}", ""))
        .collect();
    match lines.is_empty() {
        true => "[]".to_owned(),
        false => format!("[\n{}\n{:indent$}]", lines.join(",\n"), ""),
    }
}
