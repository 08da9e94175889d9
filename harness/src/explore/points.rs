//! The points at which a fault can strike, learned from what runs did.

use super::families::applies;
use crate::model::{Action, Call, Fault, FaultKind, Point, Trace, What};
use std::collections::BTreeMap;

/// A class of points: those of one process that differ only in their number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Site {
    process: String,
    kind: SiteKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SiteKind {
    Call(Call),
    Blocked(Call),
    Signal,
}

/// How many points of each class have been seen in one run at most.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Points {
    most: BTreeMap<Site, u32>,
}

impl Points {
    /// The points of one run.
    pub fn of(trace: &Trace) -> Points {
        let mut points = Points::default();
        for event in &trace.events {
            let Some(task) = trace.tasks.get(event.task.index()) else {
                continue;
            };
            let mut count = |kind| {
                let process = task.process.clone();
                *points.most.entry(Site { process, kind }).or_default() += 1;
            };
            match event.what {
                What::Call { call, .. } => count(SiteKind::Call(call)),
                What::Block { call, .. } => {
                    count(SiteKind::Call(call));
                    count(SiteKind::Blocked(call));
                }
                What::Access(_) => count(SiteKind::Call(Call::MEMORY)),
                What::Signal(_) => count(SiteKind::Signal),
                _ => {}
            }
        }
        points
    }

    /// Adds what another run has shown; whether anything was new.
    pub fn merge(&mut self, other: Points) -> bool {
        let mut grown = false;
        for (site, count) in other.most {
            let most = self.most.entry(site).or_default();
            grown |= count > *most;
            *most = count.max(*most);
        }
        grown
    }
}

/// Every single fault that may be injected: the allowed kinds, each at every
/// point where it makes sense. Numbered, and never written out, since a long
/// run has very many.
#[derive(Debug, Default)]
pub(super) struct FaultSpace {
    /// With each class, the number of the first fault after it.
    classes: Vec<(Action, Site, u64)>,
}

impl FaultSpace {
    pub fn new(kinds: &[FaultKind], points: &Points) -> FaultSpace {
        let mut space = FaultSpace::default();
        for kind in kinds {
            for (site, &count) in &points.most {
                let wanted = kind
                    .process
                    .as_ref()
                    .is_none_or(|name| *name == site.process);
                if wanted && fits(kind.action, site.kind) {
                    let end = space.len() + u64::from(count);
                    space.classes.push((kind.action, site.clone(), end));
                }
            }
        }
        space
    }

    /// How many faults there are.
    pub fn len(&self) -> u64 {
        self.classes.last().map_or(0, |&(_, _, end)| end)
    }

    /// The fault with this number, which must be less than [`len`](Self::len).
    pub fn get(&self, number: u64) -> Fault {
        let class = self.classes.partition_point(|&(_, _, end)| end <= number);
        let begin = class
            .checked_sub(1)
            .map_or(0, |before| self.classes[before].2);
        let (action, site, _) = &self.classes[class];
        let (call, blocked) = match site.kind {
            SiteKind::Call(call) => (Some(call), false),
            SiteKind::Blocked(call) => (Some(call), true),
            SiteKind::Signal => (None, false),
        };
        let nth = u32::try_from(number - begin + 1).expect("a class counts in 32 bits");
        Fault {
            action: *action,
            process: site.process.clone(),
            point: Point { call, blocked, nth },
        }
    }
}

fn fits(action: Action, kind: SiteKind) -> bool {
    match kind {
        SiteKind::Call(call) => applies(action, call, false),
        SiteKind::Blocked(call) => applies(action, call, true),
        SiteKind::Signal => action.concerns_signals(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake;
    use super::*;

    #[test]
    fn the_space_holds_each_fault_once() {
        let trace = fake::trace(&[
            ("a", "write"),
            ("b", "read"),
            ("a", "write"),
            ("a", "getpid"),
        ]);
        let kinds = ["kill:a", "short-io"].map(|kind| kind.parse().unwrap());
        let space = FaultSpace::new(&kinds, &Points::of(&trace));
        let mut all: Vec<String> = (0..space.len()).map(|n| space.get(n).to_string()).collect();
        all.sort();
        assert_eq!(
            all,
            [
                "kill:a@getpid#1",
                "kill:a@write#1",
                "kill:a@write#2",
                "short-io(1):a@write#1",
                "short-io(1):a@write#2",
                "short-io(1):b@read#1",
            ]
        );
    }

    #[test]
    fn merging_keeps_the_most_and_tells_what_is_new() {
        let short = Points::of(&fake::trace(&[("a", "write")]));
        let long = Points::of(&fake::trace(&[("a", "write"), ("a", "write")]));
        let mut points = Points::default();
        assert!(points.merge(short.clone()));
        assert!(points.merge(long.clone()));
        assert!(!points.merge(short));
        assert_eq!(points, long);
    }
}
