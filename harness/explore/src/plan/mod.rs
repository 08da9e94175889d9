//! Plans of runs: orders of steps, faults, shares of the work, budgets.

pub(crate) mod applicability;
pub(crate) mod beginnings;
pub(crate) mod budget;

pub(crate) mod contested;
pub(crate) mod decided;
pub(crate) mod effects;
mod fault_turns;
pub(crate) mod guarantee;
pub(crate) mod here;
pub(crate) mod memory;
pub(crate) mod mix;
pub(crate) mod planner;
pub(crate) mod points;
pub(crate) mod profile;
pub(crate) mod shard;
pub(crate) mod strategy;
