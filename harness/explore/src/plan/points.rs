//! Points at which a fault can be injected, learned from runs.

use crate::plan::applicability::applies;
use crosswire_model::{Action, Call, Fault, FaultKind, Point, Trace, What};
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

impl SiteKind {
    fn point(self, nth: u32) -> Point {
        let (call, blocked) = match self {
            SiteKind::Call(call) => (Some(call), false),
            SiteKind::Blocked(call) => (Some(call), true),
            SiteKind::Signal => (None, false),
        };
        Point { call, blocked, nth }
    }
}

/// Returns the classes of the points that an event shows, in the order in which they were
/// passed.
fn sites(what: &What) -> impl Iterator<Item = SiteKind> + use<> {
    let sites = match what {
        What::Call { call, .. } => [Some(SiteKind::Call(*call)), None],
        What::Block { call, .. } => [Some(SiteKind::Call(*call)), Some(SiteKind::Blocked(*call))],
        What::Access(_) => [Some(SiteKind::Call(Call::MEMORY)), None],
        What::Signal(_) => [Some(SiteKind::Signal), None],
        _ => [None, None],
    };
    sites.into_iter().flatten()
}

/// Returns every point of one process at which this can be done, in the order in which it
/// passed them, each with the index of the event that shows it.
pub(crate) fn of_process<'a>(
    trace: &'a Trace,
    action: Action,
    process: &'a str,
) -> impl Iterator<Item = (usize, Fault)> + 'a {
    let mut passed: BTreeMap<SiteKind, u32> = BTreeMap::new();
    let is_its_own = move |event: &crosswire_model::Event| {
        let task = trace.tasks.get(event.task.index());
        task.is_some_and(|task| task.process == process)
    };
    let events = trace.events.iter().enumerate();
    events
        .filter(move |(_, event)| is_its_own(event))
        .flat_map(|(index, event)| sites(&event.what).map(move |kind| (index, kind)))
        .filter(move |(_, kind)| fits(action, *kind))
        .map(move |(index, kind)| {
            let nth = passed.entry(kind).or_default();
            *nth += 1;
            let fault = Fault {
                action,
                process: process.to_owned(),
                point: kind.point(*nth),
            };
            (index, fault)
        })
}

/// Maximum number of points of each class seen in one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Points {
    most: BTreeMap<Site, u32>,
}

impl Points {
    /// Returns the points of one run.
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
            sites(&event.what).for_each(&mut count);
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
pub(crate) struct FaultSpace {
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

    /// Returns the number of faults.
    pub fn len(&self) -> u64 {
        self.classes.last().map_or(0, |&(_, _, end)| end)
    }

    /// Returns the fault with this number, which must be less than [`len`](Self::len).
    pub fn get(&self, number: u64) -> Fault {
        let class = self.classes.partition_point(|&(_, _, end)| end <= number);
        let begin = class
            .checked_sub(1)
            .map_or(0, |before| self.classes[before].2);
        let (action, site, _) = &self.classes[class];
        let nth = u32::try_from(number - begin + 1).expect("a class counts in 32 bits");
        Fault {
            action: *action,
            process: site.process.clone(),
            point: site.kind.point(nth),
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
    use super::*;
    use crate::fake;

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
