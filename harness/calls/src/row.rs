//! A row of the table, and what follows from it.

use crate::{Arg, Does, Fact, Facts, Mapping, SystemV, Timeout, commands};

/// A row of the table: the properties of one system call.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its number on this architecture.
    pub number: u32,
    /// Its name in section 2 of the manual.
    pub name: &'static str,
    /// The meaning of each argument that it uses.
    pub args: &'static [Arg],
    /// Number of arguments, from the first, that tell a reader something.
    pub shown: usize,
    /// Its effect.
    pub does: Does,
    /// Properties that do not follow from that.
    pub facts: Facts,
}

/// The direction in which a call moves bytes, as its caller sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Into the process.
    In,
    /// Out of it.
    Out,
}

/// A transfer of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// The direction.
    pub flow: Flow,
    /// Form of their number; `None` where a message is all or nothing.
    pub amount: Option<Amount>,
    /// The argument with the descriptor that may hold little, or have little room.
    pub descriptor: usize,
}

/// The form in which a call gives the number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// A number of bytes in this argument.
    Bytes(usize),
    /// A vector of buffers at argument 1, their number in argument 2.
    Vector,
    /// A message header at argument 1.
    Message,
}

/// The object of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// For something to take from the descriptor at argument 0.
    Receive,
    /// For room behind the descriptor at argument 0.
    Send,
    /// For a lock on the file behind the descriptor at argument 0.
    FileLock,
    /// For the other end of the FIFO that it opens.
    OtherEnd,
    /// For one of several descriptors.
    Poll,
    /// For a child.
    Child,
    /// For a word in memory.
    Futex,
    /// For a message in a System V queue.
    QueuedMessage,
    /// For room in a System V queue.
    QueueRoom,
    /// For System V semaphores.
    Semaphores,
    /// For a signal.
    Signal,
}

impl Row {
    /// Returns whether the call has a property.
    pub const fn is(&self, fact: Fact) -> bool {
        self.facts.0 & fact as u32 != 0
    }

    /// The first argument with this meaning.
    pub fn argument(&self, wanted: Arg) -> Option<usize> {
        self.position(|arg| arg == wanted)
    }

    /// Tells whether the call makes a pipe that keeps together what is written at a time (pipe(2),
    /// O_DIRECT).
    pub fn makes_packets(&self, args: &[u64; 6]) -> bool {
        let flags = self.argument(Arg::DescriptorFlags).map(|at| args[at]);
        self.does == Does::Pipe && flags.unwrap_or(0) & libc::O_DIRECT as u64 != 0
    }

    fn position(&self, wanted: impl Fn(Arg) -> bool) -> Option<usize> {
        self.args.iter().position(|arg| wanted(*arg))
    }

    /// The arguments that the call uses when its first ones are `args`. The other
    /// registers hold whatever an earlier call left there.
    pub fn arity(&self, args: &[u64; 6]) -> usize {
        let creates = |flags: u64| flags & (libc::O_CREAT | libc::O_TMPFILE) as u64 != 0;
        let flags = || self.argument(Arg::OpenFlags);
        match self.does {
            Does::Open | Does::OpenQueue => match flags() {
                // The mode counts if a file is made.
                Some(flags) if !creates(args[flags]) => flags + 1,
                Some(flags) if self.does == Does::Open => flags + 2,
                _ => self.args.len(),
            },
            Does::Control => commands::fcntl_arity(args[1]),
            Does::Futex => commands::futex_arity(args[1]).unwrap_or(self.args.len()),
            _ => self.args.len(),
        }
    }

    /// The argument with the path or name that identifies what the call works on: of two,
    /// the new one.
    pub fn path(&self) -> Option<usize> {
        (self.args.iter()).rposition(|arg| matches!(arg, Arg::Path | Arg::QueueName))
    }

    /// The paths that the call uses: for each, the argument of the directory to which it
    /// is relative, if there is one, and its own.
    pub fn paths(&self) -> impl Iterator<Item = (Option<usize>, usize)> {
        let paths = self.args.iter().enumerate();
        paths
            .filter(|(_, arg)| **arg == Arg::Path)
            .map(|(at, _)| match at.checked_sub(1) {
                Some(before) if self.args[before] == Arg::Dir => (Some(before), at),
                _ => (None, at),
            })
    }

    /// Returns whether the call tells the status of a file relative to a directory, or of
    /// the descriptor itself with an empty path: newfstatat(2).
    pub fn asks_status_at(&self) -> bool {
        self.args == [Arg::Dir, Arg::Path, Arg::Out, Arg::Bits]
    }

    /// Returns whether the call, which works on a named file, tells its status: size, dates,
    /// number of links.
    pub fn tells_status(&self) -> bool {
        self.does == Does::LookUp && self.argument(Arg::Out).is_some()
    }

