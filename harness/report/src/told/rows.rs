//! Selection of the events to show and to fold.

use crate::meaning::events::{Story, Weight, weight};
use crosswire_model::{Event, TaskId, Trace, What};
use crosswire_world::{Kind, Use};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// One line of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Row {
    /// An event, by its index.
    Event(usize),
    /// Events that are not shown.
    Folded(Range<usize>),
}

impl Row {
    /// Returns the step of an event that is shown.
    pub fn step(&self, trace: &Trace) -> Option<u64> {
        match self {
            Row::Event(index) => Some(trace.events[*index].step),
            Row::Folded(_) => None,
        }
    }
}

/// Events that are shown, besides those that must be.
const MOST: usize = 20;

/// Minimum number of events worth leaving out.
const SHORTEST_GAP: usize = 2;

/// Minimum number of equal events in a row that are shown as one.
const SHORTEST_REPETITION: usize = 4;

/// Relevance of an event to the failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Nothing.
    None,
    /// It happened.
    Plain,
    /// It touches an object that several processes use and at least one changes.
    Shared,
    /// It touches an object that matters.
    Near,
    /// It must be seen.
    Must,
}

/// Returns the rows of a run in which the events of `marked` show what went wrong, and
/// `objects` matter for it.
pub(crate) fn rows(
    story: &Story<'_>,
    marked: &BTreeSet<usize>,
    objects: &BTreeSet<usize>,
) -> Vec<Row> {
    let ranks = ranks(story, marked, objects);
    let mut shown: BTreeSet<usize> = of_rank(&ranks, Rank::Must).collect();
    // With nothing to point at, the end of the run tells most.
    let anchors: Vec<usize> = match shown.is_empty() {
        true => vec![ranks.len()],
        false => shown.iter().copied().collect(),
    };
    for rank in [Rank::Near, Rank::Shared, Rank::Plain] {
        let mut candidates: Vec<usize> = of_rank(&ranks, rank).collect();
        candidates.sort_by_key(|event| distance(*event, &anchors));
        let room = match rank {
            // Filling up with what has nothing to do with it does not help.
            Rank::Plain if !marked.is_empty() => (MOST / 2).saturating_sub(shown.len()),
            _ => MOST.saturating_sub(shown.len()),
        };
        shown.extend(candidates.into_iter().take(room));
    }
    fold(shown, &story.trace.events)
}

fn of_rank(ranks: &[Rank], wanted: Rank) -> impl Iterator<Item = usize> + '_ {
    (0..ranks.len()).filter(move |event| ranks[*event] == wanted)
}

/// Returns the distance of an event from the nearest one that must be shown. Events after
/// it explain less than events that lead to it.
fn distance(event: usize, anchors: &[usize]) -> usize {
    let at = anchors.partition_point(|anchor| *anchor < event);
    let next = anchors.get(at).map(|anchor| anchor - event);
    let previous = at.checked_sub(1).map(|at| 2 * (event - anchors[at]));
    let nearest = next.into_iter().chain(previous).min();
    nearest.unwrap_or(usize::MAX)
}

fn ranks(story: &Story<'_>, marked: &BTreeSet<usize>, objects: &BTreeSet<usize>) -> Vec<Rank> {
    let shared = shared(story);
    let events = &story.trace.events;
    let mut ranks: Vec<Rank> = (0..events.len())
        .map(|index| {
            let event = &events[index];
            let touches = &story.world.touches[index];
            let touches_any =
                |of: &BTreeSet<usize>| touches.iter().any(|touch| of.contains(&touch.object));
            let says_nothing = weight(event) == Weight::Quiet;
            match &event.what {
                _ if marked.contains(&index) => Rank::Must,
                What::Fault(_) | What::Signal(_) | What::Killed(_) | What::Panic(_) => Rank::Must,
                What::Exit(status) if *status != 0 => Rank::Must,
                _ if says_nothing => Rank::None,
                _ if touches_any(objects) => Rank::Near,
                What::Timeout if !marked.is_empty() => Rank::Plain,
                _ if touches_any(&shared) => Rank::Shared,
                _ => Rank::Plain,
            }
        })
        .collect();
    for repetition in repetitions(story) {
        let (first, last) = (repetition.start, repetition.end - 1);
        for index in repetition {
            if index != first && index != last && ranks[index] != Rank::Must {
                ranks[index] = Rank::None;
            }
        }
    }
    ranks
}

