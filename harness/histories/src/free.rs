//! At which moments an object may have been empty.

use super::NEVER;

/// The moments at which an object may hold nothing.
///
/// That is so if nothing is surely there that is taken out later (pattern `VWit` of
/// Henzinger, Sezgin and Vafeiadis, CONCUR 2013), and if those things that are never
/// seen again and are surely there by then are not more than the operations that
/// were cut off after having begun by then: each of them may have taken one away.
/// Each claim that there was nothing can be judged by itself: if a moment is chosen
/// for each, what must be gone by one is gone by the next, so Hall's condition for
/// assigning things to takers holds for all claims if it does for each.
pub struct Free {
    /// First and last moments, in order.
    ranges: Vec<(u64, u64)>,
}

/// Kinds of changes at a moment, in the order that accuses least at equal times.
const LEAVES: u64 = 0;
const TAKER_BEGINS: u64 = 1;
const ARRIVES: u64 = 2;
const ARRIVES_FOR_GOOD: u64 = 3;

impl Free {
    /// Builds it from the stays of all things, each strictly between two moments, or
    /// forever if the second is [`NEVER`], and from the calls of the operations that may
    /// have taken one away.
    pub fn of(stays: impl Iterator<Item = (u64, u64)>, takers: impl Iterator<Item = u64>) -> Free {
        // Histories have no moments beyond `LAST`, so both fit into one number.
        let mut moments: Vec<u64> = takers.map(|at| at << 2 | TAKER_BEGINS).collect();
        for (from, until) in stays {
            if until == NEVER {
                moments.push(from << 2 | ARRIVES_FOR_GOOD);
            } else if from < until {
                moments.push(from << 2 | ARRIVES);
                moments.push(until << 2 | LEAVES);
            }
        }
        moments.sort_unstable();

        let mut ranges: Vec<(u64, u64)> = Vec::new();
        let (mut there, mut missing, mut takers) = (0_i64, 0_u64, 0_u64);
        let mut since = Some(0);
        for moment in moments {
            let (at, what) = (moment >> 2, moment & 3);
            match what {
                LEAVES => there -= 1,
                TAKER_BEGINS => takers += 1,
                ARRIVES => there += 1,
                _ => missing += 1,
            }
            match (since, there == 0 && missing <= takers) {
                (None, true) => since = Some(at),
                (Some(from), false) => {
                    ranges.push((from, at));
                    since = None;
                }
                _ => {}
            }
        }
        ranges.extend(since.map(|from| (from, NEVER)));
        Free { ranges }
    }

    /// Returns the first such moment that is not before this one.
    pub(super) fn next(&self, from: u64) -> Option<u64> {
        let at = self.ranges.partition_point(|(_, to)| *to < from);
        self.ranges.get(at).map(|(first, _)| from.max(*first))
    }

    /// Tells whether there is such a moment between two others, both included.
    pub fn within(&self, from: u64, to: u64) -> bool {
        self.next(from).is_some_and(|moment| moment <= to)
    }
}

/// Returns the fewest of these stays that cover every moment from one to another, by
/// index: each reaches beyond the end of the one before. `None` if they leave a gap.
pub(super) fn chain(stays: &[(u64, u64)], from: u64, to: u64) -> Option<Vec<usize>> {
    let mut by_begin: Vec<usize> = (0..stays.len()).collect();
    by_begin.sort_unstable_by_key(|i| stays[*i].0);
    let mut rest = by_begin.into_iter().peekable();
    let mut chain: Vec<usize> = Vec::new();
    let mut covered = from;
    let mut best: Option<usize> = None;
    loop {
        while let Some(i) = rest.next_if(|i| stays[*i].0 < covered) {
            if best.is_none_or(|best| stays[best].1 < stays[i].1) {
                best = Some(i);
            }
        }
        let longest = best.filter(|i| stays[*i].1 > covered)?;
        chain.push(longest);
        covered = stays[longest].1;
        if covered > to {
            return Some(chain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(stays: &[(u64, u64)], takers: &[u64]) -> Free {
        Free::of(stays.iter().copied(), takers.iter().copied())
    }

    #[test]
    fn ends_of_stays_are_free() {
        let free = free(&[(2, 5), (5, 7), (6, 9)], &[]);
        assert!(free.within(0, 2) && free.within(5, 5) && free.within(9, 9));
        assert!(!free.within(3, 4) && !free.within(6, 8) && !free.within(7, 7));
        assert_eq!(
            (free.next(1), free.next(3), free.next(6)),
            (Some(1), Some(5), Some(9))
        );
    }

    #[test]
    fn what_is_missing_needs_a_taker() {
        assert!(!free(&[(2, NEVER)], &[]).within(3, 100));
        assert!(free(&[(2, NEVER)], &[50]).within(3, 50));
        assert!(!free(&[(2, NEVER), (4, NEVER)], &[50]).within(5, 100));
        assert!(!free(&[(2, NEVER), (4, NEVER)], &[50]).within(3, 50));
        assert!(free(&[(2, NEVER), (60, NEVER)], &[50]).within(3, 55));
    }

    #[test]
    fn a_chain_has_no_superfluous_link() {
        let stays = [(1, 5), (2, 4), (3, 8), (4, 6), (7, 20)];
        assert_eq!(chain(&stays, 2, 9), Some(vec![0, 2, 4]));
        assert_eq!(chain(&stays, 4, 6), Some(vec![2]));
        assert_eq!(chain(&stays, 1, 3), None);
        assert_eq!(chain(&[(1, 5), (5, 9)], 3, 7), None, "free at 5");
    }
}
