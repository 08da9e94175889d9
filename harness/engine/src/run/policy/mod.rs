//! The rules by which the next task is chosen, one idea a file. Each says what it
//! guarantees and whose idea it is.

mod partial_order;
mod priorities;
mod random_walk;
mod round_robin;
mod weighted;

use crosswire_model::{Rule, TaskId, Touch};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt::Debug;
use std::rc::Rc;

/// After so many steps in a row a task that never waits gives way even where the
/// rule prefers it: it may be waiting for another one in a loop.
pub(crate) const PATIENCE: u32 = 1_000;

/// Makes the choices of one run.
pub(crate) trait Policy: Debug {
    /// One of those that are ready.
    fn choose(&mut self, turn: &Turn) -> TaskId;

    /// Tells whether it uses [`Turn::next`].
    fn looks_ahead(&self) -> bool {
        false
    }
}

/// Tasks to choose from.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub step: u64,
    /// Tasks that can go on, by ascending number; never empty.
    pub ready: &'a [TaskId],
    /// Objects that the steps of `ready` are about to touch, if the rule uses them.
    pub next: &'a [Rc<[Touch]>],
    /// Task that ran last.
    pub current: Option<TaskId>,
    /// Number of further steps that it has taken without a switch.
    pub in_a_row: u32,
    /// It wants others to run.
    pub yielded: bool,
}

impl Turn<'_> {
    /// The task that ran last has had enough.
    fn gives_way(&self) -> bool {
        self.yielded || self.in_a_row >= PATIENCE
    }

    /// Returns the objects that a ready task is about to touch.
    fn next_of(&self, task: TaskId) -> &[Touch] {
        let place = self.ready.iter().position(|ready| *ready == task);
        place
            .and_then(|place| self.next.get(place))
            .map_or(&[], Rc::as_ref)
    }
}

/// Returns the rule at work; nothing for [`Rule::RunOn`], which needs no state.
pub(crate) fn of(rule: &Rule) -> Option<Box<dyn Policy>> {
    Some(match rule {
        Rule::RunOn => return None,
        Rule::RandomWalk { seed } => Box::new(random_walk::RandomWalk::new(*seed)),
        Rule::Priorities {
            seed,
            changes,
            horizon,
        } => Box::new(priorities::Priorities::new(*seed, *changes, *horizon)),
        Rule::PartialOrder { seed } => Box::new(partial_order::PartialOrder::new(*seed)),
        Rule::Weighted {
            seed,
            object,
            weights,
        } => Box::new(weighted::Weighted::new(*seed, object.clone(), weights)),
        Rule::RoundRobin { quantum } => Box::new(round_robin::RoundRobin { quantum: *quantum }),
    })
}

/// Returns the number of sleeps of a run that a rule may end early. If all ended early in
/// every run, no run would have sleeps that do what their author intended.
pub(crate) fn early_wakes(rule: &Rule) -> u64 {
    match rule {
        Rule::RunOn | Rule::RoundRobin { .. } => 0,
        Rule::RandomWalk { seed }
        | Rule::Priorities { seed, .. }
        | Rule::PartialOrder { seed }
        | Rule::Weighted { seed, .. } => {
            let mut random = ChaCha8Rng::seed_from_u64(*seed);
            // Apart from the stream that the rule itself draws from.
            random.set_stream(1);
            random.random_range(0..3)
        }
    }
}
