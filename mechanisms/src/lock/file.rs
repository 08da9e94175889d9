//! File locks: flock(2), and fcntl(2) with `F_SETLK` and `F_OFD_SETLK`.
//!
//! All three are advisory, all are given back by the kernel when their owner is gone,
//! and they differ in who the owner is:
//!
//! | | owner | goes with | seen by fcntl |
//! |---|---|---|---|
//! | [`Flock`] | the open file description | its last descriptor | no |
//! | [`OfdLock`] | the open file description | its last descriptor | yes |
//! | [`FcntlLock`] | the process | the process, or its closing *any* descriptor of the file | yes |
//!
//! So a descriptor that was inherited or duplicated shares a lock of the first two
//! kinds, and each process must open the file itself; and a library that opens and
//! closes the file takes a lock of the third kind away from its process.

use crate::common::{NO_BUFFER, NO_CLOCK, NO_SIGNAL_LATE, NO_SIGNAL_LOST, NO_TRANSFER, own_path};
use crosswire::contract::{
    Contract, Error, Facility, Lock, Peril, Promise, RwLock, Taken, Traits, promise,
};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use std::fs::File;
use std::marker::PhantomData;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

/// Requested kind of lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A lock shared with other readers.
    Read,
    /// An exclusive lock.
    Write,
    /// No lock: gives it back.
    Nothing,
}

/// One of the three kinds.
pub trait Kind: 'static {
    /// Asks for the lock once; waits for it if told to.
    ///
    /// # Errors
    /// EWOULDBLOCK, EAGAIN or EACCES if another process has it and `wait` is not set; EINTR.
    fn ask(file: &File, wanted: Wanted, wait: bool) -> nix::Result<()>;
    /// Contract as a lock.
    const LOCK: &'static Contract;
    /// Contract as a reader–writer lock.
    const RWLOCK: &'static Contract;
}

/// A lock on a file of its own in the directory for temporary files.
#[derive(Debug)]
pub struct FileLock<K> {
    path: PathBuf,
    file: File,
    /// True if the file is removed with the lock.
    temporary: bool,
    kind: PhantomData<K>,
}

/// flock(2).
pub type Flock = FileLock<ByFlock>;
/// fcntl(2): record locks of POSIX, owned by processes.
pub type FcntlLock = FileLock<ByProcess>;
/// fcntl(2): record locks owned by open file descriptions.
pub type OfdLock = FileLock<ByDescription>;

/// See [`Flock`].
#[derive(Debug)]
pub enum ByFlock {}
/// See [`FcntlLock`].
#[derive(Debug)]
pub enum ByProcess {}
/// See [`OfdLock`].
#[derive(Debug)]
pub enum ByDescription {}

impl<K: Kind> FileLock<K> {
    /// Builds a lock on this file, which is created if it is not there, and stays. What
    /// the file holds is no concern of the lock's.
    ///
    /// # Errors
    /// If the file can be neither opened nor created.
    ///
    /// ```
    /// use crosswire::contract::{Lock, Taken};
    /// use crosswire_mechanisms::lock::Flock;
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("lock");
    /// let (mut mine, mut yours) = (Flock::at(path.clone())?, Flock::at(path)?);
    /// assert_eq!(mine.lock()?, Taken::Clean);
    /// assert_eq!(yours.try_lock()?, None);
    /// mine.unlock()?;
    /// assert_eq!(yours.try_lock()?, Some(Taken::Clean));
    /// # Ok::<(), crosswire::contract::Error>(())
    /// ```
    pub fn at(path: PathBuf) -> Result<Self, Error> {
        let file = open(&path)?;
        Ok(FileLock {
            path,
            file,
            temporary: false,
            kind: PhantomData,
        })
    }

