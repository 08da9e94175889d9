//! The plan of each run: a pure function of the exploration's seed, the run's
//! number and what earlier runs have taught. So the outcome does not depend on
//! how many workers share the runs.

use crate::Shard;
use crate::plan::beginnings::Beginning;
use crate::plan::fault_turns::FaultTurns;
use crate::plan::memory::Memory;
use crate::plan::mix;
use crate::plan::points::FaultSpace;
use crate::plan::profile::Profile;
use crate::plan::strategy::{Proportions, Strategy};
use crosswire_model::{Fault, Limits, Plan, Rule, Schedule, StartUp, Suspect};
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Lessons from earlier runs.
#[derive(Debug, Default)]
pub(crate) struct Lessons {
    /// Faults that can be injected.
    pub space: FaultSpace,
    /// The first run that was planned with this space.
    pub since: u64,
    /// Size of the program, as earlier runs have shown it.
    pub profile: Profile,
    /// Proportions of the strategies of the mix, once runs have shown what each is good for.
    pub mix: Option<Proportions>,
    /// Beginnings of runs that have come to something rare, and in how many runs one is to begin
    /// like them.
    pub beginnings: Vec<Beginning>,
    pub begun_one_in: u64,
    /// The start-up that runs have had, once there are some.
    pub start_up: Option<StartUp>,
    /// Size of the program in runs in which all start-up comes first, if they are much shorter.
    pub after_start: Option<Profile>,
    /// True if there are programs that only prepare others, which runs leave out.
    pub has_wrappers: bool,
    /// True if some instruction loads and stores contested memory without a lock.
    pub splittable: bool,
}

/// One run in this number is performed with start-up that others may disturb, where it takes
/// much longer.
const DISTURBED: u64 = 16;

/// One run in this number, and the second one, is performed with programs that only prepare
/// others.
const WHOLE: u64 = 256;

/// One run in this number is not directed at suspects where some are named: they may be the
/// wrong ones.
const UNDIRECTED: u64 = 4;

/// The first run that may begin like an earlier one, if the strategies are mixed: what other runs
/// come to in as many is not rare.
const FIRST_CONTINUED: u64 = 64;

/// Begins the streams of random numbers of such runs, which no other has.
const CONTINUED: u64 = 1 << 63;

/// So many times fewer steps are much fewer.
pub(crate) const MUCH: u32 = 4;

/// Every so many runs each reading of a clock is a step, as in the run by which others are
/// measured. It is odd, so that some of them have faults.
const WITH_CLOCKS: u64 = 7;

/// The last run that is looked at for faults that stand for others.
const LOOKED_AT: u64 = 16;

/// Makes the plans of one exploration.
pub(crate) struct Planner {
    pub seed: u64,
    pub strategy: Strategy,
    /// Steps at which schedules are directed, if anybody has named some.
    pub suspects: Vec<Suspect>,
    /// The part of the runs that is performed here.
    pub shard: Option<Shard>,
    /// True if some runs have two faults.
    pub fault_pairs: bool,
    /// Runs that were performed before, besides run 0.
    pub performed: u64,
    /// True if faults are chosen by the effects about them, which footprints tell.
    pub by_effect: bool,
    pub memory: Memory,
    pub watches_threads: bool,
    /// The start-up of the first run.
    pub start_up: StartUp,
    /// What every run begins with, if somebody has decided that.
    pub prefix: Option<Plan>,
    pub limits: Limits,
}

impl Planner {
    /// Returns the plan of a run.
    pub fn plan(&self, run: u64, lessons: &Lessons) -> Plan {
        let mut plan = self.plan_from_the_start(run, lessons);
        if let Some(prefix) = &self.prefix {
            plan.schedule.deviations = prefix.schedule.deviations.clone();
            plan.faults.splice(0..0, prefix.faults.iter().cloned());
            plan.start_up = prefix.start_up.clone();
            plan.clocks_are_free = prefix.clocks_are_free;
            plan.ignores_clock_order = prefix.ignores_clock_order;
        }
        plan
    }