/// Objects that several processes use and at least one changes.
fn shared(story: &Story<'_>) -> BTreeSet<usize> {
    let mut users: BTreeMap<usize, (BTreeSet<TaskId>, bool)> = BTreeMap::new();
    for (index, touches) in story.world.touches.iter().enumerate() {
        let task = story.trace.events[index].task;
        let process = story
            .trace
            .tasks
            .get(task.index())
            .map_or(task, |t| t.leader);
        for touch in touches {
            let (processes, changed) = users.entry(touch.object).or_default();
            processes.insert(process);
            *changed |= touch.how == Use::Changes;
        }
    }
    let kind = |object: &usize| story.world.objects[*object].kind;
    let of_several = users.into_iter().filter(|(object, (processes, changed))| {
        processes.len() > 1 && *changed && !matches!(kind(object), Kind::Process | Kind::Output)
    });
    of_several.map(|(object, _)| object).collect()
}

/// Stretches in which one task does the same again and again.
fn repetitions(story: &Story<'_>) -> Vec<Range<usize>> {
    let events = &story.trace.events;
    let mut found = Vec::new();
    let mut begin = 0;
    for index in 1..=events.len() {
        let goes_on = events.get(index).is_some_and(|event| {
            event.task == events[begin].task && alike(&event.what, &events[begin].what)
        });
        if !goes_on {
            if index - begin >= SHORTEST_REPETITION {
                found.push(begin..index);
            }
            begin = index;
        }
    }
    found
}

/// Tells whether two events look the same to a quick reader: data may differ.
pub(crate) fn alike(a: &What, b: &What) -> bool {
    match (a, b) {
        (
            What::Call {
                call: a,
                args: x,
                result: p,
                ..
            },
            What::Call {
                call: b,
                args: y,
                result: q,
                ..
            },
        ) => a == b && x[0] == y[0] && x[2] == y[2] && p == q,
        (What::Access(a), What::Access(b)) => a.object == b.object && a.kind == b.kind,
        _ => false,
    }
}

fn fold(mut shown: BTreeSet<usize>, events: &[Event]) -> Vec<Row> {
    let count = events.len();
    let certain = shown.clone();
    let mut next = 0;
    for &index in certain.iter().chain([&count]) {
        // What a step does besides what is shown of it is left out without a word.
        let is_part = |hidden: usize| {
            let step = |at: usize| events.get(at).map(|event| event.step);
            let before = hidden.checked_sub(1).filter(|at| certain.contains(at));
            step(hidden) == step(index) || before.is_some_and(|at| step(at) == step(hidden))
        };
        if index - next < SHORTEST_GAP && !(index > next && is_part(next)) {
            shown.extend(next..index);
        }
        next = index + 1;
    }
    let mut rows = Vec::new();
    let mut next = 0;
    for index in shown {
        if index > next {
            rows.push(Row::Folded(next..index));
        }
        rows.push(Row::Event(index));
        next = index + 1;
    }
    if next < count {
        rows.push(Row::Folded(next..count));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_gaps_are_shown() {
        let shown = BTreeSet::from([1, 5]);
        let event = |step| Event {
            step,
            task: TaskId(0),
            time: 0,
            what: What::Spin,
        };
        let events: Vec<Event> = (0..7).map(event).collect();
        let rows = fold(shown, &events);
        let expected = [
            Row::Event(0),
            Row::Event(1),
            Row::Folded(2..5),
            Row::Event(5),
            Row::Event(6),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn what_leads_to_an_anchor_is_nearer_than_what_follows() {
        assert_eq!(distance(8, &[10, 20]), 2);
        assert_eq!(distance(12, &[10, 20]), 4);
        assert_eq!(distance(30, &[10, 20]), 20);
    }
}
