//! All that a form of steering shows, as data.

use crate::ahead;
use crate::counts::Side;
use crate::path::{Decision, Path};
use crate::place::Place;
use crosswire_engine::Doing;
use crosswire_model::{Action, End, TaskId, Trace, Verdict, Violation, What};
use crosswire_report::escape;
use crosswire_report::world::World;
use serde::Serialize;

/// Where a run stands, in words that are safe to print.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// The step that is to be decided; the number of all steps if the run is over.
    pub step: u64,
    /// Number of decisions that can be taken back.
    pub back: usize,
    /// Number of decisions that can be made again.
    pub forward: usize,
    /// The next of these, in words.
    pub ahead: Option<String>,
    /// How the run ended, if it has.
    pub end: Option<String>,
    /// `pass`, `violation`, …, if it has ended.
    pub verdict: Option<&'static str>,
    /// The tasks, by number.
    pub tasks: Vec<TaskView>,
    /// The kernel objects and shared regions, by order of appearance.
    pub objects: Vec<ObjectView>,
    /// The last events, oldest first.
    pub events: Vec<Line>,
    /// Events that are not shown.
    pub earlier: usize,
    /// Standard output so far.
    pub stdout: String,
    /// Standard error so far.
    pub stderr: String,
    /// The faults injected.
    pub faults: Vec<String>,
    /// The text of a demo.
    pub data: Option<String>,
    /// What the kernel did for each side, if two are compared.
    pub sides: Vec<Side>,
    /// What the last command has to say.
    pub said: String,
    /// True if `said` tells why it was not carried out.
    pub refused: bool,
}

/// A task.
#[derive(Debug, Clone, Serialize)]
pub struct TaskView {
    /// Its number, as commands may call it.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// `ready`, `asleep`, `waiting`, `held` or `ended`.
    pub state: &'static str,
    /// What it is about to do, or waits for.
    pub doing: String,
    /// True if it can take the next step.
    pub can_go: bool,
    /// True if it takes the next step in the usual order.
    pub usual: bool,
    /// True if its next step touches what two processes touch, and one of them changes.
    pub contested: bool,
    /// The tasks with whose next step the order matters.
    pub rivals: Vec<String>,
    /// Faults that can befall its next step, as commands name them.
    pub faults: Vec<String>,
}

/// An object of the kernel, or shared memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObjectView {
    /// Its kind in a word or two.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its state in a few words.
    pub line: String,
    /// Its fill level and capacity.
    pub level: Option<(u64, u64)>,
    /// Further facts, each with its label.
    pub rows: Vec<(&'static str, String)>,
    /// Its first bytes.
    pub cells: Vec<Cell>,
    /// True if the last step has touched it.
    pub touched: bool,
}

/// A byte of shared memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The byte.
    pub byte: u8,
    /// Number of the task that wrote it last, if one did.
    pub by: Option<u32>,
}

/// An event of the past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The step.
    pub step: u64,
    /// Number of its task.
    pub task: u32,
    /// Name of its task.
    pub name: String,
    /// What happened.
    pub words: String,
}

/// Events that are shown.
const EVENTS: usize = 200;

/// Bytes of each stream that are shown, from the end.
const OUTPUT: usize = 16 << 10;

/// Faults that are offered where they make sense.
const OFFERED: [&str; 11] = [
    "kill",
    "short-io(1)",
    "interrupt",
    "errno(ENOSPC)",
    "errno(EIO)",
    "full",
    "lose-signal",
    "delay-signal(20)",
    "clock-jump(3600)",
    "pause(20)",
    "no-memory",
];

/// Builds the view of a place.
pub(crate) fn view(place: &Place, path: &Path, verdict: Option<&Verdict>) -> View {
    let run = &place.0.run;
    let trace = &run.trace;
    let first = path.first_free();
    let fixed = trace.events.partition_point(|event| event.step < first);
    let earlier = trace.events.len().saturating_sub(EVENTS).max(fixed);
    let (past, next) = ahead::words(place, earlier);
    let word = |event: usize| {
        let shown = event.checked_sub(earlier).and_then(|event| past.get(event));
        shown.cloned().unwrap_or_default()
    };
    let events = trace.events.iter().enumerate().skip(earlier);
    View {
        step: place.step(),
        back: path.free(),
        forward: path.ahead().len(),
        ahead: path.ahead().first().map(|next| decision(next, trace)),
        end: verdict.map(|verdict| end(trace, verdict)),
        verdict: verdict.map(in_a_word),
        tasks: tasks(place, &next, &word),
        objects: objects(place, fixed),
        events: events
            .map(|(index, event)| Line {
                step: event.step,
                task: event.task.0,
                name: escape(&trace.name(event.task)),
                words: word(index),
            })
            .collect(),
        earlier: earlier - fixed,
        stdout: ending(&run.stdout),
        stderr: ending(&run.stderr),
        faults: run
            .plan
            .faults
            .iter()
            .map(|fault| escape(&fault.to_string()))
            .collect(),
        data: None,
        sides: Vec::new(),
        said: String::new(),
        refused: false,
    }
}

fn decision(decision: &Decision, trace: &Trace) -> String {
    let name = match trace.tasks.get(decision.task.index()) {
        Some(_) => escape(&trace.name(decision.task)),
        None => decision.task.to_string(),
    };
    match &decision.fault {
        Some(fault) => format!("{name}, with {}", fault.action),
        None => name,
    }
}

fn in_a_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Violation(_) => "violation",
        Verdict::Inconclusive(_) => "inconclusive",
        Verdict::Invalid(_) => "invalid",
    }
}

