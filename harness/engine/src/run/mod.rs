//! One run under way: who takes the next step, and what a step is.

pub(crate) mod again;
pub(crate) mod allowance;
pub(crate) mod reach;
pub(crate) mod reports;
pub(crate) mod scheduling;
pub(crate) mod session;
pub(crate) mod settle;
pub(crate) mod setup;
pub(crate) mod step;
pub(crate) mod stops;
pub(crate) mod successors;
pub(crate) mod task;
pub(crate) mod tasks;
pub(crate) mod turn;
pub(crate) mod turns;
