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
#[cfg(test)]
mod tests;
mod tree;
mod verify;

use super::{Exhaust, Exhaustion, Exploration, ExploreError, Progress, Report, Shard};
use crate::perform::pool::Pool;
use crate::perform::runner::{Runner, Starter};
use crate::perform::sampling::{NumberedRun, Sampling};
use crate::perform::worker::{Work, perform};
use crate::plan::points::{FaultSpace, Points};
use class::{Classes, Member};
use crosswire_engine::{EARLY_DRAIN, TIME_OUT};
use crosswire_model::{Fault, Plan, Run, Schedule, Verdict};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use tree::{Explored, Extent, Tree};

/// Reason for doubt when a task waits with a timeout or a timer runs.
const TIMED: &str = "the program uses timeouts or timers, which fire by the number of steps";

/// Reason for doubt when the engine made stores visible before it had to.
const EARLY: &str =
    "stores became visible early: long computations, or very many stores, follow them";

/// Said where a run was given up.
const GIVEN_UP: &str = "runs reached a limit, and their continuation is unknown";

/// Said where steps may have touched what no footprint names.
const UNWATCHED: &str = "accesses to executable shared memory are not observed";

/// Why a run is `Invalid` that the tree of choices cannot take up.
const ASTRAY: &str = "runs with the same prefix offered different choices";

/// Said where two runs of one class were explored: what the search believes of the
/// steps cannot be right then.
const TWICE: &str = "a class was explored twice, a bug in Crosswire: please report it";

/// Said where two runs of one class were explored and differ.
const UNLIKE: &str =
    "equivalent interleavings had different results, a bug in Crosswire: please report it";

/// One exhaustive exploration under way.
struct Search<'a> {
    work: &'a Work,
    pool: &'a Pool<Sampling>,
    extent: Extent,
    shard: Option<Shard>,
    state: &'a Mutex<Exhaustion>,
}

impl Exploration {
    /// Explores every order; sequential, since what is tried next follows from the
    /// last run.
    pub(super) fn exhaust_with(
        &self,
        exhaust: Exhaust,
        starter: Starter,
        stop: &AtomicBool,
        progress: &dyn Fn(&Progress),
    ) -> Result<(Report, Arc<Work>), ExploreError> {
        let work = Arc::new(Work::of(self, starter)?);
        let sampling = Sampling::new(self.budget, self.faults.clone(), self.stop_at_first);
        let pool = Pool::new(1, sampling);
        let state = Arc::new(Mutex::new(Exhaustion {
            preemptions: exhaust.preemptions,
            ..Exhaustion::default()
        }));
        let extent = exhaust
            .preemptions
            .map_or(Extent::Classes, Extent::Preemptions);
        let (kinds, shard) = (self.faults.clone(), self.shard);
        let (shared, noted) = (work.clone(), state.clone());
        let worker = move |pool: &Pool<Sampling>, (_, cpu)| {
            let search = Search {
                work: &shared,
                pool,
                extent,
                shard,
                state: &noted,
            };
            search.all(cpu, &kinds)
        };
        let stopped = pool.perform(worker, stop, &|so_far| {
            let left = state.lock().unwrap_or_else(PoisonError::into_inner).left;
            progress(&Progress {
                left: Some(left),
                ..*so_far
            });
        });
        let mut report = pool.finish(|sampling, elapsed| {
            Ok(sampling.report(elapsed, self.seed, stopped, self.check_output))
        })?;
        let exhaustion = state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        report.exhaustion = Some(exhaustion);
        Ok((report, work))
    }
}

impl Search<'_> {
    /// Without faults first; the points at which faults can strike are learned there.
    fn all(
        &self,
        cpu: Option<usize>,
        kinds: &[crosswire_model::FaultKind],
    ) -> Result<(), ExploreError> {
        let mut runner = (self.work.starter)(cpu)?;
        self.pool.lacks(runner.capabilities_lost());
        let mut points = Points::default();
        self.note(|state| state.fault_plans = 1);
        if !self.one(runner.as_mut(), None, &mut points)? {
            return Ok(());
        }
        let space = FaultSpace::new(kinds, &points);
        self.note(|state| state.fault_plans += space.len());
        for number in 0..space.len() {
            if !self.one(
                runner.as_mut(),
                Some(space.get(number)),
                &mut Points::default(),
            )? {
                break;
            }
        }
        Ok(())
    }

    fn note(&self, change: impl FnOnce(&mut Exhaustion)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn has_doubt(&self) -> bool {
        let state = self.state.lock();
        state
            .unwrap_or_else(PoisonError::into_inner)
            .doubt
            .is_some()
    }

    /// Explores every interleaving under one fault plan; returns whether there is a next
    /// plan to explore.
    fn one(
        &self,
        runner: &mut dyn Runner,
        fault: Option<Fault>,
        points: &mut Points,
    ) -> Result<bool, ExploreError> {
        let mut tree = Tree::new(self.extent, self.shard);
        let mut classes = Classes::default();
        while let Some(deviations) = tree.next() {
            let Some(job) = self.pool.take() else {
                // One choice was taken out of the tree and not tried.
                self.note(|state| state.left = tree.left() + 1);
                return Ok(false);
            };
            let plan = Plan {
                schedule: Schedule {
                    deviations,
                    ..Schedule::default()
                },
                faults: fault.clone().into_iter().collect(),
                footprints: true,
                memory: self.work.planner.memory.in_full(),
                ..self.work.planner.plan(0, &job.lessons)
            };
            self.try_plan(runner, &plan, job, (&mut tree, &mut classes), points)?;
        }
        self.verify(runner, fault.as_ref(), &classes)?;
        self.note(|state| state.fault_plans_done += 1);
        Ok(true)
    }

    fn try_plan(
        &self,
        runner: &mut dyn Runner,
        plan: &Plan,
        job: NumberedRun,
        (tree, classes): (&mut Tree, &mut Classes),
        points: &mut Points,
    ) -> Result<(), ExploreError> {
        let (run, mut outcome) = perform(self.work, runner, plan, job.reference.as_deref())?;
        let explored = match tree.learn(&run.trace.footprints) {
            Explored::Astray => {
                if !matches!(outcome.verdict, Verdict::Invalid(_)) {
                    outcome.verdict = Verdict::Invalid(ASTRAY.to_owned());
                }
                0
            }
            // A fault that never strikes makes no new class.
            Explored::New => u64::from(run.trace.unused_faults.is_empty()),
            Explored::Known | Explored::Elsewhere => 0,
        };
        let shown = Points::of(&run.trace);
        if plan.faults.is_empty() {
            outcome.points = shown.clone();
        }
        points.merge(shown);
        let member = (explored == 1).then(|| classes.add(&run));
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
        self.note(|state| {
            state.explored += explored;
            state.classes += u64::from(is_new);
            state.left = tree.left();
            if state.doubt.is_none() {
                state.doubt = doubt;
            }
        });
        if job.run == 0 {
            crate::perform::worker::describe_first(self.work, &run, &mut outcome);
        }
        self.pool.deliver(job, outcome);
        Ok(())
    }
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
        _ if !run.unwatched.is_empty() => Some(UNWATCHED.to_owned()),
        _ => None,
    }
}
