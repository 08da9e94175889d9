//! What a run is given before it begins, and never changes.

use crate::files::listings::Listings;
use crate::files::places::Places;
use crate::start::target::Successor;
use crosswire_kernel::Tid;
use crosswire_kernel::oplog::OpLog;
use crosswire_kernel::sandbox::Sandbox;
use crosswire_model::Plan;
use std::collections::BTreeSet;
use std::fs::File;

/// The circumstances of a run.
#[derive(Clone, Copy)]
pub(crate) struct Setup<'a> {
    pub plan: &'a Plan,
    /// Names of the first root's children, for scenarios.
    pub children: &'a [String],
    /// Processes that begin only when another one has ended.
    pub successors: &'a [Successor],
    /// Where the processes are.
    pub sandbox: &'a Sandbox,
    /// Processes of the sandbox itself.
    pub bystanders: &'a [Tid],
    /// Pids inside the sandbox that programs must not know of: those of the templates.
    pub strangers: &'a [i32],
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
    /// The number of sockets and epoll instances that a start-up may make to see what there is.
    pub most_made: u32,
    /// The program is looked at only as far as it prepares others: until it has executed so many,
    /// if that is not 0.
    pub until_executed: u32,
    /// What each program looked at while it started, of the files that the run may change.
    pub early: &'a [BTreeSet<String>],
    /// Programs are executed in runs: what changes files is noted.
    pub notes_changes: bool,
    /// The id that a program has in every run, for its template.
    pub start_id: i32,
    /// The run ends before this step, as if that were its limit, once a task is about to take it.
    pub stop_before: Option<u64>,
    /// Somebody wants to know what calls read and write.
    pub watched: bool,
}
