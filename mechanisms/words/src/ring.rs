//! Ring buffers: the words, and the order in which they are read and written. The
//! same code is checked against all reorderings by loom (`tests/loom.rs`).

#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Slots of a ring: a power of two, so that counters may wrap round.
#[cfg(not(loom))]
pub const SLOTS: usize = 4;
/// Slots of a ring; few, because loom tries every order.
#[cfg(loom)]
pub const SLOTS: usize = 2;

/// A queue of messages of `W` words that never waits.
pub trait Queue<const W: usize> {
    /// Puts a message in; `false` if there is no room.
    fn try_push(&self, message: &[u64; W]) -> bool;
    /// Takes the oldest message out, if there is one. Only one may do that.
    fn try_pop(&self) -> Option<[u64; W]>;
}

fn store<const W: usize>(slot: &[AtomicU64; W], message: &[u64; W]) {
    for (word, new) in slot.iter().zip(message) {
        word.store(*new, Ordering::Relaxed);
    }
}

fn load<const W: usize>(slot: &[AtomicU64; W]) -> [u64; W] {
    std::array::from_fn(|i| slot[i].load(Ordering::Relaxed))
}

/// For one producer and one consumer: each has a counter that only it changes, after
/// Lamport, "Specifying Concurrent Program Modules" (TOPLAS 1983). Zeros are an empty
/// ring.
#[repr(C)]
#[derive(Debug)]
pub struct One<const W: usize> {
    /// Messages that have gone in, modulo 2³².
    head: AtomicU32,
    /// Messages that have come out.
    tail: AtomicU32,
    slots: [[AtomicU64; W]; SLOTS],
}

impl<const W: usize> Queue<W> for One<W> {
    fn try_push(&self, message: &[u64; W]) -> bool {
        let head = self.head.load(Ordering::Relaxed);
        // The slot is free only once the consumer has read all of it.
        let tail = self.tail.load(Ordering::Acquire);
        if head.wrapping_sub(tail) as usize == SLOTS {
            return false;
        }
        store(&self.slots[head as usize % SLOTS], message);
        self.head.store(head.wrapping_add(1), Ordering::Release);
        true
    }

    fn try_pop(&self) -> Option<[u64; W]> {
        let tail = self.tail.load(Ordering::Relaxed);
        // The message is there only once the producer has written all of it.
        if self.head.load(Ordering::Acquire) == tail {
            return None;
        }
        let message = load(&self.slots[tail as usize % SLOTS]);
        self.tail.store(tail.wrapping_add(1), Ordering::Release);
        Some(message)
    }
}

/// For many producers and one consumer: a producer claims a slot, fills it, and says
/// so in the slot, after Vyukov, "Bounded MPMC queue" (1024cores.net).
#[repr(C)]
#[derive(Debug)]
pub struct Many<const W: usize> {
    /// Slots that have been claimed, modulo 2³².
    head: AtomicU32,
    /// Messages that have come out.
    tail: AtomicU32,
    slots: [Slot<W>; SLOTS],
}

#[repr(C)]
#[derive(Debug)]
struct Slot<const W: usize> {
    /// Number of times that it has been filled plus number of times that it has been
    /// emptied: odd while it holds a message, 0 if it was never filled.
    turn: AtomicU32,
    words: [AtomicU64; W],
}

/// Returns the `turn` of a slot before the message with this number goes in.
fn free(number: u32) -> u32 {
    (number / SLOTS as u32).wrapping_mul(2)
}

impl<const W: usize> Queue<W> for Many<W> {
    fn try_push(&self, message: &[u64; W]) -> bool {
        let mut number = self.head.load(Ordering::Relaxed);
        loop {
            let slot = &self.slots[number as usize % SLOTS];
            let turn = slot.turn.load(Ordering::Acquire);
            if turn == free(number) {
                let claimed = self.head.compare_exchange_weak(
                    number,
                    number.wrapping_add(1),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
                match claimed {
                    Ok(_) => {
                        store(&slot.words, message);
                        slot.turn.store(turn.wrapping_add(1), Ordering::Release);
                        return true;
                    }
                    Err(now) => number = now,
                }
                continue;
            }
            // Somebody else has claimed it meanwhile, or it still holds the message of
            // a round before.
            let now = self.head.load(Ordering::Relaxed);
            if now == number {
                return false;
            }
            number = now;
        }
    }

    fn try_pop(&self) -> Option<[u64; W]> {
        let number = self.tail.load(Ordering::Relaxed);
        let slot = &self.slots[number as usize % SLOTS];
        let turn = slot.turn.load(Ordering::Acquire);
        if turn != free(number).wrapping_add(1) {
            return None;
        }
        let message = load(&slot.words);
        slot.turn.store(turn.wrapping_add(1), Ordering::Release);
        self.tail.store(number.wrapping_add(1), Ordering::Relaxed);
        Some(message)
    }
}

/// Rings for models: loom's atomics cannot be made of zeros.
#[cfg(any(test, loom))]
mod empty {
    use super::*;

    fn words<const W: usize>() -> [AtomicU64; W] {
        std::array::from_fn(|_| AtomicU64::new(0))
    }

    impl<const W: usize> Default for One<W> {
        fn default() -> Self {
            One {
                head: AtomicU32::new(0),
                tail: AtomicU32::new(0),
                slots: std::array::from_fn(|_| words()),
            }
        }
    }

    impl<const W: usize> Default for Many<W> {
        fn default() -> Self {
            Many {
                head: AtomicU32::new(0),
                tail: AtomicU32::new(0),
                slots: std::array::from_fn(|_| Slot {
                    turn: AtomicU32::new(0),
                    words: words(),
                }),
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn first_in_first_out(queue: &impl Queue<2>) {
        assert_eq!(queue.try_pop(), None);
        for round in 0..10 {
            let messages = [0, 1, 2, 3].map(|n| [round, n]);
            assert!(messages.iter().all(|message| queue.try_push(message)));
            assert!(!queue.try_push(&[9, 9]));
            assert!(
                messages
                    .iter()
                    .all(|message| queue.try_pop() == Some(*message))
            );
            assert_eq!(queue.try_pop(), None);
        }
    }

    #[test]
    fn what_goes_in_comes_out_in_order_and_a_full_ring_says_so() {
        first_in_first_out(&One::default());
        first_in_first_out(&Many::default());
    }
}
