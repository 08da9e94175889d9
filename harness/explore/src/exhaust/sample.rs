//! What a run has shown step by step, kept to say of two runs where they part.

use crosswire_model::{Run, TaskId, What};
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// The steps of a run: whose each was, and a hash of what it showed.
#[derive(Debug)]
pub(super) struct Sample(Vec<(TaskId, u64)>);

/// A step that is the same in all runs: whose, and which of the task's.
type Name = (TaskId, usize);

impl Sample {
    pub fn of(run: &Run) -> Sample {
        let steps = &run.trace.footprints;
        let mut seen = vec![DefaultHasher::new(); steps.len()];
        for event in &run.trace.events {
            if let Some(view) = seen.get_mut(event.step as usize) {
                event.task.hash(view);
                see(&event.what, view);
            }
        }
        let seen = seen.into_iter().map(|view| view.finish());
        Sample(steps.iter().map(|step| step.task).zip(seen).collect())
    }

    fn names(&self) -> impl Iterator<Item = Name> {
        let mut taken: HashMap<TaskId, usize> = HashMap::new();
        self.0.iter().map(move |(task, _)| {
            let count = taken.entry(*task).or_default();
            *count += 1;
            (*task, *count)
        })
    }

    /// Returns the first step that showed something else in a known run, or was not taken
    /// there at all; and the nearest one before it that stands on its other side there.
    fn part(&self, known: &Sample) -> Option<(usize, Option<usize>)> {
        let there: HashMap<Name, usize> = known.names().zip(0..).collect();
        let names: Vec<Name> = self.names().collect();
        let differs = |at: &usize| match there.get(&names[*at]) {
            Some(other) => known.0[*other].1 != self.0[*at].1,
            None => true,
        };
        let at = (0..names.len()).find(differs)?;
        let place = |at: usize| there.get(&names[at]).copied().unwrap_or(usize::MAX);
        let own = place(at);
        let is_moved = |other: &usize| {
            let is_before = *other < at;
            names[*other].0 != names[at].0 && is_before != (place(*other) < own)
        };
        let before = (0..at).rev().find(is_moved);
        Some((at, before.or_else(|| (at + 1..names.len()).find(is_moved))))
    }

    /// Says of which two steps the order has been taken not to matter, judging by the known
    /// run that goes along with this one the longest.
    pub fn tell<'a>(&self, run: &Run, known: impl Iterator<Item = &'a Sample>) -> Option<String> {
        let parted = known.filter_map(|known| self.part(known));
        let (at, other) = parted.max_by_key(|(at, other)| (*at, other.is_some()))?;
        let step = |number: usize| named(run, number, self.0[number].0);
        Some(match other {
            Some(other) => format!("{} and {}", step(other), step(at)),
            None => format!("{} and another one", step(at)),
        })
    }
}

/// Names a step by its process and its call.
fn named(run: &Run, number: usize, task: TaskId) -> String {
    let process = &run.trace.tasks[task.index()].process;
    let events = run.trace.events.iter();
    let mut own = events.filter(|event| event.step == number as u64 && event.task == task);
    let call = own.find_map(|event| match &event.what {
        What::Call { call, .. } | What::Block { call, .. } => Some(call.row().name),
        _ => None,
    });
    let process = match task.is_buffer() {
        true => format!("store buffer of {process}"),
        false => process.clone(),
    };
    match call {
        Some(call) => format!("step {number} ({process}: {call})"),
        None => format!("step {number} ({process})"),
    }
}

/// Adds to a hash what a task sees of an event.
pub(super) fn see(what: &What, view: &mut DefaultHasher) {
    std::mem::discriminant(what).hash(view);
    match what {
        What::Call {
            call, args, result, ..
        } => (call, args, result).hash(view),
        What::Block { call, args, .. } => (call, args).hash(view),
        What::Wake { call, result } => (call, result).hash(view),
        // Memory and instructions are numbered in the order of their first use.
        What::Access(access) => {
            (access.offset, access.kind, access.before, access.after).hash(view);
        }
        What::Delay { access, .. } => (access.offset, access.after).hash(view),
        What::Signal(signal) | What::Killed(signal) => signal.hash(view),
        What::Exit(status) => status.hash(view),
        What::Panic(message) | What::Exec(message) => message.hash(view),
        What::Mark(number, value) => (number, value).hash(view),
        _ => {}
    }
}
