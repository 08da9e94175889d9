//! Random priorities with a few changes: PCT (Burckhardt, Kothari, Musuvathi and
//! Nagarakatte, "A randomized scheduler with probabilistic guarantees of finding
//! bugs", ASPLOS 2010).
//!
//! Guarantee: a bug that needs d orderings between n tasks shows in a run of k choices
//! with d - 1 changes with probability 1/(n·k^(d-1)) at least. Choices are those between
//! several tasks: where only one can go on, priorities make no difference.

use super::options::{Options, Policy};
use crosswire_model::TaskId;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[derive(Debug)]
pub(super) struct Priorities {
    random: ChaCha8Rng,
    /// By task.
    priorities: Vec<u64>,
    /// When the task that would be chosen is overtaken, each time with the priority that it
    /// gets.
    changes: Vec<(OvertakenAt, u64)>,
    /// How often each task would have been chosen among several.
    turns: Vec<u64>,
    /// The lowest priority so far.
    lowest: u64,
}

/// First priorities lie above it, those after a fall below.
const MIDDLE: u64 = u64::MAX / 2;

/// A moment at which a task is overtaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OvertakenAt {
    /// At the choice between several tasks that has this number.
    Choice(u64),
    /// When this task, by index, would be chosen for the time that has this number.
    Turn(usize, u64),
}

impl OvertakenAt {
    fn draw(random: &mut ChaCha8Rng, horizon: u32, by_task: &[u64]) -> OvertakenAt {
        if by_task.is_empty() {
            return OvertakenAt::Choice(random.random_range(0..u64::from(horizon.max(1))));
        }
        let task = random.random_range(0..by_task.len());
        OvertakenAt::Turn(task, random.random_range(0..by_task[task].max(1)))
    }
}

impl Priorities {
    pub fn new(seed: u64, changes: u32, horizon: u32, by_task: &[u64]) -> Priorities {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let lowest = MIDDLE - u64::from(changes);
        // Whoever is overtaken first may become the lower one of two, or the higher.
        let changes = (lowest..MIDDLE).map(|priority| {
            let at = OvertakenAt::draw(&mut random, horizon, by_task);
            (at, priority)
        });
        Priorities {
            changes: changes.collect(),
            random,
            priorities: Vec::new(),
            turns: Vec::new(),
            lowest,
        }
    }

    /// Returns the change, by index, that the task which would be chosen meets here.
    fn due(&self, options: &Options) -> Option<usize> {
        let task = self.highest(options.ready).index();
        let (now, turn) = (
            OvertakenAt::Choice(options.number),
            OvertakenAt::Turn(task, self.turns[task]),
        );
        (self.changes.iter()).position(|(at, _)| *at == now || *at == turn)
    }

    fn lower(&mut self, task: TaskId, priority: u64) {
        if let Some(known) = self.priorities.get_mut(task.index()) {
            *known = priority;
        }
    }

    fn highest(&self, ready: &[TaskId]) -> TaskId {
        *ready
            .iter()
            .max_by_key(|task| self.priorities[task.index()])
            .expect("somebody is ready")
    }
}

impl Policy for Priorities {
    fn choose(&mut self, options: &Options) -> TaskId {
        let newest = options.ready.iter().map(|id| id.index()).max().unwrap_or(0);
        while self.priorities.len() <= newest {
            let priority = self.random.random_range(MIDDLE..u64::MAX);
            self.priorities.push(priority);
            self.turns.push(0);
        }
        if let (true, Some(task)) = (options.gives_way(), options.current) {
            self.lowest -= 1;
            self.lower(task, self.lowest);
        }
        if options.ready.len() > 1 {
            while let Some(due) = self.due(options) {
                let (_, priority) = self.changes.swap_remove(due);
                self.lower(self.highest(options.ready), priority);
            }
            let turn = self.highest(options.ready).index();
            self.turns[turn] += 1;
        }
        self.highest(options.ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns who is chosen at each choice among these, each time with the task that ran
    /// before.
    fn chosen(mut policy: Priorities, choices: &[&[u32]]) -> Vec<TaskId> {
        let (mut current, mut number, mut all) = (None, 0, Vec::new());
        for ready in choices {
            let ready: Vec<TaskId> = ready.iter().map(|id| TaskId(*id)).collect();
            let task = policy.choose(&Options {
                number,
                ready: &ready,
                next: &[],
                suspected: &[],
                current,
                in_a_row: 0,
                yielded: false,
            });
            number += u64::from(ready.len() > 1);
            current = Some(task);
            all.push(task);
        }
        all
    }

    #[test]
    fn whoever_would_be_chosen_is_overtaken_and_only_where_there_is_a_choice() {
        let of = |seed| Priorities::new(seed, 1, 1, &[]);
        for seed in 0..20 {
            let undisturbed = chosen(Priorities::new(seed, 0, 1, &[]), &[&[0, 1], &[0, 1]]);
            assert_eq!(undisturbed[0], undisturbed[1]);
            let both = chosen(of(seed), &[&[0, 1], &[0, 1]]);
            assert_eq!(both[0], both[1], "the change comes before the first step");
            let late = chosen(of(seed), &[&[0], &[0], &[0, 1], &[0, 1]]);
            assert_eq!(late[2], late[3], "no change is used up where one is alone");
        }
        let overtaken = (0..20).filter(|seed| {
            let first = |changes| chosen(Priorities::new(*seed, changes, 1, &[]), &[&[0, 1]])[0];
            first(0) != first(1)
        });
        assert!(overtaken.count() > 0);
    }

    #[test]
    fn who_is_overtaken_first_may_be_the_higher_one_afterwards() {
        // Of three, two are overtaken at the first two choices; then only these are left.
        let left = |seed| {
            let mut policy = Priorities::new(seed, 2, 2, &[]);
            policy.changes.sort_unstable_by_key(|(at, _)| match at {
                OvertakenAt::Choice(number) | OvertakenAt::Turn(_, number) => *number,
            });
            let numbers: Vec<OvertakenAt> = policy.changes.iter().map(|(at, _)| *at).collect();
            if numbers != [OvertakenAt::Choice(0), OvertakenAt::Choice(1)] {
                return None;
            }
            let (first, second) = (policy.changes[0].1, policy.changes[1].1);
            Some(first > second)
        };
        let orders: Vec<bool> = (0..40).filter_map(left).collect();
        assert!(orders.contains(&true) && orders.contains(&false));
    }

    #[test]
    fn changes_by_task_are_met_by_that_task_alone() {
        for seed in 0..20 {
            // Both changes are for the only turn of the second task.
            let policy = Priorities::new(seed, 2, 9, &[1]);
            let all: Vec<OvertakenAt> = policy.changes.iter().map(|(at, _)| *at).collect();
            assert_eq!(all, [OvertakenAt::Turn(0, 0), OvertakenAt::Turn(0, 0)]);
            let chosen = chosen(policy, &[&[0, 1], &[0, 1], &[0, 1]]);
            assert!(chosen.iter().all(|task| *task == TaskId(1)), "{chosen:?}");
        }
    }
}
