//! A value that survives the death of its writer: two slots, of which a number says
//! which one counts. A store fills the other one and then changes the number, which
//! is one word, so a writer that dies leaves the old value or the new one.
//!
//! The user must ensure that no process loads while another one stores.

use crosswire::contract::VALUE_BYTES;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Words of a value.
pub(crate) const WORDS: usize = VALUE_BYTES / 8;

/// Two slots in shared memory; zeros are an empty value.
#[repr(C)]
pub(crate) struct Slots {
    /// The slot that counts.
    current: AtomicU32,
    slots: [[AtomicU64; WORDS]; 2],
}

impl Slots {
    /// Returns the value.
    pub fn load(&self) -> [u8; VALUE_BYTES] {
        let current = self.current.load(Ordering::Acquire) as usize % 2;
        let words = self.slots[current].each_ref();
        bytes(words.map(|word| word.load(Ordering::Relaxed)))
    }

    /// Puts a value there.
    pub fn store(&self, value: &[u8; VALUE_BYTES]) {
        let other = (self.current.load(Ordering::Relaxed) + 1) % 2;
        for (word, new) in self.slots[other as usize].iter().zip(words(value)) {
            word.store(new, Ordering::Relaxed);
        }
        self.current.store(other, Ordering::Release);
    }
}

/// Returns a value as words.
pub(crate) fn words(value: &[u8; VALUE_BYTES]) -> [u64; WORDS] {
    std::array::from_fn(|i| {
        let mut word = [0; 8];
        word.copy_from_slice(&value[8 * i..8 * i + 8]);
        u64::from_ne_bytes(word)
    })
}

/// Words as a value.
pub(crate) fn bytes(words: [u64; WORDS]) -> [u8; VALUE_BYTES] {
    let mut value = [0; VALUE_BYTES];
    for (part, word) in value.chunks_exact_mut(8).zip(words) {
        part.copy_from_slice(&word.to_ne_bytes());
    }
    value
}
