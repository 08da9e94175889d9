//! Other decisions than those of the run: a random schedule often contains ten where
//! one, elsewhere, would do, and taking away cannot find that one.

use super::attempts::Attempts;
use crosswire_engine::EngineError;
use crosswire_model::{Switch, TaskId, Trace};
use std::collections::BTreeMap;

/// Candidates of one search; more would take seconds.
const MOST: usize = 400;

/// Number of decisions below which a search for fewer is not worth its time.
const FEW: usize = 1;

impl Attempts<'_> {
    /// Tries every single decision instead of all, then instead of ever fewer that follow
    /// one another.
    pub(super) fn by_other_switches(&mut self) -> Result<(), EngineError> {
        let mut length = self.switches().len();
        while length > FEW {
            let mut at = 0;
            while at + length <= self.switches().len() {
                if !self.may_go_on() {
                    return Ok(());
                }
                if !self.instead_of(at, at + length)? {
                    at += 1;
                }
            }
            length -= 1;
        }
        Ok(())
    }

    /// Tries one decision in place of a part of them.
    fn instead_of(&mut self, begin: usize, end: usize) -> Result<bool, EngineError> {
        let (before, after) = (&self.switches()[..begin], &self.switches()[end..]);
        let (before, after) = (before.to_vec(), after.to_vec());
        for switch in candidates(&self.best.trace) {
            if !self.may_go_on() {
                break;
            }
            let switches = [&before[..], &[switch], &after].concat();
            if self.attempt(self.faults().to_vec(), switches)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Single decisions, evenly spread over the run where there are too many.
fn candidates(trace: &Trace) -> Vec<Switch> {
    let mut steps: BTreeMap<TaskId, u64> = BTreeMap::new();
    let mut last = None;
    for event in &trace.events {
        let now = (event.step, event.task);
        if last != Some(now) {
            *steps.entry(event.task).or_default() += 1;
            last = Some(now);
        }
    }
    let mut all = Vec::new();
    for (from, taken) in &steps {
        // Also the task itself, which goes on where the rule would leave it: time passes
        // for one that sleeps.
        for to in steps.keys() {
            all.extend((1..=*taken).map(|taken| Switch {
                after: Some((*from, taken)),
                task: *to,
            }));
        }
    }
    let stride = all.len().div_ceil(MOST).max(1);
    all.into_iter().step_by(stride).collect()
}

/// Numbers from `least` to below `number`: coarse ones first.
pub(super) fn below(number: u64, least: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut distance = number.saturating_sub(least);
    while distance > 0 {
        numbers.push(number - distance);
        distance /= 2;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_points_come_closer_and_closer() {
        assert_eq!(below(9, 1), [1, 5, 7, 8]);
        assert_eq!(below(2, 1), [1]);
        assert!(below(1, 1).is_empty());
    }
}
