//! Properties of calls that do not follow from what they do.

/// A property of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Fact {
    /// Concerns the caller's own memory, signal handling and identity only: it never
    /// stops, unless its arguments concern memory that the engine watches, or signals that
    /// others may send.
    Private = 1 << 0,
    /// Is of interest to its own process only, so that reports fold it.
    Routine = 1 << 1,
    /// Neither waits for anybody nor wakes anybody, and nothing has to be done when it
    /// comes back.
    Brief = 1 << 2,
    /// Never waits for anybody, and may wake only who waits for changes of files, sockets
    /// or descriptors.
    WakesWatchers = 1 << 3,
    /// May be interrupted by a signal before it has done anything (signal(7)).
    Interruptible = 1 << 4,
    /// May move fewer bytes than asked for. Messages are all or nothing.
    Partial = 1 << 5,
    /// May find no room on the file system (`ENOSPC`, `EDQUOT`).
    NoSpace = 1 << 6,
    /// Makes a descriptor, of which there may be too many (`EMFILE`, `ENFILE`).
    NoDescriptors = 1 << 7,
    /// May find no memory (`ENOMEM`).
    NoMemory = 1 << 8,
    /// Reads the calendar, or may wait until a date.
    Dated = 1 << 9,
    /// Changes neither which files are open under which numbers nor their names.
    SameFiles = 1 << 10,
    /// Changes neither what is mapped nor the names of mapped files.
    SameMaps = 1 << 11,
    /// Its result is a process id.
    ReturnsPid = 1 << 12,
    /// Means the program's own addresses: it works on mappings, or keeps an address.
    OwnAddresses = 1 << 13,
    /// May release a file lock, or make room in a System V queue.
    ReleasesLocks = 1 << 14,
    /// Has done nothing as long as it waits.
    Untouched = 1 << 15,
    /// Belongs to a program's start-up where it works on a file that start-up opened.
    Loads = 1 << 16,
    /// Asks for others to run.
    Yields = 1 << 17,
    /// Its answer depends on no other process while a program starts.
    Alike = 1 << 18,
    /// Fails with EINTR after SIGSTOP and SIGCONT, even if the caller has no handler
    /// (signal(7), "Interruption of system calls and library functions by stop signals").
    EndsWithStop = 1 << 19,
    /// Allocates a range of a file, from the third argument on, as long as the fourth.
    Reserves = 1 << 20,
    /// Changes nothing that another process could notice, whatever it looks at.
    Looks = 1 << 21,
    /// Tells and changes only what belongs to the caller's process.
    Own = 1 << 22,
    /// Asks to be told of what others do with files from then on (inotify(7), fanotify(7)).
    Watches = 1 << 23,
    /// Changes where names lead from then on: one file may have several (mount(2), chroot(2)).
    Relocates = 1 << 24,
    /// Writes changed pages of files out.
    WritesOut = 1 << 25,
    /// Makes the stores of other tasks visible.
    Fences = 1 << 26,
}

/// A set of [`Fact`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts(pub u32);
