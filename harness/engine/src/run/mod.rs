//! One run under way: who takes the next step, and what a step is.

pub(crate) mod choose;
pub(crate) mod one_stop;
pub(crate) mod policy;
pub(crate) mod remote;
pub(crate) mod session;
pub(crate) mod settle;
pub(crate) mod spin;
pub(crate) mod step;
pub(crate) mod stops;
pub(crate) mod successors;
pub(crate) mod task;
pub(crate) mod turns;
