//! Points at which a fault can be injected, learned from runs.

use crate::keep::pairs;
use crate::plan::applicability::applies;
use crosswire_model::{
    Access, Action, Call, Fault, FaultKind, Plan, Point, PointKind, Run, Trace, What,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// The points of one process that differ only in their number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Site {
    process: String,
    kind: SiteKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

/// Returns the kinds of the points that an event shows, in the order in which they were passed.
fn sites(what: &What) -> impl Iterator<Item = SiteKind> + use<> {
    let sites = match what {
        What::Call { call, .. } => [Some(SiteKind::Call(*call)), None],
        What::Block { call, .. } => [Some(SiteKind::Call(*call)), Some(SiteKind::Blocked(*call))],
        // A store that waits is passed where it is executed.
        What::Access(Access { since: Some(_), .. }) => [None, None],
        What::Access(_) | What::Delay { .. } => [Some(SiteKind::Call(Call::MEMORY)), None],
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

/// Returns how many points of a call, or of signals where `None`, a process has passed.
pub(crate) fn count_sites(trace: &Trace, process: &str, call: Option<Call>, blocked: bool) -> u32 {
    let wanted = match call {
        Some(call) if blocked => SiteKind::Blocked(call),
        Some(call) => SiteKind::Call(call),
        None => SiteKind::Signal,
    };
    let is_its_own = |event: &&crosswire_model::Event| {
        let task = trace.tasks.get(event.task.index());
        task.is_some_and(|task| task.process == process)
    };
    let own = trace.events.iter().filter(is_its_own);
    let passed = own
        .flat_map(|event| sites(&event.what))
        .filter(|site| *site == wanted);
    passed.count() as u32
}

/// Maximum number of points of each site seen in one run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Points {
    #[serde(with = "pairs")]
    most: BTreeMap<Site, u32>,
    /// The plan of the run that has shown so many.
    #[serde(skip)]
    shown_by: BTreeMap<Site, Arc<Plan>>,
    /// Points that stand for those at which a kill comes to the same.
    examples: BTreeSet<(Site, u32)>,
    /// Errors that a run with such a point could not have there: of a disk, in a pipe.
    #[serde(skip)]
    refused: HashSet<Fault>,
}

impl Points {
    /// Returns what a run with faults shows of them: errors that it was to inject, and passed
    /// their points without.
    pub fn refused(run: &Run) -> Points {
        let is_refused = |fault: &&Fault| {
            let Point { call, blocked, nth } = fault.point;
            let passed = || count_sites(&run.trace, &fault.process, call, blocked);
            matches!(fault.action, Action::Errno(_)) && call.is_some() && passed() >= nth
        };
        let unused = run.trace.unused_faults.iter();
        Points {
            refused: unused.filter(is_refused).cloned().collect(),
            ..Points::default()
        }
    }

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

    /// Takes note of the plan of the run that has shown these points.
    pub fn note_plan(&mut self, plan: &Plan) {
        let plan = Arc::new(plan.clone());
        let sites = self.most.keys();
        self.shown_by = sites.map(|site| (site.clone(), plan.clone())).collect();
    }

    /// Takes note of a point that stands for others at which a kill comes to the same.
    pub fn note_example(&mut self, fault: &Fault) {
        let Point { call, blocked, nth } = fault.point;
        let kind = match call {
            Some(call) if blocked => SiteKind::Blocked(call),
            Some(call) => SiteKind::Call(call),
            None => SiteKind::Signal,
        };
        let process = fault.process.clone();
        self.examples.insert((Site { process, kind }, nth));
    }

    /// Adds what another run has shown; whether anything was new.
    pub fn merge(&mut self, mut other: Points) -> bool {
        let mut grown = false;
        for (site, count) in other.most {
            let plan = other.shown_by.remove(&site);
            let most = self.most.entry(site.clone()).or_default();
            if count > *most {
                *most = count;
                self.shown_by.extend(plan.map(|plan| (site, plan)));
                grown = true;
            }
        }
        for example in other.examples {
            grown |= self.examples.insert(example);
        }
        self.refused.extend(other.refused);
        grown
    }

    /// Returns how many of these points one process has at most, and the names of all calls at
    /// the points of the process, or of all.
    pub fn seen(&self, process: Option<&str>, wanted: &PointKind) -> (u32, Vec<String>) {
        let is_of = |site: &&Site| process.is_none_or(|name| name == site.process);
        let sites = || self.most.keys().filter(is_of);
        let most = match wanted.call {
            None => sites().map(|site| self.before_calls(&site.process)).max(),
            Some(_) => {
                let is_wanted = |site: &&Site| {
                    let Point { call, blocked, .. } = site.kind.point(1);
                    call == wanted.call && blocked == wanted.blocked
                };
                sites().filter(is_wanted).map(|site| self.most[site]).max()
            }
        };
        let names = sites().filter_map(|site| site.kind.point(1).call);
        let names: BTreeSet<String> = names.map(|call| call.to_string()).collect();
        (most.unwrap_or(0), names.into_iter().collect())
    }

    /// Returns the number of points of a process before its calls.
    fn before_calls(&self, process: &str) -> u32 {
        let is_counted = |(site, _): &(&Site, &u32)| {
            site.process == process && matches!(site.kind, SiteKind::Call(_))
        };
        self.most
            .iter()
            .filter(is_counted)
            .map(|(_, count)| count)
            .sum()
    }
}

/// Every single fault that may be injected: the allowed kinds, each at every
/// point where it makes sense. Numbered, and never written out, since a long
/// run has very many.
#[derive(Debug, Default)]
pub(crate) struct FaultSpace {
    /// Faults at consecutive points.
    ranges: Vec<Range>,
    /// Numbers of the faults that stand for all: those at which a kill comes to the same as
    /// at one of them are left out.
    examples: Vec<u64>,
}

/// Faults that differ only in the number of their point.
#[derive(Debug)]
struct Range {
    action: Action,
    process: String,
    /// The first point.
    first: Point,
    /// The number of the first fault after these.
    end: u64,
    /// The plan of a run that passed all of them.
    shown_by: Option<Arc<Plan>>,
}

impl FaultSpace {
    pub fn new(kinds: &[FaultKind], points: &Points) -> FaultSpace {
        let mut space = FaultSpace::default();
        for kind in kinds {
            let of_process = |name: &str| kind.process.as_ref().is_none_or(|known| known == name);
            if let Some(PointKind {
                call: None,
                blocked: false,
                nth: Some(nth),
            }) = kind.points
                && !kind.action.concerns_signals()
            {
                space.add_numbered(kind, nth, points);
                continue;
            }
            for (site, &count) in &points.most {
                if of_process(&site.process) && fits(kind.action, site.kind) {
                    space.add(kind, site, count, points);
                }
            }
        }
        space
    }

    /// Adds the faults of a kind at the points of a site.
    fn add(&mut self, kind: &FaultKind, site: &Site, count: u32, points: &Points) {
        let first = site.kind.point(1);
        let (begin, end) = match kind.points {
            None => (1, count),
            Some(wanted) if wanted.call != first.call || wanted.blocked != first.blocked => return,
            Some(PointKind { nth: None, .. }) => (1, count),
            Some(PointKind { nth: Some(nth), .. }) => (nth, nth.min(count)),
        };
        let before = self.len();
        self.push(kind.action, &site.process, site.kind.point(begin), end);
        if let Some(range) = self.ranges.last_mut() {
            range.shown_by = points.shown_by.get(site).cloned();
        }
        let is_known = points
            .examples
            .iter()
            .any(|(known, _)| known.process == site.process);
        // What another action does depends on its call.
        let by_effect = is_known && matches!(kind.action, Action::Kill | Action::Pause(_));
        let is_refused = |nth| {
            let fault = || Fault {
                action: kind.action,
                process: site.process.clone(),
                point: site.kind.point(nth),
            };
            !points.refused.is_empty() && points.refused.contains(&fault())
        };
        let numbers = (begin..=end).filter(|nth| {
            !by_effect || kind.points.is_some() || points.examples.contains(&(site.clone(), *nth))
        });
        let numbers = numbers.filter(|nth| !is_refused(*nth));
        let numbers = numbers.map(|nth| before + u64::from(nth - begin));
        self.examples.extend(numbers);
    }

    /// Adds the faults at the nth point of a process, whatever its call.
    fn add_numbered(&mut self, kind: &FaultKind, nth: u32, points: &Points) {
        let mut names: Vec<&String> = points.most.keys().map(|site| &site.process).collect();
        names.dedup();
        names.retain(|name| kind.process.as_ref().is_none_or(|known| known == *name));
        for name in names
            .into_iter()
            .filter(|name| points.before_calls(name) >= nth)
        {
            let point = Point {
                call: None,
                blocked: false,
                nth,
            };
            self.examples.push(self.len());
            self.push(kind.action, name, point, nth);
        }
    }

    fn push(&mut self, action: Action, process: &str, first: Point, last: u32) {
        let count = (last + 1).saturating_sub(first.nth);
        let end = self.len() + u64::from(count);
        self.ranges.push(Range {
            action,
            process: process.to_owned(),
            first,
            end,
            shown_by: None,
        });
    }

    /// Returns the number of faults.
    pub fn len(&self) -> u64 {
        self.ranges.last().map_or(0, |range| range.end)
    }

    /// Returns the numbers of the faults that stand for all, as far as is known.
    pub fn examples(&self) -> &[u64] {
        &self.examples
    }

    /// Returns the plan of a run without faults that passed the point of the fault with this
    /// number, if one is known.
    pub fn shown_by(&self, number: u64) -> Option<&Plan> {
        self.ranges[self.range(number)].shown_by.as_deref()
    }

    fn range(&self, number: u64) -> usize {
        self.ranges.partition_point(|range| range.end <= number)
    }

    /// Returns the fault with this number, which must be less than [`len`](Self::len).
    pub fn get(&self, number: u64) -> Fault {
        let at = self.range(number);
        let begin = at
            .checked_sub(1)
            .map_or(0, |before| self.ranges[before].end);
        let Range {
            action,
            process,
            first,
            ..
        } = &self.ranges[at];
        let further = u32::try_from(number - begin).expect("points count in 32 bits");
        Fault {
            action: *action,
            process: process.clone(),
            point: Point {
                nth: first.nth + further,
                ..first.clone()
            },
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
    use crosswire_model::End;

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
    fn kinds_may_name_calls_and_numbers() {
        let trace = fake::trace(&[
            ("a", "write"),
            ("b", "write"),
            ("a", "write"),
            ("a", "getpid"),
        ]);
        let faults = |kind: &str| -> Vec<String> {
            let space = FaultSpace::new(&[kind.parse().unwrap()], &Points::of(&trace));
            assert_eq!(space.examples().len() as u64, space.len());
            (0..space.len()).map(|n| space.get(n).to_string()).collect()
        };
        assert_eq!(faults("kill:a@write"), ["kill:a@write#1", "kill:a@write#2"]);
        assert_eq!(faults("kill@write#2"), ["kill:a@write#2"]);
        assert_eq!(faults("kill:a@#3"), ["kill:a@#3"]);
        assert_eq!(faults("kill:b@#3"), [""; 0]);
        assert_eq!(faults("kill:a@blocked:write"), [""; 0]);
    }

    #[test]
    fn kills_are_known_by_examples_and_other_faults_by_their_call() {
        let trace = fake::trace(&[("a", "write"), ("a", "write"), ("a", "write")]);
        let mut points = Points::of(&trace);
        points.note_example(&"kill:a@write#2".parse().unwrap());
        let examples = |kind: &str| -> Vec<String> {
            let space = FaultSpace::new(&[kind.parse().unwrap()], &points);
            assert!(space.len() > 0);
            let numbers = space.examples().iter();
            numbers.map(|n| space.get(*n).to_string()).collect()
        };
        assert_eq!(examples("kill"), ["kill:a@write#2"]);
        assert_eq!(examples("pause(3)"), ["pause(3):a@write#2"]);
        assert_eq!(examples("short-io").len(), 3);
        assert_eq!(examples("kill:a@write").len(), 3);
    }

    #[test]
    fn errors_that_a_point_cannot_have_give_way_to_others() {
        let trace = fake::trace(&[("a", "write"), ("a", "write"), ("b", "read")]);
        let mut points = Points::of(&trace);
        let mut run = crosswire_model::testing::RunBuilder::new(&[]).end(End::Finished);
        let refused = ["errno(ENOSPC):a@write#2", "errno(EIO):a@write#1"];
        let missed = ["errno(EIO):b@read#2", "pause(3):b@read#1"];
        let unused = refused.iter().chain(&missed);
        run.trace = Trace {
            unused_faults: unused.map(|fault| fault.parse().unwrap()).collect(),
            ..trace
        };
        assert!(!points.merge(Points::refused(&run)));
        let kinds = ["errno(ENOSPC)", "errno(EIO)", "pause(3)"].map(|kind| kind.parse().unwrap());
        let space = FaultSpace::new(&kinds, &points);
        let all: BTreeSet<u64> = (0..space.len()).collect();
        let examples: BTreeSet<u64> = space.examples().iter().copied().collect();
        let others: Vec<String> = all
            .difference(&examples)
            .map(|number| space.get(*number).to_string())
            .collect();
        assert_eq!(others, refused);
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