/// Describes how the run ended, and the verdict on it.
pub(crate) fn end(trace: &Trace, verdict: &Verdict) -> String {
    let how = match &trace.end {
        End::Finished => "all processes have ended".to_owned(),
        End::Deadlock(_) => "no task can ever go on".to_owned(),
        End::Livelock(_) | End::Stalled(_) => "the tasks go round in loops".to_owned(),
        End::Limit(limit) => format!("the limit on {limit} was reached"),
        End::Invalid(reason) => escape(reason),
    };
    match verdict {
        Verdict::Violation(found) => {
            let sentences: Vec<String> = found.iter().map(sentence).collect();
            format!("{how}; {}", sentences.join("; "))
        }
        Verdict::Pass => format!("{how}; nothing that is checked was violated"),
        Verdict::Inconclusive(_) => how,
        Verdict::Invalid(reason) => format!("invalid: {}", escape(reason)),
    }
}

/// Returns a violation in its one sentence, with its kind in front.
pub(crate) fn sentence(violation: &Violation) -> String {
    let kind = escape(&violation.kind.to_string());
    let sentence = escape(&violation.sentence);
    // Some sentences begin with the kind of violation.
    match sentence.starts_with(&format!("{kind}: ")) {
        true => sentence,
        false => format!("{kind}: {sentence}"),
    }
}

fn tasks(place: &Place, next: &[Option<String>], word: &dyn Fn(usize) -> String) -> Vec<TaskView> {
    let trace = place.trace();
    let all = (0..trace.tasks.len() as u32).map(TaskId);
    let of = |task: TaskId| {
        let idle = || ahead::idle(trace, word, task);
        let Some(stand) = place.stand(task) else {
            return TaskView {
                number: task.0,
                name: escape(&trace.name(task)),
                state: state_at_end(trace, task),
                doing: idle(),
                can_go: false,
                usual: false,
                contested: false,
                rivals: Vec::new(),
                faults: Vec::new(),
            };
        };
        let told = next.get(task.index()).cloned().flatten();
        let rivals = place.rivals(stand).into_iter();
        TaskView {
            number: task.0,
            name: escape(&trace.name(task)),
            state: match stand.doing {
                Doing::Ready | Doing::Interrupted => "ready",
                Doing::Sleeps => "asleep",
                Doing::Waits | Doing::Loops => "waiting",
                Doing::Held => "held",
                Doing::Ended => "ended",
            },
            doing: match stand.doing {
                Doing::Loops => "goes round in a loop until others change something".to_owned(),
                _ => told.unwrap_or_else(idle),
            },
            can_go: stand.doing.can_go(),
            usual: place.0.usual == Some(task),
            contested: place.is_contested(stand),
            rivals: rivals.map(|other| escape(&trace.name(other))).collect(),
            faults: faults(place, task),
        }
    };
    all.map(of).collect()
}

fn state_at_end(trace: &Trace, task: TaskId) -> &'static str {
    let mut own = trace.events.iter().filter(|event| event.task == task);
    match own.any(|event| matches!(event.what, What::Exit(_) | What::Killed(_))) {
        true => "ended",
        false => "waiting",
    }
}

/// Returns the faults that can befall the next step of a task.
fn faults(place: &Place, task: TaskId) -> Vec<String> {
    let offered = OFFERED.iter().filter(|text| {
        let action: Action = text.parse().expect("the faults offered are faults");
        place.fault(task, action, false).is_some()
    });
    offered.map(|text| (*text).to_owned()).collect()
}

/// Returns the objects that events from `first` on concern.
fn objects(place: &Place, first: usize) -> Vec<ObjectView> {
    let run = &place.0.run;
    let world = World::follow(&run.trace, &run.seen);
    let Some(last) = run.trace.events.len().checked_sub(1) else {
        return Vec::new();
    };
    let step = run.trace.events[last].step;
    let is_of_last = |(index, _): &(usize, &Vec<_>)| run.trace.events[*index].step == step;
    let touched: Vec<usize> = world
        .touches
        .iter()
        .enumerate()
        .filter(is_of_last)
        .flat_map(|(_, touches)| touches.iter().map(|touch| touch.object))
        .collect();
    let shown = world
        .objects
        .iter()
        .enumerate()
        .filter_map(|(number, object)| {
            // What processes do is told with the tasks.
            let is_process = object.kind == crosswire_report::world::Kind::Process;
            let mut later = world.touches[first..].iter().flatten();
            let is_shown = first == 0 || later.any(|touch| touch.object == number);
            let card = world
                .card(number, last)
                .filter(|_| is_shown && !is_process)?;
            Some(ObjectView {
                kind: object.kind.word(),
                name: escape(&object.name),
                line: escape(&card.line),
                level: card.level,
                rows: card
                    .rows
                    .iter()
                    .map(|(label, text)| (*label, escape(text)))
                    .collect(),
                cells: card
                    .cells
                    .iter()
                    .map(|(byte, by)| Cell {
                        byte: *byte,
                        by: by.map(|task| task.0),
                    })
                    .collect(),
                touched: touched.contains(&number),
            })
        });
    shown.collect()
}

/// Returns the end of an output; lines stay lines.
fn ending(bytes: &[u8]) -> String {
    let shown = &bytes[bytes.len().saturating_sub(OUTPUT)..];
    let text = String::from_utf8_lossy(shown);
    let lines: Vec<String> = text.split('\n').map(escape).collect();
    lines.join("\n")
}
