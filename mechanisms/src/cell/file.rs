//! A memory-mapped file: mmap(2), msync(2).
//!
//! All processes that map the file see what is written to a shared mapping at once; it
//! reaches the disk when the kernel chooses, or by msync. A killed process loses nothing;
//! a machine failure may lose or tear everything since the last msync. So each of the two
//! records has a number and a checksum: a load takes the newest intact record, and a
//! store overwrites the older one.
//!
//! An access to a page that the file no longer has raises SIGBUS. So a process that may
//! truncate the file must take the lock for it, and a process that holds the lock checks
//! the length before it touches anything.

use super::slots::{WORDS, bytes, words};
use crate::common::{NO_BUFFER, NO_CLOCK, NO_SIGNAL_LATE, NO_SIGNAL_LOST, NO_TRANSFER, own_path};
use crate::lock::{FileLock, Flock};
use crate::sys::mapping::Mapping;
use crosswire::contract::{
    Contract, Error, Facility, Peril, RwLock, SharedCell, Traits, VALUE_BYTES, promise,
};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A value, the how manieth it is, and what shows that both are whole.
#[repr(C)]
struct Entry {
    number: AtomicU64,
    value: [AtomicU64; WORDS],
    checksum: AtomicU64,
}

/// Content of the file.
#[repr(C)]
pub(crate) struct Inside {
    entries: [Entry; 2],
}

/// A value in a file that is mapped, and a lock on the file.
#[derive(Debug)]
pub struct MappedFile {
    path: PathBuf,
    memory: Mapping,
    lock: Flock,
    /// True if the file is removed with the value.
    temporary: bool,
}

impl MappedFile {
    /// Returns the value in the file at `path`, which stays there; a new file holds
    /// zeros.
    ///
    /// # Errors
    /// If the file can be neither opened nor created, or not mapped.
    ///
    /// ```
    /// use crosswire::contract::SharedCell;
    /// use crosswire_mechanisms::cell::MappedFile;
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("value");
    /// MappedFile::open(&path)?.store(&[7; 64])?;
    /// // Another process, or the next day.
    /// assert_eq!(MappedFile::open(&path)?.load()?, [7; 64]);
    /// # Ok::<(), crosswire::contract::Error>(())
    /// ```
    pub fn open(path: &Path) -> Result<MappedFile, Error> {
        let object = path.display().to_string();
        let mut lock = FileLock::at(path.to_owned())?;
        // The process that sets the size must be alone: growing from 0 is no harm, but two
        // that both find it short must not get in each other's way.
        RwLock::write(&mut lock)?;
        let memory = map(lock.file()).map_err(Error::system("mapping", &object));
        RwLock::unlock(&mut lock)?;
        Ok(MappedFile {
            path: path.to_owned(),
            memory: memory?,
            lock,
            temporary: false,
        })
    }
}

/// Tells whether the file is as long as its mapping; must be called with the lock held.
fn is_whole(lock: &Flock) -> bool {
    let length = lock.file().metadata().map(|data| data.len());
    length.is_ok_and(|length| length >= size_of::<Inside>() as u64)
}

fn map(file: &File) -> std::io::Result<Mapping> {
    let bytes = size_of::<Inside>();
    if file.metadata()?.len() < bytes as u64 {
        file.set_len(bytes as u64)?;
    }
    Mapping::of(file, bytes)
}

impl Inside {
    /// Returns the newest entry that is whole: its place, number and value.
    fn newest(&self) -> Option<(usize, u64, [u64; WORDS])> {
        let whole = self
            .entries
            .iter()
            .enumerate()
            .filter_map(|(place, entry)| {
                let number = entry.number.load(Ordering::Acquire);
                let value = entry
                    .value
                    .each_ref()
                    .map(|word| word.load(Ordering::Relaxed));
                let matches = checksum(number, &value) == entry.checksum.load(Ordering::Relaxed);
                (number > 0 && matches).then_some((place, number, value))
            });
        whole.max_by_key(|(_, number, _)| *number)
    }

    fn store(&self, value: &[u64; WORDS]) {
        let (place, number) = match self.newest() {
            Some((place, number, _)) => (1 - place, number + 1),
            None => (0, 1),
        };
        let entry = &self.entries[place];
        // While its checksum does not match, the entry does not count.
        entry.checksum.store(0, Ordering::Relaxed);
        for (word, new) in entry.value.iter().zip(value) {
            word.store(*new, Ordering::Relaxed);
        }
        entry.number.store(number, Ordering::Relaxed);
        let checksum = checksum(number, value);
        entry.checksum.store(checksum, Ordering::Release);
    }
}

