//! Pipes, sockets, message queues, counters: what is put in and taken out.

use super::descriptors::Open;
use super::object::{Kind, Piece, State, Stream};
use super::{Done, Follower, Key, Use};
use crosswire_calls::{Arg, Does, SystemV};
use crosswire_model::{Bytes, Content, TaskId};

/// Returns the key of a POSIX queue, the same for all its names.
pub(super) fn queue_key(path: &str) -> Key {
    // A leading slash is removed by the C library on the way to the kernel.
    Key::Path(format!("mqueue:/{}", path.trim_start_matches('/')))
}

fn opened(object: usize, readable: bool, side: usize) -> Open {
    Open {
        object,
        readable,
        writable: !readable,
        side,
        position: None,
        users: 0,
    }
}

impl<'a> Follower<'a> {
    fn new_pair(done: &Done<'a>) -> Option<[i32; 2]> {
        done.contents.iter().find_map(|(_, content)| match content {
            Content::Descriptors(both) => <[i32; 2]>::try_from(both.as_slice()).ok(),
            _ => None,
        })
    }

    pub(super) fn makes_pipe(&mut self, done: &Done<'a>) {
        let Some([read, write]) = Self::new_pair(done) else {
            return;
        };
        let object = self.object(Key::New(self.event, 0), Kind::Pipe, "", State::pipe());
        let closes = done.row.args.len() > 1 && done.args[1] & libc::O_CLOEXEC as u64 != 0;
        let process = done.process;
        self.descriptors
            .open(process, read, opened(object, true, 0), closes);
        self.descriptors
            .open(process, write, opened(object, false, 1), closes);
        self.touch(object, Use::Changes);
    }

    pub(super) fn makes_pair(&mut self, done: &Done<'a>) {
        let Some(both) = Self::new_pair(done) else {
            return;
        };
        let state = State::Connection(Default::default());
        let object = self.object(Key::New(self.event, 0), Kind::Connection, "", state);
        let closes = done.args[1] & libc::SOCK_CLOEXEC as u64 != 0;
        for (side, number) in both.into_iter().enumerate() {
            let end = Open {
                writable: true,
                ..opened(object, true, side)
            };
            self.descriptors.open(done.process, number, end, closes);
        }
        self.touch(object, Use::Changes);
    }

    pub(super) fn makes_socket(&mut self, done: &Done<'a>) {
        let state = State::Listening {
            waiting: Default::default(),
            open: false,
        };
        let object = self.object(Key::New(self.event, 0), Kind::Socket, "", state);
        let closes = done.args[1] & libc::SOCK_CLOEXEC as u64 != 0;
        let end = Open {
            writable: true,
            ..opened(object, true, 0)
        };
        self.descriptors
            .open(done.process, done.result as i32, end, closes);
        self.touch(object, Use::Changes);
    }

    /// Binds a socket to a name: from here on it is the object with that name.
    pub(super) fn binds(&mut self, done: &Done<'a>, file: usize) {
        let Some(path) = done.path else { return };
        let object = self.at_path(path);
        let state = State::Listening {
            waiting: Default::default(),
            open: false,
        };
        self.set(object, Kind::Socket, state);
        self.descriptors.files[file].object = object;
        self.touch(object, Use::Changes);
    }

    pub(super) fn connects(&mut self, done: &Done<'a>, file: usize) {
        let Some(path) = done.path else { return };
        let listener = self.at_path(path);
        let state = State::Connection(Default::default());
        let connection = self.object(Key::New(self.event, 0), Kind::Connection, "", state);
        if let State::Listening { waiting, .. } = &mut self.states[listener] {
            waiting.push_back(connection);
        }
        self.descriptors.files[file].object = connection;
        self.touch(listener, Use::Changes);
        self.touch(connection, Use::Changes);
    }

