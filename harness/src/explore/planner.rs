//! The plan of each run: a pure function of the exploration's seed, the run's
//! number and what earlier runs have taught. So the outcome does not depend on
//! how many workers share the runs.

use super::Shard;
use super::points::FaultSpace;
use super::strategy::{Profile, Strategy};
use crate::model::{Fault, Limits, Plan, Rule, Schedule};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What earlier runs have taught.
#[derive(Debug, Default)]
pub(super) struct Lessons {
    /// The faults that can strike.
    pub space: FaultSpace,
    /// The first run that was planned with this space.
    pub since: u64,
    /// What run 0 has shown of the program's size.
    pub profile: Profile,
}

/// Makes the plans of one exploration.
pub(super) struct Planner {
    pub seed: u64,
    pub strategy: Strategy,
    /// The part of the runs that is performed here.
    pub shard: Option<Shard>,
    pub limits: Limits,
}

impl Planner {
    /// The plan of a run.
    pub fn plan(&self, run: u64, lessons: &Lessons) -> Plan {
        let run = match (run, self.shard) {
            // Every part needs the run by which the others are measured.
            (0, _) | (_, None) => run,
            (nth, Some(shard)) => shard.run(nth - 1) + 1,
        };
        let schedule = match run {
            // The reference: no chance, no fault.
            0 => Schedule::new(Rule::RunOn),
            _ => Schedule::new(self.rule(run, &lessons.profile)),
        };
        Plan {
            seed: self.seed,
            schedule,
            faults: self.fault(run, lessons).into_iter().collect(),
            // The run by which others are measured.
            footprints: run == 0,
            limits: self.limits.clone(),
        }
    }

    fn rule(&self, run: u64, profile: &Profile) -> Rule {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(run);
        self.strategy.rule(&mut rng, profile)
    }

    /// Every other run has one fault. As many such runs as there are faults go
    /// through all of them once, in an order of the seed's: with few faults each
    /// meets many schedules, with more faults than runs a random choice is made.
    fn fault(&self, run: u64, lessons: &Lessons) -> Option<Fault> {
        let count = lessons.space.len();
        if count == 0 || run.is_multiple_of(2) {
            return None;
        }
        let turn = (run - lessons.since.min(run)) / 2;
        Some(lessons.space.get(permuted(turn % count, count, self.seed)))
    }
}

/// A permutation of `0..count` that depends on the seed: multiplication by a
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
    use super::super::fake;
    use super::super::points::Points;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn permutations_miss_nothing() {
        for count in [1, 2, 7, 12, 100, 1009] {
            let all: BTreeSet<u64> = (0..count).map(|n| permuted(n, count, 5)).collect();
            assert_eq!(all, (0..count).collect());
        }
    }

    #[test]
    fn a_sweep_takes_every_fault() {
        let trace = fake::trace(&[
            ("a", "write"),
            ("b", "read"),
            ("a", "write"),
            ("a", "write"),
        ]);
        let space = FaultSpace::new(&["kill".parse().unwrap()], &Points::of(&trace));
        let lessons = Lessons {
            space,
            since: 1,
            profile: Profile::default(),
        };
        let planner = Planner {
            seed: 3,
            strategy: Strategy::default(),
            shard: None,
            limits: Limits::default(),
        };
        let faults: BTreeSet<String> = (1..=8)
            .flat_map(|run| planner.plan(run, &lessons).faults)
            .map(|fault| fault.to_string())
            .collect();
        assert_eq!(faults.len(), 4);
        assert!(planner.plan(0, &lessons).faults.is_empty());
        assert_eq!(planner.plan(9, &lessons), planner.plan(9, &lessons));
        assert_ne!(
            planner.plan(9, &lessons).schedule,
            planner.plan(11, &lessons).schedule
        );
    }
}
