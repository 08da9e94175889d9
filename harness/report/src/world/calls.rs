//! Effects of each call on objects.

use super::descriptors::Open;
use super::object::{Kind, State};
use super::{Done, Follower, Key, Use};
use crosswire_model::{Call, Content, TaskId};

/// `AT_FDCWD` and other numbers that are no descriptors.
const NONE: i32 = -1;

impl<'a> Follower<'a> {
    /// Returns the argument of a call that is a descriptor it works on.
    fn descriptor(name: &str, args: &[u64; 6]) -> Option<(u8, i32)> {
        let argument = match name {
            "read" | "write" | "readv" | "writev" | "pread64" | "pwrite64" | "preadv"
            | "pwritev" | "recvfrom" | "recvmsg" | "recvmmsg" | "sendto" | "sendmsg"
            | "sendmmsg" | "accept" | "accept4" | "connect" | "bind" | "listen" | "shutdown"
            | "close" | "dup" | "dup2" | "dup3" | "fcntl" | "flock" | "ftruncate" | "fsync"
            | "fdatasync" | "lseek" | "fstat" | "fallocate" | "mq_timedsend"
            | "mq_timedreceive" | "mq_notify" | "mq_getsetattr" | "getdents64" | "epoll_ctl"
            | "epoll_wait" | "epoll_pwait" | "timerfd_settime" | "getsockname" | "sendfile"
            | "getpeername" | "setsockopt" | "getsockopt" | "splice" | "tee" => 0,
            "mmap" => 4,
            _ => return None,
        };
        let number = args[argument] as u32 as i32;
        (number > NONE).then_some((argument as u8, number))
    }

    /// Returns the object behind the descriptor that a call works on.
    fn behind(&mut self, process: TaskId, name: &str, args: &[u64; 6]) -> Option<(usize, usize)> {
        let (argument, number) = Self::descriptor(name, args)?;
        let file = self.descriptors.find(process, number)?;
        let object = self.descriptors.files[file].object;
        self.world.behind.insert((self.event, argument), object);
        Some((file, object))
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
        let name = call.name().unwrap_or_default();
        if let Some((_, object)) = self.behind(process, name, args) {
            return vec![object];
        }
        match name {
            "open" | "openat" | "connect" => {
                path.map(|path| self.at_path(path)).into_iter().collect()
            }
            "futex" => vec![self.word(process, args[0])],
            "semop" | "semtimedop" => vec![self.system_v("semaphore set", args[0] as i64)],
            "msgsnd" | "msgrcv" => vec![self.system_v("message queue", args[0] as i64)],
            "pause" | "rt_sigsuspend" | "rt_sigtimedwait" => vec![self.signals(process)],
            "wait4" | "waitid" => self.children(process, args[usize::from(name == "waitid")]),
            "poll" | "ppoll" => self.polled(process),
            _ => Vec::new(),
        }
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
            name: call.name().unwrap_or_default(),
            args,
            path,
            result,
            contents,
        };
        let behind = self.behind(done.process, done.name, &args);
        if result < 0 {
            self.failed(&done, behind.map(|(_, object)| object));
            return;
        }
        if let Some((file, object)) = behind {
            self.on_descriptor(&done, file, object);
            return;
        }
        match done.name {
            "open" | "openat" | "openat2" | "creat" => self.opens(&done),
            "pipe" | "pipe2" => self.makes_pipe(&done),
            "socketpair" => self.makes_pair(&done),
            "socket" => self.makes_socket(&done),
            "eventfd" | "eventfd2" | "timerfd_create" => self.makes_counter(&done),
            "memfd_create" => self.makes_memory(&done),
            "mq_open" => self.opens_queue(&done),
            "unlink" | "unlinkat" | "rmdir" | "mq_unlink" => self.removes(&done),
            "rename" | "renameat" | "renameat2" | "link" | "linkat" => self.renames(&done),
            "mknod" | "mknodat" => self.makes_node(&done),
            "mkdir" | "mkdirat" | "truncate" | "chmod" | "symlink" => {
                self.touches_path(&done, Use::Changes);
            }
            "mmap" => self.maps(&done),
            "munmap" | "shmdt" => self.unmaps(&done),
            "msgget" | "semget" | "shmget" => self.gets_system_v(&done),
            "msgsnd" | "msgrcv" | "msgctl" => self.on_queue(&done),
            "semop" | "semtimedop" | "semctl" => self.on_semaphores(&done),
            "shmat" => self.attaches(&done),
            "futex" => self.on_word(&done),
            "kill" | "tkill" | "tgkill" | "rt_sigqueueinfo" | "rt_tgsigqueueinfo" => {
                self.sends_signal(&done);
            }
            "wait4" | "waitid" => self.reaps(&done),
            _ => self.touches_path(&done, Use::Looks),
        }
    }

    /// Applies the effects of a failed call: it has changed nothing, but it has looked.
    fn failed(&mut self, done: &Done<'a>, behind: Option<usize>) {
        if let Some(object) = behind {
            self.touch(object, Use::Looks);
        }
        self.touches_path(done, Use::Looks);
        let object = match done.name {
            "msgsnd" | "msgrcv" => self.system_v("message queue", done.args[0] as i64),
            "semop" | "semtimedop" => self.system_v("semaphore set", done.args[0] as i64),
            "futex" => self.word(done.process, done.args[0]),
            "pause" | "rt_sigsuspend" => self.signals(done.process),
            _ => return,
        };
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
        match done.name {
            "read" | "readv" | "pread64" | "preadv" | "recvfrom" | "recvmsg" => {
                self.reads(done, file, object);
            }
            "write" | "writev" | "pwrite64" | "pwritev" | "sendto" | "sendmsg" => {
                self.writes(done, file, object);
            }
            "close" => self.closes(done.process, number),
            "dup" | "dup2" | "dup3" => {
                let closes = done.name == "dup3" && done.args[2] & libc::O_CLOEXEC as u64 != 0;
                self.duplicates(done, file, closes);
            }
            "fcntl" => self.controls(done, file, object),
            "flock" => self.flocks(done, file, object),
            "bind" => self.binds(done, file),
            "listen" => {
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
            "connect" => self.connects(done, file),
            "accept" | "accept4" => self.accepts(done, object),
            "ftruncate" | "fallocate" => {
                if let State::Memory { size, .. } = &mut self.states[object] {
                    *size = Some(done.args[1]);
                }
                self.touch(object, Use::Changes);
            }
            "mmap" => self.maps(done),
            "mq_timedsend" | "mq_timedreceive" => self.on_posix_queue(done, object),
            "shutdown" => self.touch(object, Use::Changes),
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
        let flags = match done.name {
            "open" => done.args[1],
            "creat" => (libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC) as u64,
            "openat2" => 0,
            _ => done.args[2],
        } as i32;
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
        let object = match done.name {
            "mq_unlink" => self.queue_at(path),
            _ => self.at_path(path),
        };
        let key = match done.name {
            "mq_unlink" => super::queues::queue_key(path),
            _ => Key::Path(path.to_owned()),
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
                if done.name.starts_with("rename") {
                    self.states[object] = State::Absent;
                }
            }
        }
    }

    fn makes_node(&mut self, done: &Done<'a>) {
        let Some(path) = done.path else { return };
        let object = self.at_path(path);
        let mode = done.args[if done.name == "mknod" { 1 } else { 2 }] as libc::mode_t;
        match mode & libc::S_IFMT {
            libc::S_IFIFO => self.set(object, Kind::Pipe, State::pipe()),
            _ => self.set(object, Kind::File, State::memory()),
        }
        self.touch(object, Use::Changes);
    }
}
