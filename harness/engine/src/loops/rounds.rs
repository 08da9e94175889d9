//! Recognises that a task repeats itself, from what its steps look like.

use std::collections::HashMap;

/// Rounds that have to look alike before a task is taken to go round.
pub(super) const ALIKE: usize = 3;

/// The same in a run that is to show what comes of a loop that gives up after some rounds.
pub(super) const ALIKE_FOR_LONG: usize = 48;

/// Steps in vain before a loop is examined, or taken to go round, that names another path in each
/// round: it goes through a list, as interpreters do that look for a library.
pub(super) const PATIENCE_WITH_PATHS: usize = 512;

/// Steps that are kept; a loop with a longer period is not recognised.
const MOST: usize = 16 << 10;

/// Steps of one task since it last did something that could be noticed, each by a number
/// that is the same for steps that look the same.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    seen: Vec<u64>,
    /// Of each step, the path that it names, by a hash.
    paths: Vec<u64>,
    last: HashMap<u64, usize>,
    /// Distance at which the latest steps repeat earlier ones, and how many do.
    period: usize,
    matched: usize,
    /// The number of the last step that named another path than the one a round before.
    varied: Option<usize>,
}

impl Rounds {
    /// Adds a step. Returns whether it completes so many rounds that look `alike`, or a further one.
    pub(super) fn push(&mut self, step: u64, path: u64, alike: usize) -> bool {
        if self.seen.len() == MOST {
            self.forget();
        }
        let at = self.seen.len();
        let repeats = self.period > 0 && at >= self.period && self.seen[at - self.period] == step;
        if repeats {
            self.matched += 1;
        } else {
            self.period = self.last.get(&step).map_or(0, |before| at - before);
            self.matched = usize::from(self.period > 0);
        }
        if self.period > 0 && self.paths[at - self.period] != path {
            self.varied = Some(at);
        }
        self.seen.push(step);
        self.paths.push(path);
        self.last.insert(step, at);
        let needed = (alike - 1) * self.period;
        self.period > 0
            && self.matched >= needed
            && (self.matched - needed).is_multiple_of(self.period)
            && !(self.varies() && self.matched < PATIENCE_WITH_PATHS)
    }

    /// Tells whether the latest steps repeat earlier ones, for some rounds already.
    pub(super) fn repeats(&self) -> bool {
        self.period > 0 && self.matched >= (ALIKE - 1) * self.period
    }

    /// Tells whether the last round named other paths than the one before: it has been through
    /// more of a list, or has counted.
    pub(super) fn varies(&self) -> bool {
        let begin = self.seen.len().saturating_sub(self.period);
        self.varied.is_some_and(|step| step >= begin)
    }

    /// Tells whether there are no steps yet.
    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Steps of one round.
    pub(super) fn period(&self) -> usize {
        self.period
    }

    /// Something was done that could be noticed.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
        self.paths.clear();
        self.last.clear();
        (self.period, self.matched, self.varied) = (0, 0, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the steps at which a sequence comes round.
    fn comes_round(steps: &[u64]) -> Vec<usize> {
        let mut rounds = Rounds::default();
        let mut found = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            if rounds.push(*step, 0, ALIKE) {
                found.push(at);
            }
        }
        found
    }

    #[test]
    fn three_rounds_alike_are_a_loop_and_so_is_each_further_one() {
        assert_eq!(comes_round(&[7, 7, 7, 7]), [2, 3]);
        assert_eq!(comes_round(&[9, 1, 2, 1, 2, 1, 2, 1, 2]), [6, 8]);
        assert_eq!(comes_round(&[1, 2, 3, 1, 2, 3, 1, 2, 4]), [0; 0]);
    }

    #[test]
    fn rounds_vary_that_name_other_paths() {
        let mut rounds = Rounds::default();
        let varies =
            [(1, 7), (2, 8), (1, 7), (2, 9), (1, 7), (2, 9), (1, 7)].map(|(step, path)| {
                rounds.push(step, path, ALIKE);
                rounds.varies()
            });
        assert_eq!(varies, [false, false, false, true, true, false, false]);
    }

    #[test]
    fn who_goes_through_a_list_does_not_go_round_soon() {
        let mut rounds = Rounds::default();
        let comes_round = |at: &u64| rounds.push(7, *at, ALIKE);
        let first = (0..2000).find(comes_round).unwrap();
        assert_eq!(first as usize, PATIENCE_WITH_PATHS);
        let mut rounds = Rounds::default();
        let comes_round = |_: &usize| rounds.push(7, 0, ALIKE_FOR_LONG);
        assert_eq!((1..2000).find(comes_round), Some(ALIKE_FOR_LONG));
    }

    #[test]
    fn a_loop_in_a_loop_is_found_with_its_own_period() {
        let round: Vec<u64> = [vec![5; 100], vec![6]].concat();
        let steps = round.repeat(4);
        let mut rounds = Rounds::default();
        let mut periods = Vec::new();
        for step in steps {
            if rounds.push(step, 0, ALIKE) {
                periods.push(rounds.period());
            }
        }
        assert!(periods.contains(&1), "the inner one");
        assert_eq!(periods.last(), Some(&101));
    }
}
