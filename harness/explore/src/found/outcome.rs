//! Part of a run that an exploration keeps.

use crate::found::coverage::OrderedPair;
use crate::found::first::FirstRun;
use crate::found::given_up::GivenUp;
use crate::found::output::LastLines;
use crate::found::relevance::Relevance;
use crate::plan::guarantee::Promise;
use crate::plan::mix::place_of;
use crate::plan::points::Points;
use crate::plan::profile::Profile;
use crosswire_model::{
    Action, Fault, Kind, Met, Plan, Record, Rule, Run, StartUp, TaskId, Verdict, Wrapper,
};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Result that a worker hands in. Small for a run that passes: its trace is dropped.
pub(crate) struct Outcome {
    pub verdict: Verdict,
    /// Steps taken.
    pub steps: u64,
    /// Equal for equal traces.
    pub fingerprint: u64,
    /// What its schedule promises, if anything.
    pub promise: Option<Promise>,
    /// Number of faults that the run had to inject.
    pub faults_planned: u64,
    /// Faults that were injected.
    pub faults_struck: Vec<Fault>,
    /// Of each process whose end was not judged, the fault after which it may give up.
    pub excused: Vec<Action>,
    /// Kinds of the violations that were accepted.
    pub allowed: Vec<Kind>,
    /// Points at which faults can be injected, from runs without faults.
    pub points: Points,
    /// Output of run 0.
    pub reference: Option<Vec<u8>>,
    /// Size of the program, as a run without faults has shown it.
    pub profile: Option<Profile>,
    /// The place of its strategy in the mix.
    pub strategy: Option<usize>,
    /// The orders of contested pairs that it has shown, each with the first step that came second.
    pub orders: BTreeMap<OrderedPair, u64>,
    /// It began like an earlier one.
    pub has_begun: bool,
    /// Its plan, if others may begin like it.
    pub plan: Option<Arc<Plan>>,
    /// What it has met of the suspects.
    pub met: Met,
    /// Names of the processes of run 0.
    pub processes: Vec<String>,
    /// For violations: what replays it, and whether that has been tried.
    pub record: Option<Box<Record>>,
    pub last_lines: LastLines,
    pub replayed: bool,
    /// How it stood when it reached a limit, if it was the first to reach that one.
    pub given_up: Option<Box<GivenUp>>,
    /// The steps of run 0 that can matter, if that was looked into.
    pub relevance: Option<Relevance>,
    /// What the programs did in run 0.
    pub first: Option<FirstRun>,
    /// Programs of run 0 of which only the one counts that they execute.
    pub wrappers: Vec<Wrapper>,
    /// The start-up that it had.
    pub start_up: StartUp,
    /// Shared memory whose accesses are no schedule points, and why.
    pub unwatched: BTreeSet<String>,
    /// True if a process had several threads.
    pub has_threads: bool,
    /// True if an instruction could be split.
    pub splittable: bool,
}

impl Outcome {
    /// Builds the outcome of a run that could not be performed.
    pub fn invalid(reason: String) -> Outcome {
        Outcome {
            verdict: Verdict::Invalid(reason),
            steps: 0,
            fingerprint: 0,
            promise: None,
            faults_planned: 0,
            faults_struck: Vec::new(),
            excused: Vec::new(),
            allowed: Vec::new(),
            points: Points::default(),
            reference: None,
            profile: None,
            strategy: None,
            orders: BTreeMap::new(),
            has_begun: false,
            plan: None,
            met: Met::default(),
            processes: Vec::new(),
            record: None,
            last_lines: LastLines::default(),
            replayed: false,
            given_up: None,
            relevance: None,
            first: None,
            wrappers: Vec::new(),
            start_up: StartUp::default(),
            unwatched: BTreeSet::new(),
            has_threads: false,
            splittable: false,
        }
    }

    /// Builds the outcome of a run that was judged, without the parts that only some runs
    /// have.
    pub fn of(run: &Run, verdict: Verdict) -> Outcome {
        let planned = run.plan.faults.len() as u64;
        let unused = &run.trace.unused_faults;
        let struck = run
            .plan
            .faults
            .iter()
            .filter(|fault| !unused.contains(fault));
        Outcome {
            steps: run.trace.steps,
            fingerprint: fingerprint(run),
            promise: Promise::of(&run.plan),
            faults_planned: planned,
            faults_struck: struck.cloned().collect(),
            strategy: place_of(&run.plan.schedule.rule).filter(|_| !run.plan.chooses_every_step),
            has_begun: matches!(run.plan.schedule.rule, Rule::After { .. }),
            met: run.met.clone(),
            start_up: run.plan.start_up.clone(),
            unwatched: run.unwatched.clone(),
            splittable: run.splittable,
            has_threads: (0..)
                .zip(&run.trace.tasks)
                .any(|(n, task)| task.leader != TaskId(n)),
            ..Outcome {
                verdict,
                ..Outcome::invalid(String::new())
            }
        }
    }
}

/// Hashes the plan that the trace shows, which determines the trace: where the schedule
/// left the default rule, and which faults were injected.
fn fingerprint(run: &Run) -> u64 {
    let mut hasher = DefaultHasher::new();
    run.trace.steps.hash(&mut hasher);
    run.trace.deviations.hash(&mut hasher);
    for fault in &run.plan.faults {
        if !run.trace.unused_faults.contains(fault) {
            fault.hash(&mut hasher);
        }
    }
    hasher.finish()
}
