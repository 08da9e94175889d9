//! What a run is given before it begins, and never changes.

use crate::files::listings::Listings;
use crate::files::places::Places;
use crate::start::target::Successor;
use crosswire_kernel::Tid;
use crosswire_kernel::oplog::OpLog;
use crosswire_model::Plan;
use std::fs::File;

/// The circumstances of a run.
#[derive(Clone, Copy)]
pub(crate) struct Setup<'a> {
    pub plan: &'a Plan,
    /// Names of the first root's children, for scenarios.
    pub children: &'a [String],
    /// Processes that begin only when another one has ended.
    pub successors: &'a [Successor],
    /// Processes of the sandbox itself.
    pub bystanders: &'a [Tid],
    /// Directories whose contents belong to the run.
    pub private_dirs: &'a [String],
    /// What the devices of files mean.
    pub places: &'a Places,
    /// What was in the directories of the machine.
    pub listings: &'a Listings,
    /// Files that hold standard output and standard error.
    pub outputs: &'a [File],
    /// The log of a scenario's processes.
    pub log: Option<&'a OpLog>,
    /// There is no pid namespace.
    pub pids_vary: bool,
    /// A template is prepared: nothing may depend on who performs it.
    pub in_template: bool,
    /// Somebody wants to know what calls read and write.
    pub watched: bool,
}

impl<'a> Setup<'a> {
    /// The circumstances in which a template is prepared.
    pub fn of_template(
        plan: &'a Plan,
        bystanders: &'a [Tid],
        private_dirs: &'a [String],
        places: &'a Places,
        listings: &'a Listings,
    ) -> Setup<'a> {
        Setup {
            plan,
            children: &[],
            successors: &[],
            bystanders,
            private_dirs,
            places,
            listings,
            outputs: &[],
            log: None,
            pids_vary: false,
            in_template: true,
            watched: false,
        }
    }
}
