//! Who runs next: a default rule, and the decisions that deviate from it.

use super::TaskId;
use serde::{Deserialize, Serialize};

/// The order in which tasks take their steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Decides wherever no deviation does.
    pub rule: Rule,
    /// Decisions that overrule it, by ascending step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deviations: Vec<Deviation>,
}

/// How the next task is chosen where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Rule {
    /// The task that ran last goes on until it blocks, sleeps, yields or ends;
    /// then the next one by number takes over. Involves no chance at all.
    RunOn,
    /// Every step, each task that can run is equally likely.
    RandomWalk {
        /// Seed of the random choices.
        seed: u64,
    },
    /// Tasks have random priorities; the highest that can run does, and at
    /// `changes` random steps it falls to the lowest (PCT, Burckhardt et al.,
    /// ASPLOS 2010).
    Priorities {
        /// Seed of the random choices.
        seed: u64,
        /// How often a running task is overtaken.
        changes: u32,
        /// Expected number of steps, among which the changes are spread.
        horizon: u32,
    },
}

/// One decision that differs from the default rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// The step, counted from 0.
    pub step: u64,
    /// The task that takes it.
    pub task: TaskId,
}

impl Schedule {
    /// The rule alone.
    pub fn new(rule: Rule) -> Self {
        Schedule {
            rule,
            deviations: Vec::new(),
        }
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule::new(Rule::RunOn)
    }
}
