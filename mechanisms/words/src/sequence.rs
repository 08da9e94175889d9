//! The words of a sequence lock, with the memory orders that it needs. The same code
//! is checked against all reorderings by loom (`tests/loom.rs`).
//!
//! After Boehm, "Can Seqlocks Get Along With Programming Language Memory Models?"
//! (MSPC 2012), figures 4 and 6: the value consists of atomics, since it is read
//! while it is written.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Words of the value: enough to tear; loom needs no more than two for that.
#[cfg(loom)]
pub const WORDS: usize = 2;
/// Words of the value.
#[cfg(not(loom))]
pub const WORDS: usize = 8;

/// A value of several words with one writer.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Sequence {
    /// Odd while the writer is at it.
    number: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl Sequence {
    /// Stores a value. Only one may do that.
    pub fn store(&self, value: &[u64; WORDS]) {
        let number = self.number.load(Ordering::Relaxed);
        // A writer that died here left it odd: what there is counts as torn until
        // this store is complete.
        let odd = number | 1;
        self.number.store(odd, Ordering::Relaxed);
        // No word is seen before the odd number is.
        fence(Ordering::Release);
        for (word, new) in self.words.iter().zip(value) {
            word.store(*new, Ordering::Relaxed);
        }
        self.number.store(odd + 1, Ordering::Release);
    }

    /// Returns the value, unless the writer is at it.
    pub fn try_load(&self) -> Option<[u64; WORDS]> {
        let before = self.number.load(Ordering::Acquire);
        if before % 2 == 1 {
            return None;
        }
        let value = std::array::from_fn(|i| self.words[i].load(Ordering::Relaxed));
        // No word is read after the number is.
        fence(Ordering::Acquire);
        (self.number.load(Ordering::Relaxed) == before).then_some(value)
    }
}
