//! Schedules directed at steps that are suspected of a part in a bug (Sen, "Race directed random
//! testing of concurrent programs", PLDI 2008). Who is about to take such a step is held back
//! until another task is about to take the other one; then these two alone take turns, so that
//! either comes first, with a switch between, in an order drawn by chance.
//!
//! No guarantee: how a task comes to a suspected step is left to chance, too.

use super::options::{Options, Policy};
use super::preference::Preference;
use crosswire_model::TaskId;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Choices after which a task is no longer held back: those who could come to the other suspected
/// step may be waiting for it in a loop.
const MOST_HELD: u64 = 2_000;

/// One of so many tasks that come to a suspected step is not held back, so that later ones
/// have their turn.
const PASSED_BY: u32 = 8;

/// The probabilities that turns change after a step of a task, as one in so many, drawn for each of
/// the two: a step may have to come early or late in a function of the other, or the whole of it.
const CHANGES: [u32; 4] = [2, 2, 4, 12];

/// One of two that take turns.
#[derive(Debug, Clone, Copy)]
struct Partner {
    task: TaskId,
    /// Turns change after one in so many of its steps.
    changes: u32,
}

#[derive(Debug)]
pub(super) struct Suspects {
    random: ChaCha8Rng,
    /// The number of suspects.
    count: usize,
    /// Tasks that are held back, each with the number of the choice since which it is.
    held: BTreeMap<TaskId, u64>,
    /// Tasks that may take their suspected steps.
    free: BTreeSet<TaskId>,
    /// Two that take turns, the one whose turn it is first.
    pair: Option<[Partner; 2]>,
    /// Who goes first where nothing is held back.
    preference: Preference,
    number: u64,
}

impl Suspects {
    pub fn new(seed: u64, count: usize) -> Suspects {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        Suspects {
            preference: Preference::new(random.random_bool(0.5)),
            random,
            count,
            held: BTreeMap::new(),
            free: BTreeSet::new(),
            pair: None,
            number: 0,
        }
    }

    /// Tells whether two tasks at these suspects are what is sought.
    fn belong_together(&self, one: u8, other: u8) -> bool {
        let are_there = one != 0 && other != 0;
        are_there && (self.count == 1 || (one | other).count_ones() > 1)
    }

    /// Returns the next of two that take turns; nobody once both have left.
    fn next_of_pair(&mut self, options: &Options) -> Option<TaskId> {
        let mut turns = self.pair?;
        if self.random.random_range(0..turns[0].changes) == 0 {
            turns.reverse();
        }
        let is_there =
            |task: TaskId| options.ready.contains(&task) && suspected(options, task) != 0;
        // Who has left, or cannot go on, lets the other go first.
        if !is_there(turns[0].task) {
            turns.reverse();
        }
        self.pair = is_there(turns[0].task).then_some(turns);
        self.pair.map(|[first, _]| first.task)
    }

    /// Takes notice of who comes to a suspected step, and who has left it.
    fn meet(&mut self, options: &Options) {
        let at: BTreeSet<TaskId> = (options.ready.iter().zip(options.suspected))
            .filter(|(_, sides)| **sides != 0)
            .map(|(task, _)| *task)
            .collect();
        // A task that is not ready may still be at it, in a call that waits.
        let has_left = |task: &TaskId| options.ready.contains(task) && !at.contains(task);
        self.held.retain(|task, _| !has_left(task));
        self.free.retain(|task| !has_left(task));
        for task in at {
            if !self.held.contains_key(&task) && !self.free.contains(&task) {
                match self.random.random_range(0..PASSED_BY) {
                    0 => _ = self.free.insert(task),
                    _ => _ = self.held.insert(task, self.number),
                }
            }
        }
        let late = self.number.saturating_sub(MOST_HELD);
        let released = self.held.iter().filter(|(_, since)| **since < late);
        self.free.extend(released.map(|(task, _)| *task));
        self.held.retain(|_, since| *since >= late);
    }

    /// Returns two of those held back who belong together, in an order drawn by chance.
    fn new_pair(&mut self, options: &Options) -> Option<[TaskId; 2]> {
        let held: Vec<TaskId> = (self.held.keys().copied())
            .filter(|task| options.ready.contains(task))
            .collect();
        let mut pairs = Vec::new();
        for (place, one) in held.iter().enumerate() {
            for other in &held[place + 1..] {
                if self.belong_together(suspected(options, *one), suspected(options, *other)) {
                    pairs.push([*one, *other]);
                }
            }
        }
        if pairs.is_empty() {
            return None;
        }
        let [one, other] = pairs[self.random.random_range(0..pairs.len())];
        match self.random.random_bool(0.5) {
            true => Some([one, other]),
            false => Some([other, one]),
        }
    }
}

