//! The programs of a worker, started: for each start-up that its runs have had.

use crate::start::target::Start;
use crate::start::template::Template;
use crosswire_kernel::sandbox;
use crosswire_model::{StartUp, Wrapper};
use std::collections::BTreeSet;

/// A program as it is started, for a template that is made anew.
pub(crate) struct Startable {
    pub start: Start,
    pub program: sandbox::Program,
    /// Once that is known: what it executes itself, if it only prepares that, kept there.
    pub executes: Option<Option<Template>>,
}

/// Templates of all programs, for runs with the same start-up.
pub(crate) struct Prepared {
    pub start_up: StartUp,
    /// False if a program could only be kept after a shorter one.
    pub is_as_asked: bool,
    pub templates: Vec<Template>,
    /// For each, the files of the run at which it looked while it started.
    pub early: Vec<BTreeSet<String>>,
}

impl Prepared {
    /// Returns the programs that are kept after they have executed another one.
    pub fn wrappers(&self) -> Vec<Wrapper> {
        let wrappers = self.templates.iter().map(|one| one.wrapper.clone());
        wrappers.flatten().collect()
    }

    /// Tells whether a program would begin with another one.
    fn has_wrappers(&self, start_up: &StartUp) -> bool {
        start_up.skips_wrappers && !(self.start_up.skips_wrappers && self.wrappers().is_empty())
    }

    /// Tells whether the programs would be kept at the same places for runs with another
    /// start-up: it knows of nothing else contested at which they have looked.
    pub fn serves(&self, wanted: &StartUp) -> bool {
        let (own, other) = (&self.start_up, wanted);
        let kind = |one: &StartUp| (one.reads_own_files, one.comes_first);
        if own.errors != other.errors
            || kind(own) != kind(other)
            || self.has_wrappers(own) != self.has_wrappers(other)
        {
            return false;
        }
        let is_new = |object: &&String| !own.contested.contains(*object);
        let mut new = other.contested.iter().filter(is_new);
        let differs = |object: &String| self.early.iter().any(|seen| seen.contains(object));
        own == other
            || own.comes_first
            || (self.is_as_asked || own.is_shortest())
                && own.contested.is_subset(&other.contested)
                && !new.any(differs)
    }
}
