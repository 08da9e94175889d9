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

/// What of a load a store has written that waits in the buffer of its own task.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Where the store has written it.
    pub address: u64,
    /// Where it is among the bytes that the load reads.
    pub within: Range<usize>,
    pub bytes: Vec<u8>,
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

    /// Returns where the stores begin.
    pub(in crate::memory) fn addresses(&self) -> impl Iterator<Item = u64> + '_ {
        self.waiting.iter().map(|store| store.address)
    }

    /// Tells whether a store is one of these, by its object, its place there and its size.
    pub(super) fn is_among(&self, these: impl Fn(u32, u64, u64) -> bool) -> bool {
        let is_one = |store: &Store| these(store.object, store.offset, store.bytes.len() as u64);
        self.waiting.iter().any(is_one)
    }

    /// Tells whether a store begins in a range of addresses.
    pub(super) fn is_in(&self, addresses: &Range<u64>) -> bool {
        self.addresses().any(|address| addresses.contains(&address))
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

    /// Returns what a load of this memory finds, of each store, in the order of the stores. The
    /// rest it finds in memory: processors, too, put together what they load (a Xeon has shown it),
    /// other than the section on store forwarding of Intel's optimization manual lets expect.
    pub(super) fn find(&self, object: u32, offset: u64, size: u64) -> Vec<Piece> {
        let piece = |store: &Store| {
            let range = store.range();
            let begin = offset.max(range.start);
            let end = (offset + size).min(range.end);
            (store.object == object && begin < end).then(|| {
                let own = (begin - range.start) as usize..(end - range.start) as usize;
                Piece {
                    address: store.address + own.start as u64,
                    within: (begin - offset) as usize..(end - offset) as usize,
                    bytes: store.bytes[own].to_vec(),
                }
            })
        };
        self.waiting.iter().filter_map(piece).collect()
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
    fn a_load_sees_what_each_store_has_written_of_it() {
        let mut buffer = StoreBuffer::default();
        buffer.add(store(8, &[1, 2, 3, 4]));
        buffer.add(store(8, &[5, 6]));
        let piece = |address, within, bytes: &[u8]| Piece {
            address,
            within,
            bytes: bytes.to_vec(),
        };
        let (first, second) = (
            piece(0x1008, 0..4, &[1, 2, 3, 4]),
            piece(0x1008, 0..2, &[5, 6]),
        );
        assert_eq!(buffer.find(1, 8, 4), [first, second]);
        let (first, second) = (piece(0x1008, 2..4, &[1, 2]), piece(0x1008, 2..4, &[5, 6]));
        assert_eq!(buffer.find(1, 6, 4), [first, second]);
        assert_eq!(buffer.find(1, 10, 4), [piece(0x100a, 0..2, &[3, 4])]);
        assert_eq!(buffer.find(1, 12, 4), []);
        assert_eq!(buffer.find(0, 8, 2), []);
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
