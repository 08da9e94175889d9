//! Recording of a run.

pub(crate) mod approach;
pub(crate) mod capture;
pub(crate) mod deadlock;
pub(crate) mod logged;
pub(crate) mod output;
pub(crate) mod passed;
pub(crate) mod record;
pub(crate) mod recorder;
pub(crate) mod watch;
