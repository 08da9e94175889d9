//! Every order of the steps that can matter, each once: stateless model checking of
//! real processes.
//!
//! The search is depth first. A run is a path in the tree of choices; behind the part
//! that is prescribed it goes on by default. From the footprints of its steps follows
//! which pairs of them could have come in the other order and might matter then
//! (races); for each race a choice at the earlier step is added that leads there
//! (source sets: Abdulla, Aronis, Jonsson and Sagonas, "Optimal dynamic partial order
//! reduction", POPL 2014; learning them from runs is Flanagan's and Godefroid's, POPL
//! 2005). Sleep sets (Godefroid, LNCS 1032) keep an order that was seen from being
//! seen again, so the number of complete runs is the number of classes of equivalent
//! orders.
//!
//! All orders of steps from one schedule point to the next are explored; a sleep may take
//! any time. The number of steps decides when timeouts and timers fire, so nothing is
//! claimed about a program that uses them.

mod class;
mod order;
mod sample;
pub(crate) mod standing;
#[cfg(test)]
mod tests;
mod times;
mod tree;
mod verify;

use super::{Exhaust, Exhaustion, Exploration, ExploreError, Progress, Shard};
use crate::keep::notebook::Notebook;
use crate::keep::part::Position;
use crate::perform::explored::Explored;
use crate::perform::pool::Pool;
use crate::perform::runner::{Runner, Starter};
use crate::perform::sampling::{NumberedRun, Sampling};
use crate::perform::worker::{Work, perform};
use crate::plan::points::{FaultSpace, Points};
use class::Member;
use crosswire_engine::{EARLY_DRAIN, LOOP_IN_DOUBT, MANY_MAPPINGS, TIME_OUT};
use crosswire_model::{Fault, Limits, Plan, Run, Schedule, StartUp, Verdict};
use standing::{Standing, TWICE};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use tree::{Extent, Learnt};

/// Steps of a run at most: to find out which of them depend on each other takes seconds then, and
/// four times as long for twice as many.
const MOST_STEPS: u64 = 20_000;

/// Reason for doubt when a task waits with a timeout or a timer runs.
const TIMED: &str = "the program uses timeouts or timers, which fire by the number of steps";

/// Reason for doubt when the engine made stores visible before it had to.
const EARLY: &str =
    "stores became visible early: long computations, or very many stores, follow them";

/// Reason for doubt when mappings were not followed.
const MAPPED: &str =
    "a process has very many mappings, and files that others write may be among them";

/// Reason for doubt when a loop might have ended by itself, had it gone on.
const MAY_END: &str = "a loop might give up after some tries: after many, others went first";

/// Said where a run was given up.
const GIVEN_UP: &str = "runs reached a limit, and their continuation is unknown";

/// Said where steps may have touched what no footprint names.
const UNWATCHED: &str = "accesses to executable shared memory are not observed";

/// Why a run is `Invalid` that the tree of choices cannot take up.
const ASTRAY: &str = "runs with the same prefix offered different choices";

/// Said where two runs of one class were explored and differ.
const UNLIKE: &str =
    "equivalent interleavings had different results, a bug in Crosswire: please report it";

/// One exhaustive exploration under way.
struct Search<'a> {
    work: &'a Work,
    pool: &'a Pool<Sampling>,
    extent: Extent,
    /// The part of the fault plans that is explored here, if others explore the rest.
    shard: Option<Shard>,
    /// The part of the tree, likewise, if there are no fault plans to share.
    tree_shard: Option<Shard>,
    shared: &'a Told,
    /// Where it is noted how far the search has come.
    notebook: Option<&'a Notebook>,
    /// The exploration's seed, for its report.
    seed: u64,
}

/// What the search tells while it is under way.
#[derive(Default)]
struct Told {
    progress: Mutex<Exhaustion>,
    /// Where it stands when it has ended.
    position: Mutex<Option<serde_json::Value>>,
}

