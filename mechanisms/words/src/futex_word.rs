//! The states of a lock in one word, after Drepper, "Futexes Are Tricky" (2011),
//! section 6, mutex 3. How to sleep and wake is left to the caller, so that the same
//! code runs on futex(2) and in a loom model.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU32, Ordering};

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Taken, and a process may sleep on the word.
pub const WAITED_FOR: u32 = 2;

/// Takes the lock if it is free.
pub fn try_lock(word: &AtomicU32) -> bool {
    let taken = word.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed);
    taken.is_ok()
}

/// Takes the lock. `sleep` returns when the word may no longer be [`WAITED_FOR`], or
/// says that it is to be given up.
pub fn lock<E>(
    word: &AtomicU32,
    mut sleep: impl FnMut(&AtomicU32) -> Result<(), E>,
) -> Result<(), E> {
    if try_lock(word) {
        return Ok(());
    }
    // A process that takes it from here on must assume that others sleep, so it marks the
    // word so: giving it back costs one needless call at most.
    while word.swap(WAITED_FOR, Ordering::Acquire) != FREE {
        sleep(word)?;
    }
    Ok(())
}

/// Gives the lock back. `wake` wakes one sleeper.
pub fn unlock(word: &AtomicU32, wake: impl FnOnce(&AtomicU32)) {
    if word.swap(FREE, Ordering::Release) == WAITED_FOR {
        wake(word);
    }
}
