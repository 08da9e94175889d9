//! The programs of a worker, started: for each start-up that its runs have had.

use crate::start::target::Start;
use crate::start::template::Template;
use crosswire_kernel::sandbox;
use crosswire_model::StartUp;
use std::collections::BTreeSet;

/// A program as it is started, for a template that is made anew.
pub(crate) struct Startable {
    pub start: Start,
    pub program: sandbox::Program,
}

/// Templates of all programs, for runs with the same start-up.
pub(crate) struct Prepared {
    pub start_up: StartUp,
    pub templates: Vec<Template>,
    /// For each, the files of the run at which it looked while it started.
    pub early: Vec<BTreeSet<String>>,
}
