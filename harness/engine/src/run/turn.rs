//! Whose turn it is.

use super::allowance::Allowance;

/// The step under way.
pub(crate) struct Turn {
    pub(super) step: u64,
    /// The task whose step it is.
    pub(super) current: Option<usize>,
    /// The current task began the call it is in during this step.
    pub(super) calling: bool,
    /// Stretches of its own code that the current task has begun in this step.
    stretch: u64,
    pub(super) yielded: bool,
    /// The number of events when every task that waits for a lock last tried.
    pub(super) retried_at: usize,
    pub(super) last_resort: bool,
    /// Steps taken since the last root ended.
    pub(super) after_roots: u64,
    pub(super) allowance: Allowance,
    /// Steps that touched something contested, by task, where that is followed.
    mattered: Vec<u64>,
}

impl Turn {
    /// A run that begins now.
    pub fn new() -> Turn {
        Turn {
            step: 0,
            current: None,
            calling: false,
            stretch: 0,
            yielded: false,
            retried_at: usize::MAX,
            last_resort: false,
            after_roots: 0,
            allowance: Allowance::new(),
            mattered: Vec::new(),
        }
    }

    /// The number of the step.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Returns whether the current task is in a call that it began during this step.
    pub fn is_calling(&self) -> bool {
        self.calling
    }

    /// The number of the stretch of its own code that the current task is in, in this step.
    pub fn stretch(&self) -> u64 {
        self.stretch
    }

    /// The current task begins a stretch of its own code.
    pub fn begin_stretch(&mut self) {
        self.stretch += 1;
    }

    /// The current step is over.
    pub(super) fn end_step(&mut self) {
        self.calling = false;
        self.stretch = 0;
        self.step += 1;
    }

    /// The current task wants others to run.
    pub fn yields(&mut self) {
        self.yielded = true;
    }

    /// The task whose step it is.
    pub fn current(&self) -> Option<usize> {
        self.current
    }

    /// Makes a task the current one, outside of any step.
    pub fn give_to(&mut self, index: Option<usize>) {
        self.current = index;
    }

    /// Returns whether the task that took the last step wants others to run.
    pub fn has_yielded(&self) -> bool {
        self.yielded
    }

    /// The next step, of this task, touches something contested.
    pub fn matters_for(&mut self, index: usize) {
        if self.mattered.len() <= index {
            self.mattered.resize(index + 1, 0);
        }
        self.mattered[index] += 1;
    }

    /// For each task, the number of steps that did; the last ones may be missing.
    pub fn mattered(&self) -> &[u64] {
        &self.mattered
    }

    /// Returns whether nobody can go on otherwise, so that all who wait are let into the
    /// kernel.
    pub fn is_last_resort(&self) -> bool {
        self.last_resort
    }
}
