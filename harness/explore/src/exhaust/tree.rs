//! The tree of choices, as far as it is known: the path of the last run.

use super::order::Order;
use crate::Shard;
use crosswire_model::{Deviation, Footprint, TaskId, Touch, conflict};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One step of the path.
#[derive(Debug, Serialize, Deserialize)]
struct Node {
    /// Tasks that could take the step.
    choices: BTreeSet<TaskId>,
    /// Task that takes it, and the objects that it touches, once known.
    chosen: TaskId,
    touches: Vec<Touch>,
    /// Tasks that should take it in some run, including those already tried.
    wanted: BTreeSet<TaskId>,
    /// Tasks whose step here leads to nothing new, with the objects it touches: those
    /// that were tried, here or further up, and have not been disturbed since.
    asleep: BTreeMap<TaskId, Vec<Touch>>,
    /// Task that took the step before.
    before: Option<TaskId>,
    /// Number of preemptions before this step.
    preemptions: u32,
    /// Steps before this one at which there was a choice.
    forks: u32,
    /// Choices that were tried here, with all that is behind them.
    #[serde(default)]
    tried: u32,
}

impl Node {
    /// Returns the number of preemptions if this task takes the step.
    fn preemptions_with(&self, task: TaskId) -> u32 {
        // That a store becomes visible takes the processor from nobody.
        let leaves = |before: TaskId| {
            before.owner() != task.owner() && self.choices.contains(&before.owner())
        };
        self.preemptions + u32::from(self.before.is_some_and(leaves))
    }

    /// Wants one of these to take the step, unless one of them is wanted already.
    fn want(&mut self, initials: &BTreeSet<TaskId>) {
        if !initials.is_disjoint(&self.wanted) {
            return;
        }
        match initials.iter().find(|task| self.choices.contains(task)) {
            Some(task) => drop(self.wanted.insert(*task)),
            // None of them could: what makes them able may be behind any other.
            None => self.wanted.extend(&self.choices),
        }
    }

    /// Returns the tasks that are still to be tried.
    fn open(&self) -> impl Iterator<Item = TaskId> + '_ {
        let is_open = |task: &&TaskId| !self.asleep.contains_key(task);
        self.wanted.iter().filter(is_open).copied()
    }
}

/// Extent of the search: the interleavings to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Extent {
    /// One of each class of equivalent orders.
    Classes,
    /// Every single interleaving with at most this number of preemptions.
    /// Sleep sets and source sets may drop an order with few preemptions in favour of
    /// an equivalent one with many (Coons, Musuvathi and McKinley, OOPSLA 2013), so
    /// nothing is dropped here.
    Preemptions(u32),
}

/// The search, between two runs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Tree {
    path: Vec<Node>,
    started: bool,
    extent: Extent,
    /// The part of the tree that is explored here, if others explore the rest.
    shard: Option<Shard>,
}

/// Above the step with this number of choices before it the tree is explored by every shard,
/// and in full, so that they agree on its shape there. Each subtree below belongs to
/// one of them.
const COMMON_FORKS: u32 = 4;

/// Value of a run for the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Learnt {
    /// It stands for a class of equivalent runs that was not known.
    New,
    /// It was like a known run from some step on.
    Known,
    /// It belongs to the part of another shard.
    Elsewhere,
    /// It did not take the prescribed steps.
    Astray,
}

impl Tree {
    pub fn new(extent: Extent, shard: Option<Shard>) -> Tree {
        Tree {
            path: Vec::new(),
            started: false,
            extent,
            shard,
        }
    }

    /// Returns the tasks that take the first steps of the next run; after them it follows
    /// the default. `None` when nothing is left.
    pub fn next(&mut self) -> Option<Vec<Deviation>> {
        if !std::mem::replace(&mut self.started, true) {
            return Some(Vec::new());
        }
        while let Some(node) = self.path.last_mut() {
            let open = node.open().next();
            if let Some(task) = open {
                node.chosen = task;
                node.tried += 1;
                return Some(self.choices());
            }
            self.path.pop();
        }
        None
    }

    /// Takes back the last answer of [`next`](Tree::next), which was not tried.
    pub fn put_back(&mut self) {
        self.started = !self.path.is_empty();
        if let Some(node) = self.path.last_mut() {
            node.tried = node.tried.saturating_sub(1);
        }
    }

    fn choices(&self) -> Vec<Deviation> {
        let choice = |(step, node): (usize, &Node)| Deviation {
            step: step as u64,
            task: node.chosen,
        };
        self.path.iter().enumerate().map(choice).collect()
    }

    /// Choices that are known to be left: there may be more behind them.
    pub fn left(&self) -> u64 {
        self.path
            .iter()
            .map(|node| node.open().count() as u64)
            .sum()
    }

    /// Estimates the part of the tree that is explored, between two runs: as if behind all the
    /// choices at a step lay as much (Knuth, "Estimating the efficiency of backtrack programs",
    /// Mathematics of Computation 1975; for paths in order Kilby, Slaney, Thiebaux and Walsh,
    /// "Estimating search tree size", AAAI 2006). Choices that no run has shown yet are not
    /// counted, so that it is too large at first.
    pub fn explored_part(&self) -> f64 {
        let (mut explored, mut part) = (0.0, 1.0);
        for node in &self.path {
            let choices = f64::from(node.tried + 1) + node.open().count() as f64;
            explored += part * f64::from(node.tried) / choices;
            part /= choices;
        }
        explored + part
    }

