//! The operation log: memory that the processes of a scenario write into and the
//! harness reads, without any system call and so without a schedule point.
//!
//! Only one process under test runs at a time, so a plain counter puts the
//! entries in order. What a process wrote stays when it is killed.

use crosswire_model::{History, Operation, Outcome, TaskId};
use memmap2::{MmapOptions, MmapRaw};
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

/// Tells the processes of a scenario the descriptor by which they inherit the log.
pub const LOG_VARIABLE: &str = "CROSSWIRE_LOG_FD";

/// The longest name of an operation, in bytes.
pub const NAME_BYTES: usize = 23;

/// The entry that was not written because the log is full.
const NOWHERE: u32 = u32::MAX;

const UNPUBLISHED: u32 = 0;
const CALL: u32 = 1;
const ANSWER: u32 = 2;
const FAILURE: u32 = 3;

/// Every field is atomic: harness and processes share the memory, and none of
/// them may assume anything about what another has written.
#[repr(C, align(64))]
struct Header {
    /// Entries handed out, which may exceed the capacity.
    next: AtomicU32,
    /// 1 once an entry found no room.
    overflowed: AtomicU32,
}

#[repr(C)]
struct LogEntry {
    /// Stored last: a process that dies before this leaves an entry that does not count.
    kind: AtomicU32,
    process: AtomicU32,
    /// For answers: the entry of the call.
    call: AtomicU32,
    has_value: AtomicU32,
    value: AtomicI64,
    /// The operation's name, padded with zeros.
    name: [AtomicU64; 3],
}

/// A log of operations in shared memory.
pub struct OpLog {
    map: MmapRaw,
    capacity: usize,
    file: Option<File>,
}

/// Answer of an operation, as the log stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It answered, with a value or without.
    Answered(Option<i64>),
    /// It failed without having had an effect.
    Failed,
}

/// Position of an operation's call in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallEntry(u32);

impl OpLog {
    /// Returns a new, empty log with room for this number of entries: two for an operation that
    /// answers.
    ///
    /// # Errors
    /// If the kernel gives no memory.
    pub fn create(capacity: usize) -> io::Result<OpLog> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let file = File::from(memfd_create("crosswire-log", flags)?);
        file.set_len((size_of::<Header>() + capacity * size_of::<LogEntry>()) as u64)?;
        // A process under test that shrinks the file must not make the harness
        // die of SIGBUS.
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
        OpLog::map(file)
    }

    /// Maps the log behind a descriptor that this process has inherited, and
    /// closes the descriptor.
    ///
    /// # Errors
    /// If the descriptor is not that of a log.
    pub fn open(fd: RawFd) -> io::Result<OpLog> {
        if fd <= 2 {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
        // SAFETY: the harness passes the descriptor for this one use, and nothing
        // else in this process knows its number.
        let file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
        let mut log = OpLog::map(file)?;
        log.file = None;
        Ok(log)
    }

    fn map(file: File) -> io::Result<OpLog> {
        let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let Some(entries) = len.checked_sub(size_of::<Header>()) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "not an operation log",
            ));
        };
        Ok(OpLog {
            map: MmapOptions::new().len(len).map_raw(&file)?,
            capacity: entries / size_of::<LogEntry>(),
            file: Some(file),
        })
    }

    /// Returns the number of entries.
    pub fn length(&self) -> u64 {
        u64::from(self.header().next.load(Ordering::Acquire))
    }

    /// Returns the descriptor that the processes inherit.
    ///
    /// # Panics
    /// On a log that was opened, not created: it has closed its descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file
            .as_ref()
            .expect("the log was created here")
            .as_fd()
    }

    fn header(&self) -> &Header {
        // SAFETY: the mapping is page-aligned, at least one header long, lives as
        // long as `self`, and a header consists of atomics, valid for all bits.
        unsafe { &*self.map.as_ptr().cast::<Header>() }
    }

    fn entries(&self) -> &[LogEntry] {
        // SAFETY: `capacity` entries fit behind the header by construction, whose
        // size is a multiple of their alignment; they consist of atomics, valid
        // for all bits; the mapping lives as long as `self`.
        unsafe {
            let first = self
                .map
                .as_ptr()
                .add(size_of::<Header>())
                .cast::<LogEntry>();
            std::slice::from_raw_parts(first, self.capacity)
        }
    }

    /// Forgets everything. To be called while no process writes.
    pub fn clear(&self) {
        for entry in &self.entries()[..self.len()] {
            entry.kind.store(UNPUBLISHED, Ordering::Relaxed);
        }
        self.header().overflowed.store(0, Ordering::Relaxed);
        self.header().next.store(0, Ordering::Release);
    }

    /// Tells whether entries are missing because the log was full: the history is then
    /// useless.
    pub fn overflowed(&self) -> bool {
        self.header().overflowed.load(Ordering::Acquire) != 0
    }

    fn len(&self) -> usize {
        (self.header().next.load(Ordering::Acquire) as usize).min(self.capacity)
    }

    /// Logs that `process` begins an operation.
    pub fn call(&self, process: u32, name: &str, value: Option<i64>) -> CallEntry {
        let mut bytes = [0; 24];
        let length = name.len().min(NAME_BYTES);
        bytes[..length].copy_from_slice(&name.as_bytes()[..length]);
        CallEntry(self.write(CALL, process, NOWHERE, &bytes, value))
    }

    /// Logs how that operation came out.
    pub fn answer(&self, process: u32, call: CallEntry, answer: Answer) {
        let (kind, value) = match answer {
            Answer::Answered(value) => (ANSWER, value),
            Answer::Failed => (FAILURE, None),
        };
        self.write(kind, process, call.0, &[0; 24], value);
    }

    fn write(
        &self,
        kind: u32,
        process: u32,
        call: u32,
        name: &[u8; 24],
        value: Option<i64>,
    ) -> u32 {
        let header = self.header();
        let index = header.next.fetch_add(1, Ordering::Relaxed);
        let Some(entry) = self.entries().get(index as usize) else {
            // Going back by one keeps the counter from wrapping round to 0.
            header.next.fetch_sub(1, Ordering::Relaxed);
            header.overflowed.store(1, Ordering::Release);
            return NOWHERE;
        };
        entry.process.store(process, Ordering::Relaxed);
        entry.call.store(call, Ordering::Relaxed);
        entry
            .has_value
            .store(value.is_some().into(), Ordering::Relaxed);
        entry
            .value
            .store(value.unwrap_or_default(), Ordering::Relaxed);
        for (word, bytes) in entry.name.iter().zip(name.as_chunks::<8>().0) {
            word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
        }
        entry.kind.store(kind, Ordering::Release);
        index
    }

    /// Returns the history of the processes, in the order of the calls. `names` are the
    /// processes' names by number; `task_of` gives the first task of each.
    pub fn history(&self, names: &[String], task_of: impl Fn(usize) -> TaskId) -> History {
        let mut operations: Vec<Operation> = Vec::new();
        let mut of_entry = vec![usize::MAX; self.len()];
        for (index, entry) in self.entries()[..self.len()].iter().enumerate() {
            let kind = entry.kind.load(Ordering::Acquire);
            let at = index as u64;
            if kind == CALL {
                let process = entry.process.load(Ordering::Relaxed) as usize;
                let Some(name) = names.get(process) else {
                    continue;
                };
                of_entry[index] = operations.len();
                operations.push(Operation {
                    task: task_of(process),
                    process: name.clone(),
                    name: entry.name(),
                    value: entry.value(),
                    called: at,
                    outcome: Outcome::Pending,
                });
            } else if kind == ANSWER || kind == FAILURE {
                let call = entry.call.load(Ordering::Relaxed) as usize;
                let operation = of_entry.get(call).and_then(|&of| operations.get_mut(of));
                let Some(operation) = operation else { continue };
                operation.outcome = match kind {
                    ANSWER => Outcome::Answered {
                        at,
                        value: entry.value(),
                    },
                    _ => Outcome::Failed { at },
                };
            }
        }
        History { operations }
    }
}

