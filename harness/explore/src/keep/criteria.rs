//! Criteria by which a run is judged.

use crate::found::output::{self, Text};
use crosswire_check::{self as check, Check, Expectations};
use crosswire_engine::{Isolation, Successor, Target};
use crosswire_model::{Run, Verdict, Violation};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Settings kept in a replay file so that a replay judges, and runs, as the exploration
/// did ([`Record::checks`](crosswire_model::Record::checks)).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Criteria {
    /// Options of the built-in checkers.
    pub expectations: Expectations,
    /// Output required of a run without faults, if that is checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Text>,
    /// True if the processes ran without namespaces of their own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) without_isolation: bool,
    /// Mebibytes that the processes could write, if not as many as usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disk_mib: Option<u32>,
    /// Processes that started only after another one had ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) successors: Vec<Successor>,
}

impl Criteria {
    pub(crate) fn isolation(&self) -> Isolation {
        match self.without_isolation {
            true => Isolation::None,
            false => Isolation::Auto,
        }
    }

    pub(crate) fn disk_mib(&self) -> u32 {
        self.disk_mib.unwrap_or(Target::DISK_MIB)
    }
}

/// Judges runs by expectations, checks and what another run printed.
pub(crate) struct Judge {
    pub expectations: Expectations,
    pub checks: Vec<Arc<dyn Check>>,
}

impl Judge {
    /// Returns the verdict on a run. `reference` is what it must print, if that matters;
    /// it is compared only if all else is well, since a run that was cut short by another
    /// violation prints less anyway.
    pub fn judge(&self, run: &Run, reference: Option<&[u8]>) -> Verdict {
        let verdict = check::judge(run, &self.expectations, &self.checks);
        match reference {
            Some(expected) if verdict == Verdict::Pass && run.plan.faults.is_empty() => {
                match output::difference(expected, &run.stdout) {
                    None => Verdict::Pass,
                    Some(difference) => Verdict::Violation(vec![Violation {
                        kind: crosswire_model::Kind::Output,
                        sentence: difference,
                        tasks: Vec::new(),
                        steps: Vec::new(),
                        details: Vec::new(),
                    }]),
                }
            }
            _ => verdict,
        }
    }
}
