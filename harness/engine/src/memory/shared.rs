//! The shared memory of a run: address spaces, objects, and what is known of the code
//! that touches them.

use super::objects::{Knowledge, Objects};
use super::space::Space;
use crate::inside::detours::{Detours, Installed};
use crosswire_model::{Place, SharedObject, TaskId};
use std::collections::HashMap;

/// Shared memory that the engine watches.
#[derive(Default)]
pub(crate) struct SharedMemory {
    /// Address spaces, of which a process has one, or shares one.
    pub(super) spaces: Vec<Space>,
    pub(super) objects: Objects,
    pub(super) knowledge: Knowledge,
    pub(super) changes: u64,
    /// Who wrote where last: object and offset.
    pub(super) last_writers: HashMap<(u32, u64), TaskId>,
}

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
        self.spaces.push(self.spaces[space].clone());
        self.spaces.len() - 1
    }

    /// The name of an object by its number.
    pub fn name(&self, object: u32) -> &str {
        &self.objects.list[object as usize].name
    }

    /// What the worker knows of its programs.
    pub fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// The worker's detours, and what an address space has of them.
    pub fn detours(&mut self, space: usize) -> (&mut Detours, &mut Installed) {
        (&mut self.knowledge.detours, &mut self.spaces[space].detours)
    }

    /// Takes apart what outlives the run: the worker's knowledge, the objects that were
    /// shared, and the places in programs that accessed them.
    pub fn into_parts(self) -> (Knowledge, Vec<SharedObject>, Vec<Place>) {
        (self.knowledge, self.objects.list, self.objects.places)
    }
}