impl LogEntry {
    fn value(&self) -> Option<i64> {
        (self.has_value.load(Ordering::Relaxed) != 0).then(|| self.value.load(Ordering::Relaxed))
    }

    fn name(&self) -> String {
        let bytes: Vec<u8> = self
            .name
            .iter()
            .flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes())
            .take_while(|&byte| byte != 0)
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::IntoRawFd;

    fn names() -> Vec<String> {
        vec!["producer".into(), "consumer".into()]
    }

    fn history(log: &OpLog) -> History {
        log.history(&names(), |process| TaskId(process as u32 + 1))
    }

    #[test]
    fn what_is_written_through_one_mapping_is_read_through_another() {
        let log = OpLog::create(16).unwrap();
        let inherited = log.fd().try_clone_to_owned().unwrap().into_raw_fd();
        let writer = OpLog::open(inherited).unwrap();
        let send = writer.call(0, "send", Some(-7));
        let recv = writer.call(1, "recv", None);
        writer.answer(0, send, Answer::Answered(None));
        writer.call(0, "a-name-of-23-bytes-long", None);
        writer.answer(1, recv, Answer::Failed);

        let operations = history(&log).operations;
        assert_eq!(operations.len(), 3);
        assert_eq!(
            (operations[0].name.as_str(), operations[0].value),
            ("send", Some(-7))
        );
        assert_eq!(
            operations[0].outcome,
            Outcome::Answered { at: 2, value: None }
        );
        assert_eq!(operations[1].task, TaskId(2));
        assert_eq!(operations[1].process, "consumer");
        assert_eq!(operations[1].outcome, Outcome::Failed { at: 4 });
        assert_eq!(operations[2].name, "a-name-of-23-bytes-long");
        assert_eq!(operations[2].outcome, Outcome::Pending);

        log.clear();
        assert_eq!(history(&log), History::default());
    }

    #[test]
    fn an_entry_whose_writer_died_does_not_count() {
        let log = OpLog::create(8).unwrap();
        log.call(0, "send", Some(1));
        log.header().next.fetch_add(1, Ordering::Relaxed);
        log.call(1, "recv", None);
        let called: Vec<u64> = history(&log).operations.iter().map(|o| o.called).collect();
        assert_eq!(called, [0, 2]);
    }

    #[test]
    fn a_full_log_says_so_until_it_is_cleared() {
        let log = OpLog::create(1).unwrap();
        let call = log.call(0, "send", Some(1));
        assert!(!log.overflowed());
        log.answer(0, call, Answer::Answered(None));
        assert!(log.overflowed());
        assert_eq!(history(&log).operations.len(), 1);
        log.clear();
        assert!(!log.overflowed());
    }

    #[test]
    fn what_is_no_log_is_refused() {
        assert!(OpLog::open(0).is_err());
        let file = tempfile::tempfile().unwrap();
        assert!(OpLog::open(file.into_raw_fd()).is_err());
    }
}
