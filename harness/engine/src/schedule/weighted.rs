//! Each task as likely as it has steps left: SURW (Zhao, Wolff, Mathur and
//! Roychoudhury, "Selectively uniform concurrency testing", ASPLOS 2025).
//!
//! Guarantee: if the tasks take as many steps as the weights say and no task waits for
//! another, every interleaving of the steps that count is equally likely. A random walk
//! prefers those in which tasks that exist early finish early.

use super::options::{Options, Policy};
use crosswire_model::{EVERYTHING, TaskId, Weight};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[derive(Debug)]
pub(super) struct Weighted {
    random: ChaCha8Rng,
    object: Option<String>,
    tasks: Vec<Tally>,
    /// Task that takes the next step that counts.
    intended: Option<TaskId>,
}

/// Known facts about one task.
#[derive(Debug, Clone, Copy)]
struct Tally {
    parent: Option<TaskId>,
    /// Its own steps that are still expected.
    left: u64,
    /// Until it exists its steps count as its parent's.
    exists: bool,
}

impl Weighted {
    pub fn new(seed: u64, object: Option<String>, weights: &[Weight]) -> Weighted {
        let tally = |weight: &Weight| Tally {
            parent: weight.parent,
            left: weight.steps,
            exists: false,
        };
        Weighted {
            random: ChaCha8Rng::seed_from_u64(seed),
            object,
            tasks: weights.iter().map(tally).collect(),
            intended: None,
        }
    }

    /// Steps of a task and of those it has yet to create; at least one, because a
    /// task that does more than was expected must not stand still.
    fn weight(&self, task: TaskId) -> u64 {
        let is_its = |mut at: TaskId| loop {
            match self.tasks.get(at.index()) {
                Some(tally) if !tally.exists => match tally.parent {
                    Some(parent) if parent == task => break true,
                    Some(parent) if parent < at => at = parent,
                    _ => break false,
                },
                _ => break false,
            }
        };
        let own = self.tasks.get(task.index()).map_or(0, |tally| tally.left);
        let others = (0..self.tasks.len() as u32).map(TaskId);
        let unborn = others.filter(|other| is_its(*other));
        (own + unborn.map(|id| self.tasks[id.index()].left).sum::<u64>()).max(1)
    }

    /// Returns a task among these, as likely as it is heavy.
    fn draw(&mut self, among: &[TaskId]) -> TaskId {
        let weights: Vec<u64> = among.iter().map(|task| self.weight(*task)).collect();
        let mut ticket = self.random.random_range(0..weights.iter().sum());
        for (task, weight) in among.iter().zip(weights) {
            if ticket < weight {
                return *task;
            }
            ticket -= weight;
        }
        unreachable!("a ticket is less than the sum of the weights")
    }

    /// Takes notice of tasks that were not there before.
    fn meet(&mut self, ready: &[TaskId]) {
        for task in ready {
            while self.tasks.len() <= task.index() {
                self.tasks.push(Tally {
                    parent: None,
                    left: 0,
                    exists: false,
                });
            }
            let tally = &mut self.tasks[task.index()];
            let is_new = !std::mem::replace(&mut tally.exists, true);
            // What was intended for the parent may have been meant for the child.
            if let (true, Some(parent)) = (is_new, tally.parent)
                && self.intended == Some(parent)
            {
                self.intended = Some(self.draw(&[parent, *task]));
            }
        }
    }

    fn counts(&self, options: &Options, task: TaskId) -> bool {
        let Some(object) = &self.object else {
            return true;
        };
        let next = options.next_of(task);
        next.iter()
            .any(|touch| touch.object == *object || touch.object == EVERYTHING)
    }
}

impl Policy for Weighted {
    fn choose(&mut self, options: &Options) -> TaskId {
        self.meet(options.ready);
        // A task that waits in a loop takes no step that counts, and must not keep those
        // from theirs whom it waits for.
        let others = || {
            options
                .ready
                .iter()
                .filter(|task| Some(**task) != options.current)
        };
        let ready: Vec<TaskId> = match options.gives_way() && others().next().is_some() {
            true => others().copied().collect(),
            false => options.ready.to_vec(),
        };
        let intended = match self.intended.filter(|task| ready.contains(task)) {
            Some(task) => task,
            // Nobody was, or it waits for another one.
            None => self.draw(&ready),
        };
        self.intended = Some(intended);
        let may_go = |task: &&TaskId| **task == intended || !self.counts(options, **task);
        let free: Vec<TaskId> = ready.iter().filter(may_go).copied().collect();
        let chosen = free[self.random.random_range(0..free.len())];
        if self.counts(options, chosen) {
            let left = &mut self.tasks[chosen.index()].left;
            *left = left.saturating_sub(1);
            self.intended = None;
        }
        chosen
    }

    fn looks_ahead(&self) -> bool {
        self.object.is_some()
    }
}
