//! Each task as likely as it has steps left: SURW (Zhao, Wolff, Mathur and
//! Roychoudhury, "Selectively uniform concurrency testing", ASPLOS 2025).
//!
//! Guarantee: if the tasks take as many steps as the weights say and no task waits for
//! another, every interleaving of the steps that count is equally likely. A random walk
//! prefers those in which tasks that exist early finish early.

use super::options::{Options, PATIENCE, Policy};
use super::preference::Preference;
use crosswire_model::{EVERYTHING, TaskId, Weight};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashSet;

#[derive(Debug)]
pub(super) struct Weighted {
    random: ChaCha8Rng,
    /// Objects that count; every step where there are none.
    objects: HashSet<String>,
    tasks: Vec<Tally>,
    /// Task that takes the next step that counts.
    intended: Option<TaskId>,
    /// Steps that others have taken while that task could not take its own.
    waited: u32,
    /// Who takes its steps that do not count first.
    preference: Preference,
    /// Whoever has created all tasks that it is expected to create comes after all others: it may
    /// be about to end them.
    creators_come_last: bool,
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
    pub fn new(seed: u64, objects: HashSet<String>, weights: &[Weight]) -> Weighted {
        let tally = |weight: &Weight| Tally {
            parent: weight.parent,
            left: weight.steps,
            exists: false,
        };
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        Weighted {
            preference: Preference::new(!objects.is_empty() && random.random_bool(0.5)),
            creators_come_last: random.random_bool(0.4),
            random,
            objects,
            tasks: weights.iter().map(tally).collect(),
            intended: None,
            waited: 0,
        }
    }

    /// Steps of a task and of those it has yet to create.
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
        own + unborn.map(|id| self.tasks[id.index()].left).sum::<u64>()
    }

    /// Tells whether a task has created others, and no more of them are expected.
    fn has_created_all(&self, task: TaskId) -> bool {
        let is_its = |other: &&Tally| other.parent == Some(task);
        let mut children = self.tasks.iter().filter(is_its).peekable();
        children.peek().is_some() && children.all(|child| child.exists)
    }

    /// Returns a task among these, as likely as it is heavy. One that does more than was
    /// expected must not stand still, others that have nothing to do with what counts may.
    fn draw(&mut self, among: &[TaskId], options: &Options) -> TaskId {
        let weight = |task: &TaskId| match self.counts(options, *task) {
            true => self.weight(*task).max(1),
            false => self.weight(*task),
        };
        let mut weights: Vec<u64> = among.iter().map(weight).collect();
        if weights.iter().all(|weight| *weight == 0) {
            weights.fill(1);
        }
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
    fn meet(&mut self, options: &Options) {
        for task in options.ready {
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
                self.intended = Some(self.draw(&[parent, *task], options));
            }
        }
    }

    /// Returns the tasks of these that may take the next step.
    fn free(&mut self, ready: &[TaskId], options: &Options) -> Vec<TaskId> {
        let is_ready = |task: &TaskId| ready.contains(task);
        // The lock that the intended task waits for may be free after steps that do not count: if
        // another one were drawn, the first at a lock would be the first at what counts, too.
        // But what it waits for may also need a step that counts, or never happen.
        let has_to_wait = self.intended.is_some_and(|task| !is_ready(&task));
        if has_to_wait && self.waited < PATIENCE && !options.gives_way() {
            self.waited += 1;
            let is_free = |task: &&TaskId| !self.counts(options, **task) && !self.is_last(**task);
            let others: Vec<TaskId> = ready.iter().filter(is_free).copied().collect();
            if !others.is_empty() {
                return others;
            }
        }
        self.waited = 0;
        let intended = match self.intended.filter(is_ready) {
            Some(task) => task,
            None => self.draw(ready, options),
        };
        self.intended = Some(intended);
        let may_go = |task: &&TaskId| **task == intended || !self.counts(options, **task);
        let mut free: Vec<TaskId> = ready.iter().filter(may_go).copied().collect();
        if free.iter().any(|task| !self.is_last(*task)) {
            free.retain(|task| !self.is_last(*task));
        }
        free
    }

    /// Tells whether a task comes after all others in this run.
    fn is_last(&self, task: TaskId) -> bool {
        self.creators_come_last && self.has_created_all(task)
    }

    fn counts(&self, options: &Options, task: TaskId) -> bool {
        let next = options.next_of(task);
        self.objects.is_empty()
            || next
                .iter()
                .any(|touch| self.objects.contains(&touch.object) || touch.object == EVERYTHING)
    }
}

impl Policy for Weighted {
    fn choose(&mut self, options: &Options) -> TaskId {
        self.meet(options);
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
        let free = self.free(&ready, options);
        let chosen = self.preference.choose(&free, &mut self.random);
        if self.counts(options, chosen) {
            let left = &mut self.tasks[chosen.index()].left;
            *left = left.saturating_sub(1);
            self.intended = None;
        }
        chosen
    }

