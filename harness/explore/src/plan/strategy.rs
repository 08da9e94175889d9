//! Scheduling strategies of an exploration. The guarantee of each rule is documented
//! where the engine implements it.

use crosswire_model::{EVERYTHING, Footprint, Mode, Rule, Run, TaskId, Touch, Trace, Weight};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
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
    /// Random priorities for bugs of this depth (PCT); from 2 to 4, by chance,
    /// where `None`.
    Pct(Option<u32>),
    /// A random priority for every step to come (POS).
    Pos,
    /// Every order of the steps equally likely (SURW).
    Surw,
    /// Each task in turn.
    RoundRobin,
}

/// Most known bugs need no more than four orderings (Lu et al., ASPLOS 2008).
const MOST_ORDERINGS: u32 = 4;

/// The most orderings that can be asked for: each costs a factor of the run's length.
const MOST_DEPTH: u32 = 32;

/// Steps in a row under [`Strategy::RoundRobin`].
const MOST_IN_A_ROW: u32 = 6;

/// Strategies of the mix, with their proportions. The random walk stays the largest part:
/// it alone assumes nothing about the program.
const MIX: &[(Strategy, u32)] = &[
    (Strategy::RandomWalk, 7),
    (Strategy::Pct(None), 5),
    (Strategy::Pos, 3),
    (Strategy::Surw, 4),
    (Strategy::RoundRobin, 1),
];

impl Strategy {
    /// Draws a schedule of the family.
    pub(crate) fn rule(self, random: &mut ChaCha8Rng, profile: &Profile) -> Rule {
        match self {
            Strategy::Mixed => {
                let total: u32 = MIX.iter().map(|(_, weight)| weight).sum();
                let mut ticket = random.random_range(0..total);
                for (strategy, weight) in MIX {
                    if ticket < *weight {
                        return strategy.rule(random, profile);
                    }
                    ticket -= weight;
                }
                unreachable!("a ticket is less than the sum of the weights")
            }
            Strategy::RandomWalk => Rule::RandomWalk {
                seed: random.next_u64(),
            },
            Strategy::Pct(depth) => Rule::Priorities {
                seed: random.next_u64(),
                changes: match depth {
                    Some(depth) => depth.saturating_sub(1),
                    None => random.random_range(1..MOST_ORDERINGS),
                },
                horizon: profile.steps.max(1),
            },
            Strategy::Pos => Rule::PartialOrder {
                seed: random.next_u64(),
            },
            Strategy::Surw => profile.weighted(random),
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
            Strategy::RoundRobin => "round-robin",
        })
    }
}

/// Reason why a text is not a strategy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown strategy `{0}` (known: mixed, random-walk, pct, pct(DEPTH) with a depth from 1 to \
     {MOST_DEPTH}, pos, surw, round-robin)"
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

/// Size of the program, as a run has shown it: the measure of several strategies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    /// Steps of all tasks that are choices.
    pub steps: u32,
    /// All steps.
    pub all_steps: u32,
    /// Tasks, with all their steps.
    pub tasks: Vec<Weight>,
    /// Objects that several tasks touch and one of them changes, with the steps of
    /// each task that touch it.
    objects: Vec<(String, Vec<Weight>)>,
}

impl Profile {
    /// Builds the profile of a program of which nothing else is known.
    pub fn of_length(steps: u32) -> Profile {
        Profile {
            steps,
            ..Profile::default()
        }
    }

    /// Builds the profile of a program from a run with
    /// [footprints](crosswire_model::Plan::footprints). Steps that are no choices do not
    /// count.
    pub fn of(run: &Run) -> Profile {
        let mut profile = Profile::of_all_steps(&run.trace);
        let start_up = &run.plan.start_up;
        if let Some(mattered) = run.mattered.as_ref().filter(|_| start_up.carries_on) {
            profile.steps = u32::try_from(mattered.iter().sum::<u64>()).unwrap_or(u32::MAX);
            for (task, steps) in profile.tasks.iter_mut().zip(mattered) {
                task.steps = *steps;
            }
            let is_contested = |(name, _): &(String, Vec<Weight>)| start_up.is_contested(name);
            profile.objects.retain(is_contested);
        }
        profile
    }

