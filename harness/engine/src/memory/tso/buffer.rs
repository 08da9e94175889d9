//! The store buffer of one task: first in, first out.

use std::collections::VecDeque;
use std::ops::Range;

/// A store that no other task sees yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Store {
    /// Where the program stores.
    pub address: u64,
    /// The shared memory, and the place in it.
    pub object: u32,
    pub offset: u64,
    /// Index of the instruction's trampoline.
    pub trampoline: usize,
    pub bytes: Vec<u8>,
    /// The step in which it was executed.
    pub step: u64,
    /// Its number among those of its task that have waited, from 1.
    pub number: u64,
}

impl Store {
    fn range(&self) -> Range<u64> {
        self.offset..self.offset + self.bytes.len() as u64
    }
}

/// What a load finds in the buffer of its own task.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// No store to the memory that it reads.
    Nothing,
    /// All that it reads, in the newest of the stores to it: the bytes, and where that store
    /// has written them.
    All(&'a [u8], u64),
    /// That store has written only a part: the load waits until it is visible (Intel,
    /// "Optimization Reference Manual", section on store forwarding).
    Part,
}

/// The stores of a task that wait, and what is counted of its stores.
#[derive(Debug, Default)]
pub(crate) struct StoreBuffer {
    waiting: VecDeque<Store>,
    /// Stores of the task that could wait.
    pub(super) able: u64,
    /// Stores that have waited.
    pub(super) delayed: u64,
    /// Stores that have waited since the task has last waited for its buffer.
    pub(super) in_a_row: u32,
    /// The task has executed a fence since its last step.
    pub(super) fenced: bool,
    /// The task comes to an access once more, about which all is decided.
    pub(crate) repeats: bool,
    /// It has not, but its way was too long to be followed.
    pub(super) hurried: bool,
}

impl StoreBuffer {
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn add(&mut self, store: Store) {
        self.delayed = store.number;
        self.in_a_row += 1;
        self.waiting.push_back(store);
    }

    /// Takes out the oldest store.
    pub(super) fn take(&mut self) -> Option<Store> {
        self.waiting.pop_front()
    }

    /// Returns the oldest store.
    pub(super) fn oldest(&self) -> Option<&Store> {
        self.waiting.front()
    }

    /// Returns what a load of this memory finds.
    pub(super) fn find(&self, object: u32, offset: u64, size: u64) -> Found<'_> {
        let wanted = offset..offset + size;
        let overlaps = |store: &&Store| {
            let range = store.range();
            store.object == object && range.start < wanted.end && wanted.start < range.end
        };
        let Some(newest) = self.waiting.iter().rev().find(overlaps) else {
            return Found::Nothing;
        };
        let range = newest.range();
        match range.start <= wanted.start && wanted.end <= range.end {
            true => {
                let begin = (wanted.start - range.start) as usize;
                let bytes = &newest.bytes[begin..begin + size as usize];
                Found::All(bytes, newest.address + begin as u64)
            }
            false => Found::Part,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(offset: u64, bytes: &[u8]) -> Store {
        Store {
            address: 0x1000 + offset,
            object: 1,
            offset,
            trampoline: 0,
            bytes: bytes.to_vec(),
            step: 0,
            number: 1,
        }
    }

    #[test]
    fn a_load_sees_the_newest_store_to_all_that_it_reads() {
        let mut buffer = StoreBuffer::default();
        buffer.add(store(8, &[1, 2, 3, 4]));
        buffer.add(store(8, &[5, 6]));
        assert_eq!(buffer.find(1, 8, 2), Found::All(&[5, 6], 0x1008));
        assert_eq!(buffer.find(1, 9, 1), Found::All(&[6], 0x1009));
        assert_eq!(buffer.find(1, 10, 2), Found::All(&[3, 4], 0x100a));
        assert_eq!(buffer.find(1, 8, 4), Found::Part);
        assert_eq!(buffer.find(1, 6, 4), Found::Part);
        assert_eq!(buffer.find(1, 12, 4), Found::Nothing);
        assert_eq!(buffer.find(0, 8, 2), Found::Nothing);
    }

    #[test]
    fn stores_leave_in_the_order_in_which_they_came() {
        let mut buffer = StoreBuffer::default();
        buffer.add(store(0, &[1]));
        buffer.add(store(8, &[2]));
        assert_eq!(buffer.take().unwrap().offset, 0);
        assert_eq!(buffer.take().unwrap().offset, 8);
        assert!(buffer.is_empty() && buffer.take().is_none());
    }
}