    fn looks_ahead(&self) -> bool {
        !self.objects.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::Touch;
    use std::rc::Rc;

    /// Chooses until each of the tasks has taken so many steps on the object; the first task
    /// never touches it. Returns who took steps on it, in order, and the step of the first.
    fn order(seed: u64, steps: &[u64]) -> (Vec<usize>, usize) {
        let weights: Vec<Weight> = steps
            .iter()
            .map(|steps| Weight {
                parent: None,
                steps: *steps,
            })
            .collect();
        let mut policy = Weighted::new(seed, HashSet::from(["a".to_owned()]), &weights);
        let mut left = steps.to_vec();
        left[0] = 1;
        let (mut taken, mut at) = (Vec::new(), 0);
        while left.iter().any(|steps| *steps > 0) {
            let ready: Vec<TaskId> = (0..steps.len() as u32)
                .map(TaskId)
                .filter(|task| left[task.index()] > 0)
                .collect();
            let touches = |task: &TaskId| -> Rc<[Touch]> {
                match task.index() {
                    0 => Rc::new([]),
                    _ => Rc::new([Touch::write("a")]),
                }
            };
            let task = policy.choose(&Options {
                number: 0,
                ready: &ready,
                next: &ready.iter().map(touches).collect::<Vec<_>>(),
                suspected: &[],
                current: None,
                in_a_row: 0,
                yielded: false,
            });
            left[task.index()] -= 1;
            match task.index() {
                0 => at = taken.len(),
                index => taken.push(index),
            }
        }
        (taken, at)
    }

    #[test]
    fn who_has_nothing_to_do_with_what_counts_is_sometimes_last() {
        let last = (0..100).filter(|seed| order(*seed, &[0, 3, 3]).1 == 6);
        assert!(last.count() > 10);
    }

    #[test]
    fn creators_come_last_in_some_runs_once_all_exist() {
        let created = |parent: Option<u32>| Weight {
            parent: parent.map(TaskId),
            steps: 1,
        };
        let weights = [created(None), created(Some(0)), created(Some(0))];
        let all = [0, 1, 2].map(TaskId);
        let next: [Rc<[Touch]>; 3] = std::array::from_fn(|_| Rc::from([]));
        let creator_goes = |seed: u64, count: usize| {
            let mut policy = Weighted::new(seed, HashSet::from(["a".to_owned()]), &weights);
            let options = Options {
                number: 0,
                ready: &all[..count],
                next: &next[..count],
                suspected: &[],
                current: None,
                in_a_row: 0,
                yielded: false,
            };
            (0..20).any(|_| policy.choose(&options) == TaskId(0))
        };
        let never = |count: usize| (0..100).filter(|seed| !creator_goes(*seed, count)).count();
        assert_eq!(never(1), 0);
        let [one_to_come, all_there] = [2, 3].map(never);
        assert!(one_to_come + 15 < all_there, "{one_to_come} {all_there}");
    }

    /// Asks whom of these it chooses, of whom the first two take steps that count.
    fn chosen(policy: &mut Weighted, ready: &[u32]) -> TaskId {
        let touches = |task: &u32| -> Rc<[Touch]> {
            match task {
                0 | 1 => Rc::new([Touch::write("a")]),
                _ => Rc::new([]),
            }
        };
        policy.choose(&Options {
            number: 0,
            ready: &ready.iter().copied().map(TaskId).collect::<Vec<_>>(),
            next: &ready.iter().map(touches).collect::<Vec<_>>(),
            suspected: &[],
            current: None,
            in_a_row: 0,
            yielded: false,
        })
    }

    #[test]
    fn who_is_intended_is_waited_for_but_not_forever() {
        for seed in 0..20 {
            let weights = [2, 2, 0].map(|steps| Weight {
                parent: None,
                steps,
            });
            let mut policy = Weighted::new(seed, HashSet::from(["a".to_owned()]), &weights);
            policy.intended = Some(TaskId(0));
            for _ in 0..50 {
                assert_eq!(chosen(&mut policy, &[1, 2]), TaskId(2));
            }
            assert_ne!(chosen(&mut policy, &[0, 1, 2]), TaskId(1));
            policy.intended = Some(TaskId(0));
            assert_eq!(chosen(&mut policy, &[1]), TaskId(1), "it may wait for that");
            policy.intended = Some(TaskId(0));
            policy.preference = Preference::new(false);
            let mut steps = 0..2 * PATIENCE;
            assert!(steps.any(|_| chosen(&mut policy, &[1, 2]) == TaskId(1)));
        }
    }

    #[test]
    fn every_order_of_what_counts_is_as_likely() {
        let mut seen = std::collections::BTreeMap::<Vec<usize>, u32>::new();
        for seed in 0..600 {
            *seen.entry(order(seed, &[0, 2, 2]).0).or_default() += 1;
        }
        // Six interleavings of two times two steps.
        assert_eq!(seen.len(), 6);
        assert!(
            seen.values().all(|count| (60..150).contains(count)),
            "{seen:?}"
        );
    }
}