    /// Returns the file, open in this process.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    fn object(&self) -> String {
        format!("the lock on {}", self.path.display())
    }

    fn create() -> Result<Self, Error> {
        let mut lock = Self::at(own_path(K::LOCK.name))?;
        lock.temporary = true;
        Ok(lock)
    }

    /// Reopens the file: an inherited descriptor would share the lock with the process it
    /// comes from.
    fn attach(&mut self) -> Result<(), Error> {
        self.file = open(&self.path)?;
        Ok(())
    }

    fn ask(&self, operation: &'static str, wanted: Wanted) -> Result<(), Error> {
        loop {
            match K::ask(&self.file, wanted, true) {
                Err(Errno::EINTR) => {}
                result => return result.map_err(Error::system(operation, &self.object())),
            }
        }
    }
}

fn open(path: &PathBuf) -> Result<File, Error> {
    let options = &mut File::options();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(Error::system("opening", &path.display().to_string()))
}

impl<K> Drop for FileLock<K> {
    fn drop(&mut self) {
        if self.temporary {
            // A process that removed it before had a reason.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl<K: Kind> Lock for FileLock<K> {
    const CONTRACT: &'static Contract = K::LOCK;

    fn create() -> Result<Self, Error> {
        FileLock::create()
    }

    fn attach(&mut self) -> Result<(), Error> {
        FileLock::attach(self)
    }

    fn lock(&mut self) -> Result<Taken, Error> {
        self.ask("locking", Wanted::Write)?;
        Ok(Taken::Clean)
    }

    fn try_lock(&mut self) -> Result<Option<Taken>, Error> {
        loop {
            return match K::ask(&self.file, Wanted::Write, false) {
                Ok(()) => Ok(Some(Taken::Clean)),
                Err(Errno::EWOULDBLOCK | Errno::EACCES) => Ok(None),
                Err(Errno::EINTR) => continue,
                Err(error) => Err(Error::system("locking", &self.object())(error)),
            };
        }
    }

    fn unlock(&mut self) -> Result<(), Error> {
        self.ask("unlocking", Wanted::Nothing)
    }
}

impl<K: Kind> RwLock for FileLock<K> {
    const CONTRACT: &'static Contract = K::RWLOCK;

    fn create() -> Result<Self, Error> {
        FileLock::create()
    }

    fn attach(&mut self) -> Result<(), Error> {
        FileLock::attach(self)
    }

    fn read(&mut self) -> Result<(), Error> {
        self.ask("locking", Wanted::Read)
    }

    fn write(&mut self) -> Result<(), Error> {
        self.ask("locking", Wanted::Write)
    }

    fn unlock(&mut self) -> Result<(), Error> {
        self.ask("unlocking", Wanted::Nothing)
    }
}

impl Kind for ByFlock {
    fn ask(file: &File, wanted: Wanted, wait: bool) -> nix::Result<()> {
        let operation = match wanted {
            Wanted::Read => libc::LOCK_SH,
            Wanted::Write => libc::LOCK_EX,
            Wanted::Nothing => libc::LOCK_UN,
        };
        let flags = if wait { 0 } else { libc::LOCK_NB };
        crate::sys::flock(file.as_raw_fd(), operation | flags)
            .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default()))
    }

    const LOCK: &'static Contract = &Contract {
        name: "flock",
        linux: "not in POSIX at all; over NFS, Linux makes it a record lock",
        ..LOCK
    };
    const RWLOCK: &'static Contract = &Contract {
        name: "flock-shared",
        linux: "not in POSIX at all; converting one mode into the other releases the lock in \
                between",
        ..RWLOCK
    };
}

/// Returns the whole file, in the form that fcntl takes.
fn range(wanted: Wanted) -> libc::flock {
    libc::flock {
        l_type: match wanted {
            Wanted::Read => libc::F_RDLCK,
            Wanted::Write => libc::F_WRLCK,
            Wanted::Nothing => libc::F_UNLCK,
        } as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

impl Kind for ByProcess {
    fn ask(file: &File, wanted: Wanted, wait: bool) -> nix::Result<()> {
        let range = range(wanted);
        let request = match wait {
            true => FcntlArg::F_SETLKW(&range),
            false => FcntlArg::F_SETLK(&range),
        };
        fcntl(file, request).map(drop)
    }

    const LOCK: &'static Contract = &Contract {
        name: "fcntl-lock",
        linux: "a wait that would close a cycle of waits is refused (EDEADLK); F_GETLK gives the \
                process id of a lock holder",
        ..LOCK
    };
    const RWLOCK: &'static Contract = &Contract {
        name: "fcntl-lock-shared",
        linux: "a reader who asks to write keeps reading until it may",
        ..RWLOCK
    };
}

