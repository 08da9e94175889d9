//! Expectations on a program, as far as they differ between programs.

use crate::allowance::{Allowance, ExpectedDeath};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rules for what counts as a violation in a run. Stored in replay files, so that a
/// replay is judged as the run was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expectations {
    /// Processes whose exit status must be 0.
    pub exit: Exit,
    /// Other statuses, by name of the process. Death by signal n is 128 + n, as
    /// shells count it.
    pub statuses: BTreeMap<String, i32>,
    /// True if statuses are required of the survivors of a `kill`, too. After `errno` and
    /// `lose-signal` none is required: a correct program may give up.
    pub statuses_under_faults: bool,
    /// True if no process may die of a signal that it caused itself (`SIGSEGV`,
    /// `SIGABRT`, …). Faults excuse none.
    pub fatal_signals: bool,
    /// True if a panic counts even after such a fault.
    pub panics_under_faults: bool,
    /// True if a livelock counts even after a process was killed.
    pub livelocks_under_faults: bool,
    /// Resources that must not outlive the run.
    pub leaks: Leaks,
    /// Those that may, by shell patterns: files and directories by absolute path, with all
    /// below them; shared memory, semaphores and message queues by `/name`; System V objects
    /// by key, `0x4d2`; processes by name.
    pub may_leave: Vec<String>,
    /// Deaths that count neither as crashes nor as unexpected statuses.
    pub may_die: Vec<ExpectedDeath>,
    /// Other violations that are accepted.
    pub allowed: Vec<Allowance>,
    /// Promise of a contract, in its words: printed below each violation.
    pub promised: Option<String>,
    /// The working directory: files that are left in it are the program's products.
    pub working_dir: Option<String>,
}

/// Processes whose exit status must be 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// No process.
    Any,
    /// That of the processes which the harness started. What becomes of its
    /// children a process judges itself.
    #[default]
    Roots,
    /// All processes.
    All,
}

/// Resources that must not outlive the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leaks {
    /// Anything may.
    Ignored,
    /// Resources created by processes that no fault killed: a dead process cannot clean
    /// up after itself.
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
            statuses_under_faults: true,
            fatal_signals: true,
            panics_under_faults: true,
            livelocks_under_faults: true,
            leaks: Leaks::UnlessKilled,
            may_leave: Vec::new(),
            may_die: Vec::new(),
            allowed: Vec::new(),
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
