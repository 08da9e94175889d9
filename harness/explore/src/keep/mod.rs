//! Files of an exploration: records, regressions, parts, and what they hold.

pub(crate) mod criteria;
pub(crate) mod environment;
pub(crate) mod executable;
pub(crate) mod merge;
pub(crate) mod notebook;
pub(crate) mod pairs;
pub(crate) mod part;
pub(crate) mod recorder;
pub(crate) mod regression;
pub(crate) mod store;
