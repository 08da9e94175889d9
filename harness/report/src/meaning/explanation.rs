//! Explanation of a violation: a sentence, a cause, and the events that show them.

use crate::escape;
use crate::meaning::cause::{self, Cause};
use crate::meaning::events::Story;
use crosswire_calls::Does;
use crosswire_explore::LastLines;
use crosswire_model::{Content, Kind, Seen, Trace, Violation, What};
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
    /// What probably led to it.
    pub cause: Option<Cause>,
    /// The events that show the violation or its cause.
    pub marked: BTreeSet<usize>,
}

impl<'a> Explanation<'a> {
    /// Understands a violation; `None` explains a run in which nothing is wrong.
    pub fn of(trace: &'a Trace, seen: &'a [Seen], violation: Option<&Violation>) -> Self {
        let world = World::follow(trace, seen);
        let mut explanation = Explanation {
            trace,
            seen,
            world,
            cause: None,
            marked: BTreeSet::new(),
        };
        let Some(violation) = violation else {
            return explanation;
        };
        let story = explanation.story();
        let cause = cause::of(&story, violation);
        let mut marked = shown_by(trace, violation);
        marked.extend(cause.iter().flat_map(|cause| &cause.events));
        if violation.kind == Kind::Deadlock {
            let waits = crosswire_check::waits(trace, &explanation.world);
            marked.extend(waits.iter().flat_map(|wait| &wait.taken));
        }
        explanation.marked = marked;
        explanation.cause = cause;
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
        objects.extend(self.cause.iter().filter_map(|cause| cause.object));
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

    /// Returns the cause, safe to print.
    pub fn cause_line(&self) -> Option<String> {
        let cause = self.cause.as_ref()?;
        Some(format!("likely cause: {}", escape(&cause.sentence)))
    }
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
