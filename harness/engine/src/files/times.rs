//! Times of files. The kernel writes those of the machine's clock; programs see those of the
//! run's. When a file is changed is not taken from the kernel's time, in one tick of which many
//! steps fall, but noted as the steps are taken.

use super::numbers::Inode;
use std::collections::HashMap;

/// The times of a file, in nanoseconds since 1970; `None` as long as the run has not set them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub read: Option<i64>,
    pub written: Option<i64>,
    pub changed: Option<i64>,
    pub born: Option<i64>,
}

/// What a call does to the times of a file (inode(7), "Timestamps").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Made,
    Read,
    Written,
    /// Its attributes.
    Changed,
    /// utimensat(2): where it sets another time than the present, the kernel's shows that.
    Set,
}

/// The times of the files that a run has touched.
#[derive(Debug, Default)]
pub(crate) struct TimesOf {
    known: HashMap<Inode, Times>,
}

impl TimesOf {
    /// Returns whether the run has touched no file.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Returns whether the run has touched this file.
    pub fn has(&self, key: Inode) -> bool {
        self.known.contains_key(&key)
    }

    /// Returns the times of a file.
    pub fn of(&self, key: Inode) -> Times {
        self.known.get(&key).copied().unwrap_or_default()
    }

    /// Takes note of what a call has done to a file.
    pub fn mark(&mut self, key: Inode, mark: Change, now: i64) {
        if mark == Change::Read && !self.has(key) {
            return;
        }
        let times = self.known.entry(key).or_default();
        let now = Some(now);
        match mark {
            Change::Made => {
                *times = Times {
                    read: now,
                    written: now,
                    changed: now,
                    born: now,
                }
            }
            // Mounted as usual, a file keeps the time of its first reading after a change
            // (mount(8), `relatime`).
            Change::Read if times.read <= times.written.max(times.changed) => times.read = now,
            Change::Read => {}
            Change::Written => (times.written, times.changed) = (now, now),
            Change::Changed => times.changed = now,
            Change::Set => (times.read, times.written, times.changed) = (now, now, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_counts_once_after_a_change() {
        let mut times = TimesOf::default();
        times.mark((1, 1), Change::Read, 5);
        assert!(times.is_empty());
        times.mark((1, 1), Change::Made, 10);
        times.mark((1, 1), Change::Read, 20);
        times.mark((1, 1), Change::Read, 30);
        assert_eq!(times.of((1, 1)).read, Some(20));
        times.mark((1, 1), Change::Written, 40);
        times.mark((1, 1), Change::Read, 50);
        let all = times.of((1, 1));
        assert_eq!((all.read, all.written), (Some(50), Some(40)));
        assert_eq!((all.changed, all.born), (Some(40), Some(10)));
    }
}
