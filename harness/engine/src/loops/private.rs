//! Effects that no other process has to do with: a program appends to a log, sends itself a
//! signal, writes down that it is alive where none looks. A loop with nothing but such effects
//! gets nowhere either. Since they add up, it is never proved to be endless.

/// Private effects in a row after which a task that waits between them may be in a loop; and one
/// that does not wait: it could fill a pipe byte by byte (pipe(7), "Pipe capacity").
const MANY: u64 = 1_000;
const MANY_WITHOUT_WAITS: u64 = 70_000;

/// A task waits between its effects if they are so far apart, in nanoseconds.
const WAIT: u64 = 1_000_000;

/// Effects of a task that were private, since it last had another one.
#[derive(Debug, Default)]
pub(super) struct Private {
    count: u64,
    began: u64,
}

impl Private {
    /// The task has an effect. Tells whether the latest ones, all private, were so many that it
    /// may do that in a loop.
    pub(super) fn note(&mut self, is_private: bool, now: u64) -> bool {
        if !is_private {
            *self = Private::default();
            return false;
        }
        if self.count == 0 {
            self.began = now;
        }
        self.count += 1;
        let waits = now - self.began >= self.count * WAIT;
        self.count >= if waits { MANY } else { MANY_WITHOUT_WAITS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of effects, so far apart, after which a task may be in a loop.
    fn needed(apart: u64) -> usize {
        let mut private = Private::default();
        let mut now = 0;
        let mut note = || {
            now += apart;
            private.note(true, now)
        };
        1 + (0..100_000).take_while(|_| !note()).count()
    }

    #[test]
    fn who_waits_is_taken_to_be_in_a_loop_sooner() {
        assert_eq!(needed(2 * WAIT), 1_000);
        assert_eq!(needed(1_000), 70_000);
    }

    #[test]
    fn another_effect_begins_anew() {
        let mut private = Private::default();
        let note = |private: &mut Private, times: u64| {
            (0..times)
                .filter(|at| private.note(true, at * 2 * WAIT))
                .count()
        };
        assert_eq!(note(&mut private, 999), 0);
        assert!(!private.note(false, 0));
        assert_eq!(note(&mut private, 1_001), 2);
    }
}
