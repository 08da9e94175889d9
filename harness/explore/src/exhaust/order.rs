//! Happens-before order of the steps of a run, and the pairs of steps that could have
//! come in the other order.

use crosswire_model::{Footprint, TaskId, conflict};
use std::collections::{BTreeMap, BTreeSet};

/// The steps of one run, partially ordered by what they touch.
pub(crate) struct Order<'a> {
    steps: &'a [Footprint],
    /// Of each step, the number of its task among those that take steps.
    takers: Vec<usize>,
    /// For each step, the latest step of each task that happens before it or is it, as
    /// the number of the step plus one.
    clocks: Vec<Vec<usize>>,
}

impl<'a> Order<'a> {
    pub fn of(steps: &'a [Footprint]) -> Order<'a> {
        let tasks: BTreeSet<TaskId> = steps.iter().map(|step| step.task).collect();
        let tasks: BTreeMap<TaskId, usize> = tasks.into_iter().zip(0..).collect();
        let mut order = Order {
            steps,
            takers: steps.iter().map(|step| tasks[&step.task]).collect(),
            clocks: Vec::with_capacity(steps.len()),
        };
        for (number, step) in steps.iter().enumerate() {
            let mut clock = vec![0; tasks.len()];
            for earlier in (0..number).rev() {
                if clock[order.takers[earlier]] > earlier {
                    continue;
                }
                if depend(&steps[earlier], step) {
                    for (own, others) in clock.iter_mut().zip(&order.clocks[earlier]) {
                        *own = (*own).max(*others);
                    }
                }
            }
            clock[order.takers[number]] = number + 1;
            order.clocks.push(clock);
        }
        order
    }

    /// Tells whether one step happens before another, later one.
    fn precedes(&self, earlier: usize, later: usize) -> bool {
        self.clocks[later][self.takers[earlier]] > earlier
    }

    /// Returns the steps that race with this one: dependent, of another task, and with
    /// nothing between them that orders them anyway.
    pub fn races_with(&self, later: usize) -> Vec<usize> {
        let step = &self.steps[later];
        let is_race = |earlier: &usize| {
            let before = &self.steps[*earlier];
            before.task != step.task
                && depend(before, step)
                && !(*earlier + 1..later)
                    .any(|middle| self.precedes(*earlier, middle) && self.precedes(middle, later))
        };
        (0..later).filter(is_race).collect()
    }

    /// Returns the steps that this one could have come before if it had been possible
    /// before what made it possible: dependent, of another task, not known to the task
    /// when it took its step before. Matters where a task could not even try, as with a
    /// lock that disables those who want it.
    pub fn further_races_with(&self, later: usize) -> Vec<usize> {
        let step = &self.steps[later];
        let own = |number: &usize| self.steps[*number].task == step.task;
        let previous = (0..later).rev().find(own);
        let is_candidate = |earlier: &usize| {
            let before = &self.steps[*earlier];
            before.task != step.task
                && depend(before, step)
                && !previous.is_some_and(|previous| {
                    *earlier < previous && self.precedes(*earlier, previous)
                })
        };
        (0..later).filter(is_candidate).collect()
    }

    /// Tells whether a step, or another step of its task, was possible when the other one
    /// was chosen.
    pub fn is_reversible(&self, earlier: usize, later: usize) -> bool {
        let task = self.steps[later].task;
        self.steps[earlier].choices.contains(&task)
            || self.steps[earlier + 1..later]
                .iter()
                .any(|step| step.task == task)
    }

    /// Returns the tasks with which a run can begin, in place of the earlier step of a
    /// race, so that the later one comes before it: those of the steps after the earlier
    /// one that do not depend on it, up to the later one, that depend on none of these.
    pub fn initials(&self, earlier: usize, later: usize) -> BTreeSet<TaskId> {
        let mut sequence: Vec<usize> = (earlier + 1..later)
            .filter(|middle| !self.precedes(earlier, *middle))
            .collect();
        sequence.push(later);
        let mut initials = BTreeSet::new();
        for (place, number) in sequence.iter().enumerate() {
            let task = self.steps[*number].task;
            let is_first = !sequence[..place]
                .iter()
                .any(|before| self.steps[*before].task == task || self.precedes(*before, *number));
            if is_first {
                initials.insert(task);
            }
        }
        initials
    }

    /// Equal for equivalent runs, whatever order their independent steps came in: the
    /// steps in layers, each as early as what it depends on permits (Foata's normal
    /// form).
    pub fn normal_form(&self) -> Vec<BTreeSet<(TaskId, usize)>> {
        let mut layers: Vec<BTreeSet<(TaskId, usize)>> = Vec::new();
        let mut depth = vec![0; self.steps.len()];
        let mut taken = BTreeMap::new();
        for number in 0..self.steps.len() {
            let before = (0..number).filter(|earlier| self.precedes(*earlier, number));
            depth[number] = before.map(|earlier| depth[earlier] + 1).max().unwrap_or(0);
            let task = self.steps[number].task;
            let count: &mut usize = taken.entry(task).or_default();
            *count += 1;
            if layers.len() <= depth[number] {
                layers.push(BTreeSet::new());
            }
            layers[depth[number]].insert((task, *count));
        }
        layers
    }
}

/// Tells whether the order of two steps may matter.
fn depend(a: &Footprint, b: &Footprint) -> bool {
    a.task == b.task || conflict(&a.touches, &b.touches)
}
