//! What a run is given before it begins, and never changes.

use crate::start::target::Successor;
use crosswire_kernel::Tid;
use crosswire_kernel::oplog::OpLog;
use crosswire_kernel::sandbox::Sandbox;
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
    /// Where the processes run; absent where a template is prepared.
    pub sandbox: Option<&'a Sandbox>,
    /// Processes of the sandbox itself.
    pub bystanders: &'a [Tid],
    /// Pids inside the sandbox that programs must not know of: those of the templates.
    pub strangers: &'a [i32],
    /// Directories whose contents belong to the run.
    pub private_dirs: &'a [String],
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
    ) -> Setup<'a> {
        Setup {
            plan,
            children: &[],
            successors: &[],
            sandbox: None,
            bystanders,
            strangers: &[],
            private_dirs,
            outputs: &[],
            log: None,
            pids_vary: false,
            in_template: true,
            watched: false,
        }
    }
}
