//! Effects of each call on objects.

use super::descriptors::Open;
use super::object::{Kind, State};
use super::{Done, Follower, Key, Use};
use crosswire_calls::{Arg, Does, Mapping, Row, SystemV, Timer};
use crosswire_model::{Call, Content, TaskId};

impl<'a> Follower<'a> {
    /// The object behind the descriptor that a call works on.
    fn behind(&mut self, process: TaskId, row: &Row, args: &[u64; 6]) -> Option<(usize, usize)> {
        let argument = row.descriptor()?;
        let number = args[argument] as u32 as i32;
        let file = self.descriptors.find(process, number)?;
        let object = self.descriptors.files[file].object;
        let place = (self.event, argument as u8);
        self.world.behind.insert(place, object);
        // Whoever reads or writes shows by that which end it is.
        let is_shown = matches!(
            row.does,
            Does::Read | Does::Write | Does::Send | Does::Receive
        );
        if let Some(end) = self.end_of(file).filter(|_| !is_shown) {
            self.world.ends.insert(place, end);
        }
        Some((file, object))
    }

    /// Tells which end of a pipe an open file is.
    fn end_of(&self, file: usize) -> Option<&'static str> {
        let open = &self.descriptors.files[file];
        let is_pipe = self.world.objects[open.object].kind == Kind::Pipe;
        match (open.readable, open.writable) {
            (true, false) if is_pipe => Some("read end"),
            (false, true) if is_pipe => Some("write end"),
            _ => None,
        }
    }

    /// Returns the object that a task waits for in a call that it has begun.
    pub(super) fn waited_for(
        &mut self,
        task: TaskId,
        call: Call,
        args: &[u64; 6],
        path: Option<&str>,
    ) -> Vec<usize> {
        let process = self.process(task);
        let row = call.row();
        if let Some((_, object)) = self.behind(process, row, args) {
            return vec![object];
        }
        match row.does {
            Does::Open | Does::Connect => path.map(|path| self.at_path(path)).into_iter().collect(),
            Does::Futex => vec![self.word(process, args[0])],
            Does::SemaphoreOperation | Does::SystemVSend | Does::SystemVReceive => {
                self.system_v_of(row, args[0]).into_iter().collect()
            }
            Does::Pause | Does::TakeSignal => vec![self.signals(process)],
            Does::WaitChild => {
                let pid = row.argument(Arg::Pid);
                self.children(process, args[pid.unwrap_or(0)])
            }
            Does::Poll => self.polled(process),
            _ => Vec::new(),
        }
    }

    /// The System V object with this id that a call works on.
    fn system_v_of(&mut self, row: &Row, id: u64) -> Option<usize> {
        let kind = row.system_v()?;
        Some(self.system_v(kind, id as i64))
    }

    fn polled(&mut self, process: TaskId) -> Vec<usize> {
        let contents = self.contents(self.event);
        let mut objects = Vec::new();
        for (_, content) in contents {
            let Content::Polled(polled) = content else {
                continue;
            };
            for one in polled {
                if let Some(file) = self.descriptors.find(process, one.descriptor) {
                    objects.push(self.descriptors.files[file].object);
                }
            }
        }
        objects.sort_unstable();
        objects.dedup();
        objects
    }

    /// Applies the effects of a call that has returned.
    pub(super) fn completed(
        &mut self,
        task: TaskId,
        call: Call,
        args: [u64; 6],
        path: Option<&'a str>,
        result: i64,
        contents: Vec<(u8, &'a Content)>,
    ) {
        let done = Done {
            task,
            process: self.process(task),
            row: call.row(),
            args,
            path,
            result,
            contents,
        };
        let behind = self.behind(done.process, done.row, &args);
        if result < 0 {
            self.failed(&done, behind.map(|(_, object)| object));
            return;
        }
        if let Some((file, object)) = behind {
            self.on_descriptor(&done, file, object);
            return;
        }
        match done.row.does {
            Does::Open => self.opens(&done),
            Does::Pipe => self.makes_pipe(&done),
            Does::SocketPair => self.makes_pair(&done),
            Does::Socket => self.makes_socket(&done),
            Does::EventCounter | Does::Timer(Timer::CreateDescriptor) => {
                self.makes_counter(&done);
            }
            Does::MemoryFile => self.makes_memory(&done),
            Does::OpenQueue => self.opens_queue(&done),
            Does::Remove | Does::RemoveQueue => self.removes(&done),
            Does::Rename | Does::Link => self.renames(&done),
            Does::MakeNode => self.makes_node(&done),
            Does::MakeDirectory | Does::ChangeFile | Does::Symlink => {
                self.touches_path(&done, Use::Changes);
            }
            Does::Map(Mapping::Map) => self.maps(&done),
            Does::Map(Mapping::Unmap | Mapping::Detach) => self.unmaps(&done),
            Does::Map(Mapping::Attach) => self.attaches(&done),
            Does::Get(_) => self.gets_system_v(&done),
            Does::SystemVSend | Does::SystemVReceive | Does::ControlSystemV(SystemV::Queue) => {
                self.on_queue(&done);
            }
            Does::SemaphoreOperation | Does::ControlSystemV(SystemV::Semaphores) => {
                self.on_semaphores(&done);
            }
            Does::Futex => self.on_word(&done),
            Does::Kill | Does::KillThread | Does::QueueSignal => self.sends_signal(&done),
            Does::WaitChild => self.reaps(&done),
            _ => self.touches_path(&done, Use::Looks),
        }
    }

    /// Applies the effects of a failed call: it has changed nothing, but it has looked.
    fn failed(&mut self, done: &Done<'a>, behind: Option<usize>) {
        if let Some(object) = behind {
            self.touch(object, Use::Looks);
        }
        self.touches_path(done, Use::Looks);
        let object = match done.row.does {
            Does::SystemVSend | Does::SystemVReceive | Does::SemaphoreOperation => {
                self.system_v_of(done.row, done.args[0])
            }
            Does::Futex => Some(self.word(done.process, done.args[0])),
            Does::Pause => Some(self.signals(done.process)),
            _ => None,
        };
        let Some(object) = object else { return };
        self.touch(object, Use::Looks);
    }

    pub(super) fn touches_path(&mut self, done: &Done<'a>, how: Use) {
        if let Some(path) = done.path.filter(|path| !path.is_empty()) {
            let object = self.at_path(path);
            self.touch(object, how);
        }
    }

    fn on_descriptor(&mut self, done: &Done<'a>, file: usize, object: usize) {
        let number = done.args[0] as u32 as i32;
        match done.row.does {
            Does::Read | Does::ReadAt | Does::Receive => self.reads(done, file, object),
            Does::Write | Does::WriteAt | Does::Send => self.writes(done, file, object),
            Does::Close => self.closes(done.process, number),
            Does::Duplicate => {
                let flags = done.row.argument(Arg::DescriptorFlags);
                let closes = flags.is_some_and(|at| done.args[at] & libc::O_CLOEXEC as u64 != 0);
                self.duplicates(done, file, closes);
            }
            Does::Control => self.controls(done, file, object),
            Does::LockFile => self.flocks(done, file, object),
            Does::Bind => self.binds(done, file),
            Does::Listen => {
                self.set(
                    object,
                    Kind::Socket,
                    State::Listening {
                        waiting: Default::default(),
                        open: true,
                    },
                );
                self.touch(object, Use::Changes);
            }
            Does::Connect => self.connects(done, file),
            Does::Accept => self.accepts(done, object),
            Does::Resize => {
                let length = done.row.args.iter().rposition(|arg| *arg == Arg::Size);
                if let (State::Memory { size, .. }, Some(at)) = (&mut self.states[object], length) {
                    *size = Some(done.args[at]);
                }
                self.touch(object, Use::Changes);
            }
            Does::Map(_) => self.maps(done),
            Does::QueueSend | Does::QueueReceive => self.on_posix_queue(done, object),
            Does::ShutDown => self.touch(object, Use::Changes),
            _ => self.touch(object, Use::Looks),
        }
    }

    fn duplicates(&mut self, done: &Done<'a>, file: usize, closes: bool) {
        let number = done.result as i32;
        if let Some((old, true)) = self.descriptors.close(done.process, number) {
            self.last_closed(old);
        }
        self.descriptors.refer(done.process, number, file, closes);
        let object = self.descriptors.files[file].object;
        self.touch(object, Use::Looks);
    }

    fn controls(&mut self, done: &Done<'a>, file: usize, object: usize) {
        match done.args[1] as i32 {
            libc::F_DUPFD => self.duplicates(done, file, false),
            libc::F_DUPFD_CLOEXEC => self.duplicates(done, file, true),
            libc::F_SETPIPE_SZ => {
                if let State::Pipe { capacity, .. } = &mut self.states[object] {
                    *capacity = done.result as u64;
                }
                self.touch(object, Use::Changes);
            }
            libc::F_SETLK | libc::F_SETLKW | libc::F_OFD_SETLK | libc::F_OFD_SETLKW => {
                self.locks(done, file, object);
            }
            _ => self.touch(object, Use::Looks),
        }
    }

    /// Closes a descriptor of a process.
    pub(super) fn closes(&mut self, process: TaskId, number: i32) {
        let Some((file, was_last)) = self.descriptors.close(process, number) else {
            return;
        };
        let object = self.descriptors.files[file].object;
        self.release_of_process(object, process);
        match was_last {
            true => self.last_closed(file),
            // One of several: no other process can notice.
            false => self.touch(object, Use::Looks),
        }
    }

    /// Handles an open file that no descriptor refers to any more.
    pub(super) fn last_closed(&mut self, file: usize) {
        let object = self.descriptors.files[file].object;
        self.release_of_open(object, file);
        if let State::Listening { open, .. } = &mut self.states[object] {
            *open = !self.descriptors.holders(object, |_| true).is_empty();
        }
        let is_noticed = matches!(
            self.states[object],
            State::Pipe { .. } | State::Connection(_) | State::Listening { .. }
        );
        self.touch(
            object,
            match is_noticed {
                true => Use::Changes,
                false => Use::Looks,
            },
        );
    }

    fn opens(&mut self, done: &Done<'a>) {
        let Some(path) = done.path else { return };
        let flags = done.row.open_flags(&done.args).unwrap_or(0);
        let object = self.at_path(path);
        let creates = flags & libc::O_CREAT != 0;
        let is_new = matches!(self.states[object], State::Absent);
        if is_new {
            let kind = match path.starts_with("/dev/shm/") {
                true => Kind::SharedMemory,
                false => Kind::File,
            };
            self.set(object, kind, State::memory());
        }
        if let State::Memory { cells, size, .. } = &mut self.states[object]
            && flags & libc::O_TRUNC != 0
        {
            (*cells, *size) = (Vec::new(), Some(0));
        }
        let changes = (creates && is_new) || flags & libc::O_TRUNC != 0;
        let mode = flags & libc::O_ACCMODE;
        let file = Open {
            object,
            readable: mode != libc::O_WRONLY,
            writable: mode != libc::O_RDONLY,
            side: 0,
            position: (flags & libc::O_APPEND == 0).then_some(0),
            users: 0,
        };
        self.descriptors.open(
            done.process,
            done.result as i32,
            file,
            flags & libc::O_CLOEXEC != 0,
        );
        let is_pipe = matches!(self.states[object], State::Pipe { .. });
        self.touch(
            object,
            match changes || is_pipe {
                true => Use::Changes,
                false => Use::Looks,
            },
        );
    }

    fn removes(&mut self, done: &Done<'a>) {
        let Some(path) = done.path else { return };
        // POSIX queues have a name space of their own (mq_overview(7)).
        let (object, key) = match done.row.does {
            Does::RemoveQueue => (self.queue_at(path), super::queues::queue_key(path)),
            _ => (self.at_path(path), Key::Path(path.to_owned())),
        };
        self.touch(object, Use::Changes);
        if self.descriptors.holders(object, |_| true).is_empty() {
            self.states[object] = State::Absent;
        } else {
            // Processes that have it open keep it; the name is free for another one.
            self.keys.remove(&key);
        }
    }

    fn renames(&mut self, done: &Done<'a>) {
        self.touches_path(done, Use::Changes);
        for (_, content) in &done.contents {
            if let Content::Path(old) = content {
                let object = self.at_path(old);
                self.touch(object, Use::Changes);
                let target = done.path.map(|path| self.at_path(path));
                if let Some(target) = target {
                    self.states[target] = self.states[object].clone();
                    self.world.objects[target].kind = self.world.objects[object].kind;
                }
                if done.row.does == Does::Rename {
                    self.states[object] = State::Absent;
                }
            }
        }
    }

    fn makes_node(&mut self, done: &Done<'a>) {
        let Some(path) = done.path else { return };
        let object = self.at_path(path);
        let mode = done.row.argument(Arg::Mode);
        let mode = mode.map_or(0, |at| done.args[at]) as libc::mode_t;
        match mode & libc::S_IFMT {
            libc::S_IFIFO => self.set(object, Kind::Pipe, State::pipe()),
            _ => self.set(object, Kind::File, State::memory()),
        }
        self.touch(object, Use::Changes);
    }
}
