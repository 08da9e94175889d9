//! The meaning of an argument register.

/// The meaning of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arg {
    // Numbers.
    /// A signed number.
    Int,
    /// An unsigned number of bytes or elements.
    Size,
    /// A number that says nothing to a reader: a size that the kernel fixes, a count.
    Plain,
    /// A set of bits.
    Bits,
    /// Permissions of a new file.
    Mode,
    /// Flags of open(2).
    OpenFlags,
    /// Flags of pipe2(2) and dup3(2), some of those of open(2).
    DescriptorFlags,
    /// Flags of mmap(2).
    MapFlags,
    /// Access that mmap(2) and mprotect(2) permit.
    Protection,
    /// A socket's family.
    Family,
    /// A socket's type.
    SocketType,
    /// A key of System V.
    Key,
    /// Flags of msgget(2) and its relatives.
    GetFlags,
    /// The command of semctl(2) and its relatives.
    ControlCommand,
    /// The operation of futex(2).
    FutexOp,
    /// The operation of flock(2).
    FlockOp,
    /// The command of fcntl(2).
    FcntlCommand,
    /// Argument of that command: a number, or memory for locks.
    FcntlArgument,
    /// The operation of epoll_ctl(2).
    EpollOp,
    /// The request of ioctl(2).
    Request,
    /// A process, thread or group.
    Pid,
    /// A clock; negative ones are those of a process or thread (clock_getcpuclockid(3)).
    Clock,
    /// A signal's number.
    Signal,

    // Descriptors.
    /// A descriptor.
    Fd,
    /// A descriptor into which bytes go, where that is not the first one.
    Sink,
    /// The directory to which the path that follows is relative.
    Dir,

    // Strings in memory.
    /// A path.
    Path,
    /// The name of a POSIX message queue.
    QueueName,
    /// Any other string.
    Text,

    // Memory that the caller has filled in.
    /// A structure that is not looked into.
    Given,
    /// Bytes; the next argument is their number.
    Bytes,
    /// An array of `struct iovec` with bytes; the next argument is its length.
    BytesVector,
    /// A `struct msghdr` with bytes.
    BytesMessage,
    /// An array of `struct mmsghdr` with bytes; the next argument is its length.
    BytesMessages,
    /// A `struct msgbuf`; the next argument is the number of its bytes.
    SystemVMessage,
    /// An array of `struct sembuf`; the next argument is its length.
    SemaphoreOps,
    /// A socket address; the next argument is its length.
    SocketAddress,
    /// A `struct timespec` for which to sleep.
    Duration,
    /// A relative timeout in a `struct timespec`, or none.
    Timeout,
    /// A relative timeout in a `struct timeval`, or none.
    TimevalTimeout,
    /// A timeout in milliseconds, by value; negative for none.
    Milliseconds,
    /// A time of the calendar at which a wait ends, or none.
    Deadline,
    /// A set of signals.
    SignalSet,

    // Memory that the kernel fills in.
    /// A structure that is not looked into.
    Out,
    /// Bytes; the result is their number.
    Buffer,
    /// An array of `struct iovec` for bytes; the next argument is its length.
    BufferVector,
    /// A `struct msghdr` for bytes.
    BufferMessage,
    /// An array of `struct mmsghdr` for bytes; the next argument is its length.
    BufferMessages,
    /// A `struct msgbuf`; the result is the number of its bytes.
    SystemVBuffer,
    /// Two descriptors.
    Pair,
    /// An array of `struct pollfd`, filled in by both; the next argument is its length.
    Polled,
    /// The status of a child.
    Status,

    // Addresses.
    /// A word on which tasks wait.
    Word,
    /// A place in the address space.
    Address,
    /// A place that the kernel need not take.
    Hint,
}

impl Arg {
    /// Returns whether the kernel follows the argument as a pointer.
    pub const fn is_pointer(self) -> bool {
        use Arg::*;
        match self {
            Int | Size | Plain | Bits | Mode | OpenFlags | DescriptorFlags | MapFlags
            | Protection | Family | SocketType | Key | GetFlags | ControlCommand | FutexOp
            | FlockOp | FcntlCommand | FcntlArgument | EpollOp | Request | Pid | Clock | Signal
            | Fd | Sink | Dir | Milliseconds => false,
            Path | QueueName | Text | Given | Bytes | BytesVector | BytesMessage
            | BytesMessages | SystemVMessage | SemaphoreOps | SocketAddress | Duration
            | Timeout | TimevalTimeout | Deadline | SignalSet | Out | Buffer | BufferVector
            | BufferMessage | BufferMessages | SystemVBuffer | Pair | Polled | Status | Word
            | Address | Hint => true,
        }
    }

    /// Returns whether the argument is an array of `struct iovec`.
    pub const fn is_vector(self) -> bool {
        matches!(self, Arg::BytesVector | Arg::BufferVector)
    }
}
