//! Combined guarantee of the runs with random priorities.

use crate::keep::pairs;
use crosswire_model::{Delays, Plan, Rule};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Probability that a bug of a given depth would have been found by now.
///
/// A bug has depth d if it shows whenever d pairs of steps come in a certain order.
/// One run of n tasks and k choices between several tasks whose priorities change d - 1 times
/// shows it with probability 1/(n·k^(d-1)) at least (Burckhardt, Kothari, Musuvathi and
/// Nagarakatte, "A randomized scheduler with probabilistic guarantees of finding bugs", ASPLOS
/// 2010, theorem 9). Runs are independent. Nothing is promised for what lies beyond as many
/// choices, nor of runs with faults.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Guarantee {
    /// Most tasks of a run.
    pub tasks: u64,
    /// Number of runs, by what they promise.
    #[serde(with = "pairs")]
    pub runs: BTreeMap<Promise, u64>,
}

/// What a run is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Promise {
    /// Bugs of this depth, and of every lesser one.
    pub depth: u32,
    /// The number of choices among which its priorities change.
    pub choices: u64,
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
    /// Counts a run, if it promises anything.
    pub(crate) fn count(&mut self, promise: Option<Promise>) {
        if let Some(promise) = promise {
            *self.runs.entry(promise).or_default() += 1;
        }
    }

    /// Takes note of a run with so many tasks.
    pub(crate) fn meet(&mut self, tasks: u64) {
        self.tasks = self.tasks.max(tasks);
    }

    /// Adds the runs of another part of the exploration.
    pub(crate) fn join(&mut self, other: Guarantee) {
        self.tasks = self.tasks.max(other.tasks);
        for (promise, runs) in other.runs {
            *self.runs.entry(promise).or_default() += runs;
        }
    }

    /// Returns the least and the greatest number of choices for which runs were made.
    pub fn choices(&self) -> Option<(u64, u64)> {
        let all = || self.runs.keys().map(|promise| promise.choices);
        all().min().zip(all().max())
    }

    /// Returns the minimum probability that a bug of this depth would have been found.
    ///
    /// ```
    /// use crosswire_explore::{Guarantee, Promise};
    /// // Two tasks and ten choices: a bug of depth 2 shows in one of twenty runs.
    /// let promise = Promise { depth: 2, choices: 10 };
    /// let one = Guarantee { tasks: 2, runs: [(promise, 1)].into() };
    /// assert!((one.probability(2) - 0.05).abs() < 1e-9);
    /// assert_eq!(one.probability(3), 0.0);
    /// ```
    pub fn probability(&self, depth: u32) -> f64 {
        // A bug of depth d is one of every greater depth, too.
        let serving = self
            .runs
            .iter()
            .filter(|(promise, _)| promise.depth >= depth);
        let missed: f64 = serving
            .map(|(promise, &runs)| runs as f64 * (-self.of_one(*promise)).ln_1p())
            .sum();
        -missed.exp_m1()
    }

    fn of_one(&self, promise: Promise) -> f64 {
        let tasks = self.tasks.max(1) as f64;
        let choices = promise.choices.max(1) as f64;
        let changes = f64::from(promise.depth.saturating_sub(1));
        1.0 / (tasks * choices.powf(changes))
    }

    /// Returns the depths for which there were runs, each with its chance.
    pub fn chances(&self) -> Vec<Chance> {
        let depths: BTreeSet<u32> = self.runs.keys().map(|promise| promise.depth).collect();
        depths
            .into_iter()
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

impl Promise {
    /// Returns what a run under this plan promises, if its rule does. Where start-up comes
    /// first, orders are left out.
    pub(crate) fn of(plan: &Plan) -> Option<Promise> {
        // The rule does not decide how long stores wait.
        // Where every step is a choice, the guarantee is about more choices than others have.
        let has_all_orders = plan.faults.is_empty()
            && !plan.chooses_every_step
            && !plan.start_up.comes_first
            && matches!(plan.memory.delayed(), None | Some(Delays::These(_)));
        match plan.schedule.rule {
            Rule::Priorities {
                changes,
                horizon,
                ref by_task,
                ..
            } if has_all_orders && by_task.is_empty() => Some(Promise {
                depth: changes + 1,
                choices: horizon.into(),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_add_up_and_serve_lesser_depths() {
        let mut guarantee = Guarantee {
            tasks: 2,
            runs: BTreeMap::new(),
        };
        let promise = |depth, choices| Some(Promise { depth, choices });
        assert_eq!(guarantee.best(), None);
        for _ in 0..10 {
            guarantee.count(promise(2, 10));
        }
        let expected = 1.0 - 0.95_f64.powi(10);
        assert!((guarantee.probability(2) - expected).abs() < 1e-12);
        assert!((guarantee.probability(1) - expected).abs() < 1e-12);
        guarantee.count(promise(3, 10));
        assert!(guarantee.probability(2) > expected);
        assert!((guarantee.probability(3) - 0.005).abs() < 1e-12);
        let depths: Vec<u32> = guarantee.chances().iter().map(|one| one.depth).collect();
        assert_eq!(depths, [2, 3]);
        assert_eq!(guarantee.best().unwrap().depth, 2);
        let known = guarantee.probability(2);
        guarantee.count(promise(2, 40));
        assert!(
            (1.0 - guarantee.probability(2) - (1.0 - known) * (1.0 - 1.0 / 80.0)).abs() < 1e-12
        );
        assert_eq!(guarantee.choices(), Some((10, 40)));
    }
}
