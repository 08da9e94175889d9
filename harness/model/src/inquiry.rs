//! What changing one thing at a time has shown about the cause of a failure.

use super::{DelayedStore, Delays, Fault, Plan, Schedule, Switch, TaskId, What};
use serde::{Deserialize, Serialize};

/// What was found out about the cause of a failure: the run was performed again with one thing
/// changed at a time, and a cause is a change after which nothing is wrong (Zeller, "Isolating
/// cause-effect chains from computer programs", FSE 2002).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inquiry {
    /// Changes of which each alone makes the run pass; the one that says most comes first.
    pub causes: Vec<TestedCause>,
    /// Runs that were performed.
    pub tried: u64,
    /// True if all changes were tried that could be thought of.
    pub finished: bool,
}

/// A change that makes the run pass, and how to perform it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestedCause {
    /// The change.
    pub change: Change,
    /// Decisions of the run that passes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub switches: Vec<Switch>,
}

/// One thing changed in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// Leaves out this fault.
    WithoutFault(Fault),
    /// Makes this store visible at once.
    WithoutDelay(DelayedStore),
    /// Lets the task of a step wait until a later step of another task has been taken.
    Exchange {
        /// The step that comes too early.
        earlier: u64,
        /// The step that should have come before it.
        later: u64,
    },
    /// Lets the task of a step wait until another task has taken a step that it did not take
    /// in the run that fails.
    Wait {
        /// The step that comes too early.
        step: u64,
        /// The task that is waited for.
        task: TaskId,
        /// Event of the step that it has to take.
        what: What,
    },
}

impl TestedCause {
    /// Returns the plan of the run that passes: that of the failing run with the change.
    ///
    /// ```
    /// use crosswire_model::{Change, Fault, Plan, TestedCause};
    /// let fault: Fault = "kill:producer@write#2".parse().unwrap();
    /// let plan = Plan { faults: vec![fault.clone()], ..Plan::default() };
    /// let cause = TestedCause { change: Change::WithoutFault(fault), switches: Vec::new() };
    /// assert!(cause.changed(&plan).faults.is_empty());
    /// ```
    #[must_use]
    pub fn changed(&self, plan: &Plan) -> Plan {
        let mut changed = Plan {
            schedule: Schedule::switching(self.switches.clone()),
            ..plan.clone()
        };
        match &self.change {
            Change::WithoutFault(fault) => changed.faults.retain(|one| one != fault),
            Change::WithoutDelay(store) => {
                if let Some(Delays::These(stores)) = plan.memory.delayed() {
                    let others = stores.iter().filter(|one| *one != store);
                    changed.memory = plan.memory.delaying(others.copied().collect());
                }
            }
            Change::Exchange { .. } | Change::Wait { .. } => {}
        }
        changed
    }
}
