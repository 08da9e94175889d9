//! Settings and progress of an exhaustive exploration.

use crate::Shard;
use serde::{Deserialize, Serialize};

/// Asks for every order of the steps instead of a choice of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exhaust {
    /// Only orders in which a task that could go on is left at most so often. Each of
    /// them is tried then, equivalent or not.
    pub preemptions: Option<u32>,
}

/// Progress of an exhaustive exploration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Exhaustion {
    /// Classes of equivalent orders that were explored; with a bound on preemptions,
    /// orders. With faults, of all fault plans together.
    pub explored: u64,
    /// Different classes among these.
    pub classes: u64,
    /// Choices that are known to be left, behind which there may be more.
    pub left: u64,
    /// An estimate of how many classes, or orders, are left in all.
    #[serde(default)]
    pub estimated: u64,
    /// Fault plans, that without a fault included.
    pub fault_plans: u64,
    /// Fault plans of which nothing is left.
    pub fault_plans_done: u64,
    /// The bound on preemptions.
    pub preemptions: Option<u32>,
    /// Random orders that were performed when nothing was left, to test the claim: each was
    /// like one of the explored ones.
    pub checked: u64,
    /// Why nothing can be claimed although nothing is left.
    pub doubt: Option<String>,
    /// The part to which all this applies, if others explore the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Shard>,
}

impl Exhaustion {
    /// Tells whether every distinguishable interleaving was explored. Of a part that cannot be
    /// said.
    pub fn is_complete(&self) -> bool {
        self.part.is_none() && self.has_nothing_left()
    }

    /// Tells whether every distinguishable interleaving was explored that belongs to the part.
    pub fn has_nothing_left(&self) -> bool {
        let done = self.fault_plans > 0 && self.fault_plans_done == self.fault_plans;
        done && self.left == 0 && self.doubt.is_none()
    }
}
