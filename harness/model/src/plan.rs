//! All that determines a run.

use super::{EVERYTHING, Fault, Limits, Schedule, Signal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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
    /// True if programs that often read clocks read them without a step each: no other task
    /// runs between a call and the readings behind it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clocks_are_free: bool,
    /// The part of the programs' execution that comes before the first step.
    #[serde(default, skip_serializing_if = "StartUp::is_shortest")]
    pub start_up: StartUp,
    /// Limits of the run.
    #[serde(default)]
    pub limits: Limits,
}

/// How far programs are brought before the first step, at most to the first call that does
/// more than look at files and at the program itself; and what else is no step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StartUp {
    /// True if it includes looking at files that the run may change. Otherwise it ends
    /// there.
    pub reads_own_files: bool,
    /// Those of them, as names of objects, at which it ends all the same: another program
    /// changes them.
    pub contested: BTreeSet<String>,
    /// Signals that processes send each other. If start-up looks at files, what a process
    /// decides about other signals is no step.
    pub sent: BTreeSet<Signal>,
}

/// Where more objects are contested, start-up is hardly worth it.
const MOST_CONTESTED: usize = 256;

impl StartUp {
    /// The longest start-up, as long as nothing is known to be contested.
    pub fn longest() -> StartUp {
        StartUp {
            reads_own_files: true,
            ..StartUp::default()
        }
    }

    /// Tells whether it ends at the first file that the run may change.
    pub fn is_shortest(&self) -> bool {
        !self.reads_own_files
    }

    /// Ends before what a run has shown to be contested, and makes steps of the decisions
    /// about the signals that were sent in it. What has no name makes it the shortest.
    pub fn contest(&mut self, objects: BTreeSet<String>, sent: BTreeSet<Signal>) {
        let known = (self.contested.len(), self.sent.len());
        self.contested.extend(objects);
        self.sent.extend(sent);
        let is_hopeless = self.contested.contains(EVERYTHING)
            || self.contested.len() > MOST_CONTESTED
            || (self.contested.len(), self.sent.len()) == known;
        if is_hopeless {
            *self = StartUp::default();
        }
    }

    /// Adds what another run has shown; whether anything was new. The shorter of the two
    /// remains.
    pub fn learn(&mut self, other: &StartUp) -> bool {
        let before = self.clone();
        if other.is_shortest() {
            *self = StartUp::default();
        } else if !self.is_shortest() {
            self.contested.extend(other.contested.iter().cloned());
            self.sent.extend(&other.sent);
        }
        *self != before
    }
}
