//! A run in the trace event format of Chrome, which Perfetto and other viewers open
//! (<https://ui.perfetto.dev>, <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>).
//!
//! A step is a millisecond on its axis: virtual time would draw what happens at once
//! as nothing, and a sleep as everything. The virtual time stands beside each event.

use crate::Explanation;
use crate::escape::escape;
use crate::meaning::arrows::arrows;
use crosswire_model::{TaskId, What};
use crosswire_world::Kind;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Microseconds of the viewer's axis for each step.
const STEP: u64 = 1000;

/// Returns the whole run as a JSON object.
pub fn trace_events(explanation: &Explanation<'_>) -> Value {
    let mut all = names(explanation);
    all.extend(tasks(explanation));
    all.extend(counters(explanation));
    all.extend(flows(explanation));
    json!({
        "displayTimeUnit": "ms",
        "traceEvents": all,
        "otherData": {
            "generator": "crosswire",
            "format_version": crosswire_model::FORMAT_VERSION,
            "axis": "one step is one millisecond",
        },
    })
}

fn names(explanation: &Explanation<'_>) -> Vec<Value> {
    let trace = explanation.trace;
    let mut all = Vec::new();
    for number in 0..trace.tasks.len() as u32 {
        let task = TaskId(number);
        let process = process(explanation, task);
        let name = escape(&trace.name(task));
        if process == task {
            all.push(
                json!({"ph": "M", "name": "process_name", "pid": process.0 + 1,
                            "tid": number + 1, "args": {"name": name}}),
            );
        }
        all.push(
            json!({"ph": "M", "name": "thread_name", "pid": process.0 + 1,
                        "tid": number + 1, "args": {"name": name}}),
        );
    }
    all
}

fn process(explanation: &Explanation<'_>, task: TaskId) -> TaskId {
    let known = explanation.trace.tasks.get(task.index());
    known.map_or(task, |task| task.leader)
}

/// Calls as slices, as long as they lasted; everything else as instants.
fn tasks(explanation: &Explanation<'_>) -> Vec<Value> {
    let trace = explanation.trace;
    let deviations: BTreeSet<u64> = trace.deviations.iter().map(|d| d.step).collect();
    let mut waiting: BTreeMap<TaskId, usize> = BTreeMap::new();
    let mut all = Vec::new();
    for (index, event) in trace.events.iter().enumerate() {
        let words = explanation.words(index, 200);
        let at = |step: u64| step * STEP;
        let entry = |phase: &str, name: &str, begin: u64| {
            json!({
                "ph": phase, "name": name, "ts": begin,
                "pid": process(explanation, event.task).0 + 1, "tid": event.task.0 + 1,
                "args": {
                    "what": words, "step": event.step, "virtual_ns": event.time,
                    "matters": explanation.marked.contains(&index),
                    "deviates": deviations.contains(&event.step),
                },
            })
        };
        if let Some(begun) = waiting.remove(&event.task) {
            let begin = at(trace.events[begun].step);
            let mut slice = entry("X", &explanation.words(begun, 200), begin);
            // Whoever is woken goes on in a later step: there is room for the arrow to arrive.
            let arrives = match event.what {
                What::Wake { .. } => STEP / 2,
                _ => 0,
            };
            slice["dur"] = json!((at(event.step) + arrives).saturating_sub(begin).max(1));
            all.push(slice);
        }
        match &event.what {
            What::Block { .. } => {
                waiting.insert(event.task, index);
            }
            What::Call { call, .. } => {
                let mut slice = entry("X", &call.to_string(), at(event.step));
                slice["dur"] = json!(STEP);
                all.push(slice);
            }
            What::Access(_) | What::Delay { .. } => {
                let mut slice = entry("X", &words, at(event.step));
                slice["dur"] = json!(STEP);
                all.push(slice);
            }
            What::Wake { .. } | What::Resume => {}
            // Arrows begin and end at slices only.
            What::Start | What::Signal(_) | What::Spawn(_) | What::Exit(_) | What::Killed(_) => {
                let mut slice = entry("X", &words, at(event.step));
                slice["dur"] = json!(STEP / 2);
                all.push(slice);
            }
            _ => {
                let mut instant = entry("i", &words, at(event.step));
                instant["s"] = json!("t");
                all.push(instant);
            }
        }
    }
    // Tasks that wait forever.
    for (task, begun) in waiting {
        let begin = trace.events[begun].step * STEP;
        let end = (trace.steps + 1) * STEP;
        all.push(json!({
            "ph": "X", "name": explanation.words(begun, 200), "ts": begin, "dur": end - begin,
            "pid": process(explanation, task).0 + 1, "tid": task.0 + 1,
            "args": {"what": "never comes back"},
        }));
    }
    all
}

/// Builds the arrows between events, each as its beginning and its end.
fn flows(explanation: &Explanation<'_>) -> Vec<Value> {
    let events = &explanation.trace.events;
    let mut all = Vec::new();
    for (number, arrow) in arrows(&explanation.story()).into_iter().enumerate() {
        // Within the slices of both, and forward, if both are in the same step.
        for (phase, index, within) in [("s", arrow.from, 1), ("f", arrow.to, 2)] {
            let event = &events[index];
            let mut flow = json!({
                "ph": phase, "id": number, "cat": "arrow", "name": arrow.tie.word(),
                "ts": event.step * STEP + within,
                "pid": process(explanation, event.task).0 + 1, "tid": event.task.0 + 1,
            });
            if phase == "f" {
                flow["bp"] = json!("e");
            }
            all.push(flow);
        }
    }
    all
}

/// Builds the counters of the fill levels of pipes.
fn counters(explanation: &Explanation<'_>) -> Vec<Value> {
    let world = &explanation.world;
    let pipes = world.changes.iter().filter_map(|change| {
        let object = &world.objects[change.object];
        let (held, _) = change.card.level.filter(|_| object.kind == Kind::Pipe)?;
        let step = explanation.trace.events[change.event].step;
        Some(
            json!({"ph": "C", "name": escape(&object.name), "pid": 1, "tid": 1,
                    "ts": step * STEP, "args": {"bytes": held}}),
        )
    });
    pipes.collect()
}
