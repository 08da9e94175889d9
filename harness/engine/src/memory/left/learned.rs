//! What a run has shown beyond what its plan knows.

use crate::memory::space::PAGE;
use crosswire_model::StartUp;
use std::collections::BTreeSet;

/// What a run has shown to be contested beyond what its plan knows.
pub(crate) struct Contested {
    pub objects: BTreeSet<String>,
    /// Pages that were left, although others use them: by the name of the memory and a position.
    pub missed: BTreeSet<(String, u64)>,
    /// Pages that were not left because they have several users, to be known in further runs.
    pub shared: BTreeSet<(String, u64)>,
}

/// Number of attempts at a run in which pages are left that others use, too.
const MOST_LEAVING: u32 = 12;

impl Contested {
    /// Tells whether the plan has known everything that matters.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.missed.is_empty()
    }

    /// Adds it to what the plan of the next attempt knows, after so many.
    pub fn teach(self, start_up: &mut StartUp, attempts: u32) {
        start_up.add_contested(self.objects);
        start_up.leaves_shared_pages &= attempts < MOST_LEAVING;
        for (memory, page) in self.missed.iter().chain(&self.shared) {
            start_up.add_shared_pages(memory, (*page, page + PAGE));
        }
    }
}
