//! Why a run fails: one thing is changed at a time and the run performed again. What makes it
//! pass is a cause; nothing is called one that was not tried.
//!
//! A fault is left out, a store made visible at once, and two steps that touch one object are
//! taken in the other order: the task of the earlier one waits until the later one has been
//! taken. Of pairs that make a difference those are kept that stand closest together, in the
//! manner of Choi and Zeller, "Isolating failure-inducing thread schedules", ISSTA 2002.

mod waits;

use crate::again::pairs::candidates::{StepPair, Worth, candidates};
use crate::again::pairs::hold;
use crate::again::shrink::Patience;
use crate::keep::criteria::Judge;
use crate::perform::runner::Runner;
use crosswire_engine::EngineError;
use crosswire_model::{
    Change, Inquiry, Plan, Run, Schedule, Switch, TaskId, TestedCause, Trace, Verdict,
};
use std::cmp::Reverse;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Pairs that are tried in the other order; the rest are less and less likely.
const MOST_PAIRS: usize = 120;

/// Causes that are told. Who has read three will not read more.
const MOST_CAUSES: usize = 3;

/// Performs a failing run with changes.
pub(super) struct Inquirer<'a> {
    pub runner: &'a mut dyn Runner,
    pub judge: &'a Judge,
    pub reference: Option<&'a [u8]>,
    pub patience: Patience<'a>,
}

/// A pair whose other order makes the run pass.
struct Flip {
    pair: StepPair,
    worth: Worth,
    switches: Vec<Switch>,
}

/// An inquiry under way.
struct Course<'a> {
    with: Inquirer<'a>,
    /// Plan of the run, its decisions told by what tasks have done.
    plan: Plan,
    until: Instant,
    tried: u64,
}

impl<'a> Inquirer<'a> {
    /// Looks for the causes of a failing run.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn inquire(self, run: &Run) -> Result<Inquiry, EngineError> {
        let mut course = Course {
            plan: Plan {
                schedule: Schedule::switching(run.trace.switches.clone()),
                footprints: false,
                ..run.plan.clone()
            },
            until: Instant::now() + self.patience.time,
            with: self,
            tried: 0,
        };
        let mut causes = course.without_single_things(run)?;
        let tried_all = course.in_other_orders(run, &mut causes)? && course.may_go_on();
        causes.truncate(MOST_CAUSES);
        Ok(Inquiry {
            causes,
            tried: course.tried,
            finished: tried_all,
        })
    }
}

impl Course<'_> {
    fn may_go_on(&self) -> bool {
        Instant::now() < self.until && !self.with.patience.stop.load(Ordering::Relaxed)
    }

    /// Performs a plan; the run, if nothing is wrong with it.
    fn passing(&mut self, plan: &Plan) -> Result<Option<Run>, EngineError> {
        self.tried += 1;
        let run = self.with.runner.run(plan)?;
        let verdict = self.with.judge.judge(&run, self.with.reference);
        Ok((verdict == Verdict::Pass).then_some(run))
    }

    /// Leaves out each fault and each delay of a store.
    fn without_single_things(&mut self, run: &Run) -> Result<Vec<TestedCause>, EngineError> {
        let faults = run.plan.faults.iter().cloned().map(Change::WithoutFault);
        let delays = run.trace.delays().into_iter().map(Change::WithoutDelay);
        let mut causes = Vec::new();
        for change in faults.chain(delays) {
            if !self.may_go_on() {
                break;
            }
            let cause = TestedCause {
                change,
                switches: run.trace.switches.clone(),
            };
            if self.passing(&cause.changed(&self.plan.clone()))?.is_some() {
                causes.push(cause);
            }
        }
        Ok(causes)
    }

    /// Exchanges pairs of steps, and adds those that make a difference. Where none does, tasks
    /// wait for steps that were not taken. Returns whether all was tried.
    fn in_other_orders(
        &mut self,
        run: &Run,
        causes: &mut Vec<TestedCause>,
    ) -> Result<bool, EngineError> {
        let footprints = Plan {
            footprints: true,
            ..self.plan.clone()
        };
        let seen = self.with.runner.run(&footprints)?.trace;
        if seen.first_difference(&run.trace).is_some() {
            return Ok(false);
        }
        let all = candidates(&seen);
        let mut flips: Vec<Flip> = Vec::new();
        let mut tried = 0;
        for (pair, worth) in all.iter().take(MOST_PAIRS) {
            if !self.may_go_on() {
                break;
            }
            tried += 1;
            if let Some(switches) = self.exchanged(&seen, *pair)? {
                flips.push(Flip {
                    pair: *pair,
                    worth: *worth,
                    switches,
                });
            }
        }
        causes.extend(told(&seen, flips).into_iter().map(|flip| TestedCause {
            change: Change::Exchange {
                earlier: flip.pair.earlier as u64,
                later: flip.pair.later as u64,
            },
            switches: flip.switches,
        }));
        let tried_all = tried == all.len();
        if !causes.is_empty() {
            return Ok(tried_all);
        }
        let (cause, waited_for_all) = self.with_waits(&seen)?;
        causes.extend(cause);
        Ok(tried_all && waited_for_all)
    }

    /// Returns the decisions of the run in which a pair of steps is exchanged, if it passes.
    fn exchanged(
        &mut self,
        seen: &Trace,
        pair: StepPair,
    ) -> Result<Option<Vec<Switch>>, EngineError> {
        let (order, goes_on) = hold::held(&seen.footprints, pair);
        let mut switches = hold::switches(&order);
        // A task that goes on where it would yield.
        let stays = |switch: &&Switch| switch.after.is_some_and(|(task, _)| task == switch.task);
        switches.extend(seen.switches.iter().filter(stays));
        let Some(run) = self.passing(&self.switching(switches, false))? else {
            return Ok(None);
        };
        // What is kept is the decisions that were really taken, and that they lead there again.
        let switches = run.trace.switches;
        let again = self.passing(&self.switching(switches.clone(), true))?;
        // The order was followed until the task that waited went on.
        let is_followed =
            |run: &Run| takers(&run.trace).get(..=goes_on) == Some(&order[..=goes_on]);
        Ok(again.as_ref().is_some_and(is_followed).then_some(switches))
    }

    fn switching(&self, switches: Vec<Switch>, footprints: bool) -> Plan {
        Plan {
            schedule: Schedule::switching(switches),
            footprints,
            ..self.plan.clone()
        }
    }
}

fn takers(trace: &Trace) -> Vec<TaskId> {
    trace.footprints.iter().map(|step| step.task).collect()
}

/// Returns the best first. Of pairs of the same tasks that lie within each other one is kept: the
/// one that says more, else the inner one.
fn told(seen: &Trace, mut flips: Vec<Flip>) -> Vec<Flip> {
    let tasks = |pair: StepPair| [pair.earlier, pair.later].map(|step| seen.footprints[step].task);
    let contains = |outer: StepPair, inner: StepPair| {
        outer.earlier <= inner.earlier && inner.later <= outer.later && tasks(outer) == tasks(inner)
    };
    let length = |pair: StepPair| pair.later - pair.earlier;
    flips.sort_by_key(|flip| (Reverse(flip.worth.weight), length(flip.pair)));
    let mut kept: Vec<Flip> = Vec::new();
    for flip in flips {
        let is_known =
            |known: &Flip| contains(known.pair, flip.pair) || contains(flip.pair, known.pair);
        if !kept.iter().any(is_known) {
            kept.push(flip);
        }
    }
    kept.sort_by_key(|flip| Reverse(flip.worth));
    kept
}
