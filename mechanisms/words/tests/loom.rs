//! The lock-free mechanisms under every interleaving and every reordering that the
//! memory model of C++11 permits, as far as loom knows it. Built only with
//! `RUSTFLAGS="--cfg loom"`:
//!
//! ```console
//! $ RUSTFLAGS="--cfg loom" cargo test -p crosswire-words --test loom --release
//! ```
#![cfg(loom)]

use crosswire_words::{Many, One, Queue, Sequence, futex_word};
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

/// Messages of two words, which must not come apart.
fn message(number: u64) -> [u64; 2] {
    [number, number + 100]
}

fn pop(queue: &impl Queue<2>) -> u64 {
    loop {
        if let Some([number, other]) = queue.try_pop() {
            assert_eq!(other, number + 100, "a message is made up of two");
            return number;
        }
        thread::yield_now();
    }
}

fn push(queue: &impl Queue<2>, number: u64) {
    while !queue.try_push(&message(number)) {
        thread::yield_now();
    }
}

#[test]
fn one_producer_more_messages_than_slots() {
    loom::model(|| {
        let queue = Arc::new(One::<2>::default());
        let producer = {
            let queue = queue.clone();
            thread::spawn(move || (1..=3).for_each(|n| push(&*queue, n)))
        };
        let received: Vec<u64> = (1..=3).map(|_| pop(&*queue)).collect();
        assert_eq!(received, [1, 2, 3]);
        producer.join().unwrap();
        assert_eq!(queue.try_pop(), None);
    });
}

#[test]
fn two_producers_each_in_order() {
    loom::model(|| {
        let queue = Arc::new(Many::<2>::default());
        let producers: Vec<_> = [1, 11]
            .map(|first| {
                let queue = queue.clone();
                thread::spawn(move || push(&*queue, first))
            })
            .into();
        let mut received = [pop(&*queue), pop(&*queue)];
        received.sort_unstable();
        assert_eq!(received, [1, 11]);
        for producer in producers {
            producer.join().unwrap();
        }
        assert_eq!(queue.try_pop(), None);
    });
}

#[test]
fn many_producers_slots_are_used_again() {
    loom::model(|| {
        let queue = Arc::new(Many::<2>::default());
        let producer = {
            let queue = queue.clone();
            thread::spawn(move || (1..=3).for_each(|n| push(&*queue, n)))
        };
        let received: Vec<u64> = (1..=3).map(|_| pop(&*queue)).collect();
        assert_eq!(received, [1, 2, 3]);
        producer.join().unwrap();
    });
}

#[test]
fn no_value_of_the_sequence_lock_is_made_up_of_two() {
    loom::model(|| {
        let cell = Arc::new(Sequence::default());
        let writer = {
            let cell = cell.clone();
            thread::spawn(move || {
                cell.store(&[1, 101]);
                cell.store(&[2, 102]);
            })
        };
        let mut newest = 0;
        for _ in 0..2 {
            if let Some([number, other]) = cell.try_load() {
                assert!(number == 0 && other == 0 || other == number + 100);
                assert!(number >= newest, "it went back");
                newest = number;
            }
        }
        writer.join().unwrap();
        assert_eq!(cell.try_load(), Some([2, 102]));
    });
}

/// futex(2) as far as the mutex needs it: compares and sleeps in one step.
#[derive(Default)]
struct Futex {
    bed: Mutex<()>,
    bell: Condvar,
}

impl Futex {
    fn sleep(&self, word: &AtomicU32) {
        let bed = self.bed.lock().unwrap();
        if word.load(Ordering::SeqCst) == futex_word::WAITED_FOR {
            drop(self.bell.wait(bed).unwrap());
        }
    }

    fn wake(&self) {
        let _bed = self.bed.lock().unwrap();
        self.bell.notify_one();
    }
}

#[test]
fn the_futex_mutex_excludes_and_loses_no_wake_up() {
    loom::model(|| {
        let shared = Arc::new((AtomicU32::new(0), Futex::default(), AtomicU64::new(0)));
        let add = |shared: &(AtomicU32, Futex, AtomicU64)| {
            let (word, futex, counter) = shared;
            let taken: Result<(), ()> = futex_word::lock(word, |word| {
                futex.sleep(word);
                Ok(())
            });
            assert_eq!(taken, Ok(()));
            // Not one step: two that were inside at a time would lose one.
            let before = counter.load(Ordering::Relaxed);
            counter.store(before + 1, Ordering::Relaxed);
            futex_word::unlock(word, |_| futex.wake());
        };
        let other = {
            let shared = shared.clone();
            thread::spawn(move || add(&shared))
        };
        add(&shared);
        other.join().unwrap();
        assert_eq!(shared.2.load(Ordering::Relaxed), 2);
    });
}
