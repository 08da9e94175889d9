//! Files, shared memory, locks on files, semaphores, and words that tasks wait at.

use super::descriptors::{Mapping, Open};
use super::object::{Kind, Lock, Object, Owner, State, unescaped};
use super::{Done, Follower, Key, Use};
use crosswire_calls::{Does, SystemV};
use crosswire_model::{Access, AccessKind, Content, SharedObject, TaskId};

/// Bytes of each file or piece of memory that are followed.
const FOLLOWED: u64 = 256;

impl<'a> Follower<'a> {
    pub(super) fn makes_memory(&mut self, done: &Done<'a>) {
        let name = done.path.unwrap_or_default();
        let object = self.object(
            Key::New(self.event, 0),
            Kind::SharedMemory,
            name,
            State::memory(),
        );
        let file = Open {
            object,
            readable: true,
            writable: true,
            side: 0,
            position: Some(0),
            users: 0,
        };
        let closes = done.args[1] & libc::MFD_CLOEXEC as u64 != 0;
        self.descriptors
            .open(done.process, done.result as i32, file, closes);
        self.touch(object, Use::Changes);
    }

    /// Returns the position at which a transfer began, as far as known, and moves the
    /// file's position.
    fn begin_of(&mut self, done: &Done<'a>, file: usize) -> Option<u64> {
        if matches!(done.row.does, Does::ReadAt | Does::WriteAt) {
            return Some(done.args[3]);
        }
        let position = &mut self.descriptors.files[file].position;
        let begin = *position;
        *position = begin.map(|at| at + done.result as u64);
        begin
    }

    pub(super) fn moves(&mut self, done: &Done<'a>, file: usize) {
        self.begin_of(done, file);
    }

    pub(super) fn writes_memory(&mut self, done: &Done<'a>, file: usize, object: usize) {
        let begin = self.begin_of(done, file);
        let State::Memory { cells, size, .. } = &mut self.states[object] else {
            return;
        };
        // Appended, or after a seek that was not captured.
        let begin = begin.or(*size).unwrap_or(0);
        *size = Some(size.unwrap_or(0).max(begin + done.result as u64));
        let bytes = Self::transferred(done).map(|bytes| unescaped(&bytes.shown));
        let bytes = bytes.unwrap_or_default();
        fill(cells, begin, &bytes, done.task);
    }

    /// Returns the object that accesses to shared memory name by this number.
    fn shared_object(&mut self, index: u32) -> usize {
        let name = self.trace.objects.get(index as usize);
        let name = name.map_or("", |object| object.name.as_str());
        let known = |object: &Object| {
            object.kind == Kind::SharedMemory
                && (object.name == name
                    || name
                        .strip_prefix("/memfd:")
                        .is_some_and(|name| object.name == name))
        };
        if let Some(known) = self.world.objects.iter().position(known) {
            return known;
        }
        // Memory without a name is one object for each mapping; which of them an
        // access belongs to is certain only if there is just one.
        let nameless = |object: &Object| {
            object.kind == Kind::SharedMemory && object.name.starts_with(Kind::SharedMemory.word())
        };
        let mut all = (0..self.world.objects.len()).filter(|o| nameless(&self.world.objects[*o]));
        let of_this_kind = |other: &&SharedObject| other.name == name;
        let is_only_one = self.trace.objects.iter().filter(of_this_kind).count() == 1;
        match (name == "/dev/zero", all.next(), all.next()) {
            (true, Some(only), None) if is_only_one => only,
            (true, ..) => self.object(Key::Shared(index), Kind::SharedMemory, "", State::memory()),
            _ => {
                let object = self.at_path(name);
                if matches!(self.states[object], State::Absent) {
                    self.set(object, Kind::SharedMemory, State::memory());
                }
                object
            }
        }
    }

    /// A store of a task waits in its store buffer: the memory is as it was.
    pub(super) fn delays(&mut self, task: TaskId, access: &Access, is_split: bool) {
        let object = self.shared_object(access.object);
        let name = self.world.objects[object].name.clone();
        let value = access.after.unwrap_or(0);
        let place = access.offset;
        let stored = format!("{name}+{place:#x} = {value:#x}");
        self.says(
            task,
            match is_split {
                true => format!("has yet to store {stored}"),
                false => format!("has {stored} in its store buffer"),
            },
        );
    }