    /// Returns the plan of a run of which nothing is decided.
    fn plan_from_the_start(&self, run: u64, lessons: &Lessons) -> Plan {
        let is_whole = self.is_whole(run, lessons);
        let comes_first = !is_whole && self.comes_first(run, lessons);
        // The runs by which others are measured.
        let is_measured = run == 0 || run == 1 && comes_first;
        let run = match (run, self.shard) {
            // Every part, and what goes on, needs the run by which the others are measured.
            (0, _) => 0,
            (nth, None) => nth + self.performed,
            (nth, Some(shard)) => shard.run(nth - 1 + self.performed) + 1,
        };
        let schedule = match run {
            // The reference: no chance, no fault.
            0 => Schedule::new(Rule::RunOn),
            // How long the run will be is hardly known, which other strategies count on.
            _ if is_whole => Schedule::new(Rule::RandomWalk {
                seed: self.seed.wrapping_add(run),
            }),
            _ => {
                let after_start = lessons.after_start.as_ref().filter(|_| comes_first);
                Schedule::new(self.rule(run, after_start.unwrap_or(&lessons.profile), lessons))
            }
        };
        let begun = (!is_measured && !is_whole).then(|| self.begun_like_another(run, lessons));
        if let Some(plan) = begun.flatten() {
            return plan;
        }
        let footprints = is_measured || self.by_effect && run % 2 == 0 && run <= LOOKED_AT;
        let (faults, course) = self.faults(run, lessons);
        let plan = Plan {
            seed: self.seed,
            schedule,
            preemptions: None,
            kills_at_once: false,
            faults,
            memory: (self.memory).of_run(self.seed, run, lessons.splittable),
            watches_threads: self.watches_threads,
            footprints,
            clocks_are_free: !run.is_multiple_of(WITH_CLOCKS),
            // In runs by which others are measured it would count too much.
            ignores_clock_order: footprints,
            start_up: match lessons.start_up.as_ref().unwrap_or(&self.start_up) {
                // What is contested then is not known.
                usual if is_whole => StartUp {
                    skips_wrappers: false,
                    carries_on: false,
                    ..usual.clone()
                },
                usual => StartUp {
                    comes_first,
                    ..usual.clone()
                },
            },
            limits: self.limits.clone(),
        };
        match course {
            None => plan,
            Some(course) => Plan {
                schedule: course.schedule.clone(),
                memory: course.memory.clone(),
                clocks_are_free: course.clocks_are_free,
                ignores_clock_order: course.ignores_clock_order,
                ..plan
            },
        }
    }

    /// Tells whether start-up comes first in the nth run that is performed here. A fault's point
    /// is counted from where start-up ends, so that there must be one end in all runs.
    fn comes_first(&self, nth: u64, lessons: &Lessons) -> bool {
        let is_worthwhile = match nth {
            0 => false,
            // To see whether it makes a difference.
            1 => true,
            _ => lessons.after_start.is_some() && !nth.is_multiple_of(DISTURBED),
        };
        let start_up = lessons.start_up.as_ref().unwrap_or(&self.start_up);
        is_worthwhile && start_up.reads_own_files && lessons.space.len() == 0
    }

    /// Tells whether the nth run that is performed here begins before programs that only prepare
    /// others. Where there are faults, their points are counted from one beginning in all runs.
    fn is_whole(&self, nth: u64, lessons: &Lessons) -> bool {
        let is_turn = nth == 2 || nth > 0 && nth.is_multiple_of(WHOLE);
        is_turn && lessons.has_wrappers && lessons.space.len() == 0
    }

    /// Returns the plan of a run that begins like an earlier one, which had come to something rare.
    fn begun_like_another(&self, run: u64, lessons: &Lessons) -> Option<Plan> {
        let is_directed = self.prefix.is_some() || !self.suspects.is_empty();
        let is_free = self.strategy == Strategy::Mixed && !is_directed;
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(CONTINUED ^ run);
        let is_turn =
            run >= FIRST_CONTINUED && rng.random_range(0..lessons.begun_one_in.max(1)) == 0;
        if !is_turn || !is_free || !self.faults(run, lessons).0.is_empty() {
            return None;
        }
        let beginning = lessons.beginnings.choose(&mut rng)?;
        let mix = lessons.mix.unwrap_or_else(mix::usual);
        let rule = self.strategy.rule(&mut rng, &lessons.profile, &mix);
        Some(beginning.then(rule))
    }