    /// Returns whether the call changes who may use a file: chmod(2), chown(2) and their
    /// relatives, and setxattr(2), since permissions are attributes, too (acl(5)).
    pub fn changes_permissions(&self) -> bool {
        let of_users = |arg: &Arg| matches!(arg, Arg::Mode | Arg::Int | Arg::Text);
        matches!(self.does, Does::Change | Does::ChangeFile) && self.args.iter().any(of_users)
    }

    /// The flags with which the call opens a file; `None` where memory holds them
    /// (openat2(2)), or it opens none.
    pub fn open_flags(&self, args: &[u64; 6]) -> Option<libc::c_int> {
        if self.does != Does::Open {
            return None;
        }
        match self.argument(Arg::OpenFlags) {
            Some(flags) => Some(args[flags] as libc::c_int),
            // creat(2)
            None if self.args.contains(&Arg::Mode) => {
                Some(libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC)
            }
            None => None,
        }
    }

    /// The arguments with a socket's address and its length, for calls that are known by
    /// it.
    pub fn socket_address(&self) -> Option<(usize, usize)> {
        let at = self.argument(Arg::SocketAddress)?;
        matches!(self.does, Does::Bind | Does::Connect).then_some((at, at + 1))
    }

    /// The argument with the descriptor that the call works on.
    pub fn descriptor(&self) -> Option<usize> {
        self.argument(Arg::Fd)
    }

    /// The argument with a second descriptor.
    pub fn second_descriptor(&self) -> Option<usize> {
        let first = self.descriptor()?;
        let rest = &self.args[first + 1..];
        let second = rest.iter().position(|a| matches!(a, Arg::Fd | Arg::Sink))?;
        Some(first + 1 + second)
    }

    /// The argument with an array of `struct iovec`, and the one with its length.
    pub fn vector(&self) -> Option<(usize, usize)> {
        let at = self.position(Arg::is_vector)?;
        Some((at, at + 1))
    }

    /// Returns whether the call's manual page lists the error of this name.
    pub fn lists(&self, error: &str) -> bool {
        crate::errors::lists(self.name, error)
    }

    /// Returns whether the call, which concerns its process alone, can fail with this error.
    pub fn fails_alone_with(&self, error: &str) -> bool {
        let is_private = self.is(Fact::Private) || self.does == Does::Map(Mapping::Map);
        is_private && self.lists(error)
    }

    /// Returns whether the kernel follows none of the arguments as a pointer.
    pub fn has_no_pointer(&self) -> bool {
        !self.args.iter().any(|arg| arg.is_pointer())
    }

    /// Returns the number of bytes to which a pointer argument leads; 1 where the kernel
    /// fixes it.
    pub fn reach(&self, argument: usize, args: &[u64; 6]) -> u64 {
        let next = || args.get(argument + 1).copied().unwrap_or(0);
        match self.args.get(argument) {
            Some(Arg::Bytes | Arg::Buffer) => next(),
            // The message's type comes before its bytes (msgrcv(2)).
            Some(Arg::SystemVMessage | Arg::SystemVBuffer) => next().saturating_add(8),
            // Advice is for all of a range (madvise(2)).
            Some(Arg::Address) if self.does == Does::Map(Mapping::Advise) => next(),
            Some(Arg::BytesVector | Arg::BufferVector) => next().saturating_mul(16),
            Some(Arg::BytesMessages | Arg::BufferMessages) => next().saturating_mul(64),
            Some(Arg::Polled) => next().saturating_mul(8),
            Some(Arg::SemaphoreOps) => next().saturating_mul(6),
            _ => 1,
        }
    }

    /// Returns whether the call may follow pointers that stand in a structure which nobody
    /// looks into, and fails with EFAULT before it has had an effect.
    pub fn hides_pointers(&self) -> bool {
        let is_opaque = |arg: &Arg| matches!(arg, Arg::Given | Arg::FcntlArgument);
        match self.does {
            // They learn of a bad pointer when it is too late.
            Does::CopyRange | Does::WaitEpoll => false,
            Does::ProcessControl | Does::Anything => true,
            _ => self.transfer().is_none() && self.args.iter().any(is_opaque),
        }
    }

    /// Returns how the call moves bytes, if it does.
    pub fn transfer(&self) -> Option<Transfer> {
        use Does::*;
        let flow = match self.does {
            Read | ReadAt | Receive | ReceiveMany | QueueReceive | SystemVReceive => Flow::In,
            Write | WriteAt | Send | SendMany | QueueSend | SystemVSend | Move => Flow::Out,
            _ => return None,
        };
        let amount = match self.does {
            QueueReceive | QueueSend | SystemVReceive | SystemVSend => None,
            _ => self.amount(),
        };
        Some(Transfer {
            flow,
            amount,
            descriptor: self.argument(Arg::Sink).unwrap_or(0),
        })
    }

