//! What a rule is asked: whom to choose among the tasks that are ready.

use crosswire_model::{TaskId, Touch};
use std::fmt::Debug;
use std::rc::Rc;

/// After so many steps in a row a task that never waits gives way even where the
/// rule prefers it: it may be waiting for another one in a loop.
pub(crate) const PATIENCE: u32 = 1_000;

/// Makes the choices of one run.
pub(crate) trait Policy: Debug {
    /// One of those that are ready.
    fn choose(&mut self, options: &Options) -> TaskId;

    /// Returns whether it looks at [`Options::next`].
    fn looks_ahead(&self) -> bool {
        false
    }
}

/// The tasks to choose from.
#[derive(Debug)]
pub(crate) struct Options<'a> {
    /// The number of choices between several tasks so far.
    pub number: u64,
    /// Tasks that can go on, by ascending number; never empty.
    pub ready: &'a [TaskId],
    /// Objects that the steps of `ready` are about to touch, where that is looked at.
    pub next: &'a [Rc<[Touch]>],
    /// The suspects that the steps of `ready` are, a bit each, where that is looked at.
    pub suspected: &'a [u8],
    /// The task that ran last.
    pub current: Option<TaskId>,
    /// Further steps it has taken since it was another one's turn.
    pub in_a_row: u32,
    /// It wants others to run.
    pub yielded: bool,
}

impl Options<'_> {
    /// The task that ran last has had enough.
    pub(super) fn gives_way(&self) -> bool {
        self.yielded || self.in_a_row >= PATIENCE
    }

    /// Returns what a ready task is about to touch.
    pub(super) fn next_of(&self, task: TaskId) -> &[Touch] {
        let place = self.ready.iter().position(|ready| *ready == task);
        place
            .and_then(|place| self.next.get(place))
            .map_or(&[], Rc::as_ref)
    }
}
