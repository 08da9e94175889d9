//! Data for the page's script. Columns instead of objects, and each text once: a run may
//! have a hundred thousand events.

use crate::Explanation;
use crate::escape::escape;
use crate::meaning::arrows::Tie;
use crate::meaning::events::{Weight, weight};
use crate::page::graph::Graph;
use crate::page::places::{Stand, places};
use crate::told::rows::{self, Row};
use crosswire_model::{Deviation, Kind, Outcome, Record, TaskId, Verdict, Violation, What};
use crosswire_world::Card;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Characters of an event in its row, by the number of lanes beside each other.
const ROWS: [usize; 4] = [90, 56, 38, 30];

/// And where there is room for all of it.
const FULL: usize = 400;

/// The bits of an event's flags, as the script names them.
const FAULT: u8 = 1;
const DEVIATION: u8 = 2;
const MARKED: u8 = 4;
const WAITS: u8 = 8;
const QUIET: u8 = 16;
const FOLDED: u8 = 32;
const BUFFERED: u8 = 64;

/// A run for the page.
#[derive(Debug, Serialize)]
pub(super) struct Data {
    /// The event to begin with.
    begin: usize,
    steps: u64,
    /// Names of the processes, one lane each.
    lanes: Vec<String>,
    tasks: Vec<Task>,
    events: Events,
    arrows: Arrows,
    /// Words for the kinds of arrows.
    ties: Vec<&'static str>,
    graph: Graph,
    /// Objects that matter for what went wrong.
    matters: Vec<usize>,
    /// Where in the program an event happened, by event: functions and lines.
    places: BTreeMap<usize, Vec<Stand>>,
    strings: Vec<String>,
    objects: Vec<Object>,
    changes: Changes,
    cards: Vec<PageCard>,
    history: Vec<Operation>,
    details: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Task {
    name: String,
    lane: usize,
}

#[derive(Debug, Default, Serialize)]
struct Events {
    step: Vec<u64>,
    lane: Vec<usize>,
    time: Vec<u64>,
    text: Vec<usize>,
    full: Vec<usize>,
    flags: Vec<u8>,
}

/// Events, of which the first has made the second possible.
#[derive(Debug, Default, Serialize)]
struct Arrows {
    from: Vec<usize>,
    to: Vec<usize>,
    tie: Vec<usize>,
}

#[derive(Debug, Serialize)]
struct Object {
    kind: &'static str,
    name: String,
}

#[derive(Debug, Default, Serialize)]
struct Changes {
    event: Vec<usize>,
    object: Vec<usize>,
    card: Vec<usize>,
}

#[derive(Debug, Serialize)]
struct PageCard {
    line: String,
    level: Option<(u64, u64)>,
    rows: Vec<(&'static str, String)>,
    cells: Vec<(u8, Option<TaskId>)>,
}

#[derive(Debug, Serialize)]
struct Operation {
    process: String,
    words: String,
    outcome: String,
    called: u64,
    answered: Option<u64>,
    blamed: bool,
}

/// Gives each text a number.
#[derive(Default)]
struct Strings {
    numbers: HashMap<String, usize>,
    all: Vec<String>,
}

impl Strings {
    fn number(&mut self, text: String) -> usize {
        if let Some(known) = self.numbers.get(&text) {
            return *known;
        }
        self.all.push(text.clone());
        self.numbers.insert(text, self.all.len() - 1);
        self.all.len() - 1
    }
}

impl Data {
    pub fn of(record: &Record, explanation: &Explanation<'_>, details: Vec<String>) -> Data {
        let trace = &record.trace;
        let lanes: Vec<TaskId> = (0..trace.tasks.len() as u32)
            .map(TaskId)
            .filter(|task| trace.tasks[task.index()].leader == *task)
            .collect();
        let lane_of = |task: TaskId| {
            let leader = trace.tasks.get(task.index()).map_or(task, |t| t.leader);
            lanes.iter().position(|lane| *lane == leader).unwrap_or(0)
        };
        let tasks = (0..trace.tasks.len() as u32).map(TaskId).map(|task| Task {
            name: escape(&trace.name(task)),
            lane: lane_of(task),
        });
        let mut strings = Strings::default();
        let events = events(explanation, lanes.len(), &lane_of, &mut strings);
        let (changes, cards) = changes(explanation);
        let objects = explanation.world.objects.iter().map(|object| Object {
            kind: object.kind.word(),
            name: escape(&object.name),
        });
        let mut arrows = Arrows::default();
        for arrow in crate::meaning::arrows::arrows(&explanation.story()) {
            arrows.from.push(arrow.from);
            arrows.to.push(arrow.to);
            let tie = Tie::ALL.iter().position(|tie| *tie == arrow.tie);
            arrows.tie.push(tie.unwrap_or_default());
        }
        let cause = explanation.causes.iter().flat_map(|cause| &cause.events);
        Data {
            begin: match explanation.unfinished {
                // How it stood at the end is what there is to see.
                Some(_) => trace.events.len().saturating_sub(1),
                None => cause
                    .chain(&explanation.marked)
                    .next()
                    .copied()
                    .unwrap_or(0),
            },
            arrows,
            ties: Tie::ALL.iter().map(|tie| tie.word()).collect(),
            graph: Graph::of(explanation, &lane_of),
            matters: explanation.objects().into_iter().collect(),
            places: places(record),
            steps: trace.steps,
            tasks: tasks.collect(),
            lanes: lanes
                .iter()
                .map(|lane| escape(&trace.name(*lane)))
                .collect(),
            events,
            strings: strings.all,
            objects: objects.collect(),
            changes,
            cards,
            history: history(record),
            details,
        }
    }
}

fn events(
    explanation: &Explanation<'_>,
    lanes: usize,
    lane_of: &dyn Fn(TaskId) -> usize,
    strings: &mut Strings,
) -> Events {
    let trace = explanation.trace;
    let story = explanation.story();
    let folded = folded(explanation);
    let row = ROWS[lanes.clamp(1, ROWS.len()) - 1];
    let deviations: BTreeSet<u64> = trace
        .deviations
        .iter()
        .map(|d: &Deviation| d.step)
        .collect();
    let mut events = Events::default();
    let mut previous = None;
    for (index, event) in trace.events.iter().enumerate() {
        let thread = match trace.tasks.get(event.task.index()) {
            Some(task) if task.leader != event.task => {
                format!("t{}: ", event.task.0.wrapping_sub(task.leader.0))
            }
            _ => String::new(),
        };
        let full = story.words(index, FULL);
        let text = match full.chars().count() > row {
            true => story.words(index, row),
            false => full.clone(),
        };
        let mut flags = 0;
        let mut set = |flag: u8, is: bool| flags |= if is { flag } else { 0 };
        set(FAULT, matches!(event.what, What::Fault(_)));
        set(
            DEVIATION,
            previous != Some(event.step) && deviations.contains(&event.step),
        );
        set(MARKED, explanation.marked.contains(&index));
        set(WAITS, matches!(event.what, What::Block { .. }));
        set(QUIET, weight(event) == Weight::Quiet);
        set(BUFFERED, matches!(event.what, What::Delay { .. }));
        set(FOLDED, folded.contains(&index));
        previous = Some(event.step);
        events.step.push(event.step);
        events.lane.push(lane_of(event.task));
        events.time.push(event.time);
        events.text.push(strings.number(format!("{thread}{text}")));
        events.full.push(strings.number(format!("{thread}{full}")));
        events.flags.push(flags);
    }
    events
}

fn folded(explanation: &Explanation<'_>) -> BTreeSet<usize> {
    let story = explanation.story();
    let rows = rows::rows(&story, &explanation.marked, &explanation.objects());
    let folded = rows.into_iter().filter_map(|row| match row {
        Row::Folded(events) => Some(events),
        Row::Event(_) => None,
    });
    folded.flatten().collect()
}

fn changes(explanation: &Explanation<'_>) -> (Changes, Vec<PageCard>) {
    let mut numbers: HashMap<&Card, usize> = HashMap::new();
    let mut last: BTreeMap<usize, usize> = BTreeMap::new();
    let (mut changes, mut cards) = (Changes::default(), Vec::new());
    for change in &explanation.world.changes {
        let number = *numbers.entry(&change.card).or_insert_with(|| {
            let rows = change.card.rows.iter();
            cards.push(PageCard {
                line: escape(&change.card.line),
                level: change.card.level,
                rows: rows.map(|(label, text)| (*label, escape(text))).collect(),
                cells: change.card.cells.clone(),
            });
            cards.len() - 1
        });
        // Drawn again, but nothing is different.
        if last.insert(change.object, number) == Some(number) {
            continue;
        }
        changes.event.push(change.event);
        changes.object.push(change.object);
        changes.card.push(number);
    }
    (changes, cards)
}

/// Returns the logged operations. Those are blamed whose value the checker's sentence
/// names.
fn history(record: &Record) -> Vec<Operation> {
    // Sentences of other kinds name steps and descriptors, not values.
    let is_of_values = |violation: &&Violation| {
        matches!(
            violation.kind,
            Kind::Order | Kind::Loss | Kind::Duplication | Kind::Invention | Kind::Broken(_)
        )
    };
    let named: BTreeSet<i64> = match &record.verdict {
        Verdict::Violation(violations) => violations
            .iter()
            .filter(is_of_values)
            .flat_map(|violation| violation.sentence.split(|c: char| !c.is_ascii_digit()))
            .filter_map(|number| number.parse().ok())
            .collect(),
        _ => BTreeSet::new(),
    };
    let operations = record.history.operations.iter().map(|operation| {
        let argument = operation
            .value
            .map_or(String::new(), |value| value.to_string());
        let outcome = match operation.outcome {
            Outcome::Answered {
                value: Some(value), ..
            } => format!("= {value}"),
            Outcome::Answered { value: None, .. } if operation.value.is_none() => {
                "= nothing".into()
            }
            Outcome::Answered { value: None, .. } => "done".to_owned(),
            Outcome::Failed { .. } => "failed".to_owned(),
            Outcome::Pending => "never answered".to_owned(),
        };
        let value = operation.value.or(operation.answer());
        Operation {
            process: escape(&operation.process),
            words: escape(&format!("{}({argument})", operation.name)),
            outcome,
            called: operation.called,
            answered: operation.answered(),
            blamed: value.is_some_and(|value| named.contains(&value)),
        }
    });
    operations.collect()
}