    fn amount(&self) -> Option<Amount> {
        let of = |wanted: [Arg; 2]| self.position(|arg| wanted.contains(&arg));
        if self.vector().is_some() {
            Some(Amount::Vector)
        } else if of([Arg::BytesMessage, Arg::BufferMessage]).is_some() {
            Some(Amount::Message)
        } else if let Some(buffer) = of([Arg::Bytes, Arg::Buffer]) {
            Some(Amount::Bytes(buffer + 1))
        } else {
            self.argument(Arg::Size).map(Amount::Bytes)
        }
        .filter(|_| !matches!(self.does, Does::ReceiveMany | Does::SendMany))
    }

    /// The timeout of the call, and what it returns when that expires.
    pub fn timeout(&self, args: &[u64; 6]) -> Option<(Timeout, i64)> {
        if self.does == Does::Futex {
            return Some((commands::futex_timeout(args)?, -i64::from(libc::ETIMEDOUT)));
        }
        let timeout = self
            .args
            .iter()
            .enumerate()
            .find_map(|(at, arg)| match arg {
                Arg::Milliseconds => Some(Timeout::Milliseconds(at)),
                Arg::Timeout => Some(Timeout::Relative(at)),
                Arg::TimevalTimeout => Some(Timeout::RelativeTimeval(at)),
                Arg::Deadline => Some(Timeout::Absolute(at, libc::CLOCK_REALTIME)),
                _ => None,
            })?;
        let expired = match self.does {
            Does::SemaphoreOperation | Does::TakeSignal => -i64::from(libc::EAGAIN),
            Does::QueueSend | Does::QueueReceive => -i64::from(libc::ETIMEDOUT),
            _ => 0,
        };
        Some((timeout, expired))
    }

    /// Returns what the call waits for, if it may wait and the kind of wait is known.
    pub fn waits_for(&self) -> Option<Wait> {
        Some(match self.does {
            Does::Read | Does::Receive | Does::ReceiveMany | Does::Accept => Wait::Receive,
            Does::QueueReceive => Wait::Receive,
            Does::Write | Does::Send | Does::SendMany | Does::Connect => Wait::Send,
            Does::QueueSend | Does::Move => Wait::Send,
            Does::LockFile | Does::Control => Wait::FileLock,
            Does::Open => Wait::OtherEnd,
            Does::Poll => Wait::Poll,
            Does::WaitChild => Wait::Child,
            Does::Futex => Wait::Futex,
            Does::SystemVReceive => Wait::QueuedMessage,
            Does::SystemVSend => Wait::QueueRoom,
            Does::SemaphoreOperation => Wait::Semaphores,
            Does::Pause | Does::TakeSignal => Wait::Signal,
            _ => return None,
        })
    }

    /// The argument with the signal that the call sends.
    pub fn signal(&self) -> Option<usize> {
        match self.sends_signal() {
            true => self.argument(Arg::Signal),
            false => None,
        }
    }

    /// Returns whether the call is the half of futex(2) that never waits, and so is never
    /// interrupted.
    pub fn only_wakes_futex(&self, args: &[u64; 6]) -> bool {
        self.does == Does::Futex && !commands::futex_waits(args[1])
    }

    /// Returns whether the call, as it is made, has done nothing as long as it waits.
    pub fn is_untouched(&self, args: &[u64; 6]) -> bool {
        let flags = match self.does {
            Does::Futex => return commands::futex_only_waits(args[1]),
            Does::Receive => self.argument(Arg::Bits),
            _ => None,
        };
        // Waiting for all of it, it may have taken a part.
        let waits_for_all = flags.is_some_and(|flags| args[flags] & libc::MSG_WAITALL as u64 != 0);
        self.is(Fact::Untouched) && !waits_for_all
    }

    /// Returns whether the handler of a signal ends a wait of the call with EINTR even if it
    /// was installed with `SA_RESTART` (signal(7)).
    pub fn ends_with_any_handler(&self) -> bool {
        use Does::*;
        matches!(
            self.does,
            Sleep | SleepByClock | SystemVSend | SystemVReceive | SemaphoreOperation
        ) || matches!(self.does, Poll | Select | WaitEpoll | Pause | TakeSignal)
    }

    /// Returns whether the call reads or writes memory of the process at argument 0, by the
    /// vector at argument 3: process_vm_readv(2).
    pub fn reaches_into_process(&self) -> bool {
        self.args.first() == Some(&Arg::Pid) && self.vector().is_some()
    }

