//! A claim that nothing is left tests itself: runs in a random order must be among the
//! explored ones.
//!
//! What a step depends on is a model of the kernel, and a gap in it hides interleavings
//! from the search without a trace. Random orders know nothing of the model.

use super::class::class_of;
use super::standing::Standing;
use super::{Extent, Search};
use crate::ExploreError;
use crate::perform::runner::Runner;
use crate::perform::worker::perform;
use crosswire_model::{Fault, Limit, Rule, Schedule, Verdict};

/// Random orders by which the claim is tested for the program without faults, and for each
/// fault plan.
const ORDERS: u64 = 64;
const ORDERS_WITH_FAULT: u64 = 4;

impl Search<'_> {
    /// Performs random orders and looks them up. A shard of a tree knows only some classes:
    /// it performs its share of the orders, to be looked up when all shards are merged. Where
    /// preemptions are bounded, not every order must be known, and a search that is in doubt
    /// anyway claims nothing. Returns `false` if the search begins anew, because a random order
    /// compares times of files that no explored one compares.
    pub(super) fn verify(
        &self,
        runner: &mut dyn Runner,
        fault: Option<&Fault>,
        standing: &mut Standing,
    ) -> Result<bool, ExploreError> {
        if self.extent != Extent::Classes {
            return Ok(true);
        }
        let checked = standing.progress.checked;
        let orders = fault.map_or(ORDERS, |_| ORDERS_WITH_FAULT);
        for order in 0..orders {
            if standing.progress.doubt.is_some() {
                break;
            }
            if self.tree_shard.is_some_and(|shard| !shard.takes(order)) {
                continue;
            }
            let Some(job) = self.pool.take() else {
                break;
            };
            let seed = self.work.planner.seed.wrapping_add(order);
            let schedule = Schedule::new(Rule::RandomWalk { seed });
            let plan = self.plan(schedule, fault, &job);
            let (mut run, mut outcome) =
                perform(self.work, runner, &plan, job.reference.as_deref())?;
            if standing.compared.learn(&run) {
                standing.begin_plan_anew(self.extent, self.tree_shard);
                standing.progress.checked = checked;
                self.pool.deliver(job, outcome);
                return Ok(false);
            }
            standing.compared.extend(&mut run.trace.footprints);
            // A fault that never strikes makes no class of its own.
            let is_whole = super::doubt(&run, &outcome.verdict).is_none();
            let counts = is_whole && run.trace.unused_faults.is_empty();
            if counts && self.tree_shard.is_some() {
                standing.base.sampled.insert(class_of(&run));
                self.pool.deliver(job, outcome);
                continue;
            }
            let refuted = counts.then(|| standing.classes.refuted_by(&run)).flatten();
            if refuted.is_some() && outcome.verdict == Verdict::Pass {
                outcome.verdict = Verdict::Inconclusive(Limit::Dependences);
            }
            let progress = &mut standing.progress;
            progress.checked += u64::from(counts);
            progress.doubt = progress.doubt.take().or(refuted);
            self.pool.deliver(job, outcome);
        }
        Ok(true)
    }
}
