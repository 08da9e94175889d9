//! The steps of a run, one column per process.

use super::Palette;
use super::escape::{escape, shorten};
use super::events::{Weight, weight, words};
use crate::model::{Event, TaskId, Trace, What};
use std::collections::BTreeSet;

/// Width of a report. Terminals are at least this wide where people read CI logs.
pub(super) const WIDTH: usize = 100;

/// Room for the step's number and its mark.
const MARGIN: usize = 9;

/// A column narrower than this shows nothing worth reading.
const NARROWEST: usize = 22;

/// The last events that are shown, besides those that tell something.
const LAST: usize = 24;

/// Telling events before those.
const MOST_TELLING: usize = 20;

/// So few events are not worth leaving out.
const SHORTEST_GAP: usize = 3;

/// The end of a trace and whatever tells something before it, as lines of at most
/// a hundred characters. `marked` are the steps that show the violation.
pub fn timeline(trace: &Trace, marked: &[u64], palette: Palette) -> String {
    let shown = selection(trace, marked);
    let Some(layout) = Layout::new(trace, &shown) else {
        return String::new();
    };
    let mut lines = vec![palette.faint(&layout.head())];
    let deviations: BTreeSet<u64> = trace.deviations.iter().map(|d| d.step).collect();
    let mut legend = BTreeSet::new();
    let mut next = 0;
    let mut step = None;
    for &index in &shown {
        if index > next {
            lines.push(palette.faint(&gap(&trace.events[next..index], step)));
        }
        let event = &trace.events[index];
        let first = step != Some(event.step);
        let mark = mark(event, first && deviations.contains(&event.step), marked);
        legend.extend(mark);
        let line = layout.line(event, first, mark.unwrap_or(' '));
        lines.push(match weight(event) {
            _ if matches!(event.what, What::Fault(_)) => palette.bad(&line),
            Weight::Telling => palette.strong(&line),
            Weight::Quiet => palette.faint(&line),
            Weight::Normal => line,
        });
        (next, step) = (index + 1, Some(event.step));
    }
    if next < trace.events.len() {
        lines.push(palette.faint(&gap(&trace.events[next..], step)));
    }
    for (sign, meaning) in MARKS {
        if legend.contains(sign) {
            lines.push(palette.faint(&format!("{:>MARGIN$}  {meaning}", *sign)));
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// What stands behind a step's number.
const MARKS: &[(char, &str)] = &[
    ('!', "a fault is injected"),
    ('>', "this shows the violation"),
    ('*', "the schedule leaves the default order"),
];

fn mark(event: &Event, deviates: bool, marked: &[u64]) -> Option<char> {
    if matches!(event.what, What::Fault(_)) {
        Some('!')
    } else if marked.contains(&event.step) {
        Some('>')
    } else {
        deviates.then_some('*')
    }
}

/// The events to show, by index, ascending.
fn selection(trace: &Trace, marked: &[u64]) -> Vec<usize> {
    let events = &trace.events;
    let backwards = || (0..events.len()).rev();
    let last = backwards()
        .filter(|&at| weight(&events[at]) > Weight::Quiet)
        .take(LAST);
    let telling = backwards()
        .filter(|&at| weight(&events[at]) == Weight::Telling || marked.contains(&events[at].step))
        .take(MOST_TELLING);
    let mut chosen: BTreeSet<usize> = last.chain(telling).collect();
    let mut next = 0;
    for index in chosen.clone().into_iter().chain([events.len()]) {
        if index - next < SHORTEST_GAP {
            chosen.extend(next..index);
        }
        next = index + 1;
    }
    chosen.into_iter().collect()
}

/// The line for events that are left out: how many steps one does not see.
fn gap(events: &[Event], before: Option<u64>) -> String {
    let mut steps: Vec<u64> = events.iter().map(|event| event.step).collect();
    steps.dedup();
    steps.retain(|step| Some(*step) != before);
    let text = match steps.len() {
        0 => "…".to_owned(),
        1 => "… 1 step".to_owned(),
        count => format!("… {count} steps"),
    };
    format!("{:>MARGIN$}  {text}", "")
}

/// Where each process's events are written.
struct Layout<'a> {
    trace: &'a Trace,
    /// The first tasks of the processes that are shown.
    columns: Vec<TaskId>,
    width: usize,
    /// With too many processes for columns, each line begins with a name instead.
    named: bool,
}

impl Layout<'_> {
    fn new<'a>(trace: &'a Trace, shown: &[usize]) -> Option<Layout<'a>> {
        let leader = |&index: &usize| {
            let task = trace.events[index].task;
            trace
                .tasks
                .get(task.index())
                .map_or(task, |task| task.leader)
        };
        let columns: Vec<TaskId> = shown
            .iter()
            .map(leader)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let room = WIDTH - MARGIN;
        let width = (room / columns.len().max(1)).checked_sub(2)?;
        let named = width < NARROWEST;
        let names = shown
            .iter()
            .map(|&index| trace.name(trace.events[index].task));
        let longest = names.map(|name| escape(&name).chars().count()).max()?;
        Some(Layout {
            trace,
            columns,
            width: if named { longest.clamp(7, 24) } else { width },
            named,
        })
    }

    fn head(&self) -> String {
        let mut line = format!("{:>MARGIN$}", "step ");
        if self.named {
            line.push_str(&format!("  {:width$}", "process", width = self.width));
        } else {
            for task in &self.columns {
                line.push_str(&format!(
                    "  {:width$}",
                    self.name(*task),
                    width = self.width
                ));
            }
        }
        line.trim_end().to_owned()
    }

    fn name(&self, task: TaskId) -> String {
        shorten(&escape(&self.trace.name(task)), self.width)
    }

    fn line(&self, event: &Event, first: bool, mark: char) -> String {
        let number = if first {
            event.step.to_string()
        } else {
            String::new()
        };
        let mut line = format!("{number:>room$}{mark}", room = MARGIN - 1);
        let task = self.trace.tasks.get(event.task.index());
        let leader = task.map_or(event.task, |task| task.leader);
        if self.named {
            let room = WIDTH - MARGIN - 4 - self.width;
            let name = self.name(event.task);
            let words = words(event, self.trace, room);
            line.push_str(&format!("  {name:width$}  {words}", width = self.width));
            return line;
        }
        let column = self
            .columns
            .iter()
            .position(|known| *known == leader)
            .unwrap_or(0);
        // A further thread writes into its process's column, with its number.
        let thread = match event.task == leader {
            true => String::new(),
            false => format!("t{}: ", event.task.0.wrapping_sub(leader.0)),
        };
        let room = self.width.saturating_sub(thread.len());
        line.push_str(&" ".repeat((self.width + 2) * column + 2));
        line.push_str(&thread);
        line.push_str(&words(event, self.trace, room));
        line
    }
}