    pub(super) fn accepts(&mut self, done: &Done<'a>, listener: usize) {
        self.touch(listener, Use::Changes);
        let connection = match &mut self.states[listener] {
            State::Listening { waiting, .. } => waiting.pop_front(),
            _ => None,
        };
        let Some(connection) = connection else { return };
        // Only accept4(2) has flags.
        let flags = done.row.argument(Arg::Bits);
        let flags = flags.map_or(0, |at| done.args[at]);
        let end = Open {
            writable: true,
            ..opened(connection, true, 1)
        };
        let closes = flags & libc::SOCK_CLOEXEC as u64 != 0;
        self.descriptors
            .open(done.process, done.result as i32, end, closes);
        self.touch(connection, Use::Changes);
    }

    pub(super) fn makes_counter(&mut self, done: &Done<'a>) {
        let value = match done.row.does {
            Does::EventCounter => done.args[0],
            _ => 0,
        };
        let key = Key::New(self.event, 0);
        let object = self.object(key, Kind::Counter, "", State::Counter(value));
        let closes = done.args[1] & libc::EFD_CLOEXEC as u64 != 0;
        let end = Open {
            writable: true,
            ..opened(object, true, 0)
        };
        self.descriptors
            .open(done.process, done.result as i32, end, closes);
        self.touch(object, Use::Changes);
    }

    /// Returns the data that a call has transferred, as far as it was captured.
    fn piece(done: &Done<'a>, rank: i64) -> Piece {
        let bytes = Self::transferred(done);
        Piece {
            length: done.result as u64,
            text: bytes.map(|bytes| bytes.shown.clone()).unwrap_or_default(),
            by: done.task,
            rank,
        }
    }

