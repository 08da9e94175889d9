//! Who takes the next step.

use crate::model::{Rule, Schedule, TaskId};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// After so many steps in a row a task that never waits gives way even under
/// [`Rule::RunOn`]: it may be waiting for another one in a loop.
const PATIENCE: u32 = 1_000;

/// Makes the choices of one run.
#[derive(Debug)]
pub(super) struct Chooser {
    schedule: Schedule,
    next_deviation: usize,
    random: ChaCha8Rng,
    /// Sleeps that may still end before everybody else is waiting.
    early_wakes: u64,
    /// Priorities by task, and the steps at which the running task is overtaken.
    priorities: Vec<u64>,
    changes: Vec<u64>,
    lowest: u64,
    current: Option<TaskId>,
    in_a_row: u32,
}

/// What there is to choose from, both by ascending number.
#[derive(Debug)]
pub(super) struct Choices<'a> {
    /// Tasks that can go on.
    pub ready: &'a [TaskId],
    /// Tasks in a sleep, which may as well be over: nothing promises that anybody
    /// else gets anything done meanwhile.
    pub asleep: &'a [TaskId],
}

/// The plan asks for something that cannot be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CannotRun {
    pub step: u64,
    pub task: TaskId,
}

impl Chooser {
    pub fn new(schedule: &Schedule) -> Chooser {
        let seed = match schedule.rule {
            Rule::RunOn => 0,
            Rule::RandomWalk { seed } | Rule::Priorities { seed, .. } => seed,
        };
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut changes = Vec::new();
        let mut early_wakes = 0;
        match schedule.rule {
            Rule::RunOn => {}
            Rule::RandomWalk { .. } => early_wakes = random.random_range(0..3),
            Rule::Priorities {
                changes: n,
                horizon,
                ..
            } => {
                changes = (0..n)
                    .map(|_| random.random_range(0..u64::from(horizon.max(1))))
                    .collect();
                changes.sort_unstable();
            }
        }
        Chooser {
            schedule: schedule.clone(),
            next_deviation: 0,
            random,
            early_wakes,
            priorities: Vec::new(),
            changes,
            lowest: u64::MAX / 2,
            current: None,
            in_a_row: 0,
        }
    }

    /// Chooses, and says whether [`Rule::RunOn`] would have chosen otherwise.
    /// `yielded`: the task that ran last wants others to run.
    pub fn choose(
        &mut self,
        step: u64,
        choices: &Choices,
        yielded: bool,
    ) -> Result<(TaskId, bool), CannotRun> {
        let default = self.run_on(choices.ready, yielded);
        let planned = self.schedule.deviations.get(self.next_deviation);
        let chosen = match planned {
            Some(deviation) if deviation.step == step => {
                let task = deviation.task;
                self.next_deviation += 1;
                if !choices.ready.contains(&task) && !choices.asleep.contains(&task) {
                    return Err(CannotRun { step, task });
                }
                task
            }
            _ => match self.schedule.rule {
                Rule::RunOn => default,
                Rule::RandomWalk { .. } => self.random_walk(choices),
                Rule::Priorities { .. } => self.by_priority(step, choices.ready, yielded),
            },
        };
        self.in_a_row = match self.current == Some(chosen) {
            true => self.in_a_row + 1,
            false => 0,
        };
        self.current = Some(chosen);
        Ok((chosen, chosen != default))
    }

    fn run_on(&self, ready: &[TaskId], yielded: bool) -> TaskId {
        match self.current {
            Some(task) if !yielded && self.in_a_row < PATIENCE && ready.contains(&task) => task,
            Some(task) => *ready.iter().find(|id| **id > task).unwrap_or(&ready[0]),
            None => ready[0],
        }
    }

    fn random_walk(&mut self, choices: &Choices) -> TaskId {
        let asleep = match self.early_wakes {
            0 => 0,
            _ => choices.asleep.len(),
        };
        let all = choices.ready.len() + asleep;
        // No choice, no chance: the same run whether or not there is one.
        let pick = if all > 1 {
            self.random.random_range(0..all)
        } else {
            0
        };
        match choices.ready.get(pick) {
            Some(task) => *task,
            None => {
                self.early_wakes -= 1;
                choices.asleep[pick - choices.ready.len()]
            }
        }
    }

    fn by_priority(&mut self, step: u64, ready: &[TaskId], yielded: bool) -> TaskId {
        let newest = ready.iter().map(|id| id.index()).max().unwrap_or(0);
        while self.priorities.len() <= newest {
            // Above everything that `fall` hands out.
            let priority = self.random.random_range(u64::MAX / 2..u64::MAX);
            self.priorities.push(priority);
        }
        let mut overtaken = yielded || self.in_a_row >= PATIENCE;
        while self.changes.first().is_some_and(|at| *at <= step) {
            self.changes.remove(0);
            overtaken = true;
        }
        if let (true, Some(task)) = (overtaken, self.current) {
            self.lowest -= 1;
            if let Some(priority) = self.priorities.get_mut(task.index()) {
                *priority = self.lowest;
            }
        }
        *ready
            .iter()
            .max_by_key(|id| self.priorities[id.index()])
            .expect("somebody is ready")
    }

    /// Deviations that no step has asked for: the plan belongs to a longer run.
    pub fn unused_deviation(&self) -> Option<CannotRun> {
        self.schedule
            .deviations
            .get(self.next_deviation)
            .map(|d| CannotRun {
                step: d.step,
                task: d.task,
            })
    }
}
