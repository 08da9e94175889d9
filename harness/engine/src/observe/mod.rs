//! Recording of a run.

pub(crate) mod capture;
pub(crate) mod deadlock;
pub(crate) mod output;
pub(crate) mod record;
pub(crate) mod watch;