/// Returns the suspects that the next step of a task is, a bit each.
fn suspected(options: &Options, task: TaskId) -> u8 {
    let place = options.ready.iter().position(|ready| *ready == task);
    place
        .and_then(|place| options.suspected.get(place))
        .copied()
        .unwrap_or(0)
}

impl Policy for Suspects {
    fn choose(&mut self, options: &Options) -> TaskId {
        self.number += 1;
        if let Some(next) = self.next_of_pair(options) {
            return next;
        }
        self.meet(options);
        if let Some([first, second]) = self.new_pair(options) {
            for task in [first, second] {
                self.held.remove(&task);
                self.free.insert(task);
            }
            self.pair = Some([first, second].map(|task| Partner {
                task,
                changes: CHANGES[self.random.random_range(0..CHANGES.len())],
            }));
            return first;
        }
        let may_go = |task: &&TaskId| !self.held.contains_key(task);
        let mut others: Vec<TaskId> = options.ready.iter().filter(may_go).copied().collect();
        if others.len() > 1 && options.gives_way() {
            others.retain(|task| Some(*task) != options.current);
        }
        if others.is_empty() {
            // Everybody is held back or waits.
            let task = options.ready[self.random.random_range(0..options.ready.len())];
            self.held.remove(&task);
            self.free.insert(task);
            return task;
        }
        self.preference.choose(&others, &mut self.random)
    }

    fn looks_ahead(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns who takes each step, of tasks with these steps, each with the suspects it is.
    fn order(seed: u64, count: usize, tasks: &[&[u8]]) -> Vec<usize> {
        let mut policy = Suspects::new(seed, count);
        let mut done = vec![0; tasks.len()];
        let (mut order, mut current) = (Vec::new(), None);
        loop {
            let left = |index: &usize| done[*index] < tasks[*index].len();
            let ready: Vec<usize> = (0..tasks.len()).filter(left).collect();
            if ready.is_empty() {
                return order;
            }
            let suspected: Vec<u8> = ready
                .iter()
                .map(|index| tasks[*index][done[*index]])
                .collect();
            let ready: Vec<TaskId> = ready.iter().map(|index| TaskId(*index as u32)).collect();
            let task = policy.choose(&Options {
                number: order.len() as u64,
                ready: &ready,
                next: &[],
                suspected: &suspected,
                current,
                in_a_row: 0,
                yielded: false,
            });
            current = Some(task);
            done[task.index()] += 1;
            order.push(task.index());
        }
    }

    /// Counts the seeds under which the steps at these places, of tasks 0 and 1, follow each
    /// other at once, task 0 first and task 1 first.
    fn adjacent(count: usize, tasks: &[&[u8]; 2]) -> [usize; 2] {
        let at = |index: usize| tasks[index].iter().position(|sides| *sides != 0).unwrap();
        let mut counts = [0; 2];
        for seed in 0..100 {
            let order = order(seed, count, tasks);
            let nth = |index: usize| {
                let steps = order.iter().enumerate().filter(|(_, task)| **task == index);
                steps.map(|(place, _)| place).nth(at(index)).unwrap()
            };
            counts[0] += usize::from(nth(0) + 1 == nth(1));
            counts[1] += usize::from(nth(1) + 1 == nth(0));
        }
        counts
    }

    #[test]
    fn suspected_steps_follow_each_other_in_both_orders_however_far_they_lie_apart() {
        let late: &[u8] = &[&[0; 60][..], &[1], &[0; 5]].concat();
        let early: &[u8] = &[&[0; 3][..], &[2], &[0; 40]].concat();
        let [one, other] = adjacent(2, &[late, early]);
        assert!(one > 15 && other > 15, "{one} {other}");
        let early: &[u8] = &[&[0; 3][..], &[1], &[0; 40]].concat();
        let [one, other] = adjacent(1, &[late, early]);
        assert!(one > 15 && other > 15, "{one} {other}");
    }

    #[test]
    fn the_whole_of_one_function_comes_between_two_steps_of_the_other() {
        let function: &[u8] = &[0, 0, 0, 1, 1, 0, 0, 0, 0];
        let other: &[u8] = &[0, 0, 0, 0, 0, 0, 2, 2, 2];
        let between = (0..500).filter(|seed| {
            let order = order(*seed, 2, &[function, other]);
            let nth = |index: usize, nth: usize| {
                let steps = order.iter().enumerate().filter(|(_, task)| **task == index);
                steps.map(|(place, _)| place).nth(nth).unwrap()
            };
            nth(0, 3) < nth(1, 6) && nth(1, 8) < nth(0, 4)
        });
        assert!(between.count() > 15);
    }

    #[test]
    fn nobody_is_held_back_for_ever() {
        for seed in 0..20 {
            assert_eq!(order(seed, 2, &[&[1; 9], &[1; 9], &[0; 3]]).len(), 21);
        }
    }
}