    /// Applies an access to shared memory by an instruction of a task.
    pub(super) fn accesses(&mut self, task: TaskId, access: &Access) {
        let object = self.shared_object(access.object);
        let word = self.word_of(object, access.offset);
        let writes = access.kind.may_write() && access.after != access.before;
        let value = access.after.or(access.before);
        if let (true, Some(after), State::Memory { cells, .. }) = (
            access.kind.may_write(),
            access.after,
            &mut self.states[object],
        ) {
            let bytes = after.to_le_bytes();
            let size = bytes.len().min(access.size as usize);
            fill(cells, access.offset, &bytes[..size], task);
        }
        self.states[word] = State::Word(value);
        let how = match writes || access.kind == AccessKind::Write {
            true => Use::Changes,
            false => Use::Looks,
        };
        self.touch(word, how);
        self.dirty.insert(object);
    }

    pub(super) fn maps(&mut self, done: &Done<'a>) {
        if done.args[3] & libc::MAP_SHARED as u64 == 0 {
            return;
        }
        let number = done.args[4] as u32 as i32;
        let file = self.descriptors.find(done.process, number);
        let object = match file {
            Some(file) => self.descriptors.files[file].object,
            None => {
                let key = Key::New(self.event, 0);
                self.object(key, Kind::SharedMemory, "", State::memory())
            }
        };
        if let State::Memory { size, .. } = &mut self.states[object]
            && file.is_none()
        {
            *size = Some(done.args[1]);
        }
        let offset = if file.is_some() { done.args[5] } else { 0 };
        self.add_mapping(
            done.process,
            done.result as u64,
            done.args[1],
            object,
            offset,
        );
        self.touch(object, Use::Looks);
    }

    fn add_mapping(
        &mut self,
        process: TaskId,
        start: u64,
        length: u64,
        object: usize,
        offset: u64,
    ) {
        // Mappings end with pages.
        let length = length.div_ceil(4096) * 4096;
        self.descriptors.table(process).mappings.push(Mapping {
            start,
            length,
            object,
            offset,
        });
    }

    pub(super) fn unmaps(&mut self, done: &Done<'a>) {
        let mappings = &mut self.descriptors.table(done.process).mappings;
        mappings.retain(|mapping| mapping.start != done.args[0]);
    }

    pub(super) fn attaches(&mut self, done: &Done<'a>) {
        let object = self.system_v(SystemV::Memory, done.args[0] as i64);
        let length = match &self.states[object] {
            State::Memory {
                size: Some(size), ..
            } => *size,
            _ => 4096,
        };
        self.add_mapping(done.process, done.result as u64, length, object, 0);
        self.touch(object, Use::Looks);
    }

    /// Returns the word at an address: where it is shared, the same one for all
    /// processes.
    pub(super) fn word(&mut self, process: TaskId, address: u64) -> usize {
        match self.descriptors.shared(process, address) {
            Some((object, offset)) => self.word_of(object, offset),
            None => {
                let name = format!("{address:#x} of {}", self.name(process));
                let key = Key::PrivateWord(process, address);
                self.object(key, Kind::Word, &name, State::Word(None))
            }
        }
    }

    fn word_of(&mut self, object: usize, offset: u64) -> usize {
        let name = format!("{}+{offset:#x}", self.world.objects[object].name);
        self.object(
            Key::Word(object, offset),
            Kind::Word,
            &name,
            State::Word(None),
        )
    }

    pub(super) fn on_word(&mut self, done: &Done<'a>) {
        let object = self.word(done.process, done.args[0]);
        let value = done.contents.iter().find_map(|(_, content)| match content {
            Content::Word(value) => Some(*value),
            _ => None,
        });
        self.states[object] = State::Word(value.map(u64::from));
        let wakes = matches!(
            done.args[1] as i32 & libc::FUTEX_CMD_MASK,
            libc::FUTEX_WAKE
                | libc::FUTEX_WAKE_BITSET
                | libc::FUTEX_WAKE_OP
                | libc::FUTEX_UNLOCK_PI
        );
        self.touch(
            object,
            match wakes {
                true => Use::Changes,
                false => Use::Looks,
            },
        );
    }

    pub(super) fn on_semaphores(&mut self, done: &Done<'a>) {
        let object = self.system_v(SystemV::Semaphores, done.args[0] as i64);
        let (number, command) = (done.args[1] as usize, done.args[2] as i32 & 0xff);
        let State::Semaphores(values) = &mut self.states[object] else {
            self.touch(object, Use::Looks);
            return;
        };
        let controls = done.row.does != Does::SemaphoreOperation;
        match (controls, command) {
            // SETVAL (linux/sem.h); its value is in the fourth argument.
            (true, 16) => {
                values.resize(values.len().max(number + 1).min(1 << 16), 0);
                if let Some(value) = values.get_mut(number) {
                    *value = i64::from(done.args[3] as i32);
                }
            }
            (true, libc::IPC_RMID) => self.states[object] = State::Absent,
            (true, _) => {
                self.touch(object, Use::Looks);
                return;
            }
            _ => self.operates(done, object),
        }
        self.touch(object, Use::Changes);
    }

