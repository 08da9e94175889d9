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

/// In one run in this number every step is a choice, if the strategies are mixed.
const THOROUGH: u64 = 16;

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
            plan.proves_loops = prefix.proves_loops;
            plan.kills_at_once = prefix.kills_at_once;
            plan.pauses_take_time = prefix.pauses_take_time;
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
        let is_thorough = self.is_thorough(run, lessons);
        let schedule = match run {
            // The reference: no chance, no fault.
            0 => Schedule::new(Rule::RunOn),
            // How long the run will be is hardly known, which other strategies count on.
            _ if is_whole || is_thorough && (run / THOROUGH).is_multiple_of(2) => {
                Schedule::new(Rule::RandomWalk {
                    seed: self.seed.wrapping_add(run),
                })
            }
            _ if is_thorough => Schedule::new(Rule::PartialOrder {
                seed: self.seed.wrapping_add(run),
            }),
            _ => {
                let after_start = lessons.after_start.as_ref().filter(|_| comes_first);
                Schedule::new(self.rule(run, after_start.unwrap_or(&lessons.profile), lessons))
            }
        };
        let begun = (!is_measured && !is_whole && !is_thorough)
            .then(|| self.begun_like_another(run, lessons));
        if let Some(plan) = begun.flatten() {
            return plan;
        }
        let footprints = is_measured || self.by_effect && run % 2 == 0 && run <= LOOKED_AT;
        let (faults, course) = self.faults(run, lessons);
        let plan = Plan {
            seed: self.seed,
            schedule,
            preemptions: None,
            chooses_every_step: is_thorough,
            proves_loops: false,
            kills_at_once: false,
            pauses_take_time: true,
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

    /// Tells whether every step of a run is a choice. The points of faults, and decisions that are
    /// made already, are about the choices of other runs.
    fn is_thorough(&self, run: u64, lessons: &Lessons) -> bool {
        let is_turn = run % THOROUGH == THOROUGH / 2 && lessons.space.len() == 0;
        is_turn && self.is_free()
    }

    /// Tells whether the mix alone decides about schedules.
    fn is_free(&self) -> bool {
        self.strategy == Strategy::Mixed && self.suspects.is_empty() && self.prefix.is_none()
    }

    /// Returns the plan of a run that begins like an earlier one, which had come to something rare.
    fn begun_like_another(&self, run: u64, lessons: &Lessons) -> Option<Plan> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(CONTINUED ^ run);
        let is_turn =
            run >= FIRST_CONTINUED && rng.random_range(0..lessons.begun_one_in.max(1)) == 0;
        if !is_turn || !self.is_free() || !self.faults(run, lessons).0.is_empty() {
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
mod tests;
