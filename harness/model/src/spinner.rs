//! Tasks that go round in loops, and what these loops look at.

use super::{Access, Call, TaskId};
use serde::{Deserialize, Serialize};

/// A task that goes round in a loop which has no effect, and what it looks at in one round.
/// A loop of its own code that makes neither calls nor accesses to shared memory looks at
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Spinner {
    /// The task.
    pub task: TaskId,
    /// The words of shared memory that it reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<PolledWord>,
    /// The calls that it makes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Polling>,
}

/// A word of shared memory at which a loop looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolledWord {
    /// The access that it repeats, and the value it reads.
    pub access: Access,
    /// Task that wrote there last in this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_writer: Option<TaskId>,
}

/// A call that a loop repeats, always with the same result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Polling {
    /// The call.
    pub call: Call,
    /// The six argument registers.
    pub args: [u64; 6],
    /// The path or name among the arguments, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Result of the call; negative numbers are errors.
    pub result: i64,
}

/// A [`Spinner`] as files have it: those of format version 2 have one word.
#[derive(Deserialize)]
struct Stored {
    task: TaskId,
    #[serde(default)]
    words: Vec<PolledWord>,
    #[serde(default)]
    calls: Vec<Polling>,
    access: Option<Access>,
    last_writer: Option<TaskId>,
}

impl From<Stored> for Spinner {
    fn from(stored: Stored) -> Spinner {
        let Stored {
            task,
            mut words,
            calls,
            access,
            last_writer,
        } = stored;
        words.extend(access.map(|access| PolledWord {
            access,
            last_writer,
        }));
        Spinner { task, words, calls }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spinner_of_an_older_file_is_read() {
        let access = r#"{"object":0,"offset":64,"size":4,"kind":"read","place":0}"#;
        let old = format!(r#"{{"task":1,"access":{access},"last_writer":0}}"#);
        let spinner: Spinner = serde_json::from_str(&old).unwrap();
        assert_eq!(spinner.words[0].access.offset, 64);
        assert_eq!(spinner.words[0].last_writer, Some(TaskId(0)));
        let new = serde_json::to_string(&spinner).unwrap();
        assert_eq!(serde_json::from_str::<Spinner>(&new).unwrap(), spinner);
    }
}
