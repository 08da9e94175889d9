//! Moments from which more and more is taken away.

use super::{NEVER, Op};

/// The moments of a history, by rank, and which of them are left. Two forests of
/// pointers over the moments taken away lead to the next and the previous one that is
/// left.
pub(super) struct Gaps {
    ranks: Ranks,
    next: Vec<u32>,
    previous: Vec<u32>,
}

/// The rank of each call and answer among all moments.
enum Ranks {
    /// The moments themselves, where they lie close together.
    Identity,
    /// By index of the operation.
    Sorted(Vec<(u32, u32)>),
}

impl Gaps {
    /// Returns all moments of a history.
    pub(super) fn of(ops: &[Op]) -> Gaps {
        let times = |op: &Op| [op.called, if op.is_pending() { 0 } else { op.answered }];
        let last = ops.iter().flat_map(times).max().unwrap_or(0);
        let (ranks, count) = match last < 8 * ops.len() as u64 + 64 {
            true => (Ranks::Identity, last as usize + 1),
            false => sorted(ops),
        };
        Gaps {
            ranks,
            next: (0..=count as u32).collect(),
            previous: (0..=count as u32).collect(),
        }
    }

    /// Returns the rank of an operation's call.
    pub(super) fn called(&self, ops: &[Op], operation: usize) -> u32 {
        match &self.ranks {
            Ranks::Identity => ops[operation].called as u32,
            Ranks::Sorted(ranks) => ranks[operation].0,
        }
    }

    /// Returns the rank of an operation's answer; beyond all others if it was cut off.
    pub(super) fn answered(&self, ops: &[Op], operation: usize) -> u32 {
        match (&self.ranks, ops[operation].answered) {
            (_, NEVER) => self.never(),
            (Ranks::Identity, at) => at as u32,
            (Ranks::Sorted(ranks), _) => ranks[operation].1,
        }
    }

    /// Returns the rank beyond all moments.
    pub(super) fn never(&self) -> u32 {
        self.next.len() as u32 - 1
    }

    /// Returns the first moment that is left and not before this one.
    pub(super) fn next(&mut self, from: u32) -> u32 {
        root(&mut self.next, from)
    }

    /// Returns the last moment that is left and not after this one.
    pub(super) fn previous(&mut self, from: u32) -> u32 {
        root(&mut self.previous, from)
    }

    /// Takes away what lies strictly between two moments.
    pub(super) fn close(&mut self, from: u32, to: u32) {
        let mut at = self.next(from.saturating_add(1).min(self.never()));
        while at < to {
            self.next[at as usize] = at + 1;
            self.previous[at as usize] = at - 1;
            at = self.next(at + 1);
        }
    }
}

/// Follows the pointers to their end, and makes the way shorter for the next time.
fn root(pointers: &mut [u32], from: u32) -> u32 {
    let mut at = from as usize;
    while pointers[at] as usize != at {
        pointers[at] = pointers[pointers[at] as usize];
        at = pointers[at] as usize;
    }
    at as u32
}

fn sorted(ops: &[Op]) -> (Ranks, usize) {
    let mut moments: Vec<(u64, u32)> = Vec::with_capacity(2 * ops.len());
    for (op, i) in ops.iter().zip((0..).step_by(2)) {
        moments.push((op.called, i));
        if !op.is_pending() {
            moments.push((op.answered, i + 1));
        }
    }
    moments.sort_unstable();
    let mut ranks = vec![(0, 0); ops.len()];
    let (mut rank, mut last) = (0, moments.first().map_or(0, |(at, _)| *at));
    for (at, which) in moments {
        rank += u32::from(at != last);
        last = at;
        let of = &mut ranks[which as usize / 2];
        match which % 2 {
            0 => of.0 = rank,
            _ => of.1 = rank,
        }
    }
    (Ranks::Sorted(ranks), rank as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::super::Action;
    use super::*;

    #[test]
    fn what_is_closed_is_passed_over() {
        for scale in [1, 1_000_000] {
            let op =
                |called, answered| Op::new(0, Action::Send).at(scale * called, scale * answered);
            let ops = [
                op(0, 1),
                op(2, 3),
                op(4, 5),
                op(5, NEVER / scale).from(5 * scale),
            ];
            let mut gaps = Gaps::of(&ops);
            let (a, b) = (gaps.answered(&ops, 0), gaps.called(&ops, 2));
            gaps.close(a, b);
            assert_eq!(gaps.next(a), a);
            assert_eq!((gaps.next(a + 1), gaps.previous(a + 1)), (b, a));
            assert_eq!((gaps.next(b - 1), gaps.previous(b)), (b, b));
            let end = gaps.never();
            assert_eq!(gaps.answered(&ops, 3), end);
            gaps.close(b, end);
            assert_eq!(gaps.next(b + 1), end);
        }
    }
}