const TRUNCATED: &str = "it has been truncated";

/// FNV-1a over the words: enough to tell a torn entry from a whole one.
fn checksum(number: u64, value: &[u64; WORDS]) -> u64 {
    let mix = |hash: u64, word: &u64| (hash ^ word).wrapping_mul(0x0100_0000_01b3);
    value.iter().fold(mix(0xcbf2_9ce4_8422_2325, &number), mix)
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        if self.temporary {
            // A process that removed it before had a reason.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl SharedCell for MappedFile {
    const CONTRACT: &'static Contract = &CONTRACT;

    fn create() -> Result<Self, Error> {
        let mut cell = MappedFile::open(&own_path("cell"))?;
        cell.temporary = true;
        Ok(cell)
    }

    fn attach(&mut self) -> Result<(), Error> {
        RwLock::attach(&mut self.lock)
    }

    fn store(&mut self, value: &[u8; VALUE_BYTES]) -> Result<(), Error> {
        let object = self.path.display().to_string();
        RwLock::write(&mut self.lock)?;
        let stored = match is_whole(&self.lock) {
            true => {
                self.memory.get::<Inside>().store(&words(value));
                // Stored means that it is there after the machine failed, too.
                let synced = self.memory.sync();
                synced.map_err(Error::system("writing back", &object))
            }
            false => Err(Error::misuse(&object, TRUNCATED)),
        };
        RwLock::unlock(&mut self.lock)?;
        stored
    }

    fn load(&mut self) -> Result<[u8; VALUE_BYTES], Error> {
        RwLock::read(&mut self.lock)?;
        let newest = is_whole(&self.lock).then(|| self.memory.get::<Inside>().newest());
        RwLock::unlock(&mut self.lock)?;
        let object = self.path.display().to_string();
        let newest = newest.ok_or_else(|| Error::misuse(&object, TRUNCATED))?;
        Ok(newest.map_or([0; VALUE_BYTES], |(_, _, value)| bytes(value)))
    }
}

const CONTRACT: Contract = Contract {
    name: "mapped-file",
    facility: Facility::SharedCell,
    specification: "A register that outlives its users: a load returns the last value stored.",
    traits: Traits::USUAL,
    capacity: "64 bytes here; a file",
    blocking: "load waits while another process stores, store while another process loads or \
               stores; store waits for the disk",
    linux: "mappings and read(2) see the same pages, which POSIX leaves open",
    promises: &[
        promise(
            Peril::None,
            "a load returns the value of the last store, whole",
            "mmap(2): MAP_SHARED; flock(2)",
        ),
        promise(
            Peril::KillReader,
            "a killed reader's lock is given back",
            "flock(2)",
        ),
        promise(
            Peril::KillWriter,
            "after a writer was killed, loads return the old value or the new one, whole; its lock \
             is given back",
            "mmap(2): written data stays in the file; flock(2)",
        ),
        promise(
            Peril::Pause,
            "a slow process delays others and changes nothing else",
            "flock(2)",
        ),
        promise(
            Peril::Interrupt,
            "a wait for the lock that was interrupted is repeated",
            "flock(2): EINTR",
        ),
        promise(
            Peril::Errno,
            "a process that cannot open the file or take its lock reports the error; the others \
             continue",
            "open(2): EMFILE; msync(2): EIO",
        ),
        promise(
            Peril::Contend,
            "a process that finds the lock taken waits its turn",
            "flock(2)",
        ),
    ],
    exemptions: &[
        NO_TRANSFER,
        NO_BUFFER,
        NO_SIGNAL_LOST,
        NO_SIGNAL_LATE,
        NO_CLOCK,
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_entry_leaves_the_one_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("value");
        let mut cell = MappedFile::open(&path).unwrap();
        assert_eq!(cell.load().unwrap(), [0; VALUE_BYTES]);
        cell.store(&[1; VALUE_BYTES]).unwrap();
        cell.store(&[2; VALUE_BYTES]).unwrap();
        let inside = cell.memory.get::<Inside>();
        let (place, ..) = inside.newest().unwrap();
        inside.entries[place].value[3].store(9, Ordering::Relaxed);
        assert_eq!(cell.load().unwrap(), [1; VALUE_BYTES]);
        cell.store(&[3; VALUE_BYTES]).unwrap();
        assert_eq!(cell.load().unwrap(), [3; VALUE_BYTES]);
    }
}
