//! Open files behind the descriptors of each process.

use crosswire_model::TaskId;
use std::collections::BTreeMap;

/// An open file description (open(2)): what descriptors refer to, and share.
#[derive(Debug, Clone)]
pub(super) struct Open {
    /// The object behind it, by its index.
    pub object: usize,
    pub readable: bool,
    pub writable: bool,
    /// End of the connection.
    pub side: usize,
    /// Position of the next read or write, as far as known.
    pub position: Option<u64>,
    /// Number of descriptors that refer to it.
    pub users: usize,
}

/// Open files of one process, and its mappings of shared memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    /// Open files by descriptor, and whether an exec closes it.
    pub open: BTreeMap<i32, (usize, bool)>,
    pub mappings: Vec<Mapping>,
}

/// A piece of shared memory in an address space.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mapping {
    pub start: u64,
    pub length: u64,
    /// The object, by its index, and where in it the mapping begins.
    pub object: usize,
    pub offset: u64,
}

/// The tables of all processes, by their first tasks.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    pub files: Vec<Open>,
    tables: BTreeMap<TaskId, Table>,
}

impl Descriptors {
    pub fn table(&mut self, process: TaskId) -> &mut Table {
        self.tables.entry(process).or_default()
    }

    /// Returns the open file behind a descriptor.
    pub fn find(&self, process: TaskId, number: i32) -> Option<usize> {
        let (file, _) = self.tables.get(&process)?.open.get(&number)?;
        Some(*file)
    }

    /// Gives a new open file a descriptor.
    pub fn open(&mut self, process: TaskId, number: i32, file: Open, closes: bool) {
        self.files.push(file);
        self.refer(process, number, self.files.len() - 1, closes);
    }

    /// Lets a descriptor refer to an open file. What it referred to before is closed;
    /// returns that file if it was its last descriptor.
    pub fn refer(
        &mut self,
        process: TaskId,
        number: i32,
        file: usize,
        closes: bool,
    ) -> Option<usize> {
        self.files[file].users += 1;
        let old = self.table(process).open.insert(number, (file, closes));
        old.and_then(|(old, _)| self.drop_user(old))
    }

    /// Closes a descriptor. Says which file that was, and whether it had no other.
    pub fn close(&mut self, process: TaskId, number: i32) -> Option<(usize, bool)> {
        let (file, _) = self.table(process).open.remove(&number)?;
        Some((file, self.drop_user(file).is_some()))
    }

    fn drop_user(&mut self, file: usize) -> Option<usize> {
        let users = &mut self.files[file].users;
        *users = users.saturating_sub(1);
        (*users == 0).then_some(file)
    }

    /// Copies all of them to a child.
    pub fn fork(&mut self, parent: TaskId, child: TaskId) {
        let table = self.table(parent).clone();
        for (file, _) in table.open.values() {
            self.files[*file].users += 1;
        }
        self.tables.insert(child, table);
    }

    /// Returns the descriptors that an exec closes.
    pub fn closed_by_exec(&mut self, process: TaskId) -> Vec<i32> {
        let table = self.table(process);
        table.mappings.clear();
        let closed = table.open.iter().filter(|(_, (_, closes))| *closes);
        closed.map(|(number, _)| *number).collect()
    }

    /// Returns every descriptor of a process.
    pub fn all_of(&mut self, process: TaskId) -> Vec<i32> {
        self.table(process).open.keys().copied().collect()
    }

    /// Returns the processes with an open file of this object that satisfies a condition.
    pub fn holders(&self, object: usize, condition: impl Fn(&Open) -> bool) -> Vec<TaskId> {
        let holds = |table: &Table| {
            let mut files = table.open.values().map(|(file, _)| &self.files[*file]);
            files.any(|file| file.object == object && condition(file))
        };
        let tables = self.tables.iter().filter(|(_, table)| holds(table));
        tables.map(|(process, _)| *process).collect()
    }

    /// Returns the shared memory at an address: the object, and the offset in it.
    pub fn shared(&self, process: TaskId, address: u64) -> Option<(usize, u64)> {
        let mappings = &self.tables.get(&process)?.mappings;
        let within = |m: &&Mapping| address >= m.start && address - m.start < m.length;
        let mapping = mappings.iter().rev().find(within)?;
        Some((mapping.object, mapping.offset + address - mapping.start))
    }
}