    pub(super) fn transferred(done: &Done<'a>) -> Option<&'a Bytes> {
        done.contents.iter().find_map(|(_, content)| match content {
            Content::Bytes(bytes) => Some(bytes),
            Content::Message { text, .. } => Some(text),
            _ => None,
        })
    }

    pub(super) fn reads(&mut self, done: &Done<'a>, file: usize, object: usize) {
        let side = self.descriptors.files[file].side;
        let count = done.result as u64;
        match &mut self.states[object] {
            State::Pipe { data, .. } => data.take(count),
            State::Connection(streams) => streams[side].take(count),
            State::Counter(value) => *value = 0,
            State::Memory { .. } => {
                self.moves(done, file);
                self.touch(object, Use::Looks);
                return;
            }
            _ => {}
        }
        let end_of_data = count == 0;
        self.touch(
            object,
            match end_of_data {
                true => Use::Looks,
                false => Use::Changes,
            },
        );
    }

    pub(super) fn writes(&mut self, done: &Done<'a>, file: usize, object: usize) {
        let side = self.descriptors.files[file].side;
        let piece = Self::piece(done, 0);
        match &mut self.states[object] {
            State::Pipe { data, .. } => data.put(piece),
            State::Connection(streams) => streams[1 - side].put(piece),
            State::Counter(value) => {
                let text = super::object::unescaped(&piece.text);
                let added = text.try_into().map(u64::from_ne_bytes);
                *value = value.saturating_add(added.unwrap_or(0));
            }
            State::Memory { .. } => self.writes_memory(done, file, object),
            _ => {}
        }
        self.touch(object, Use::Changes);
    }

    pub(super) fn queue_at(&mut self, path: &str) -> usize {
        let name = format!("/{}", path.trim_start_matches('/'));
        let state = State::Queue {
            messages: Vec::new(),
        };
        self.object(queue_key(path), Kind::Queue, &name, state)
    }

    pub(super) fn opens_queue(&mut self, done: &Done<'a>) {
        let Some(path) = done.path else { return };
        let object = self.queue_at(path);
        if matches!(self.states[object], State::Absent) {
            let messages = Vec::new();
            self.states[object] = State::Queue { messages };
        }
        let end = Open {
            writable: true,
            ..opened(object, true, 0)
        };
        // The C library always asks for this (mq_open(3)).
        self.descriptors
            .open(done.process, done.result as i32, end, true);
        let creates = done.args[1] & libc::O_CREAT as u64 != 0;
        self.touch(
            object,
            match creates {
                true => Use::Changes,
                false => Use::Looks,
            },
        );
    }

    /// Applies a call on a POSIX queue: the oldest message of the highest priority comes
    /// first (mq_receive(3)).
    pub(super) fn on_posix_queue(&mut self, done: &Done<'a>, object: usize) {
        let piece = Piece {
            length: match done.row.does {
                Does::QueueSend => done.args[2],
                _ => done.result as u64,
            },
            ..Self::piece(done, done.args[3] as i64)
        };
        if let State::Queue { messages } = &mut self.states[object] {
            if done.row.does == Does::QueueSend {
                let at = messages.partition_point(|other| other.rank >= piece.rank);
                messages.insert(at, piece);
            } else if !messages.is_empty() {
                messages.remove(0);
            }
        }
        self.touch(object, Use::Changes);
    }

    pub(super) fn system_v(&mut self, kind: SystemV, id: i64) -> usize {
        // Ids are numbers of 32 bits.
        let id = i64::from(id as i32);
        let (of_kind, state) = match kind {
            SystemV::Queue => (
                Kind::Queue,
                State::Queue {
                    messages: Vec::new(),
                },
            ),
            SystemV::Semaphores => (Kind::Semaphores, State::Semaphores(Vec::new())),
            SystemV::Memory => (Kind::SharedMemory, State::memory()),
        };
        let name = format!("System V {} {id}", kind.name());
        self.object(Key::SystemV(kind.name(), id), of_kind, &name, state)
    }

    pub(super) fn gets_system_v(&mut self, done: &Done<'a>) {
        let Some(kind) = done.row.system_v() else {
            return;
        };
        let object = self.system_v(kind, done.result);
        let is_new = !self.world.touches.iter().any(|touches| {
            let mut touches = touches.iter();
            touches.any(|touch| touch.object == object)
        });
        match &mut self.states[object] {
            State::Semaphores(values) => values.resize(values.len().max(done.args[1] as usize), 0),
            State::Memory { size, .. } => *size = size.or(Some(done.args[1])),
            State::Absent if kind == SystemV::Queue => {
                let messages = Vec::new();
                self.states[object] = State::Queue { messages };
            }
            _ => {}
        }
        self.touch(
            object,
            match is_new {
                true => Use::Changes,
                false => Use::Looks,
            },
        );
    }

    pub(super) fn on_queue(&mut self, done: &Done<'a>) {
        let object = self.system_v(SystemV::Queue, done.args[0] as i64);
        let message = done.contents.iter().find_map(|(_, content)| match content {
            Content::Message { kind, text } => Some((*kind, text)),
            _ => None,
        });
        let kind = message.map_or(0, |(kind, _)| kind);
        match (&mut self.states[object], done.row.does) {
            (State::Queue { messages }, Does::SystemVSend) => messages.push(Piece {
                length: done.args[2],
                ..Self::piece(done, kind)
            }),
            (State::Queue { messages }, Does::SystemVReceive) => {
                if let Some(at) = messages.iter().position(|other| other.rank == kind) {
                    messages.remove(at);
                }
            }
            (state, Does::ControlSystemV(_)) if done.row.removes_system_v(&done.args) => {
                *state = State::Absent;
            }
            _ => {
                self.touch(object, Use::Looks);
                return;
            }
        }
        self.touch(object, Use::Changes);
    }

    /// Returns the stream that is read at each end, with who reads there.
    pub(super) fn streams<'s>(
        &self,
        streams: &'s [Stream; 2],
        object: usize,
    ) -> Vec<(String, &'s Stream)> {
        let end = |side: usize| {
            let holders = self.descriptors.holders(object, |open| open.side == side);
            self.names(&holders)
        };
        vec![(end(0), &streams[0]), (end(1), &streams[1])]
    }

    /// Names of processes, one after the other.
    pub(super) fn names(&self, tasks: &[TaskId]) -> String {
        match tasks {
            [] => "none".to_owned(),
            some => {
                let names: Vec<String> = some.iter().map(|task| self.name(*task)).collect();
                names.join(", ")
            }
        }
    }
}
