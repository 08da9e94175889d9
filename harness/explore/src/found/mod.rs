//! Outcomes of runs, and the report on all of them.

pub(crate) mod collector;
pub(crate) mod coverage;
pub(crate) mod exhaustion;
pub(crate) mod findings;
pub(crate) mod first;
pub(crate) mod given_up;
pub(crate) mod idle;
pub(crate) mod lost;
pub(crate) mod outcome;
pub(crate) mod output;
pub(crate) mod relevance;
pub(crate) mod report;
pub(crate) mod tally;
