//! Settings of many runs of one target.

use super::{Budget, Exhaust, Keep, Memory, Part, Regression, Shard, Strategy, available_cpus};
use crosswire_check::{Check, Expectations};
use crosswire_engine::Target;
use crosswire_model::{Action, FaultKind, Limits, Plan, StartUp, Suspect};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Settings of an exploration: target, budget and checks. All fields are plain settings;
/// [`new`](Exploration::new) gives them their usual values.
#[derive(Clone)]
pub struct Exploration {
    /// The processes under test.
    pub target: Target,
    /// Budget of the exploration.
    pub budget: Budget,
    /// Every order of the steps is explored instead of a choice of them, if asked for.
    pub exhaust: Option<Exhaust>,
    /// The part of the exploration that is done here, if others do the rest.
    pub shard: Option<Shard>,
    /// Failures of before, which are run first, each with its file.
    pub regressions: Vec<(PathBuf, Regression)>,
    /// One run in this number is performed twice, with the same result; none where
    /// this is zero.
    pub self_check: u64,
    /// The faults that may be injected, one in every other run.
    pub faults: Vec<FaultKind>,
    /// True if it is no shortcoming that none of the faults could be injected.
    pub faults_where_possible: bool,
    /// True if two faults may be injected in one run, once each was tried alone. Promises
    /// for one fault seldom hold for two.
    pub fault_pairs: bool,
    /// Where it is noted how far the exploration has come, if it is.
    pub keep: Option<Keep>,
    /// What was performed before: the exploration resumes after it.
    pub resumed: Option<Arc<Part>>,
    /// Every run begins with the decisions, the faults and the start-up of this plan, if there is
    /// one. For random schedules only.
    pub prefix: Option<Plan>,
    /// True if every step is a choice, also where it can be told that it does not matter who
    /// takes it.
    pub every_step: bool,
    /// Scheduling strategy.
    pub strategy: Strategy,
    /// Steps at which most schedules are directed: two tasks come to them at one time, and take
    /// them in either order; at most [`Suspect::MOST`].
    pub suspects: Vec<Suspect>,
    /// Memory model: whether stores become visible later than they are executed.
    pub memory: Memory,
    /// True if memory that threads of a process could share is watched as shared mappings are.
    pub watches_threads: bool,
    /// Determines every plan.
    pub seed: u64,
    /// Runs at a time, each on a CPU of its own.
    pub jobs: usize,
    /// Options of the built-in checkers.
    pub expectations: Expectations,
    /// Further checkers.
    pub checks: Vec<Arc<dyn Check>>,
    /// Bounds on each run.
    pub limits: Limits,
    /// True if the first violation ends the exploration.
    pub stop_at_first: bool,
    /// True if every run without faults must print the same as the first one.
    pub check_output: bool,
    /// Time for shrinking all findings together and testing their causes; zero disables both.
    pub shrink: Duration,
    /// True if each violation is replayed at once; only tests of Crosswire itself have a
    /// reason to disable it.
    pub confirm: bool,
    /// The name of the scenario, for records.
    pub scenario: Option<String>,
}

/// Fraction of the runs that is performed twice: enough to detect a program that depends
/// on something uncontrolled, at a cost of two per cent.
const USUAL_SELF_CHECK: u64 = 50;

impl Exploration {
    /// Default time for shrinking findings.
    pub const USUAL_SHRINKING: Duration = Duration::from_secs(10);

    /// Returns a thousand runs without faults, on every CPU, up to the first violation.
    pub fn new(target: Target) -> Exploration {
        Exploration {
            target,
            budget: Budget::runs(1000),
            exhaust: None,
            shard: None,
            regressions: Vec::new(),
            self_check: USUAL_SELF_CHECK,
            faults: Vec::new(),
            faults_where_possible: false,
            fault_pairs: false,
            keep: None,
            resumed: None,
            prefix: None,
            every_step: false,
            strategy: Strategy::default(),
            suspects: Vec::new(),
            memory: Memory::default(),
            watches_threads: false,
            seed: 0,
            jobs: available_cpus().len(),
            expectations: Expectations::default(),
            checks: Vec::new(),
            limits: Limits::default(),
            stop_at_first: true,
            check_output: false,
            shrink: Self::USUAL_SHRINKING,
            confirm: true,
            scenario: None,
        }
    }

    /// Tells whether accesses to shared memory that a process uses alone may be no steps: nothing
    /// that is asked for strikes at them, counts them or directs schedules at them.
    fn leaves_shared_pages(&self) -> bool {
        let counts_each = self.every_step || self.exhaust.is_some() || self.memory == Memory::Tso;
        let may_strike = |kind: &FaultKind| kind.may_strike_accesses();
        !counts_each && self.suspects.is_empty() && !self.faults.iter().any(may_strike)
    }

    /// Returns the start-up of the first run. What belongs to start-up is no schedule point,
    /// so it is the shortest where every call counts: if all interleavings shall be explored,
    /// or a fault may befall a call that only looks at a file.
    pub(crate) fn start_up(&self) -> StartUp {
        let befalls_looks = |kind: &FaultKind| {
            matches!(
                kind.action,
                Action::Errno(_) | Action::ShortIo(_) | Action::Interrupt | Action::Full
            )
        };
        // A scenario is about what its processes do to each other: memory that one of them cannot
        // get for itself ends a Rust program, whatever it communicates by.
        let error = |kind: &FaultKind| match kind.action {
            Action::Errno(error) if self.scenario.is_none() => Some(error),
            _ => None,
        };
        let is_shortest = self.exhaust.is_some() || self.faults.iter().any(befalls_looks);
        StartUp {
            reads_own_files: !is_shortest,
            skips_wrappers: !is_shortest && !self.every_step,
            carries_on: !self.every_step && self.exhaust.is_none(),
            loads_alike: !is_shortest && !self.every_step,
            leaves_pages: !self.every_step && self.exhaust.is_none(),
            leaves_shared_pages: self.leaves_shared_pages(),
            errors: self.faults.iter().filter_map(error).collect(),
            ..StartUp::default()
        }
    }
}
