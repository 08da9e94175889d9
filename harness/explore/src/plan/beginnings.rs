//! Beginnings of runs that have come to something rare. Whoever begins like them is there at once,
//! where other runs seldom come, and may do something else from there on: a bug that needs two rare
//! orders is found as soon as one that needs either of them (Wolff, Shi, Duck, Mathur and
//! Roychoudhury, "Greybox fuzzing for concurrency testing", ASPLOS 2024, keep schedules for what
//! they have shown in the same way).

use crosswire_model::{Plan, Rule, Schedule, StartUp};
use std::collections::HashMap;
use std::sync::Arc;

/// So many of them are begun with: of those that are as rare, the latest.
const MOST: usize = 64;

/// A run is not begun with if so many rules have decided about it one after the other.
const MOST_STAGES: usize = 6;

/// A run as far as it was the first to show something.
#[derive(Debug, Clone)]
pub(crate) struct Beginning {
    plan: Arc<Plan>,
    /// Its steps up to there, and all of them.
    steps: u64,
    of: u64,
}

impl Beginning {
    /// Returns the plan of a run that begins like this, and in which another rule decides from
    /// there on.
    pub fn then(&self, rule: Rule) -> Plan {
        let rule = Rule::After {
            first: Box::new(self.plan.schedule.rule.clone()),
            steps: self.steps,
            then: Box::new(self.of_the_rest(rule)),
        };
        Plan {
            schedule: Schedule::new(rule),
            ..(*self.plan).clone()
        }
    }

    /// Returns a rule that counts on as much as is left of the run.
    fn of_the_rest(&self, rule: Rule) -> Rule {
        let left = self.of.saturating_sub(self.steps);
        match rule {
            Rule::Priorities {
                seed,
                changes,
                horizon,
                ..
            } => Rule::Priorities {
                seed,
                changes,
                horizon: (u64::from(horizon) * left / self.of.max(1)).max(1) as u32,
                // How many of its steps each task has taken is not known.
                by_task: Vec::new(),
            },
            rule => rule,
        }
    }
}

/// An order of a contested pair: the runs that have shown it, and how the first one began.
#[derive(Debug)]
struct OrderShown {
    runs: u64,
    first: Option<Beginning>,
}

/// What runs have shown, by order of a contested pair.
#[derive(Debug, Default)]
pub(crate) struct Beginnings {
    /// By the hash of the order.
    shown: HashMap<u64, OrderShown>,
    /// The orders, as they were first shown.
    all: Vec<u64>,
    /// What runs have shown that began like others, and what the others have since the first of
    /// those.
    begun: Yield,
    others: Yield,
}

/// New orders that runs have shown.
#[derive(Debug, Default)]
struct Yield {
    runs: u64,
    new: u64,
}

/// One run in so many begins like another one, if that shows new orders and otherwise.
const OFTEN: u64 = 4;
const SELDOM: u64 = 12;

/// So many runs have to tell.
const ENOUGH: u64 = 8;

impl Beginnings {
    /// Adds a run of so many steps, and the orders that it has shown, each with the step that came
    /// second. Without its plan, no run can begin like it. `has_begun`: it began like another one.
    pub fn add(
        &mut self,
        has_begun: bool,
        plan: Option<Arc<Plan>>,
        of: u64,
        orders: impl Iterator<Item = (u64, u64)>,
    ) {
        let can_be_continued = |plan: &Arc<Plan>| plan.schedule.rule.stages().len() < MOST_STAGES;
        let plan = plan.filter(can_be_continued);
        let known = self.all.len();
        for (order, step) in orders {
            let all = &mut self.all;
            let shown = self.shown.entry(order).or_insert_with(|| {
                all.push(order);
                let first = plan.clone().map(|plan| Beginning {
                    plan,
                    steps: step + 1,
                    of,
                });
                OrderShown { runs: 0, first }
            });
            shown.runs += 1;
        }
        let new = (self.all.len() - known) as u64;
        let kind = match has_begun {
            true => &mut self.begun,
            false if self.begun.runs == 0 => return,
            false => &mut self.others,
        };
        kind.runs += 1;
        kind.new += new;
    }

