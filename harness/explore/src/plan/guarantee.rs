//! Combined guarantee of the runs with random priorities.

use crosswire_model::{Delays, MemoryModel, Plan, Rule};
use serde::Serialize;
use std::collections::BTreeMap;

/// Probability that a bug of a given depth would have been found by now.
///
/// A bug has depth d if it shows whenever d pairs of steps come in a certain order.
/// One run of n tasks and k steps whose priorities change d - 1 times shows it with
/// probability 1/(n·k^(d-1)) at least (Burckhardt, Kothari, Musuvathi and Nagarakatte,
/// "A randomized scheduler with probabilistic guarantees of finding bugs", ASPLOS 2010,
/// theorem 9). Runs are independent. Nothing is promised for what lies beyond the length
/// of the first run, nor of runs with faults.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guarantee {
    /// Tasks of the first run.
    pub tasks: u64,
    /// Steps of the first run.
    pub steps: u64,
    /// Number of runs, by the depth that they were made for.
    pub runs: BTreeMap<u32, u64>,
}

/// The chance that belongs to a depth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Chance {
    /// Number of orderings that must occur together.
    pub depth: u32,
    /// Minimum probability that a bug of this depth would have been found.
    pub probability: f64,
}

impl Guarantee {
    /// Counts a run. The measure of the first run must be set before the guarantee is
    /// read.
    pub(crate) fn count(&mut self, depth: u32) {
        *self.runs.entry(depth).or_default() += 1;
    }

    /// Returns the minimum probability that a bug of this depth would have been found.
    ///
    /// ```
    /// use crosswire_explore::Guarantee;
    /// // Two tasks and ten steps: a bug of depth 2 shows in one of twenty runs.
    /// let one = Guarantee { tasks: 2, steps: 10, runs: [(2, 1)].into() };
    /// assert!((one.probability(2) - 0.05).abs() < 1e-9);
    /// assert_eq!(one.probability(3), 0.0);
    /// ```
    pub fn probability(&self, depth: u32) -> f64 {
        // A bug of depth d is one of every greater depth, too.
        let missed: f64 = self
            .runs
            .range(depth..)
            .map(|(&made_for, &runs)| runs as f64 * (-self.of_one(made_for)).ln_1p())
            .sum();
        -missed.exp_m1()
    }

    fn of_one(&self, depth: u32) -> f64 {
        let tasks = self.tasks.max(1) as f64;
        let steps = self.steps.max(1) as f64;
        let changes = f64::from(depth.saturating_sub(1));
        1.0 / (tasks * steps.powf(changes))
    }

    /// Returns the depths for which there were runs, each with its chance.
    pub fn chances(&self) -> Vec<Chance> {
        let depths = self.runs.keys().copied();
        depths
            .map(|depth| Chance {
                depth,
                probability: self.probability(depth),
            })
            .collect()
    }

    /// Returns the greatest depth of which more than nothing can be said, for one line.
    pub fn best(&self) -> Option<Chance> {
        let worth_telling = |chance: &Chance| chance.probability >= 0.01;
        self.chances().into_iter().rev().find(worth_telling)
    }
}

/// Returns the depth of bugs that a run under this plan is made for, if its rule promises
/// anything. Where start-up comes first, orders are left out.
pub(crate) fn depth_of(plan: &Plan) -> Option<u32> {
    // The rule does not decide how long stores wait.
    let has_all_orders = plan.faults.is_empty()
        && !plan.start_up.comes_first
        && !matches!(
            plan.memory,
            MemoryModel::Tso(Delays::All | Delays::Random { .. })
        );
    match plan.schedule.rule {
        Rule::Priorities { changes, .. } if has_all_orders => Some(changes + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_add_up_and_serve_lesser_depths() {
        let mut guarantee = Guarantee {
            tasks: 2,
            steps: 10,
            runs: BTreeMap::new(),
        };
        assert_eq!(guarantee.best(), None);
        for _ in 0..10 {
            guarantee.count(2);
        }
        let expected = 1.0 - 0.95_f64.powi(10);
        assert!((guarantee.probability(2) - expected).abs() < 1e-12);
        assert!((guarantee.probability(1) - expected).abs() < 1e-12);
        guarantee.count(3);
        assert!(guarantee.probability(2) > expected);
        assert!((guarantee.probability(3) - 0.005).abs() < 1e-12);
        let depths: Vec<u32> = guarantee.chances().iter().map(|one| one.depth).collect();
        assert_eq!(depths, [2, 3]);
        assert_eq!(guarantee.best().unwrap().depth, 2);
    }
}
