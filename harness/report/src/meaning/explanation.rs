//! Explanation of a violation: a sentence, a cause, and the events that show them.

use crate::escape;
use crate::meaning::cause::{self, Cause};
use crate::meaning::events::Story;
use crate::meaning::tested;
use crosswire_calls::Does;
use crosswire_check::Unfinished;
use crosswire_explore::LastLines;
use crosswire_model::{Content, End, Inquiry, Kind, Record, Seen, TaskId, Trace, Violation, What};
use crosswire_world::{STANDARD_STREAMS, World, unescaped};
use std::collections::BTreeSet;

/// A violation and the run that shows it, understood.
#[derive(Debug, Clone)]
pub struct Explanation<'a> {
    /// The run.
    pub trace: &'a Trace,
    /// Data that its calls read and wrote, as far as known.
    pub seen: &'a [Seen],
    /// Its kernel objects.
    pub world: World,
    /// What led to it, the one that says most first: causes that were tested, or one that is
    /// guessed if none were looked for.
    pub causes: Vec<Cause>,
    /// The tests of causes, if there were any.
    pub inquiry: Option<&'a Inquiry>,
    /// The events that show the violation or its cause.
    pub marked: BTreeSet<usize>,
    /// Who was running and who waits, if a limit has cut the run off.
    pub unfinished: Option<Unfinished>,
}

impl<'a> Explanation<'a> {
    /// Understands a violation of a recorded run; `None` explains a run in which nothing is
    /// wrong.
    pub fn of_record(record: &'a Record, violation: Option<&Violation>) -> Self {
        let inquiry = record.inquiry.as_ref();
        Explanation::of(&record.trace, &record.seen, inquiry, violation)
    }

    /// Understands a violation of a run, and what was found out about its causes; `None`
    /// explains a run in which nothing is wrong.
    pub fn of(
        trace: &'a Trace,
        seen: &'a [Seen],
        inquiry: Option<&'a Inquiry>,
        violation: Option<&Violation>,
    ) -> Self {
        let world = World::follow(trace, seen);
        let mut explanation = Explanation {
            trace,
            seen,
            world,
            causes: Vec::new(),
            inquiry,
            marked: BTreeSet::new(),
            unfinished: None,
        };
        let Some(violation) = violation else {
            if let End::Limit(_) = trace.end {
                let standing = crosswire_check::unfinished(trace, seen);
                explanation.marked = last_shown(trace, &standing);
                explanation.unfinished = Some(standing);
            }
            return explanation;
        };
        let story = explanation.story();
        let causes = match inquiry {
            Some(inquiry) => tested::causes(&story, inquiry),
            None => cause::of(&story, violation).into_iter().collect(),
        };
        let mut marked = shown_by(trace, violation);
        marked.extend(causes.iter().flat_map(|cause| &cause.events));
        if violation.kind == Kind::Deadlock {
            let waits = crosswire_check::waits(trace, &explanation.world);
            marked.extend(waits.iter().flat_map(|wait| &wait.taken));
        }
        explanation.marked = marked;
        explanation.causes = causes;
        explanation
    }

    pub(crate) fn story(&self) -> Story<'_> {
        Story {
            trace: self.trace,
            seen: self.seen,
            world: &self.world,
        }
    }

    /// Returns the objects that matter: those of the cause, and of whatever shows the
    /// violation.
    pub(crate) fn objects(&self) -> BTreeSet<usize> {
        let touched = self
            .marked
            .iter()
            .flat_map(|event| &self.world.touches[*event]);
        let mut objects: BTreeSet<usize> = touched.map(|touch| touch.object).collect();
        objects.extend(self.causes.iter().filter_map(|cause| cause.object));
        objects
    }

    /// Describes an event in at most this number of characters.
    pub fn words(&self, event: usize, width: usize) -> String {
        self.story().words(event, width)
    }

    /// Returns the last lines that the run printed, as far as its calls were seen.
    pub fn last_lines(&self) -> LastLines {
        let mut printed = [String::new(), String::new()];
        for (index, event) in self.trace.events.iter().enumerate() {
            let is_write = match &event.what {
                What::Call { call, .. } => matches!(call.row().does, Does::Write | Does::WriteAt),
                _ => false,
            };
            let behind = self.world.behind.get(&(index, 0));
            let name = behind.map(|object| self.world.objects[*object].name.as_str());
            let stream = STANDARD_STREAMS
                .iter()
                .position(|known| Some(*known) == name);
            let Some(stream) = stream.filter(|_| is_write).and_then(|s| s.checked_sub(1)) else {
                continue;
            };
            for (_, content) in self.story().contents(index) {
                if let Content::Bytes(bytes) = content {
                    printed[stream] += &String::from_utf8_lossy(&unescaped(&bytes.shown));
                }
            }
        }
        let [stdout, stderr] = printed;
        LastLines::of_output(stdout.as_bytes(), stderr.as_bytes())
    }

    /// Returns the causes, each as a word that tells how certain it is and a sentence, safe to
    /// print.
    pub fn told_causes(&self) -> Vec<(&'static str, String)> {
        let word = match self.inquiry {
            Some(_) => "cause (tested)",
            None => "likely cause (not tested)",
        };
        let told = self.causes.iter().map(|cause| escape(&cause.sentence));
        let mut told: Vec<(&'static str, String)> = told.map(|sentence| (word, sentence)).collect();
        if let Some(inquiry) = self.inquiry.filter(|inquiry| inquiry.causes.is_empty()) {
            let runs = inquiry.tried;
            let sentence = match inquiry.finished {
                true if runs == 0 => "not in the schedule: no two steps that touch the same could \
                                      have come in the other order"
                    .to_owned(),
                true => format!(
                    "not found; no fault left out and no two steps exchanged make the run pass \
                     (runs tried: {runs})"
                ),
                false => format!("not found in the time for shrinking (runs tried: {runs})"),
            };
            told.push(("cause", sentence));
        }
        told
    }
}

/// Returns the last event of each task that was running, and those since which others wait.
fn last_shown(trace: &Trace, standing: &Unfinished) -> BTreeSet<usize> {
    let events = &trace.events;
    let last = |task: &TaskId| events.iter().rposition(|event| event.task == *task);
    standing.tasks.iter().filter_map(last).collect()
}

/// Returns the events of the steps that a checker names, of tasks that it names.
fn shown_by(trace: &Trace, violation: &Violation) -> BTreeSet<usize> {
    let of_step = |(_, event): &(usize, &crosswire_model::Event)| {
        let is_exit = |call: crosswire_model::Call| call.row().never_returns();
        let says_something = match event.what {
            What::Start | What::Resume | What::Spawn(_) => false,
            What::Call { call, .. } | What::Block { call, .. } => !is_exit(call),
            _ => true,
        };
        violation.steps.contains(&event.step) && says_something
    };
    let all: Vec<usize> = trace
        .events
        .iter()
        .enumerate()
        .filter(of_step)
        .map(|(index, _)| index)
        .collect();
    let leader = |task| {
        trace
            .tasks
            .get(usize::try_from(task).unwrap_or(0))
            .map(|t| t.leader)
    };
    let concerned: BTreeSet<_> = violation.tasks.iter().map(|t| leader(t.0)).collect();
    let of_concerned: BTreeSet<usize> = all
        .iter()
        .copied()
        .filter(|index| concerned.contains(&leader(trace.events[*index].task.0)))
        .collect();
    match of_concerned.is_empty() {
        true => all.into_iter().collect(),
        false => of_concerned,
    }
}