impl Kind for ByDescription {
    fn ask(file: &File, wanted: Wanted, wait: bool) -> nix::Result<()> {
        let range = range(wanted);
        let request = match wait {
            true => FcntlArg::F_OFD_SETLKW(&range),
            false => FcntlArg::F_OFD_SETLK(&range),
        };
        fcntl(file, request).map(drop)
    }

    const LOCK: &'static Contract = &Contract {
        name: "ofd-lock",
        linux: "in POSIX since 2024; a cycle of waits is not detected",
        ..LOCK
    };
    const RWLOCK: &'static Contract = &Contract {
        name: "ofd-lock-shared",
        linux: "in POSIX since 2024; a cycle of waits is not detected",
        ..RWLOCK
    };
}

/// Contract parts common to all of them as locks.
const LOCK: Contract = Contract {
    name: "",
    facility: Facility::Lock,
    specification: "One holder at a time; given back by its holder, or by the kernel when the \
                    holder dies.",
    traits: Traits::USUAL,
    capacity: "one holder; any number of waiters",
    blocking: "lock waits until it is free; try_lock never waits",
    linux: "",
    promises: &[
        EXCLUSION,
        promise(
            Peril::KillHolder,
            "the kernel gives back the lock of a killed process, and the next one gets it, without \
             notice",
            "flock(2), fcntl(2): locks go with the descriptor, respectively the process",
        ),
        SLOW,
        INTERRUPTED,
        NO_DESCRIPTOR,
        CONTENDED,
    ],
    exemptions: &[
        NO_TRANSFER,
        NO_BUFFER,
        NO_SIGNAL_LOST,
        NO_SIGNAL_LATE,
        NO_CLOCK,
    ],
};

/// Contract parts common to all of them as reader–writer locks.
const RWLOCK: Contract = Contract {
    facility: Facility::RwLock,
    specification: "One writer, or any number of readers; given back by the holder, or by the \
                    kernel when the holder dies.",
    capacity: "one writer, or any number of readers; any number of waiters",
    blocking: "read waits until no process writes, write until it is free; a steady stream of \
               readers starves writers",
    promises: &[
        EXCLUSION,
        promise(
            Peril::KillReader,
            "the kernel gives back the lock of a killed reader, and writers get it",
            "flock(2), fcntl(2)",
        ),
        promise(
            Peril::KillWriter,
            "the kernel gives back the lock of a killed writer, and the next one gets it, without \
             notice",
            "flock(2), fcntl(2)",
        ),
        SLOW,
        INTERRUPTED,
        NO_DESCRIPTOR,
        CONTENDED,
    ],
    ..LOCK
};

const EXCLUSION: Promise = promise(
    Peril::None,
    "no two hold it at a time, unless both read; no process is turned away from a free one, and \
     none waits forever",
    "flock(2): LOCK_EX, LOCK_SH; fcntl(2): F_WRLCK, F_RDLCK",
);

const SLOW: Promise = promise(
    Peril::Pause,
    "a slow holder delays others and changes nothing else",
    "flock(2), fcntl(2)",
);

const INTERRUPTED: Promise = promise(
    Peril::Interrupt,
    "a wait that was interrupted has taken nothing and can be repeated",
    "flock(2), fcntl(2): EINTR",
);

const NO_DESCRIPTOR: Promise = promise(
    Peril::Errno,
    "a process that cannot open the file, or for whose lock there is no memory, reports the error; \
     the others continue",
    "open(2): EMFILE; flock(2): ENOLCK; fcntl(2): ENOLCK",
);

const CONTENDED: Promise = promise(
    Peril::Contend,
    "a process that finds it taken waits until it is given back, or gets an error at once if it \
     does not wait",
    "flock(2): EWOULDBLOCK; fcntl(2): EAGAIN",
);
