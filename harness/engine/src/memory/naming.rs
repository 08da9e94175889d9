//! Names for shared memory and for the instructions that touch it.

use super::code::trampoline::Trampolines;
use crate::image::Images;
use crate::inside::stubs::Stubs;
use crosswire_kernel::{Tid, descriptor, maps};
use crosswire_model::{Mapping, Place, SharedObject};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::unix::fs::MetadataExt;

/// Identity of a piece of shared memory during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A file, by device and inode.
    File(u64, u64),
    /// A System V segment, by id.
    SystemV(i32),
    /// Memory without a name, by the number of its mapping.
    Anonymous(u32),
    /// Private memory, by the number of its address space and where it begins.
    Own(u32, u64),
}

/// The shared objects of a run, numbered as they are first mapped.
#[derive(Debug, Default)]
pub(crate) struct SharedObjects {
    known: HashMap<Key, u32>,
    pub list: Vec<SharedObject>,
    pub places: Vec<Place>,
    place_numbers: HashMap<(u32, usize), u32>,
    anonymous: u32,
    own: BTreeSet<u32>,
}

/// Knowledge that a worker keeps of programs' code, from run to run.
#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    pub(super) trampolines: Trampolines,
    pub stubs: Stubs,
    /// Programs that runs execute, as they are when they have been loaded.
    pub images: Images,
    /// Mappings at the time the programs were loaded, with the paths of that time.
    originals: Vec<Mapping>,
    executables: Vec<String>,
    places: HashMap<(u32, usize), Place>,
    /// Programs open files whose other end they have to wait for (fifo(7)).
    pub opens_wait: bool,
}

impl SharedObjects {
    pub(super) fn number(&mut self, key: Key, name: &str) -> u32 {
        *self.known.entry(key).or_insert_with(|| {
            self.list.push(SharedObject::named(name));
            let number = self.list.len() as u32 - 1;
            if matches!(key, Key::Own(..)) {
                self.own.insert(number);
            }
            number
        })
    }

    pub(super) fn anonymous(&mut self) -> u32 {
        self.anonymous += 1;
        self.number(Key::Anonymous(self.anonymous), "/dev/zero")
    }

    /// Returns the identity of an object.
    pub(super) fn key(&self, object: u32) -> Option<Key> {
        let mut known = self.known.iter();
        known
            .find(|(_, number)| **number == object)
            .map(|(key, _)| *key)
    }

    /// Tells whether an object is private memory of a process.
    pub(super) fn is_own(&self, object: u32) -> bool {
        self.own.contains(&object)
    }

    /// Returns the number of the object that this is, if it was ever mapped.
    pub(super) fn of_key(&self, key: Key) -> Option<u32> {
        self.known.get(&key).copied()
    }

    /// Returns the number of a System V segment's object, if it was ever attached.
    pub(super) fn of_segment(&self, id: i32) -> Option<u32> {
        self.of_key(Key::SystemV(id))
    }

    /// Returns the number of an instruction's place.
    pub(super) fn place(
        &mut self,
        knowledge: &mut Knowledge,
        tid: Tid,
        executable: u32,
        trampoline: usize,
    ) -> u32 {
        let key = (executable, trampoline);
        if let Some(number) = self.place_numbers.get(&key) {
            return *number;
        }
        let place = knowledge.place(tid, key);
        self.places.push(place);
        let number = self.places.len() as u32 - 1;
        self.place_numbers.insert(key, number);
        number
    }
}

impl Knowledge {
    /// Returns a number for the program that a process executes.
    pub(super) fn executable(&mut self, tid: Tid) -> u32 {
        let path = descriptor::executable(tid).unwrap_or_default();
        let path = path.to_string_lossy().into_owned();
        let known = self.executables.iter().position(|known| *known == path);
        let number = known.unwrap_or_else(|| {
            self.executables.push(path);
            self.executables.len() - 1
        });
        number as u32
    }

    fn place(&mut self, tid: Tid, key: (u32, usize)) -> Place {
        if let Some(place) = self.places.get(&key) {
            return place.clone();
        }
        let trampoline = self.trampolines.get(key.1);
        let (module, offset) = self.module_at(tid, trampoline.origin).unwrap_or_default();
        let place = Place {
            offset: match module.is_empty() {
                true => trampoline.origin,
                false => offset,
            },
            module,
            instruction: trampoline.instruction.text.clone(),
        };
        self.places.insert(key, place.clone());
        place
    }

    /// Learns what a program has mapped that was just loaded.
    pub(crate) fn note_loaded(&mut self, tid: Tid) -> io::Result<()> {
        self.originals.extend(maps::read(tid)?);
        Ok(())
    }

    /// Returns the mappings of a task's memory, with the paths that files had when the
    /// programs were loaded.
    ///
    /// A file may lie in a directory whose overlay has been renewed since. Then the kernel
    /// tells its path from the root of the overlay that is gone, as it does for every mount
    /// that is no longer attached (d_path in proc_pid_maps(5)): `/app` instead of
    /// `/home/me/app`.
    pub(crate) fn mappings(&self, tid: Tid) -> io::Result<Vec<Mapping>> {
        let mut mappings = maps::read(tid)?;
        for mapping in &mut mappings {
            let is_it = |original: &&Mapping| {
                (original.start, original.offset) == (mapping.start, mapping.offset)
                    && original.path.ends_with(&mapping.path)
            };
            if let Some(original) = self.originals.iter().find(is_it) {
                mapping.path.clone_from(&original.path);
            }
        }
        Ok(mappings)
    }

    /// Returns the file that holds the code at an address, and the position in it.
    fn module_at(&self, tid: Tid, address: u64) -> Option<(String, u64)> {
        let mappings = self.mappings(tid).ok()?;
        let holds = |one: &Mapping| (one.start..one.end).contains(&address);
        let mapping = mappings.into_iter().find(holds)?;
        let position = mapping.offset + (address - mapping.start);
        mapping
            .path
            .starts_with('/')
            .then_some((mapping.path, position))
    }
}

/// Returns the file behind a descriptor: what tells it from others, and its name.
pub(super) fn file(tid: Tid, descriptor: u64) -> Option<(Key, String)> {
    let link = format!("/proc/{tid}/fd/{}", descriptor as i32);
    let name = std::fs::read_link(&link).ok()?;
    let data = std::fs::metadata(&link).ok()?;
    let name = name.to_string_lossy();
    let name = name.strip_suffix(" (deleted)").unwrap_or(&name).to_owned();
    Some((Key::File(data.dev(), data.ino()), name))
}
