//! All that determines a run.

use super::{Fault, Limits, Schedule};
use serde::{Deserialize, Serialize};

/// A plan determines a run: the same program under the same plan gives the same
/// trace.
///
/// ```
/// use crosswire_model::{Plan, Rule, Schedule};
/// let plan = Plan {
///     schedule: Schedule::new(Rule::RandomWalk { seed: 7 }),
///     faults: vec!["kill:producer@write#2".parse().unwrap()],
///     ..Plan::default()
/// };
/// let text = serde_json::to_string(&plan).unwrap();
/// assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Seed of everything random that a program can ask the kernel for.
    pub seed: u64,
    /// Schedule: the task that takes each step.
    pub schedule: Schedule,
    /// Faults to inject, with their points.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// True if the trace records what each step touches, which takes time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub footprints: bool,
    /// Limits of the run.
    #[serde(default)]
    pub limits: Limits,
}