    /// Takes up what the run has shown that was to begin with the path.
    pub fn learn(&mut self, steps: &[Footprint]) -> Learnt {
        let told = self.path.len();
        let as_told = steps
            .iter()
            .zip(&self.path)
            .all(|(step, node)| step.task == node.chosen);
        if steps.len() < told || !as_told {
            return Learnt::Astray;
        }
        if let (Some(node), Some(step)) = (self.path.last_mut(), steps.get(told.wrapping_sub(1))) {
            node.touches.clone_from(&step.touches);
        }
        let mut known_from = None;
        for (number, step) in steps.iter().enumerate().skip(told) {
            let mut node = self.follow(step);
            let is_known = node.asleep.contains_key(&step.task);
            if is_known {
                known_from = Some(number);
                // Another task takes this step, if there is one.
                let awake = node
                    .choices
                    .iter()
                    .find(|task| !node.asleep.contains_key(task));
                node.wanted = awake.copied().into_iter().collect();
            }
            self.path.push(node);
            if is_known {
                break;
            }
        }
        self.find_races(&steps[..known_from.unwrap_or(steps.len())], told);
        let elsewhere = self.leave_to_others();
        // What was taken is tried once everything behind it is.
        for node in &mut self.path {
            if node.wanted.contains(&node.chosen) {
                node.asleep.insert(node.chosen, node.touches.clone());
            }
        }
        match known_from {
            Some(_) => Learnt::Known,
            None if elsewhere => Learnt::Elsewhere,
            None => Learnt::New,
        }
    }

    /// Returns the node behind the path.
    fn follow(&self, step: &Footprint) -> Node {
        let before = self.path.last();
        let mut node = Node {
            choices: step.choices.iter().copied().collect(),
            chosen: step.task,
            touches: step.touches.clone(),
            wanted: BTreeSet::from([step.task]),
            asleep: BTreeMap::new(),
            before: before.map(|before| before.chosen),
            preemptions: before.map_or(0, |before| before.preemptions_with(before.chosen)),
            forks: before.map_or(0, |node| node.forks + u32::from(node.choices.len() > 1)),
            tried: 0,
        };
        match self.extent {
            Extent::Classes => {
                node.asleep = before.map_or_else(BTreeMap::new, still_asleep);
                if self.shard.is_some() && node.forks < COMMON_FORKS {
                    node.wanted.clone_from(&node.choices);
                }
            }
            Extent::Preemptions(most) => {
                let affordable = |task: &TaskId| node.preemptions_with(*task) <= most;
                node.wanted = node.choices.iter().copied().filter(affordable).collect();
            }
        }
        node
    }

    /// Cuts off a subtree that belongs to another shard; whether it does.
    fn leave_to_others(&mut self) -> bool {
        let is_below = |node: &Node| node.forks >= COMMON_FORKS;
        let common = self
            .path
            .iter()
            .position(is_below)
            .unwrap_or(self.path.len());
        let Some(shard) = self.shard else {
            return false;
        };
        let way: Vec<TaskId> = self.path[..common].iter().map(|node| node.chosen).collect();
        let elsewhere = !shard.owns(&way);
        if elsewhere {
            self.path.truncate(common);
        }
        elsewhere
    }

    /// Finds, for every race of the run, a task that must take the earlier step so that
    /// the later one comes first, and adds it to the wanted tasks there.
    fn find_races(&mut self, steps: &[Footprint], told: usize) {
        if self.extent != Extent::Classes {
            return;
        }
        let order = Order::of(steps);
        // The last prescribed step is the first new one.
        let new = told.saturating_sub(1)..steps.len();
        for number in new.clone() {
            let kept_from = disabled(steps, number);
            self.path[number].wanted.extend(kept_from);
        }
        for later in new {
            let mut races = order.races_with(later);
            if !races
                .iter()
                .all(|earlier| order.is_reversible(*earlier, later))
            {
                races = order.further_races_with(later);
            }
            for earlier in races {
                self.path[earlier].want(&order.initials(earlier, later));
            }
        }
    }
}

/// Returns the tasks that could have taken a step, and never could again after it,
/// because they were killed, or for a store buffer, because it was emptied. The steps that they
/// would have taken do not appear in the run, so no race reveals them.
fn disabled(steps: &[Footprint], number: usize) -> Vec<TaskId> {
    let (step, later) = (&steps[number], &steps[number + 1..]);
    // A task that takes a step could take it.
    // A store buffer that another step empties is full again only with other stores.
    let goes_on = |task: &TaskId| match task.is_buffer() {
        true => (later.first()).is_some_and(|step| step.choices.contains(task)),
        false => later.iter().any(|step| step.choices.contains(task)),
    };
    let able = step.choices.iter().copied();
    able.filter(|task| *task != step.task && !goes_on(task))
        .collect()
}

/// Returns the tasks that the step of a node leaves asleep: those with which it commutes.
fn still_asleep(node: &Node) -> BTreeMap<TaskId, Vec<Touch>> {
    let undisturbed = node
        .asleep
        .iter()
        .filter(|(task, touches)| **task != node.chosen && !conflict(touches, &node.touches));
    undisturbed
        .map(|(task, touches)| (*task, touches.clone()))
        .collect()
}
