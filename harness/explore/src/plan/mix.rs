//! How often each strategy of the mix has its turn: the more often, the more orders of contested
//! pairs its runs have shown for this program. A strategy under which one process always ends
//! before the others begin finds nothing, however many runs it has.

use crate::plan::strategy::{MIX, Proportions, Strategy};
use crosswire_model::Rule;
use std::collections::HashSet;

/// What a proportion is multiplied by at most, and at least: what shows few orders may be what
/// a bug needs, as priorities are where one process must come to its end before another begins.
const BEST: u64 = 16;
const LEAST: u64 = 4;

/// Runs of each strategy before they are compared, and the last that is.
const ENOUGH: usize = 4;
const LAST: usize = 256;

/// Returns the place in the mix of the strategy that draws such rules.
pub(crate) fn place_of(rule: &Rule) -> Option<usize> {
    let is_its = |(strategy, _): &(Strategy, u64)| {
        matches!(
            (strategy, rule),
            (Strategy::RandomWalk, Rule::RandomWalk { .. })
                | (Strategy::Pct(_), Rule::Priorities { .. })
                | (Strategy::Pos, Rule::PartialOrder { .. })
                | (Strategy::Surw, Rule::Weighted { .. })
                | (Strategy::RoundRobin, Rule::RoundRobin { .. })
        )
    };
    MIX.iter().position(is_its)
}

/// What the runs of each strategy have shown.
#[derive(Debug, Default)]
pub(crate) struct Mix {
    strategies: [Shown; MIX.len()],
}

#[derive(Debug, Default)]
struct Shown {
    /// Orders of contested pairs, by hash.
    orders: HashSet<u64>,
    /// Their number after each of its runs.
    numbers: Vec<usize>,
}

/// Returns the proportions as long as nothing is known of the program.
pub(crate) fn usual() -> Proportions {
    MIX.map(|(_, proportion)| proportion)
}

impl Mix {
    /// Adds what a run of a strategy has shown.
    pub fn add(&mut self, place: usize, orders: impl Iterator<Item = u64>) {
        let shown = &mut self.strategies[place];
        if shown.numbers.len() < LAST {
            shown.orders.extend(orders);
            shown.numbers.push(shown.orders.len());
        }
    }

    /// Returns the proportions by what the strategies have shown in as many runs each. Half as
    /// many orders as the best has shown may be as good: a few runs tell no more. Below that, their
    /// number counts twice, since bugs need several of them together.
    pub fn proportions(&self) -> Proportions {
        // Of a strategy that is rare little is known, and it takes few runs from others.
        let known = |shown: &&Shown| shown.numbers.len() >= ENOUGH;
        let runs = self.strategies.iter().filter(known);
        let runs = runs.map(|shown| shown.numbers.len()).min().unwrap_or(0);
        let number = |shown: &Shown| match runs {
            0 => None,
            runs => shown.numbers.get(runs - 1).copied(),
        };
        let best = self.strategies.iter().filter_map(number).max().unwrap_or(0) as u64;
        std::array::from_fn(|place| {
            let factor = match number(&self.strategies[place]) {
                Some(number) if 2 * (number as u64) < best => {
                    BEST * (2 * number as u64).pow(2) / best.pow(2)
                }
                _ => BEST,
            };
            MIX[place].1 * factor.max(LEAST)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_shows_less_has_its_turn_less_often_but_never_never() {
        let mut mix = Mix::default();
        let scaled = usual().map(|proportion| BEST * proportion);
        assert_eq!(mix.proportions(), scaled);
        for run in 0..10_u64 {
            mix.add(0, 10 * run..10 * run + 10);
            mix.add(1, 0..5);
            mix.add(2, std::iter::empty());
        }
        let [first, second, third, fourth, fifth] = mix.proportions();
        assert_eq!([first, fourth, fifth], [scaled[0], scaled[3], scaled[4]]);
        assert_eq!([second, third], [LEAST * MIX[1].1, LEAST * MIX[2].1]);
    }

    #[test]
    fn half_as_many_orders_may_be_as_good() {
        let mut mix = Mix::default();
        for run in 0..10_u64 {
            mix.add(0, 10 * run..10 * run + 10);
            mix.add(1, 5 * run..5 * run + 5);
            mix.add(2, 3 * run..3 * run + 3);
        }
        let [first, second, third, ..] = mix.proportions();
        let [one, other, _, ..] = usual().map(|proportion| BEST * proportion);
        assert_eq!([first, second], [one, other]);
        assert_eq!(third, BEST * 36 / 100 * MIX[2].1);
    }

    #[test]
    fn as_many_runs_of_each_are_compared() {
        let mut mix = Mix::default();
        (0..100).for_each(|run| mix.add(0, run..run + 1));
        (0..10).for_each(|run| mix.add(1, run..run + 1));
        let scaled = usual().map(|proportion| BEST * proportion);
        assert_eq!(mix.proportions(), scaled);
    }
}