impl Told {
    fn progress(&self) -> Exhaustion {
        let progress = self.progress.lock();
        progress.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Exploration {
    /// Explores every order; sequential, since what is tried next follows from the
    /// last run.
    pub(super) fn exhaust_with(
        &self,
        exhaust: Exhaust,
        (starter, notebook): (Starter, Option<&Arc<Notebook>>),
        stop: &AtomicBool,
        progress: &dyn Fn(&Progress),
    ) -> Result<Explored, ExploreError> {
        let work = Arc::new(Work::of(self, starter)?);
        let extent = exhaust
            .preemptions
            .map_or(Extent::Classes, Extent::Preemptions);
        let (kinds, shard) = (self.faults.clone(), self.shard);
        let tree_shard = shard.filter(|_| kinds.is_empty());
        let standing = match self.resumed.as_ref().map(|part| &part.position) {
            Some(Position::Search(position)) => serde_json::from_value(position.clone())
                .map_err(|error| ExploreError::Unresumable(error.to_string()))?,
            _ => Standing::new(extent, shard, !kinds.is_empty()),
        };
        let sampling = Sampling::new(self.budget, kinds.clone(), self.stop_at_first)
            .starting(standing.start_up.clone());
        let pool = Pool::new(1, sampling);
        let shared = Arc::new(Told::default());
        let standing = Mutex::new(Some(standing));
        let (work_there, shared_there) = (work.clone(), shared.clone());
        let (notebook, seed) = (notebook.cloned(), self.seed);
        let worker = move |pool: &Pool<Sampling>, (_, cpu)| {
            let standing = standing
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            let search = Search {
                work: &work_there,
                pool,
                extent,
                shard,
                tree_shard,
                shared: &shared_there,
                notebook: notebook.as_deref(),
                seed,
            };
            search.all(cpu, &kinds, standing.expect("there is one worker"))
        };
        let stopped = pool.perform(worker, stop, &|so_far| {
            progress(&Progress {
                left: Some(shared.progress().left),
                estimated: Some(shared.progress().estimated),
                ..*so_far
            });
        });
        let mut report =
            pool.finish(|sampling, elapsed| Ok(sampling.report(self, elapsed, stopped)))?;
        report.exhaustion = Some(shared.progress());
        let position = shared.position.lock();
        let position = position.unwrap_or_else(PoisonError::into_inner).take();
        Ok(Explored {
            report,
            work,
            position: position.map(Position::Search),
        })
    }
}

impl Search<'_> {
    /// Without faults first; the points at which faults can strike are learned there.
    fn all(
        &self,
        cpu: Option<usize>,
        kinds: &[crosswire_model::FaultKind],
        mut standing: Standing,
    ) -> Result<(), ExploreError> {
        let mut runner = (self.work.starter)(cpu)?;
        self.pool.lacks(runner.capabilities_lost());
        self.each_plan(runner.as_mut(), kinds, &mut standing)?;
        standing.start_up = self.start_up();
        self.tell(&standing);
        let position = self.shared.position.lock();
        *position.unwrap_or_else(PoisonError::into_inner) = Some(written(&standing));
        Ok(())
    }

    /// Explores all interleavings without a fault, and those under each fault that belongs
    /// to this part.
    fn each_plan(
        &self,
        runner: &mut dyn Runner,
        kinds: &[crosswire_model::FaultKind],
        standing: &mut Standing,
    ) -> Result<(), ExploreError> {
        if standing.plan == 0 {
            if !self.one(runner, None, standing)? {
                return Ok(());
            }
            standing.turn(1, self.extent);
        }
        let space = FaultSpace::new(kinds, &standing.points);
        let is_own = |number: &u64| self.shard.is_none_or(|shard| shard.takes(*number));
        standing.progress.fault_plans = 1 + (0..space.len()).filter(is_own).count() as u64;
        for number in (standing.plan - 1..space.len()).filter(is_own) {
            standing.plan = number + 1;
            if !self.one(runner, Some(space.get(number)), standing)? {
                return Ok(());
            }
            standing.turn(number + 2, self.extent);
        }
        Ok(())
    }

    /// Tells how far the search has come.
    fn tell(&self, standing: &Standing) {
        let progress = self.shared.progress.lock();
        let mut progress = progress.unwrap_or_else(PoisonError::into_inner);
        progress.clone_from(&standing.progress);
    }

    fn start_up(&self) -> Option<StartUp> {
        self.pool.with(|sampling, _| sampling.start_up())
    }

    /// Notes how far the search has come, if that is due.
    fn keep(&self, standing: &mut Standing) -> Result<(), ExploreError> {
        let Some(notebook) = self.notebook.filter(|notebook| notebook.is_due()) else {
            return Ok(());
        };
        standing.start_up = self.start_up();
        let mut report = self
            .pool
            .with(|sampling, elapsed| sampling.so_far(elapsed, self.seed));
        report.exhaustion = Some(standing.progress.clone());
        notebook.note(notebook.in_all(report), Position::Search(written(standing)))?;
        Ok(())
    }

    /// Explores every interleaving under one fault plan, and tests that these were all; returns
    /// whether there is a next plan to explore.
    fn one(
        &self,
        runner: &mut dyn Runner,
        fault: Option<Fault>,
        standing: &mut Standing,
    ) -> Result<bool, ExploreError> {
        loop {
            if !self.each_order(runner, fault.as_ref(), standing)? {
                return Ok(false);
            }
            if self.verify(runner, fault.as_ref(), standing)? {
                break;
            }
        }
        standing.progress.fault_plans_done += 1;
        self.tell(standing);
        Ok(true)
    }

    /// Explores every interleaving under one fault plan that is left; returns whether none is.
    fn each_order(
        &self,
        runner: &mut dyn Runner,
        fault: Option<&Fault>,
        standing: &mut Standing,
    ) -> Result<bool, ExploreError> {
        while let Some(deviations) = standing.tree.next() {
            let Some(job) = self.pool.take() else {
                // One choice was taken out of the tree and not tried.
                standing.tree.put_back();
                standing.progress.left = standing.tree.left().max(1);
                return Ok(false);
            };
            let schedule = Schedule {
                deviations,
                ..Schedule::default()
            };
            let plan = self.plan(schedule, fault, &job);
            self.try_plan(runner, &plan, job, standing)?;
            self.tell(standing);
            self.keep(standing)?;
        }
        Ok(true)
    }

    fn plan(&self, schedule: Schedule, fault: Option<&Fault>, job: &NumberedRun) -> Plan {
        let usual = self.work.planner.plan(0, &job.lessons);
        Plan {
            schedule,
            faults: fault.cloned().into_iter().collect(),
            footprints: true,
            // Where a computation is preempted is no order of steps.
            preemptions: Some(Vec::new()),
            proves_loops: true,
            memory: self.work.planner.memory.in_full(),
            limits: Limits {
                steps: usual.limits.steps.min(MOST_STEPS),
                ..usual.limits
            },
            ..usual
        }
    }

    fn try_plan(
        &self,
        runner: &mut dyn Runner,
        plan: &Plan,
        job: NumberedRun,
        standing: &mut Standing,
    ) -> Result<(), ExploreError> {
        let (mut run, mut outcome) = perform(self.work, runner, plan, job.reference.as_deref())?;
        if standing.compared.learn(&run) {
            standing.begin_plan_anew(self.extent, self.tree_shard);
            if !plan.schedule.deviations.is_empty() {
                self.pool.deliver(job, outcome);
                return Ok(());
            }
            // The first run of all is known already.
            standing.tree.next();
        }
        standing.compared.extend(&mut run.trace.footprints);
        let explored = match standing.tree.learn(&run.trace.footprints) {
            Learnt::Astray => {
                if !matches!(outcome.verdict, Verdict::Invalid(_)) {
                    outcome.verdict = Verdict::Invalid(ASTRAY.to_owned());
                }
                0
            }
            // A fault that never strikes makes no new class.
            Learnt::New => u64::from(run.trace.unused_faults.is_empty()),
            Learnt::Known | Learnt::Elsewhere => 0,
        };
        if plan.faults.is_empty() {
            let shown = Points::of(&run.trace);
            outcome.points = shown.clone();
            standing.points.merge(shown);
        }
        let member = (explored == 1).then(|| standing.classes.add(&run));
        let is_new = member == Some(Member::First);
        let mut doubt = doubt(&run, &outcome.verdict);
        match member {
            Some(Member::Another) if self.extent == Extent::Classes => {
                doubt.get_or_insert_with(|| TWICE.to_owned());
            }
            Some(Member::Unlike) => {
                doubt.get_or_insert_with(|| UNLIKE.to_owned());
            }
            _ => {}
        }
        let progress = &mut standing.progress;
        progress.explored += explored;
        progress.classes += u64::from(is_new);
        progress.left = standing.tree.left();
        progress.doubt = progress.doubt.take().or(doubt);
        standing.progress.estimated = standing.estimate();
        // A search that goes on begins somewhere in the tree.
        if job.run == 0 && plan.schedule.deviations.is_empty() {
            crate::perform::worker::describe_first(self.work, &run, &mut outcome);
        }
        self.pool.deliver(job, outcome);
        Ok(())
    }
}

fn written(standing: &Standing) -> serde_json::Value {
    serde_json::to_value(standing).expect("its maps have keys that are numbers")
}

/// Why a run keeps one from claiming anything.
fn doubt(run: &Run, verdict: &Verdict) -> Option<String> {
    let touches = |object: &str| {
        let mut touches = run.trace.footprints.iter().flat_map(|step| &step.touches);
        touches.any(|touch| touch.object == object)
    };
    match verdict {
        Verdict::Inconclusive(_) => Some(GIVEN_UP.to_owned()),
        Verdict::Invalid(reason) => Some(reason.clone()),
        _ if touches(TIME_OUT) => Some(TIMED.to_owned()),
        _ if touches(EARLY_DRAIN) => Some(EARLY.to_owned()),
        _ if touches(LOOP_IN_DOUBT) => Some(MAY_END.to_owned()),
        _ if touches(MANY_MAPPINGS) => Some(MAPPED.to_owned()),
        _ if !run.unwatched.is_empty() => Some(UNWATCHED.to_owned()),
        _ => None,
    }
}
