//! The footprints of a run's steps.

use super::objects::ObjectNames;
use crosswire_calls::Row;
use crosswire_model::Footprint;

/// The objects that each step has touched, and their names.
#[derive(Default)]
pub(crate) struct Footprints {
    pub(super) steps: Vec<Footprint>,
    pub(super) objects: ObjectNames,
    /// Steps may have effects from now on that are not followed: they touch everything.
    pub unfollowed: bool,
}

impl Footprints {
    /// Forgets what a call may have changed of files and mappings; `None` stands for an
    /// exec or a new process.
    pub fn forget_after(&mut self, call: Option<&Row>) {
        if !call.is_some_and(Row::leaves_files) {
            self.objects.forget_descriptors();
        }
        if !call.is_some_and(Row::leaves_mappings) {
            self.objects.forget_mappings();
        }
    }

    /// The footprints, by step.
    pub fn into_steps(self) -> Vec<Footprint> {
        self.steps
    }
}