    /// Returns in how many runs one is to begin like another: seldom if such runs show no more than
    /// others do.
    pub fn one_in(&self) -> u64 {
        let Beginnings { begun, others, .. } = self;
        let shows_more = begun.new * others.runs > others.new * begun.runs;
        match begun.runs < ENOUGH || shows_more {
            true => OFTEN,
            false => SELDOM,
        }
    }

    /// Returns the beginnings that have come to the rarest orders, of runs with this start-up:
    /// the same steps have the same numbers then.
    pub fn rarest(&self, start_up: Option<&StartUp>) -> Vec<Beginning> {
        let is_like = |beginning: &&Beginning| {
            let own = &beginning.plan.start_up;
            start_up.is_none_or(|other| {
                *own == StartUp {
                    comes_first: own.comes_first,
                    ..other.clone()
                }
            })
        };
        let shown = self.all.iter().rev().map(|order| &self.shown[order]);
        let mut known: Vec<(u64, &Beginning)> = shown
            .filter_map(|shown| Some((shown.runs, shown.first.as_ref().filter(is_like)?)))
            .collect();
        known.sort_by_key(|(runs, _)| *runs);
        known.truncate(MOST);
        known.into_iter().map(|(_, first)| first.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seed: u64) -> Arc<Plan> {
        Arc::new(Plan {
            schedule: Schedule::new(Rule::RandomWalk { seed }),
            ..Plan::default()
        })
    }

    fn begun(beginnings: &[Beginning]) -> Vec<(u64, u64)> {
        let seed = |beginning: &Beginning| beginning.plan.schedule.rule.seed().unwrap();
        beginnings
            .iter()
            .map(|one| (seed(one), one.steps))
            .collect()
    }

    #[test]
    fn the_rarest_orders_come_first_and_of_them_the_latest() {
        let mut all = Beginnings::default();
        all.add(false, Some(plan(1)), 50, [(100, 7), (200, 8)].into_iter());
        all.add(false, Some(plan(2)), 50, [(100, 3), (300, 4)].into_iter());
        assert_eq!(begun(&all.rarest(None)), [(2, 5), (1, 9), (1, 8)]);
        // Nothing is known of how this one began, and it makes the others less rare.
        all.add(false, None, 50, [(300, 1), (400, 1)].into_iter());
        assert_eq!(begun(&all.rarest(None)), [(1, 9), (2, 5), (1, 8)]);
        let start_up = StartUp {
            comes_first: true,
            ..StartUp::default()
        };
        assert_eq!(all.rarest(Some(&start_up)).len(), 3);
        assert!(all.rarest(Some(&StartUp::longest())).is_empty());
    }

    #[test]
    fn what_shows_nothing_new_has_its_turn_seldom() {
        let mut all = Beginnings::default();
        let mut order = 0;
        let mut add = |all: &mut Beginnings, has_begun, is_new: bool| {
            order += u64::from(is_new);
            all.add(has_begun, Some(plan(1)), 9, [(order, 1)].into_iter());
        };
        add(&mut all, false, true);
        (0..7).for_each(|_| add(&mut all, true, false));
        assert_eq!(all.one_in(), OFTEN, "not known yet");
        (0..7).for_each(|_| add(&mut all, true, false));
        assert_eq!(all.one_in(), SELDOM);
        (0..40).for_each(|_| add(&mut all, false, false));
        add(&mut all, false, true);
        add(&mut all, true, true);
        assert_eq!(all.one_in(), OFTEN);
        (0..3).for_each(|_| add(&mut all, false, true));
        assert_eq!(all.one_in(), SELDOM);
    }

    #[test]
    fn a_rule_decides_about_the_rest() {
        let beginning = Beginning {
            plan: plan(1),
            steps: 75,
            of: 100,
        };
        let rule = Rule::Priorities {
            seed: 5,
            changes: 2,
            horizon: 40,
            by_task: vec![1],
        };
        let stages = beginning.then(rule).schedule.rule;
        let rest = Rule::Priorities {
            seed: 5,
            changes: 2,
            horizon: 10,
            by_task: Vec::new(),
        };
        assert_eq!(
            stages.stages(),
            [(0, &Rule::RandomWalk { seed: 1 }), (75, &rest)]
        );
    }
}
