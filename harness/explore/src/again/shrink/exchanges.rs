//! From the other side: the run without any decision passes, and often one pair of its steps, in
//! the other order, is all that the failure needs. A long run has far too many decisions for
//! taking them away one by one, and few pairs that say much.

use super::attempts::Attempts;
use crate::again::pairs::candidates::{StepPair, candidates};
use crate::again::pairs::hold;
use crate::again::pairs::uses::Uses;
use crosswire_engine::EngineError;
use crosswire_model::{Plan, Schedule};

/// Pairs that are tried.
const MOST: usize = 40;

/// Number of decisions up to which taking them away is fast enough.
const FEW: usize = 5;

impl Attempts<'_> {
    /// Tries to exchange two steps of the run without decisions in place of all decisions.
    pub(super) fn by_exchanges(&mut self) -> Result<(), EngineError> {
        if self.switches().len() <= FEW || !self.may_go_on() {
            return Ok(());
        }
        let with_footprints = |schedule: Schedule| Plan {
            schedule,
            footprints: true,
            ..self.best.plan.clone()
        };
        let plain = with_footprints(Schedule::default());
        let failing = with_footprints(Schedule::switching(self.switches().to_vec()));
        self.tried += 2;
        let plain = self.with.runner.run(&plain)?.trace;
        let failing = self.with.runner.run(&failing)?.trace;
        let (uses, others) = (Uses::of(&plain), Uses::of(&failing));
        // What two processes do in the other order in the failing run comes first.
        let process = |step: usize| plain.tasks[plain.footprints[step].task.index()].leader;
        let is_likely = |pair: &StepPair| {
            process(pair.earlier) != process(pair.later) && uses.are_exchanged(*pair, &others)
        };
        let (likely, others): (Vec<StepPair>, Vec<StepPair>) = candidates(&plain)
            .into_iter()
            .map(|(pair, _)| pair)
            .partition(is_likely);
        for pair in likely.into_iter().chain(others).take(MOST) {
            if !self.may_go_on() {
                break;
            }
            let (order, goes_on) = hold::held(&plain.footprints, pair);
            let switches = hold::switches(&order[..=goes_on]);
            if self.attempt(self.faults().to_vec(), switches)? && self.switches().len() <= FEW {
                break;
            }
        }
        Ok(())
    }
}
