//! Scheduling strategies of an exploration. The guarantee of each rule is documented
//! where the engine implements it.

use crate::plan::profile::Profile;
use crosswire_model::Rule;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use std::fmt;
use std::str::FromStr;

/// A family of schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// All of the others in turn, so that the user need not choose.
    #[default]
    Mixed,
    /// Every task equally likely at every step.
    RandomWalk,
    /// Random priorities for bugs of this depth (PCT); from 1 to 4, by chance,
    /// where `None`.
    Pct(Option<u32>),
    /// A random priority for every step to come (POS).
    Pos,
    /// Every order of the steps equally likely (SURW).
    Surw,
    /// Each contested pair that was seen in one order only is tried in the other.
    Pairs,
    /// Each task in turn.
    RoundRobin,
}

/// Most known bugs need no more than four orderings (Lu et al., ASPLOS 2008).
const MOST_ORDERINGS: u32 = 4;

/// The most orderings that can be asked for: each costs a factor of the run's length.
const MOST_DEPTH: u32 = 32;

/// Steps in a row under [`Strategy::RoundRobin`].
const MOST_IN_A_ROW: u32 = 6;

/// Strategies of the mix, with their proportions. Each of them needs the fewest runs for some
/// bugs and several times as many for others (`cargo bench --bench strategies -- shapes`). One that
/// needs fewest for most has more than half of the runs: no bug takes twice as many then. What others
/// find sooner it finds, too.
pub(crate) const MIX: [(Strategy, u64); 5] = [
    (Strategy::Surw, 30),
    (Strategy::RandomWalk, 2),
    (Strategy::Pos, 9),
    (Strategy::Pct(None), 8),
    (Strategy::RoundRobin, 1),
];

/// Proportions of the strategies in [`MIX`].
pub(crate) type Proportions = [u64; MIX.len()];

impl Strategy {
    /// Draws a schedule of the family. `mix` are the proportions of the strategies in [`MIX`].
    pub(crate) fn rule(
        self,
        random: &mut ChaCha8Rng,
        profile: &Profile,
        mix: &Proportions,
    ) -> Rule {
        match self {
            Strategy::Mixed => {
                let mut ticket = random.random_range(0..mix.iter().sum());
                for ((strategy, _), proportion) in MIX.iter().zip(mix) {
                    if ticket < *proportion {
                        return strategy.rule(random, profile, mix);
                    }
                    ticket -= proportion;
                }
                unreachable!("a ticket is less than the sum of the proportions")
            }
            Strategy::RandomWalk => Rule::RandomWalk {
                seed: random.next_u64(),
            },
            Strategy::Pct(depth) => Rule::Priorities {
                seed: random.next_u64(),
                changes: match depth {
                    Some(depth) => depth.saturating_sub(1),
                    None => random.random_range(0..MOST_ORDERINGS),
                },
                horizon: profile.choices.max(1),
                // Without the guarantee, for which a depth was asked for.
                by_task: match depth.is_none() && random.random_bool(0.5) {
                    true => profile.tasks.iter().map(|task| task.steps).collect(),
                    false => Vec::new(),
                },
            },
            Strategy::Pos => Rule::PartialOrder {
                seed: random.next_u64(),
            },
            // Before there is anything to select, runs should differ as much as possible.
            Strategy::Surw if profile.has_no_objects() => {
                Strategy::Pct(None).rule(random, profile, mix)
            }
            Strategy::Surw => profile.weighted(random),
            Strategy::Pairs => match profile.pairs.choose(random) {
                Some(pair) => Rule::Suspects {
                    seed: random.next_u64(),
                    sides: pair.to_vec(),
                },
                None => Strategy::Pct(None).rule(random, profile, mix),
            },
            Strategy::RoundRobin => Rule::RoundRobin {
                quantum: random.random_range(1..=MOST_IN_A_ROW),
            },
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Strategy::Mixed => "mixed",
            Strategy::RandomWalk => "random-walk",
            Strategy::Pct(None) => "pct",
            Strategy::Pct(Some(depth)) => return write!(f, "pct({depth})"),
            Strategy::Pos => "pos",
            Strategy::Surw => "surw",
            Strategy::Pairs => "pairs",
            Strategy::RoundRobin => "round-robin",
        })
    }
}

/// Reason why a text is not a strategy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown strategy `{0}` (known: mixed, random-walk, pct, pct(DEPTH) with a depth from 1 to \
     {MOST_DEPTH}, pos, surw, pairs, round-robin)"
)]
pub struct UnknownStrategy(String);

impl FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(text: &str) -> Result<Strategy, UnknownStrategy> {
        Ok(match text {
            "mixed" => Strategy::Mixed,
            "random-walk" => Strategy::RandomWalk,
            "pct" => Strategy::Pct(None),
            "pos" => Strategy::Pos,
            "surw" => Strategy::Surw,
            "pairs" => Strategy::Pairs,
            "round-robin" => Strategy::RoundRobin,
            _ => {
                let depth = text
                    .strip_prefix("pct(")
                    .and_then(|rest| rest.strip_suffix(')')?.parse().ok());
                match depth {
                    Some(depth) if (1..=MOST_DEPTH).contains(&depth) => Strategy::Pct(Some(depth)),
                    _ => return Err(UnknownStrategy(text.to_owned())),
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::Suspect;
    use rand::SeedableRng;
    use std::collections::BTreeSet;

    #[test]
    fn the_mix_contains_every_strategy() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let profile = Profile::with_objects(&["file /a"]);
        let proportions = MIX.map(|(_, proportion)| proportion);
        let mut kinds = BTreeSet::new();
        for _ in 0..300 {
            let rule = Strategy::Mixed.rule(&mut random, &profile, &proportions);
            let rule = format!("{rule:?}");
            kinds.insert(rule.split(' ').next().unwrap_or_default().to_owned());
        }
        assert_eq!(kinds.len(), MIX.len(), "{kinds:?}");
        let alone = [0, 0, 1, 0, 0];
        let rule = Strategy::Mixed.rule(&mut random, &profile, &alone);
        assert!(matches!(rule, Rule::PartialOrder { .. }));
    }

    #[test]
    fn pairs_are_tried_if_there_are_any() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let pair = ["a", "b"].map(Suspect::named);
        let known = Profile::of_length(9).with_pairs(vec![pair.clone()]);
        let mix = MIX.map(|(_, proportion)| proportion);
        match Strategy::Pairs.rule(&mut random, &known, &mix) {
            Rule::Suspects { sides, .. } => assert_eq!(sides, pair),
            rule => panic!("{rule:?}"),
        }
        let unknown = Profile::of_length(9);
        let rule = Strategy::Pairs.rule(&mut random, &unknown, &mix);
        assert!(matches!(rule, Rule::Priorities { .. }));
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        let all = [
            "mixed",
            "random-walk",
            "pct",
            "pct(3)",
            "pos",
            "surw",
            "pairs",
            "round-robin",
        ];
        for name in all {
            assert_eq!(name.parse::<Strategy>().unwrap().to_string(), name);
        }
        for name in ["", "pct(0)", "pct(33)", "pct(x)", "PCT"] {
            assert!(name.parse::<Strategy>().is_err(), "{name}");
        }
    }
}
