//! The effects of calls.

/// The effect of a call on anything but its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// It is not known, so it may touch everything.
    Anything,
    /// Nothing that another task could notice.
    Nothing,
    /// Sets which permissions new files do not get, for all threads of its process: umask(2).
    FileModes,
    /// Asks for the name of the host: uname(2).
    HostName,
    /// Says where handlers have their stack: sigaltstack(2).
    SignalStack,

    // Files by their names.
    /// Opens a file, and creates it where the flags say so.
    Open,
    /// Looks at a file or its attributes.
    LookUp,
    /// Executes a file.
    Execute,
    /// Makes a directory the working directory.
    ChangeDirectory,
    /// Tells the working directory.
    WorkingDirectory,
    /// Removes a name.
    Remove,
    /// Moves a name.
    Rename,
    /// Gives a file another name.
    Link,
    /// Makes a symbolic link.
    Symlink,
    /// Makes a FIFO, socket or device file.
    MakeNode,
    /// Makes a directory.
    MakeDirectory,
    /// Changes the attributes or the length of a named file.
    ChangeFile,

    // Descriptors.
    /// Takes bytes at the position, or from a stream.
    Read,
    /// Takes bytes from a place in a file.
    ReadAt,
    /// Puts bytes at the position, or into a stream.
    Write,
    /// Puts bytes at a place in a file.
    WriteAt,
    /// Moves bytes from one descriptor to another: `sendfile`, `splice`, `tee`, `vmsplice`.
    Move,
    /// Copies a part of a file into another.
    CopyRange,
    /// Moves the position.
    Seek,
    /// Asks for size or state.
    Inspect,
    /// Lists a directory.
    List,
    /// Locks a whole file: flock(2).
    LockFile,
    /// Does what its command says: fcntl(2).
    Control,
    /// Does what its request says: ioctl(2).
    Device,
    /// Closes a descriptor.
    Close,
    /// Closes a range of descriptors.
    CloseRange,
    /// Makes a descriptor for the same open file; closes the one that had the number.
    Duplicate,
    /// Changes the length of a file.
    Resize,
    /// Changes something about an open file or socket.
    Change,
    /// Waits until a file is on the disk.
    Sync,

    // Sockets.
    /// Takes a message.
    Receive,
    /// Takes several messages.
    ReceiveMany,
    /// Puts a message.
    Send,
    /// Puts several messages.
    SendMany,
    /// Takes a connection.
    Accept,
    /// Asks for a connection.
    Connect,
    /// Gives a socket its address.
    Bind,
    /// Lets connections be made.
    Listen,
    /// Ends a direction of a connection.
    ShutDown,
    /// Sets or gets an option; the flag tells which.
    SocketOption {
        /// True if it sets the option, false if it gets it.
        sets: bool,
    },
    /// Makes a socket.
    Socket,
    /// Makes two sockets that are connected.
    SocketPair,

    // Other descriptors.
    /// Makes a pipe.
    Pipe,
    /// Makes a counter: eventfd(2).
    EventCounter,
    /// Makes a file without a name: memfd_create(2).
    MemoryFile,
    /// Waits until one of several descriptors is ready: poll(2).
    Poll,
    /// Waits until one of several descriptors is ready: select(2).
    Select,
    /// Makes an epoll instance.
    Epoll,
    /// Changes what an epoll instance watches: epoll_ctl(2).
    ControlEpoll,
    /// Waits until one of several descriptors is ready: epoll_wait(2).
    WaitEpoll,

    // POSIX message queues.
    /// Opens a queue.
    OpenQueue,
    /// Removes a queue's name.
    RemoveQueue,
    /// Asks for a signal when a message comes.
    Notify,
    /// Takes a message.
    QueueReceive,
    /// Puts a message.
    QueueSend,

    // System V.
    /// Finds or makes an object.
    Get(SystemV),
    /// Inspects, changes or removes an object.
    ControlSystemV(SystemV),
    /// Puts a message.
    SystemVSend,
    /// Takes a message.
    SystemVReceive,
    /// Changes semaphores, waiting until it can.
    SemaphoreOperation,

    // Memory.
    /// Changes what is mapped.
    Map(Mapping),
    /// Waits on a word, or wakes who does: futex(2).
    Futex,
    /// Sets a segment register, or asks for it: arch_prctl(2).
    Segment,

    // Processes and signals.
    /// Creates a task.
    Fork,
    /// Ends the caller; the flag tells whether its whole process.
    Exit {
        /// True if all threads of the process end.
        process: bool,
    },
    /// Waits for a child.
    WaitChild,
    /// Sends a signal to a process, to a group, or to everybody: kill(2).
    Kill,
    /// Sends a signal to a thread: tkill(2), tgkill(2).
    KillThread,
    /// Sends a signal in another way, or carries data with it.
    QueueSignal,
    /// Waits for a signal until a handler has run.
    Pause,
    /// Takes a pending signal, waiting for it.
    TakeSignal,
    /// Says what to do with a signal.
    SignalAction,
    /// Says which signals are to wait.
    SignalMask,
    /// Tells the caller's own numbers.
    Identity,
    /// Tells the parent's number.
    Parent,
    /// Tells or changes groups and sessions of processes.
    Groups,
    /// Does what its operation says: prctl(2).
    ProcessControl,
    /// Adds a filter of the caller's system calls: seccomp(2).
    Filter,
    /// Continues a call that a signal has stopped: restart_syscall(2).
    Restart,

    // Time and chance.
    /// Sleeps.
    Sleep,
    /// Sleeps by a given clock, for a while or until a moment.
    SleepByClock,
    /// Reads a clock: clock_gettime(2).
    ReadClock,
    /// Reads the calendar: gettimeofday(2).
    ReadTimeOfDay,
    /// Reads the calendar in seconds: time(2).
    ReadSeconds,
    /// Works on a timer.
    Timer(Timer),
    /// Gives random bytes.
    Random,

    // What the engine does not let happen.
    /// Sets CPUs, scheduling policies and priorities, or asks for them: kept and told, without
    /// effect.
    Schedule,
    /// Refused with this error.
    Refused(i32),
}

/// A kind of System V object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemV {
    /// A message queue.
    Queue,
    /// A set of semaphores.
    Semaphores,
    /// A memory segment.
    Memory,
}

impl SystemV {
    /// The kind's name, as reports and traces have it.
    pub const fn name(self) -> &'static str {
        match self {
            SystemV::Queue => "message queue",
            SystemV::Semaphores => "semaphore set",
            SystemV::Memory => "shared memory",
        }
    }
}

/// A change of what is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mapping {
    /// mmap(2).
    Map,
    /// munmap(2).
    Unmap,
    /// mremap(2).
    Move,
    /// mprotect(2).
    Protect,
    /// madvise(2).
    Advise,
    /// brk(2).
    Break,
    /// remap_file_pages(2).
    Remap,
    /// shmat(2).
    Attach,
    /// shmdt(2).
    Detach,
}

/// An operation on a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// alarm(2).
    Alarm,
    /// setitimer(2).
    SetInterval,
    /// getitimer(2).
    GetInterval,
    /// timer_create(2).
    Create,
    /// timer_settime(2).
    Set,
    /// timer_gettime(2).
    Get,
    /// timer_getoverrun(2).
    Overrun,
    /// timer_delete(2).
    Delete,
    /// timerfd_create(2).
    CreateDescriptor,
    /// timerfd_settime(2).
    SetDescriptor,
    /// timerfd_gettime(2).
    GetDescriptor,
}
