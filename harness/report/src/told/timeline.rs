//! The steps of a run, one column per process.

use crate::escape::{escape, shorten};
use crate::meaning::events::{Story, Weight, weight};
use crate::told::rows::{self, Row};
use crate::{Explanation, Palette};
use crosswire_model::{TaskId, Trace, What};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Width of a report. Terminals are at least this wide where people read CI logs.
pub(crate) const WIDTH: usize = 100;

/// Room for the step's number and its mark.
const MARGIN: usize = 9;

/// A column narrower than this shows nothing worth reading.
const NARROWEST: usize = 22;

/// More of an event is not shown even where there is room.
const WIDEST: usize = 60;

/// Returns the events that matter, as lines of at most a hundred characters.
pub(crate) fn timeline(explanation: &Explanation<'_>, palette: Palette) -> String {
    let story = explanation.story();
    let trace = story.trace;
    let rows = rows::rows(&story, &explanation.marked, &explanation.objects());
    let Some(layout) = Layout::new(story, &rows) else {
        return String::new();
    };
    let mut lines = vec![palette.faint(&layout.head())];
    let deviations: BTreeSet<u64> = trace.deviations.iter().map(|d| d.step).collect();
    let mut legend = BTreeSet::new();
    let mut step = None;
    let mut last = None;
    for (number, row) in rows.iter().enumerate() {
        let index = match row {
            Row::Folded(events) => {
                let next = rows.get(number + 1).and_then(|row| row.step(trace));
                let folded = gap(trace, events.clone(), [step, next], last);
                lines.extend(folded.map(|line| palette.faint(&line)));
                continue;
            }
            Row::Event(index) => *index,
        };
        let event = &trace.events[index];
        let first = step != Some(event.step);
        let is_marked = explanation.marked.contains(&index);
        let mark = mark(
            &event.what,
            is_marked,
            first && deviations.contains(&event.step),
        );
        legend.extend(mark);
        let line = layout.line(index, first, mark.unwrap_or(' '));
        lines.push(match weight(event) {
            _ if matches!(event.what, What::Fault(_)) => palette.bad(&line),
            _ if is_marked => palette.strong(&line),
            Weight::Telling => palette.strong(&line),
            Weight::Quiet => palette.faint(&line),
            Weight::Normal => line,
        });
        (last, step) = (Some(index), Some(event.step));
    }
    for (sign, meaning) in MARKS {
        if legend.contains(sign) {
            lines.push(palette.faint(&format!("{:>MARGIN$}  {meaning}", *sign)));
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Returns the tasks that a timeline shows.
pub(crate) fn shown_tasks(explanation: &Explanation<'_>) -> BTreeSet<TaskId> {
    let story = explanation.story();
    let rows = rows::rows(&story, &explanation.marked, &explanation.objects());
    let shown = rows.iter().filter_map(|row| match row {
        Row::Event(index) => Some(story.trace.events[*index].task),
        Row::Folded(_) => None,
    });
    shown.collect()
}

/// Marks after a step's number, and their meanings.
const MARKS: &[(char, &str)] = &[
    ('!', "injected fault"),
    ('>', "step that explains the failure"),
    ('*', "scheduling decision that differs from the default"),
];

fn mark(what: &What, is_marked: bool, deviates: bool) -> Option<char> {
    if matches!(what, What::Fault(_)) {
        Some('!')
    } else if is_marked {
        Some('>')
    } else {
        deviates.then_some('*')
    }
}

/// Returns the line for events that are left out: how many steps one does not see. The
/// steps beside them are seen.
fn gap(
    trace: &Trace,
    events: Range<usize>,
    beside: [Option<u64>; 2],
    last: Option<usize>,
) -> Option<String> {
    let events = &trace.events[events];
    let mut steps: Vec<u64> = events.iter().map(|event| event.step).collect();
    steps.dedup();
    steps.retain(|step| !beside.contains(&Some(*step)));
    let same = last.is_some_and(|last| {
        let last = &trace.events[last];
        let mut all = events.iter();
        all.all(|event| event.task == last.task && rows::alike(&event.what, &last.what))
    });
    let text = match (steps.len(), same) {
        (0, _) => return None,
        (1, true) => "… repeated once more".to_owned(),
        (count, true) => format!("… repeated {count} more times"),
        (1, false) => "… 1 step".to_owned(),
        (count, false) => format!("… {count} steps"),
    };
    Some(format!("{:>MARGIN$}  {text}", ""))
}

/// Columns of the events of each process.
struct Layout<'a> {
    story: Story<'a>,
    /// The first tasks of the processes that are shown, and how wide their columns are.
    columns: Vec<(TaskId, usize)>,
    /// Room for names at the beginning of lines.
    width: usize,
    /// With too many processes for columns, each line begins with a name instead.
    named: bool,
}

impl<'a> Layout<'a> {
    fn new(story: Story<'a>, rows: &[Row]) -> Option<Layout<'a>> {
        let shown = rows.iter().filter_map(|row| match row {
            Row::Event(index) => Some(story.trace.events[*index].task),
            Row::Folded(_) => None,
        });
        let trace = story.trace;
        let leader = |task: TaskId| trace.tasks.get(task.index()).map_or(task, |t| t.leader);
        let mut needed: BTreeMap<TaskId, usize> = BTreeMap::new();
        for row in rows {
            let Row::Event(index) = row else { continue };
            let need = needed
                .entry(leader(trace.events[*index].task))
                .or_insert(NARROWEST);
            *need = (*need).max(story.words(*index, WIDEST).chars().count());
        }
        let room = (WIDTH - MARGIN).checked_sub(2 * needed.len())?;
        let named = room / needed.len().max(1) < NARROWEST;
        let lengths = shown.map(|task| escape(&trace.name(task)).chars().count());
        let longest = lengths.max()?;
        Some(Layout {
            story,
            columns: shared_out(needed, room),
            width: longest.clamp(7, 24),
            named,
        })
    }

    fn head(&self) -> String {
        let mut line = format!("{:>MARGIN$}", "step ");
        if self.named {
            line.push_str(&format!("  {:width$}", "process", width = self.width));
        } else {
            for (task, width) in &self.columns {
                line.push_str(&format!("  {:width$}", self.name(*task, *width)));
            }
        }
        line.trim_end().to_owned()
    }

    fn name(&self, task: TaskId, width: usize) -> String {
        shorten(&escape(&self.story.trace.name(task)), width)
    }

    fn line(&self, index: usize, first: bool, mark: char) -> String {
        let trace = self.story.trace;
        let event = &trace.events[index];
        let number = if first {
            event.step.to_string()
        } else {
            String::new()
        };
        let mut line = format!("{number:>room$}{mark}", room = MARGIN - 1);
        let task = trace.tasks.get(event.task.index());
        let leader = task.map_or(event.task, |task| task.leader);
        if self.named {
            let room = WIDTH - MARGIN - 4 - self.width;
            let name = self.name(event.task, self.width);
            let words = self.story.words(index, room);
            line.push_str(&format!("  {name:width$}  {words}", width = self.width));
            return line;
        }
        let column = self
            .columns
            .iter()
            .position(|(known, _)| *known == leader)
            .unwrap_or(0);
        // A further thread writes into its process's column, with its number.
        let thread = match event.task == leader {
            true => String::new(),
            false => format!("t{}: ", event.task.0.wrapping_sub(leader.0)),
        };
        let before = self.columns[..column].iter().map(|(_, width)| width + 2);
        let room = self.columns[column].1.saturating_sub(thread.len());
        line.push_str(&" ".repeat(before.sum::<usize>() + 2));
        line.push_str(&thread);
        line.push_str(&self.story.words(index, room));
        line
    }
}

/// Distributes the available width among columns by need: a column that needs little
/// leaves the rest to the others.
fn shared_out(needed: BTreeMap<TaskId, usize>, mut room: usize) -> Vec<(TaskId, usize)> {
    let mut by_need: Vec<(TaskId, usize)> = needed.into_iter().collect();
    by_need.sort_by_key(|(_, need)| *need);
    let count = by_need.len();
    for (number, (_, width)) in by_need.iter_mut().enumerate() {
        *width = (*width).min(room / (count - number));
        room -= *width;
    }
    by_need.sort_by_key(|(task, _)| *task);
    by_need
}