    /// Returns whether the call's result is an address.
    pub fn returns_address(&self) -> bool {
        matches!(
            self.does,
            Does::Map(Mapping::Map | Mapping::Move | Mapping::Attach)
        )
    }

    /// Returns whether the call sends a signal.
    pub fn sends_signal(&self) -> bool {
        matches!(self.does, Does::Kill | Does::KillThread | Does::QueueSignal)
    }

    /// Returns whether the call never comes back.
    pub fn never_returns(&self) -> bool {
        matches!(self.does, Does::Exit { .. })
    }

    /// Returns whether the call ends the other threads of its process.
    pub fn ends_threads(&self) -> bool {
        matches!(self.does, Does::Exit { process: true } | Does::Execute)
    }

    /// Returns whether the call ends tasks or may end them, so that tasks which were
    /// stopped may be stopped no more.
    pub fn may_end_tasks(&self) -> bool {
        self.sends_signal() || self.never_returns() || self.does == Does::Execute
    }

    /// Returns whether the call may release a file lock, or make room in a System V queue.
    pub fn may_release_lock(&self) -> bool {
        self.may_end_tasks() || self.is(Fact::ReleasesLocks)
    }

    /// Returns whether the call can neither wait nor wake anybody, so that its end can be
    /// awaited without asking whether somebody sleeps.
    pub fn is_instant(&self, args: &[u64; 6]) -> bool {
        match self.does {
            Does::Control => commands::fcntl_is_brief(args[1]),
            Does::Device => commands::ioctl_is_brief(args[1]),
            Does::Map(Mapping::Map) => true,
            _ => self.is(Fact::Brief),
        }
    }

    /// Returns whether the caller may go on before anybody has looked at what the call has
    /// done. `somebody_waits` whom it might wake; some sockets may `linger` when they are
    /// closed.
    pub fn can_be_left_alone(&self, args: &[u64; 6], somebody_waits: bool, linger: bool) -> bool {
        match self.does {
            // What is mapped is watched from the first access on.
            Does::Map(Mapping::Map) => false,
            // Where they put the numbers, the caller may soon put something else.
            Does::Pipe | Does::SocketPair => false,
            Does::Close => !somebody_waits && !linger,
            _ => self.is_instant(args) || !somebody_waits && self.is(Fact::WakesWatchers),
        }
    }

    /// Returns the error with which the engine refuses the call to programs, if it does.
    pub fn refusal(&self) -> Option<i32> {
        match self.does {
            Does::Refused(error) => Some(error),
            _ => None,
        }
    }

    /// Returns whether the call reads bytes from a descriptor.
    pub fn reads_bytes(&self) -> bool {
        matches!(self.does, Does::Read | Does::ReadAt)
    }

    /// Returns whether the call leaves open files and their names as they are.
    pub fn leaves_files(&self) -> bool {
        self.is(Fact::SameFiles)
    }

    /// Returns whether, of open files and their names, the call changes at most which files the
    /// caller's process has open.
    pub fn changes_own_files_only(&self) -> bool {
        matches!(
            self.does,
            Does::Close
                | Does::CloseRange
                | Does::Duplicate
                | Does::Open
                | Does::OpenQueue
                | Does::Pipe
                | Does::Socket
                | Does::SocketPair
                | Does::Accept
                | Does::Receive
                | Does::ReceiveMany
                | Does::EventCounter
                | Does::MemoryFile
                | Does::Epoll
                | Does::Fork
                | Does::WaitChild
                | Does::Exit { .. }
                | Does::Map(_)
        )
    }

    /// Returns whether the call leaves what is mapped, and the names of mapped files, as
    /// they are.
    pub fn leaves_mappings(&self) -> bool {
        self.is(Fact::SameFiles) || self.is(Fact::SameMaps) || self.does == Does::LookUp
    }

    /// Returns whether the call makes a System V object or finds one.
    pub fn gets_system_v(&self) -> bool {
        matches!(self.does, Does::Get(_))
    }

    /// The kind of System V object that the call works on.
    pub fn system_v(&self) -> Option<SystemV> {
        match self.does {
            Does::Get(kind) | Does::ControlSystemV(kind) => Some(kind),
            Does::SystemVSend | Does::SystemVReceive => Some(SystemV::Queue),
            Does::SemaphoreOperation => Some(SystemV::Semaphores),
            Does::Map(Mapping::Attach | Mapping::Detach) => Some(SystemV::Memory),
            _ => None,
        }
    }

    /// Returns whether the call removes a System V object. On some architectures `IPC_64`
    /// (0x100) is or-ed to the command.
    pub fn removes_system_v(&self, args: &[u64; 6]) -> bool {
        let command = self.argument(Arg::ControlCommand).map(|at| args[at]);
        command.is_some_and(|command| command as libc::c_int & 0xff == libc::IPC_RMID)
    }
}
