//! The footprints of a run's steps.

use super::descriptions::Descriptions;
use super::in_flight::InFlight;
use super::mappings::MappedFiles;
use super::objects::ObjectNames;
use super::times::FileTimes;
use crosswire_calls::Row;
use crosswire_kernel::Tid;
use crosswire_model::{Footprint, Touch};

/// The objects that each step has touched, and their names.
#[derive(Default)]
pub(crate) struct Footprints {
    pub(super) steps: Vec<Footprint>,
    pub(super) objects: ObjectNames,
    pub(super) mapped: MappedFiles,
    pub(super) in_flight: InFlight,
    pub(super) open: Descriptions,
    pub times: FileTimes,
    /// Processes that have asked for a signal at the end of their parent.
    pub(super) tied: Vec<usize>,
    /// Steps may have effects from now on that are not followed: they touch everything.
    pub unfollowed: bool,
}

impl Footprints {
    /// Forgets what a call of one of these tasks, which make up a process, may have changed of
    /// files and mappings, as not every call does ([`Row::leaves_files`]); `None` stands for an
    /// exec.
    pub fn forget_after(&mut self, call: Option<&Row>, process: &[Tid]) {
        match call {
            Some(row) if !row.changes_own_files_only() => self.objects.forget_all_descriptors(),
            _ => self.objects.forget_descriptors(process),
        }
        if !call.is_some_and(Row::leaves_mappings) {
            self.mapped.forget();
        }
    }

    /// Adds what is touched with what is: all files with several names with one of them, and what is
    /// on its way through pipes and sockets.
    pub(super) fn add_related(&self, touches: &mut Vec<Touch>) {
        self.in_flight.add(touches);
        self.objects.add_linked(touches);
    }

    /// A task has been created: with another process's open files, unless it is a thread.
    pub fn hand_down(&mut self, creator: Tid, child: Tid) {
        // Its number may be that of one that has ended.
        self.objects.forget_descriptors(&[child]);
        self.objects.copy_descriptors(creator, child);
        self.mapped.forget();
    }

    /// A task has ended, and perhaps its process, which had files open.
    pub fn note_end(&mut self) {
        self.open.version += 1;
    }

    /// The version of what descriptors mean.
    pub fn files_version(&self) -> u64 {
        self.open.version
    }

    /// The footprints, by step.
    pub fn into_steps(self) -> Vec<Footprint> {
        self.steps
    }
}