    /// Returns the faults of a run, and the plan whose course it takes up to there, if that is not
    /// left to chance.
    fn faults<'a>(&self, run: u64, lessons: &'a Lessons) -> (Vec<Fault>, Option<&'a Plan>) {
        FaultTurns {
            space: &lessons.space,
            since: lessons.since,
            pairs: self.fault_pairs,
            seed: self.seed,
        }
        .of_run(run)
    }

    fn rule(&self, run: u64, profile: &Profile, lessons: &Lessons) -> Rule {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(run);
        if !self.suspects.is_empty() && rng.random_range(0..UNDIRECTED) > 0 {
            return Rule::Suspects {
                seed: rng.next_u64(),
                sides: self.suspects.clone(),
            };
        }
        let mix = lessons.mix.unwrap_or_else(mix::usual);
        self.strategy.rule(&mut rng, profile, &mix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;
    use crate::plan::beginnings::Beginnings;
    use crate::plan::points::Points;
    use crosswire_model::{Deviation, TaskId, Trace};
    use std::collections::BTreeSet;
    use std::ops::Range;
    use std::sync::Arc;

    fn planner() -> Planner {
        Planner {
            seed: 3,
            strategy: Strategy::default(),
            suspects: Vec::new(),
            shard: None,
            fault_pairs: false,
            performed: 0,
            by_effect: false,
            memory: Memory::Sc,
            watches_threads: false,
            start_up: StartUp::default(),
            prefix: None,
            limits: Limits::default(),
        }
    }

    /// Extracts the lessons from a run in which any process may be killed anywhere.
    fn lessons(trace: &Trace) -> Lessons {
        Lessons {
            space: FaultSpace::new(&["kill".parse().unwrap()], &Points::of(trace)),
            since: 1,
            ..Lessons::default()
        }
    }

    #[test]
    fn most_runs_are_directed_at_suspects_in_every_part_of_an_exploration() {
        let suspects = vec![Suspect::named("pay")];
        for part in 1..=4 {
            let planner = Planner {
                suspects: suspects.clone(),
                shard: Some(format!("{part}/4").parse().unwrap()),
                ..planner()
            };
            let rule = |run: u64| planner.plan(run, &Lessons::default()).schedule.rule;
            assert_eq!(rule(0), Rule::RunOn);
            let is_directed = |run: &u64| match rule(*run) {
                Rule::Suspects { sides, .. } => sides == suspects,
                _ => false,
            };
            let directed = (1..100).filter(is_directed).count();
            assert!((60..90).contains(&directed), "{directed}");
        }
    }

    #[test]
    fn every_run_begins_with_the_prefix() {
        let trace = fake::trace(&[("a", "write"), ("b", "read")]);
        let deviation = Deviation {
            step: 1,
            task: TaskId(1),
        };
        let prefix = Plan {
            schedule: Schedule {
                deviations: vec![deviation],
                ..Schedule::default()
            },
            faults: vec!["pause(3):b@read#1".parse().unwrap()],
            start_up: StartUp::longest(),
            ..Plan::default()
        };
        let planner = Planner {
            prefix: Some(prefix.clone()),
            ..planner()
        };
        for run in 0..20 {
            let plan = planner.plan(run, &lessons(&trace));
            assert_eq!(plan.schedule.deviations, [deviation]);
            assert_eq!(plan.faults[0], prefix.faults[0]);
            assert_eq!(plan.faults.len(), 1 + run as usize % 2);
            assert!(plan.start_up == prefix.start_up && !plan.clocks_are_free);
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
        let (planner, lessons) = (planner(), lessons(&trace));
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
        let (first, eleventh) = (planner.plan(0, &lessons), planner.plan(11, &lessons));
        let on = Planner {
            performed: 8,
            ..planner
        };
        assert_eq!(on.plan(3, &lessons), eleventh);
        assert_eq!(on.plan(0, &lessons), first);
    }

    #[test]
    fn each_fault_strikes_once_in_the_run_that_has_shown_its_point() {
        let shown = |calls: &[(&str, &str)], seed: u64| {
            let mut points = Points::of(&fake::trace(calls));
            let schedule = Schedule::new(Rule::RandomWalk { seed });
            points.note_plan(&Plan {
                schedule,
                ..Plan::default()
            });
            points
        };
        let mut points = shown(&[("a", "write")], 100);
        points.merge(shown(&[("a", "write"), ("a", "write"), ("b", "read")], 101));
        points.merge(shown(&[("a", "write"), ("b", "read")], 102));
        let lessons = Lessons {
            space: FaultSpace::new(&["kill".parse().unwrap()], &points),
            since: 1,
            ..Lessons::default()
        };
        let planner = planner();
        let plans = (1..60).map(|run| planner.plan(run, &lessons));
        let in_course = plans.filter(|plan| match plan.schedule.rule {
            Rule::RandomWalk { seed } => (100..103).contains(&seed),
            _ => false,
        });
        let named = in_course.map(|plan| (plan.faults[0].to_string(), plan.schedule.rule));
        let mut named: Vec<(String, Rule)> = named.collect();
        named.sort_by(|a, b| a.0.cmp(&b.0));
        let last = Rule::RandomWalk { seed: 101 };
        let expected = ["kill:a@write#1", "kill:a@write#2", "kill:b@read#1"];
        assert_eq!(
            named,
            expected.map(|fault| (fault.to_owned(), last.clone()))
        );
    }

    #[test]
    fn start_up_comes_first_in_most_runs_where_that_makes_them_much_shorter() {
        let planner = Planner {
            start_up: StartUp::longest(),
            ..planner()
        };
        let first = |run: u64, lessons: &Lessons| planner.plan(run, lessons).start_up.comes_first;
        let unknown = Lessons::default();
        let tried: Vec<u64> = (0..40).filter(|run| first(*run, &unknown)).collect();
        assert_eq!(tried, [1]);
        let shorter = || Lessons {
            after_start: Some(Profile::of_length(50)),
            ..Lessons::default()
        };
        let disturbed = (0..40).filter(|run| !first(*run, &shorter()));
        assert_eq!(disturbed.collect::<Vec<u64>>(), [0, 16, 32]);
        let trace = fake::trace(&[("a", "write")]);
        let with_faults = Lessons {
            space: lessons(&trace).space,
            ..shorter()
        };
        assert!((0..40).all(|run| !first(run, &with_faults)));
    }

    #[test]
    fn few_runs_have_wrappers_whole() {
        let planner = Planner {
            start_up: StartUp::longest(),
            ..planner()
        };
        let whole = |run: u64, lessons: &Lessons| {
            let start_up = planner.plan(run, lessons).start_up;
            assert!(start_up.skips_wrappers || !start_up.carries_on && !start_up.comes_first);
            !start_up.skips_wrappers
        };
        let none = Lessons::default();
        assert!((0..600).all(|run| !whole(run, &none)));
        let wrapped = || Lessons {
            has_wrappers: true,
            ..Lessons::default()
        };
        let runs: Vec<u64> = (0..600).filter(|run| whole(*run, &wrapped())).collect();
        assert_eq!(runs, [2, 256, 512]);
        let trace = fake::trace(&[("a", "write")]);
        let with_faults = Lessons {
            space: lessons(&trace).space,
            ..wrapped()
        };
        assert!((0..600).all(|run| !whole(run, &with_faults)));
    }

    #[test]
    fn a_quarter_of_later_runs_begin_like_earlier_ones() {
        let mut all = Beginnings::default();
        let before = Plan {
            schedule: Schedule::new(Rule::RandomWalk { seed: 7 }),
            ..Plan::default()
        };
        all.add(false, Some(Arc::new(before)), 9, [(1, 4)].into_iter());
        let lessons = Lessons {
            beginnings: all.rarest(None),
            begun_one_in: all.one_in(),
            ..Lessons::default()
        };
        let begun = |planner: &Planner, runs: Range<u64>| {
            let rules = runs.map(|run| planner.plan(run, &lessons).schedule.rule);
            let stages = |rule: &Rule| match rule.stages()[..] {
                [(0, Rule::RandomWalk { seed: 7 }), (5, _)] => true,
                [(0, _)] => false,
                ref stages => panic!("{stages:?}"),
            };
            rules.filter(stages).count()
        };
        assert_eq!(begun(&planner(), 0..64), 0);
        assert!((200..300).contains(&begun(&planner(), 64..1064)));
        let shard = Planner {
            shard: Some("2/4".parse().unwrap()),
            ..planner()
        };
        assert!((150..350).contains(&begun(&shard, 64..1064)));
        let one = Planner {
            strategy: Strategy::Surw,
            ..planner()
        };
        assert_eq!(begun(&one, 64..200), 0);
    }

    #[test]
    fn pairs_come_after_every_fault_alone() {
        let trace = fake::trace(&[("a", "write"), ("b", "read"), ("a", "write")]);
        let lessons = lessons(&trace);
        let planner = Planner {
            fault_pairs: true,
            ..planner()
        };
        let faults: Vec<Vec<Fault>> = (1..200)
            .step_by(2)
            .map(|run| planner.plan(run, &lessons).faults)
            .collect();
        assert!(faults[..3].iter().all(|faults| faults.len() == 1));
        let pairs: BTreeSet<BTreeSet<String>> = faults
            .iter()
            .filter(|faults| faults.len() == 2)
            .map(|faults| faults.iter().map(ToString::to_string).collect())
            .collect();
        assert_eq!(pairs.len(), 3, "each pair of the three: {pairs:?}");
        assert!(pairs.iter().all(|pair| pair.len() == 2));
    }
}
