//! Everything that one run produced.

use super::{Capture, Contention, DelayedStore, History, Met, Plan, Seen, Trace};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A program that only prepares another one and executes it: a run begins after that
/// ([`StartUp::skips_wrappers`](crate::StartUp::skips_wrappers)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrapper {
    /// Name of the process.
    pub process: String,
    /// Path of the program that it executes.
    pub executes: String,
    /// Steps that it and its children take before.
    pub steps: u64,
}

/// Everything that one run produced, for checkers to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Plan of the run.
    pub plan: Plan,
    /// Trace of the run.
    pub trace: Trace,
    /// The operations that the processes logged.
    pub history: History,
    /// Data that calls read and wrote, if the run was watched.
    pub seen: Vec<Seen>,
    /// Stacks of tasks at the time they died or got stuck, if the run was watched.
    pub captures: Vec<Capture>,
    /// Shared memory whose accesses are no schedule points, each with the reason.
    pub unwatched: BTreeSet<String>,
    /// Programs of which only the one counts that they execute.
    pub wrappers: Vec<Wrapper>,
    /// For each task, its steps that touched something contested, if that was followed.
    pub mattered: Option<Vec<u64>>,
    /// Choices between several tasks.
    pub choices: u64,
    /// True if an instruction has loaded and stored contested memory without a lock, so that
    /// others could come [between](crate::MemoryModel::Split).
    pub splittable: bool,
    /// The stores that were to wait, in the order in which tasks came to them. Of one that a signal
    /// or the end of its task has forestalled the trace tells nothing, but until then its task
    /// could go on while others waited: a plan that repeats the run delays it, too.
    pub delayed: Vec<DelayedStore>,
    /// The uses of contested objects, if they were followed; not all in very long runs.
    pub contention: Contention,
    /// What it has met of the suspects that its schedule is directed at.
    pub met: Met,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}
