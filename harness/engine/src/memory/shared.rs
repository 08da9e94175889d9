//! The shared memory of a run: address spaces, objects, and what is known of the code
//! that touches them.

use super::left::users::PageUsers;
use super::naming::{Key, Knowledge, SharedObjects};
use super::space::Space;
use super::tso::cut::Cut;
use crate::inside::stubs::{Installed, Stubs};
use crosswire_calls::{Does, Row};
use crosswire_model::{Access, DelayedStore, Place, SharedObject, TaskId};
use std::collections::HashMap;
use std::ops::Range;

/// Shared memory that the engine watches.
#[derive(Default)]
pub(crate) struct SharedMemory {
    /// Address spaces, of which a process has one, or shares one.
    pub spaces: Vec<Space>,
    pub(super) objects: SharedObjects,
    pub(super) knowledge: Knowledge,
    pub(super) reserved: Reserved,
    /// The users of pages that processes share.
    pub(super) page_users: PageUsers,
    pub(super) changes: u64,
    /// An instruction has loaded and stored memory without a lock where others may notice.
    pub splittable: bool,
    /// Stores that were to wait, whether they have been executed or not.
    pub delayed: Vec<DelayedStore>,
    /// Pages that calls have cut off mapped files so far.
    pub(super) cuts: Vec<Cut>,
    /// The user of each word, by object and number; `None` if there are several.
    users: HashMap<(u32, u64), Option<TaskId>>,
    /// The last writer of each word, by object and offset.
    pub(super) last_writers: HashMap<(u32, u64), TaskId>,
}

/// Ranges of files that fallocate(2) has allocated, or tried to. mincore(2) does not count
/// their pages until they are touched (`mincore_page` in mm/mincore.c: `folio_test_uptodate`).
#[derive(Debug, Default)]
pub(super) struct Reserved(pub Vec<(Key, Range<u64>)>);

impl SharedMemory {
    /// Nothing is shared yet; the worker knows this of its programs.
    pub fn new(knowledge: Knowledge) -> SharedMemory {
        SharedMemory {
            knowledge,
            ..SharedMemory::default()
        }
    }

    /// Adds an address space without shared memory, and returns its number.
    pub fn add_space(&mut self) -> usize {
        self.spaces.push(Space::default());
        self.spaces.len() - 1
    }

    /// Copies an address space as fork(2) does, and returns the copy's number.
    pub fn copy_space(&mut self, space: usize) -> usize {
        self.spaces.push(self.spaces[space].of_child());
        self.spaces.len() - 1
    }

    /// Tells whether an object is private memory of a process.
    pub fn is_own(&self, object: u32) -> bool {
        self.objects.is_own(object)
    }

    /// The name of a place in an object.
    pub fn place_name(&self, object: u32, offset: u64) -> String {
        self.objects.list[object as usize].place(offset)
    }

    /// The name of an object by its number.
    pub fn name(&self, object: u32) -> &str {
        &self.objects.list[object as usize].name
    }

    /// Tells whether a file has been mapped that has a name, by which it is known here: not
    /// anonymous memory, a System V segment or a file of memfd_create(2).
    pub fn has_named_files(&self) -> bool {
        let is_named = |name: &str| {
            let nameless = ["/dev/zero", "/memfd:", "/SYSV"];
            name.starts_with('/') && !nameless.iter().any(|start| name.starts_with(start))
        };
        self.objects
            .list
            .iter()
            .any(|object| is_named(&object.name))
    }

    /// Returns the worker's knowledge of its programs.
    pub fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// The same, to add to it.
    pub fn knowledge_mut(&mut self) -> &mut Knowledge {
        &mut self.knowledge
    }

    /// A call waits.
    pub fn note_wait(&mut self, row: &Row) {
        self.knowledge.opens_wait |= row.does == Does::Open;
    }

    /// The worker's stubs, and what an address space has of them.
    pub fn stubs(&mut self, space: usize) -> (&mut Stubs, &mut Installed) {
        (&mut self.knowledge.stubs, &mut self.spaces[space].stubs)
    }

    /// Changes of shared memory that another task than the one which made them has looked at
    /// before.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// A task uses memory. Returns whether others have used it, too.
    pub fn note_user(&mut self, access: &Access, task: TaskId) -> bool {
        let mut others = false;
        for word in words(access) {
            let user = self
                .users
                .entry((access.object, word))
                .or_insert(Some(task));
            if *user != Some(task) {
                *user = None;
                others = true;
            }
        }
        others
    }

    /// A store of a task that has waited in its buffer becomes visible.
    pub(super) fn becomes_visible(&mut self, access: &Access, task: TaskId) {
        self.note_user(access, task);
        if access.before != access.after || access.size > 8 {
            self.note_change(access, task);
        }
        self.last_writers
            .insert((access.object, access.offset), task);
    }

    /// A task has changed memory.
    pub fn note_change(&mut self, access: &Access, task: TaskId) {
        let by_others = |word: u64| self.users.get(&(access.object, word)) != Some(&Some(task));
        // A thread that computes in its own process's memory gets on, even if nobody looks.
        let is_own = self.objects.is_own(access.object);
        self.changes += u64::from(is_own || words(access).any(by_others));
    }

    /// The task that wrote last where an access begins.
    pub fn last_writer(&self, access: &Access) -> Option<TaskId> {
        let exact = self.last_writers.get(&(access.object, access.offset));
        let covers = |(object, offset): &(u32, u64)| {
            *object == access.object
                && *offset < access.offset + u64::from(access.size)
                && access.offset < offset + 8
        };
        let near = || self.last_writers.iter().find(|(word, _)| covers(word));
        exact.or_else(|| near().map(|(_, task)| task)).copied()
    }

    /// Takes apart what outlives the run: the worker's knowledge, the objects that were
    /// shared, and the places in programs that accessed them.
    pub fn into_parts(self) -> (Knowledge, Vec<SharedObject>, Vec<Place>) {
        let mut objects = self.objects.list;
        for (number, object) in (0..).zip(&mut objects) {
            object.variables.retain(|variable| {
                let last = variable.offset + variable.size.max(1) - 1;
                let mut words = variable.offset / 8..=last / 8;
                words.any(|word| self.users.contains_key(&(number, word)))
            });
        }
        (self.knowledge, objects, self.objects.places)
    }
}

/// The numbers of the words that an access touches.
fn words(access: &Access) -> impl Iterator<Item = u64> + use<> {
    let last = access.offset + u64::from(access.size.max(1)) - 1;
    access.offset / 8..=last / 8
}
