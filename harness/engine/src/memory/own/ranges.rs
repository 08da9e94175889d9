//! Sets of addresses.

use std::ops::Range;

/// Ranges of addresses, none of which overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(pub Vec<Range<u64>>);

impl Ranges {
    pub fn insert(&mut self, range: Range<u64>) {
        self.remove(&range);
        self.0.push(range);
    }

    pub fn remove(&mut self, gone: &Range<u64>) {
        let rest = |range: &Range<u64>| {
            let before = range.start..range.end.min(gone.start);
            let behind = range.start.max(gone.end)..range.end;
            [before, behind]
                .into_iter()
                .filter(|part| part.start < part.end)
        };
        self.0 = self.0.iter().flat_map(rest).collect();
    }

    /// Returns the parts of a range that are in it.
    pub fn within(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let part = |own: &Range<u64>| own.start.max(range.start)..own.end.min(range.end);
        let parts = self.0.iter().map(part);
        parts.filter(|part| part.start < part.end).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// Against a set of single addresses.
        #[test]
        fn behave_like_a_set(
            steps in prop::collection::vec((any::<bool>(), 0u64..40, 1u64..12), 1..30)
        ) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for (adds, start, length) in steps {
                let range = start..start + length;
                match adds {
                    true => {
                        set.extend(range.clone());
                        ranges.insert(range);
                    }
                    false => {
                        set.retain(|at| !range.contains(at));
                        ranges.remove(&range);
                    }
                }
                let held: Vec<u64> = ranges.0.iter().flat_map(Clone::clone).collect();
                prop_assert_eq!(held.len(), set.len());
                prop_assert_eq!(held.into_iter().collect::<BTreeSet<u64>>(), set.clone());
                let part: u64 = ranges.within(&(10..20)).iter().map(|r| r.end - r.start).sum();
                prop_assert_eq!(part, set.range(10..20).count() as u64);
            }
        }
    }
}