    fn operates(&mut self, done: &Done<'a>, object: usize) {
        let State::Semaphores(values) = &mut self.states[object] else {
            return;
        };
        for (_, content) in &done.contents {
            let Content::Semaphores(operations) = content else {
                continue;
            };
            for operation in operations {
                let number = usize::from(operation.number);
                values.resize(values.len().max(number + 1), 0);
                values[number] += i64::from(operation.change);
                if i32::from(operation.flags) & libc::SEM_UNDO != 0 {
                    let undo = self.undo.entry((done.process, object, number));
                    *undo.or_default() -= i64::from(operation.change);
                }
            }
        }
    }

    /// Performs the `SEM_UNDO` operations of a process that ends.
    pub(super) fn undoes(&mut self, process: TaskId) {
        let of_process = (process, 0, 0)..(TaskId(process.0 + 1), 0, 0);
        let due: Vec<_> = self.undo.range(of_process).map(|(k, v)| (*k, *v)).collect();
        for ((_, object, number), change) in due {
            self.undo.remove(&(process, object, number));
            if let State::Semaphores(values) = &mut self.states[object]
                && change != 0
            {
                values[number] += change;
                self.touch(object, Use::Changes);
            }
        }
    }

    pub(super) fn flocks(&mut self, done: &Done<'a>, file: usize, object: usize) {
        let operation = done.args[1] as i32 & !libc::LOCK_NB;
        let lock = Lock {
            is_flock: true,
            owner: Owner::Open(file),
            by: done.task,
            exclusive: operation == libc::LOCK_EX,
            start: 0,
            length: 0,
        };
        self.relock(object, lock, operation != libc::LOCK_UN);
    }

    pub(super) fn locks(&mut self, done: &Done<'a>, file: usize, object: usize) {
        let described = done.contents.iter().find_map(|(_, content)| match content {
            Content::Lock {
                kind,
                start,
                length,
                ..
            } => Some((i32::from(*kind), *start, *length)),
            _ => None,
        });
        let Some((kind, start, length)) = described else {
            self.touch(object, Use::Changes);
            return;
        };
        let command = done.args[1] as i32;
        let owner = match command {
            libc::F_SETLK | libc::F_SETLKW => Owner::Process(done.process),
            _ => Owner::Open(file),
        };
        let lock = Lock {
            is_flock: false,
            owner,
            by: done.task,
            exclusive: kind == libc::F_WRLCK,
            start,
            length,
        };
        self.relock(object, lock, kind != libc::F_UNLCK);
    }

    /// Removes the locks of the same owner that overlap this lock, and adds it if it `takes`.
    fn relock(&mut self, object: usize, lock: Lock, takes: bool) {
        if let State::Memory { locks, .. } = &mut self.states[object] {
            locks.retain(|old| {
                let same_owner = old.owner == lock.owner && old.is_flock == lock.is_flock;
                !(same_owner && overlap(old, &lock))
            });
            if takes {
                locks.push(lock);
            }
        }
        self.touch(object, Use::Changes);
    }

    /// Closing any descriptor of a file gives up the process's own locks on it
    /// (fcntl(2)).
    pub(super) fn release_of_process(&mut self, object: usize, process: TaskId) {
        self.release(object, |lock| lock.owner == Owner::Process(process));
    }

    pub(super) fn release_of_open(&mut self, object: usize, file: usize) {
        self.release(object, |lock| lock.owner == Owner::Open(file));
    }

    fn release(&mut self, object: usize, which: impl Fn(&Lock) -> bool) {
        if let State::Memory { locks, .. } = &mut self.states[object] {
            let before = locks.len();
            locks.retain(|lock| !which(lock));
            if locks.len() < before {
                self.touch(object, Use::Changes);
            }
        }
    }
}

fn overlap(a: &Lock, b: &Lock) -> bool {
    let end = |lock: &Lock| match lock.length {
        0 => i64::MAX,
        length => lock.start.saturating_add(length),
    };
    a.start < end(b) && b.start < end(a)
}

fn fill(cells: &mut Vec<(u8, Option<TaskId>)>, begin: u64, bytes: &[u8], by: TaskId) {
    for (at, byte) in (begin..FOLLOWED).zip(bytes) {
        let at = at as usize;
        if cells.len() <= at {
            cells.resize(at + 1, (0, None));
        }
        cells[at] = (*byte, Some(by));
    }
}
