//! A claim that nothing is left tests itself: runs in a random order must be among the
//! explored ones.
//!
//! What a step depends on is a model of the kernel, and a gap in it hides interleavings
//! from the search without a trace. Random orders know nothing of the model.

use super::class::Classes;
use super::{Extent, Search};
use crate::perform::runner::Runner;
use crate::perform::worker::perform;
use crate::{Exhaustion, ExploreError};
use crosswire_model::{Fault, Limit, Plan, Rule, Schedule, Verdict};

/// Random orders by which the claim is tested for the program without faults, and for each
/// fault plan.
const ORDERS: u64 = 64;
const ORDERS_WITH_FAULT: u64 = 4;

impl Search<'_> {
    /// Performs random orders and looks them up; a shard and a bound on preemptions know
    /// only some classes, and one that is in doubt anyway claims nothing.
    pub(super) fn verify(
        &self,
        runner: &mut dyn Runner,
        fault: Option<&Fault>,
        classes: &Classes,
    ) -> Result<(), ExploreError> {
        if self.shard.is_some() || self.extent != Extent::Classes {
            return Ok(());
        }
        let orders = fault.map_or(ORDERS, |_| ORDERS_WITH_FAULT);
        for order in 0..orders {
            if self.has_doubt() {
                break;
            }
            let Some(job) = self.pool.take() else {
                break;
            };
            let seed = self.work.planner.seed.wrapping_add(order);
            let plan = Plan {
                schedule: Schedule::new(Rule::RandomWalk { seed }),
                faults: fault.cloned().into_iter().collect(),
                footprints: true,
                memory: self.work.planner.memory.in_full(),
                ..self.work.planner.plan(0, &job.lessons)
            };
            let (run, mut outcome) = perform(self.work, runner, &plan, job.reference.as_deref())?;
            // A fault that never strikes makes no class of its own.
            let is_whole = super::doubt(&run, &outcome.verdict).is_none();
            let counts = is_whole && run.trace.unused_faults.is_empty();
            let refuted = counts.then(|| classes.refuted_by(&run)).flatten();
            if refuted.is_some() && outcome.verdict == Verdict::Pass {
                outcome.verdict = Verdict::Inconclusive(Limit::Dependences);
            }
            self.note(|state: &mut Exhaustion| {
                state.checked += u64::from(counts);
                state.doubt = state.doubt.take().or(refuted);
            });
            self.pool.deliver(job, outcome);
        }
        Ok(())
    }
}
