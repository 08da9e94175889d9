//! Few ranges that hold many positions.

/// More ranges than this are not told apart: those with the smallest gaps between them become one.
const MOST: usize = 64;

/// Tells whether a position lies in one of these ranges, which are in order.
pub(crate) fn holds(ranges: &[(u64, u64)], position: u64) -> bool {
    let behind = ranges.partition_point(|(start, _)| *start <= position);
    behind > 0 && position < ranges[behind - 1].1
}

/// Adds a range to those that are there, which are in order and do not touch.
pub(crate) fn add(ranges: &mut Vec<(u64, u64)>, (mut start, mut end): (u64, u64)) {
    if start >= end {
        return;
    }
    ranges.retain(|(from, to)| {
        let touches = *from <= end && start <= *to;
        if touches {
            (start, end) = (start.min(*from), end.max(*to));
        }
        !touches
    });
    let at = ranges.partition_point(|(from, _)| *from < start);
    ranges.insert(at, (start, end));
    while ranges.len() > MOST {
        let gap = |at: &usize| ranges[at + 1].0 - ranges[*at].1;
        let smallest = (0..ranges.len() - 1).min_by_key(gap);
        let at = smallest.expect("there are several");
        ranges[at].1 = ranges.remove(at + 1).1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a set of single positions.
        #[test]
        fn few_ranges_behave_like_a_set(added in prop::collection::vec((0u64..60, 1u64..9), 0..20)) {
            let mut ranges = Vec::new();
            let mut set = std::collections::BTreeSet::new();
            for (start, length) in added {
                add(&mut ranges, (start, start + length));
                set.extend(start..start + length);
                prop_assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
            }
            for position in 0..80 {
                prop_assert_eq!(holds(&ranges, position), set.contains(&position));
            }
        }
    }

    #[test]
    fn of_many_ranges_those_close_to_each_other_become_one() {
        let mut ranges = Vec::new();
        for at in 0..=MOST as u64 {
            let start = at * 100 + if at == 5 { 60 } else { 0 };
            add(&mut ranges, (start, start + 10));
        }
        assert_eq!(ranges.len(), MOST);
        assert!(holds(&ranges, 575) && !holds(&ranges, 475) && !holds(&ranges, 715));
    }
}
