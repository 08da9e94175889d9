//! A text that one process gives to another, in shared memory or by a message: for those who want
//! to see what the difference is.
//!
//! Nothing here is careful about crashes, and what it creates stays: it is performed in runs that
//! end with everything they made.

use crate::sys::mapping::Mapping;
use crate::sys::{self, sysv};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are written, and read, at a time.
const WORD: usize = 8;

/// Words of a text.
const WORDS: usize = 4;

/// The longest text, in bytes.
pub const LONGEST: usize = WORD * WORDS;

/// The name of the shared memory.
const MEMORY: &str = "/dev/shm/crosswire-demo";

/// The key of the message queue.
const QUEUE: libc::key_t = 0x4372_6f73;

/// A text in shared memory.
#[repr(C)]
pub(crate) struct Words([AtomicU64; WORDS]);

/// Shared memory that holds a text; zeros at first.
#[derive(Debug)]
pub struct Board {
    file: File,
    memory: Mapping,
}

impl Board {
    /// Opens the memory, which is created if need be.
    ///
    /// # Errors
    /// If the kernel refuses that.
    pub fn open() -> io::Result<Board> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.open(MEMORY)?;
        file.set_len(LONGEST as u64)?;
        let memory = Mapping::of(&file, LONGEST)?;
        Ok(Board { file, memory })
    }

    /// Waits until nobody else has locked it, and locks it (flock(2)).
    ///
    /// # Errors
    /// If the kernel refuses that.
    pub fn lock(&self) -> io::Result<()> {
        sys::flock(self.file.as_raw_fd(), libc::LOCK_EX)
    }

    /// Unlocks it.
    ///
    /// # Errors
    /// If the kernel refuses that.
    pub fn unlock(&self) -> io::Result<()> {
        sys::flock(self.file.as_raw_fd(), libc::LOCK_UN)
    }

    /// Writes a text word by word; what is longer than [`LONGEST`] is left out.
    pub fn write(&self, text: &str) {
        let words = &self.memory.get::<Words>().0;
        for (word, bytes) in words.iter().zip(text.as_bytes().chunks(WORD)) {
            let mut whole = [b' '; WORD];
            whole[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_le_bytes(whole), Ordering::Relaxed);
        }
    }

    /// Reads as many words as a text of this length has; `-` stands for a byte that nobody has
    /// written.
    pub fn read(&self, length: usize) -> String {
        let words = self.memory.get::<Words>().0.iter();
        let words = words.take(length.div_ceil(WORD));
        let bytes: Vec<u8> = words
            .flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes())
            .map(|byte| if byte == 0 { b'-' } else { byte })
            .collect();
        let text = &bytes[..length.min(bytes.len())];
        String::from_utf8_lossy(text).into_owned()
    }
}

/// A queue of messages that the kernel keeps (sysvipc(7)).
#[derive(Debug)]
pub struct Post {
    id: libc::c_int,
}

impl Post {
    /// Opens the queue, which is created if need be.
    ///
    /// # Errors
    /// If the kernel refuses that.
    pub fn open() -> io::Result<Post> {
        let id = sysv::msgget(QUEUE, libc::IPC_CREAT | 0o600)?;
        Ok(Post { id })
    }

    /// Sends a text as one message.
    ///
    /// # Errors
    /// If the kernel refuses that.
    pub fn send(&self, text: &str) -> io::Result<()> {
        sysv::msgsnd(self.id, 1, text.as_bytes(), 0)
    }

    /// Waits for a message.
    ///
    /// # Errors
    /// If the kernel refuses that.
    pub fn receive(&self) -> io::Result<String> {
        let (_, bytes) = sysv::msgrcv(self.id, 0, 0)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
