//! Which run has which fault.

use crate::plan::points::FaultSpace;
use crosswire_model::{Fault, Plan};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How often faults that stand for all are tried before those that come to the same.
const ROUNDS: u64 = 20;

/// In how many rounds each fault strikes once in the run that has shown its point.
const IN_COURSE: u64 = 4;

/// Goes through the faults of an exploration.
pub(super) struct FaultTurns<'a> {
    pub space: &'a FaultSpace,
    /// The first run that was planned with this space.
    pub since: u64,
    /// True if some runs have two faults.
    pub pairs: bool,
    pub seed: u64,
}

impl<'a> FaultTurns<'a> {
    /// Returns the faults of a run, and the plan whose course it takes up to there, if that is not
    /// left to chance: every other run has a fault. As many such runs as there
    /// are faults that stand for all go through these once, in an order that the seed
    /// determines, and again under other schedules; then all the others have their turn. With
    /// few faults each meets many schedules; with more faults than runs the choice is random.
    ///
    /// Where two may come together, every other time through a second one is drawn for
    /// each.
    ///
    /// Schedules that chance makes may seldom pass the point: one of a branch that only some
    /// orders take. So each fault also strikes once in the run that has shown its point.
    pub fn of_run(&self, run: u64) -> (Vec<Fault>, Option<&'a Plan>) {
        let (all, examples) = (self.space.len(), self.space.examples());
        let count = examples.len() as u64;
        if all == 0 || run.is_multiple_of(2) {
            return (Vec::new(), None);
        }
        let turn = (run - self.since.min(run)) / 2;
        let place = turn % (count * ROUNDS + all);
        let first = match place.checked_sub(count * ROUNDS) {
            None => examples[permuted(place % count, count, self.seed) as usize],
            Some(rest) => permuted(rest, all, self.seed),
        };
        let (round, in_round) = (turn / count.max(1), turn % count.max(1));
        let is_pair = self.pairs && count > 0 && all > 1 && round % 2 == 1;
        let second = is_pair.then(|| {
            let mut random = ChaCha8Rng::seed_from_u64(self.seed);
            random.set_stream(run ^ u64::MAX);
            let drawn = examples[random.random_range(0..examples.len())];
            // Any but the first.
            match drawn == first {
                true => (first + random.random_range(1..all)) % all,
                false => drawn,
            }
        });
        let numbers = [Some(first), second].into_iter().flatten();
        let faults = numbers.map(|number| self.space.get(number)).collect();
        let is_known = round < IN_COURSE && (round + in_round).is_multiple_of(IN_COURSE);
        let course = is_known.then(|| self.space.shown_by(first)).flatten();
        (faults, course)
    }
}

/// Returns a permutation of `0..count` that depends on the seed: multiplication by a
/// number without common divisor, then a shift.
fn permuted(index: u64, count: u64, seed: u64) -> u64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ count.rotate_left(32));
    let shift = rng.random_range(0..count);
    let factor = loop {
        let candidate = rng.random_range(1..=count);
        if greatest_common_divisor(candidate, count) == 1 {
            break candidate;
        }
    };
    let wide = u128::from(index) * u128::from(factor) + u128::from(shift);
    u64::try_from(wide % u128::from(count)).expect("a remainder of a 64-bit number")
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn permutations_miss_nothing() {
        for count in [1, 2, 7, 12, 100, 1009] {
            let all: BTreeSet<u64> = (0..count).map(|n| permuted(n, count, 5)).collect();
            assert_eq!(all, (0..count).collect());
        }
    }
}
