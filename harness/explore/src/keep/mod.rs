//! Files of an exploration: records, regressions, checkpoints, and what they hold.

pub(crate) mod checkpoint;
pub(crate) mod criteria;
pub(crate) mod environment;
pub(crate) mod executable;
pub(crate) mod recorder;
pub(crate) mod regression;
pub(crate) mod store;
