//! What is expected of a program, as far as it is not the same for all.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What counts as a violation in a run. Stored in replay files, so that a replay
/// is judged as the run was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expectations {
    /// Whose exit status must be 0.
    pub exit: Exit,
    /// Other statuses, by name of the process. Death by signal n is 128 + n, as
    /// shells count it.
    pub statuses: BTreeMap<String, i32>,
    /// Whether statuses are demanded also after a fault that a correct program
    /// may answer by giving up: `kill`, `errno` and `lose-signal`.
    pub statuses_under_faults: bool,
    /// Whether a process may not die of a signal of its own making (`SIGSEGV`,
    /// `SIGABRT`, …). Faults excuse none.
    pub fatal_signals: bool,
    /// Whether a panic counts also after such a fault.
    pub panics_under_faults: bool,
    /// Whether waiting in loops for what nobody will do counts also after a process was
    /// killed.
    pub livelocks_under_faults: bool,
    /// What must not outlive the run.
    pub leaks: Leaks,
    /// Files and directories that may, by absolute path, with all below them.
    pub may_leave: Vec<String>,
    /// What a contract promises, in its words: stands beneath each violation.
    pub promised: Option<String>,
    /// The working directory: files that are left in it are the program's products.
    pub working_dir: Option<String>,
}

/// Whose exit status must be 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// Nobody's.
    Any,
    /// That of the processes which the harness started. What becomes of its
    /// children a process judges itself.
    #[default]
    Roots,
    /// Everybody's.
    All,
}

/// What must not outlive the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leaks {
    /// Anything may.
    Ignored,
    /// Whatever a process created that was not killed by a fault: the dead cannot
    /// clean up after themselves.
    #[default]
    UnlessKilled,
    /// Everything: the survivors must clean up for those who were killed.
    Always,
}

impl Default for Expectations {
    fn default() -> Self {
        Expectations {
            exit: Exit::Roots,
            statuses: BTreeMap::new(),
            statuses_under_faults: false,
            fatal_signals: true,
            panics_under_faults: true,
            livelocks_under_faults: true,
            leaks: Leaks::UnlessKilled,
            may_leave: Vec::new(),
            promised: None,
            working_dir: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_the_default_and_what_is_unknown_is_refused() {
        let some: Expectations = serde_json::from_str(r#"{"leaks": "always"}"#).unwrap();
        assert_eq!(
            some,
            Expectations {
                leaks: Leaks::Always,
                ..Expectations::default()
            }
        );
        assert!(serde_json::from_str::<Expectations>(r#"{"leek": "always"}"#).is_err());
        let text = serde_json::to_string(&some).unwrap();
        assert_eq!(serde_json::from_str::<Expectations>(&text).unwrap(), some);
    }
}
