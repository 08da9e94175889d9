//! The footprints of a run's steps.

use super::descriptions::Descriptions;
use super::in_flight::InFlight;
use super::mappings::MappedFiles;
use super::objects::{ObjectNames, TableChange};
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
    /// A call of one of these tasks, which make up a process, has returned, or an exec, for which
    /// `None` stands: forgets what it may have changed of files and mappings, as not every call does
    /// ([`Row::leaves_files`]).
    pub fn follow(&mut self, call: Option<&Row>, process: &[Tid], change: &TableChange) {
        match call {
            None => self.objects.forget(process),
            Some(row) if row.changes_own_files_only() => self.objects.follow(process, change),
            Some(_) => self.objects.forget_all(),
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
        self.objects.hand_down(creator, child);
        self.mapped.forget();
    }

    /// A task has ended, and perhaps its process, which had files open.
    pub fn note_end(&mut self) {
        self.open.version += 1;
    }

    /// Adds what the last step turns out to have touched.
    pub fn add_to_last(&mut self, touch: Touch) {
        if let Some(last) = self.steps.last_mut()
            && !last.touches.contains(&touch)
        {
            last.touches.push(touch);
        }
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