    fn of_all_steps(trace: &Trace) -> Profile {
        let none: Vec<Weight> = trace
            .tasks
            .iter()
            .map(|task| Weight {
                parent: task.parent,
                steps: 0,
            })
            .collect();
        let mut tasks = none.clone();
        for footprint in &trace.footprints {
            tasks[footprint.task.index()].steps += 1;
        }
        let objects = shared_objects(&trace.footprints)
            .into_iter()
            .map(|(object, users)| {
                let mut weights = none.clone();
                for (task, steps) in users {
                    weights[task.index()].steps = steps;
                }
                (object.to_owned(), weights)
            });
        Profile {
            steps: u32::try_from(trace.steps).unwrap_or(u32::MAX),
            all_steps: u32::try_from(trace.steps).unwrap_or(u32::MAX),
            objects: objects.collect(),
            tasks,
        }
    }

    /// Returns all steps count, or those on one object.
    fn weighted(&self, random: &mut ChaCha8Rng) -> Rule {
        let seed = random.next_u64();
        let pick = random.random_range(0..=self.objects.len());
        let all = (self.objects.is_empty() || random.random_bool(0.5)).then_some(&self.tasks);
        match (all, self.objects.get(pick)) {
            (None, Some((object, weights))) => Rule::Weighted {
                seed,
                object: Some(object.clone()),
                weights: weights.clone(),
            },
            _ => Rule::Weighted {
                seed,
                object: None,
                weights: self.tasks.clone(),
            },
        }
    }
}

/// Steps by task.
type Users = BTreeMap<TaskId, u64>;

/// Objects about which several tasks may compete, and how many steps of each task touch
/// them: a step that may touch everything touches every one of them.
fn shared_objects(footprints: &[Footprint]) -> Vec<(&str, Users)> {
    let mut objects: BTreeMap<&str, (Users, bool)> = BTreeMap::new();
    let mut everything = Users::new();
    for footprint in footprints {
        let names_all = |touch: &Touch| touch.object == EVERYTHING;
        let touches_all = footprint.touches.iter().any(names_all);
        if touches_all {
            *everything.entry(footprint.task).or_default() += 1;
        }
        let mut last = None;
        for touch in footprint.touches.iter().filter(|touch| !names_all(touch)) {
            let (users, changed) = objects.entry(&touch.object).or_default();
            *changed |= touch.mode != Mode::Read;
            // Touches are sorted; one step counts once, however it touches the object.
            let counts = !touches_all && last.replace(&touch.object) != Some(&touch.object);
            *users.entry(footprint.task).or_default() += u64::from(counts);
        }
    }
    objects.retain(|_, (users, changed)| users.len() > 1 && *changed);
    let with_everything = |(name, (mut users, _)): (_, (Users, bool))| {
        for (task, steps) in &everything {
            *users.entry(*task).or_default() += steps;
        }
        (name, users)
    };
    objects.into_iter().map(with_everything).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_read_as_they_are_written() {
        let all = [
            "mixed",
            "random-walk",
            "pct",
            "pct(3)",
            "pos",
            "surw",
            "round-robin",
        ];
        for name in all {
            assert_eq!(name.parse::<Strategy>().unwrap().to_string(), name);
        }
        for name in ["", "pct(0)", "pct(33)", "pct(x)", "PCT"] {
            assert!(name.parse::<Strategy>().is_err(), "{name}");
        }
    }

    #[test]
    fn the_mix_contains_every_strategy() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let profile = Profile::default();
        let mut kinds = BTreeSet::new();
        for _ in 0..300 {
            let rule = format!("{:?}", Strategy::Mixed.rule(&mut random, &profile));
            kinds.insert(rule.split(' ').next().unwrap_or_default().to_owned());
        }
        assert_eq!(kinds.len(), MIX.len(), "{kinds:?}");
    }

    fn print(task: u32, touches: &[Touch]) -> Footprint {
        Footprint {
            task: TaskId(task),
            choices: Vec::new(),
            touches: touches.to_vec(),
        }
    }

    #[test]
    fn only_what_is_changed_and_shared_is_competed_for() {
        let footprints = [
            print(0, &[Touch::read("a"), Touch::write("b"), Touch::write("c")]),
            print(1, &[Touch::read("a"), Touch::read("b")]),
        ];
        let users = Users::from([(TaskId(0), 1), (TaskId(1), 1)]);
        assert_eq!(shared_objects(&footprints), [("b", users)]);
    }

    #[test]
    fn a_step_counts_once_for_what_it_touches_and_for_all_if_it_may_touch_everything() {
        let footprints = [
            print(0, &[Touch::read("a"), Touch::write("a")]),
            print(1, &[Touch::read("a")]),
            print(1, &[Touch::everything(), Touch::read("a")]),
            print(2, &[Touch::everything()]),
        ];
        let users = Users::from([(TaskId(0), 1), (TaskId(1), 2), (TaskId(2), 1)]);
        assert_eq!(shared_objects(&footprints), [("a", users)]);
    }
}
