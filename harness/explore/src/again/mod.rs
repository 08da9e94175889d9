//! Performs recorded runs again: replays, shrinks or rechecks them.

pub(crate) mod inquire;
mod pairs;
pub(crate) mod recheck;
pub(crate) mod reduce;
pub(crate) mod replay;
pub(crate) mod shrink;
