//! Reads a program's memory for an access, with as few calls as possible.

use super::Pending;
use super::code::instruction::LONGEST;
use super::of_task::Foreseen;
use super::space::{DISTANCE, PAGE};
use crate::run::session::{Halt, Session};
use crosswire_kernel::{Tid, memory};

/// The memory that is read where a task comes to an access.
pub(super) struct Reading {
    pub code: [u8; LONGEST],
    /// Bytes of the code that are there.
    pub length: usize,
    pub word: Option<Foreseen>,
}

impl Session<'_> {
    /// Reads the instruction of an access. When the task comes straight from another
    /// access, which wakes no task, nothing changes until the next step: the value left
    /// by that access is read in the same call, and so is the word that the task reaches.
    pub(super) fn read_at_access(
        &mut self,
        index: usize,
        position: u64,
        address: u64,
    ) -> Result<Reading, Halt> {
        let mut code = [0; LONGEST];
        let task = &mut self.tasks[index];
        let tid = task.tid;
        if let [performing] = task.performing.as_mut_slice() {
            let (mut word, mut left) = ([0; 8], [0; 8]);
            let parts = [
                (position, &mut code[..]),
                (address + DISTANCE, &mut word),
                (performing.address + DISTANCE, &mut left),
            ];
            if memory::read_each(tid, parts).is_ok() {
                performing.left = Some(u64::from_le_bytes(left));
                return Ok(Reading {
                    code,
                    length: LONGEST,
                    word: Some(Foreseen {
                        word: u64::from_le_bytes(word),
                        step: self.turn.step() + 1,
                        signals_sent: self.reports.signals_sent(),
                    }),
                });
            }
        }
        let to_page_end = (PAGE - position % PAGE) as usize;
        let length = match memory::read(tid, position, &mut code).unwrap_or(0) {
            // The next page may not be there.
            0 if to_page_end < LONGEST => memory::read(tid, position, &mut code[..to_page_end])?,
            length => length,
        };
        Ok(Reading {
            code,
            length,
            word: None,
        })
    }

    /// Returns the word at an access that a task is about to make.
    pub(super) fn word_before(&self, index: usize, pending: &Pending) -> Option<u64> {
        let now = (self.turn.step(), self.reports.signals_sent());
        let read = || value_at(self.tasks[index].tid, pending.address, 8);
        match pending.word {
            Some(known) if (known.step, known.signals_sent) == now => {
                debug_assert_eq!(Some(known.word), read());
                Some(known.word)
            }
            _ => read(),
        }
    }
}

/// Returns the mask of the bytes of a word that a range of this size has.
pub(super) fn low_bytes(size: u64) -> u64 {
    u64::MAX >> (64 - 8 * size.clamp(1, 8))
}

/// Returns the first eight bytes at most, as a number.
pub(super) fn value_of(bytes: &[u8]) -> u64 {
    let bytes = bytes.iter().take(8).enumerate();
    bytes.fold(0, |value, (at, byte)| value | u64::from(*byte) << (8 * at))
}

/// Returns the beginning of a range, read at the alias.
pub(super) fn value_at(tid: Tid, address: u64, size: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    let length = size.min(8) as usize;
    match memory::read(tid, address + DISTANCE, &mut bytes[..length]) {
        Ok(count) if count == length => Some(u64::from_le_bytes(bytes)),
        _ => None,
    }
}
