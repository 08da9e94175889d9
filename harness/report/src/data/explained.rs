//! An explanation for programs.

use super::json::tested_causes;
use crate::Explanation;
use crate::escape::escape;
use crosswire_model::{FORMAT_VERSION, Names, Record, Verdict, Violation, What};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The JSON form of an explanation. `schema.json` describes it.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// Version of this form.
    pub format_version: u32,
    /// `pass`, `violation`, `invalid` or `inconclusive`.
    pub verdict: &'static str,
    /// Steps of the run.
    pub steps: u64,
    /// Names of the processes in plans.
    pub processes: Vec<String>,
    /// What sentences call them, where that differs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
    /// Violations of the run.
    pub violations: Vec<ExplainedViolation>,
    /// Who was running and who waits for what, if a limit has cut the run off: a sentence, and
    /// one line for each task that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<(String, Vec<String>)>,
    /// Events of the run.
    pub events: Vec<ExplainedEvent>,
    /// The kernel objects that the run used, as they were at its end.
    pub objects: Vec<ExplainedObject>,
}

/// One violation.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedViolation {
    /// The promise that is broken.
    pub kind: String,
    /// In one sentence.
    pub sentence: String,
    /// What led to it, in a sentence that says how certain that is.
    pub cause: Option<String>,
    /// Causes that were tested: with the change that a sentence names, the run passes.
    pub tested_causes: Vec<String>,
    /// The events that show it or its cause, as indices into `events`.
    pub events: Vec<usize>,
    /// The wait-for graph, the witness, …
    pub details: Vec<String>,
}

/// One event.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedEvent {
    /// The step.
    pub step: u64,
    /// Process of the event, as plans name it.
    pub process: String,
    /// Nanoseconds of virtual time since the run began.
    pub time: u64,
    /// In words.
    pub what: String,
    /// True if a fault was injected.
    pub fault: bool,
    /// True if the schedule deviates in this step.
    pub deviates: bool,
    /// The objects that it concerns, as indices into `objects`.
    pub objects: Vec<usize>,
}

/// One kernel object.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedObject {
    /// Kind of the object.
    pub kind: &'static str,
    /// Name of the object.
    pub name: String,
    /// Its state at the end, in a few words.
    pub state: String,
}

/// Returns the JSON form of a recorded run's explanation.
pub fn explained(record: &Record) -> Explained {
    let trace = &record.trace;
    let names = Names::of(trace);
    let shown = names.of_record(record);
    let whole = Explanation::of_record(&shown, None);
    let deviations: BTreeSet<u64> = trace.deviations.iter().map(|d| d.step).collect();
    let events = trace
        .events
        .iter()
        .enumerate()
        .map(|(index, event)| ExplainedEvent {
            step: event.step,
            process: escape(&trace.name(event.task)),
            time: event.time,
            what: whole.words(index, 400),
            fault: matches!(event.what, What::Fault(_)),
            deviates: deviations.contains(&event.step),
            objects: whole.world.touches[index]
                .iter()
                .map(|t| t.object)
                .collect(),
        });
    let objects = whole
        .world
        .objects
        .iter()
        .enumerate()
        .map(|(index, object)| {
            let card = whole.world.card(index, trace.events.len());
            ExplainedObject {
                kind: object.kind.word(),
                name: escape(&object.name),
                state: card.map_or(String::new(), |card| escape(&card.line)),
            }
        });
    let violations: &[Violation] = match &shown.verdict {
        Verdict::Violation(violations) => violations,
        _ => &[],
    };
    let leaders = trace.tasks.iter().enumerate();
    let leaders = leaders.filter(|(number, task)| task.leader.index() == *number);
    Explained {
        format_version: FORMAT_VERSION,
        verdict: record.verdict.word(),
        steps: trace.steps,
        processes: leaders.map(|(_, task)| escape(&task.process)).collect(),
        names: escaped(&names),
        violations: violations.iter().map(|v| violation(&shown, v)).collect(),
        unfinished: whole.unfinished.as_ref().map(|standing| {
            let details = standing.details.iter().map(|line| escape(line));
            (escape(&standing.sentence), details.collect())
        }),
        events: events.collect(),
        objects: objects.collect(),
    }
}

fn escaped(names: &Names) -> BTreeMap<String, String> {
    let all = names.all().iter();
    all.map(|(plans, shown)| (escape(plans), escape(shown)))
        .collect()
}

fn violation(record: &Record, violation: &Violation) -> ExplainedViolation {
    let explanation = Explanation::of_record(record, Some(violation));
    let told = explanation.told_causes().into_iter();
    let mut told = told.map(|(word, sentence)| format!("{word}: {sentence}"));
    ExplainedViolation {
        kind: violation.kind.to_string(),
        sentence: escape(&violation.sentence),
        cause: told.next(),
        tested_causes: tested_causes(record, violation),
        events: explanation.marked.iter().copied().collect(),
        details: violation.details.iter().map(|line| escape(line)).collect(),
    }
}
