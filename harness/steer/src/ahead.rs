//! What each task is about to do, in words.
//!
//! A report says in words what has happened. So the steps to come are added to the trace as if
//! they had just begun, and told by the same words.

use crate::place::Place;
use crosswire_engine::Stand;
use crosswire_model::{AccessKind, Event, Seen, TaskId, Trace, What};
use crosswire_report::{Explanation, escape};

/// Characters of an event.
const WIDTH: usize = 96;

/// Returns the words for the past events of a run, from `since` on, and for what each task does
/// next.
pub(crate) fn words(place: &Place, since: usize) -> (Vec<String>, Vec<Option<String>>) {
    let (trace, seen, begins) = extended(place);
    let explanation = Explanation::of(&trace, &seen, None, None);
    let past = since..place.trace().events.len();
    let past = past.map(|event| explanation.words(event, WIDTH)).collect();
    let mut next = begins;
    let told = place.0.stands.iter().map(|stand| {
        let what = stand.next.as_ref()?;
        next += 1;
        Some(in_future(stand, what, &explanation.words(next - 1, WIDTH)))
    });
    (past, told.collect())
}

/// Returns the trace with the next step of each task as further events, and the first of them.
fn extended(place: &Place) -> (Trace, Vec<Seen>, usize) {
    let run = &place.0.run;
    let (mut trace, mut seen) = (run.trace.clone(), run.seen.clone());
    let begins = trace.events.len();
    let time = trace.events.last().map_or(0, |event| event.time);
    for stand in &place.0.stands {
        let Some(what) = &stand.next else { continue };
        let event = trace.events.len();
        seen.extend(stand.given.iter().map(|(argument, content)| Seen {
            event,
            argument: *argument,
            content: content.clone(),
        }));
        trace.events.push(Event {
            step: trace.steps,
            task: stand.task,
            time,
            what: what.clone(),
        });
    }
    (trace, seen, begins)
}

/// Turns the words for what has begun into those for what will begin.
fn in_future(stand: &Stand, what: &What, told: &str) -> String {
    let text = match what {
        What::Block { .. } => told.strip_suffix(" waits").unwrap_or(told).to_owned(),
        What::Access(access) if access.kind != AccessKind::Read => told
            .strip_suffix(" = ?")
            .or_else(|| told.strip_suffix(" → ?"))
            .unwrap_or(told)
            .to_owned(),
        What::Timeout => "wakes up: its time is over".to_owned(),
        _ => told.to_owned(),
    };
    match stand.doing {
        crosswire_engine::Doing::Interrupted if !matches!(what, What::Signal(_)) => {
            format!("gets a signal, before {text}")
        }
        crosswire_engine::Doing::Sleeps => "sleeps; wakes early if chosen".to_owned(),
        _ => text,
    }
}

/// Describes what a task does that cannot go: the call in which it waits, and since when.
pub(crate) fn idle(trace: &Trace, past: &dyn Fn(usize) -> String, task: TaskId) -> String {
    let events = trace.events.iter().enumerate().rev();
    let last = events.into_iter().find(|(_, event)| {
        event.task == task && !matches!(event.what, What::Resume | What::Spawn(_))
    });
    match last {
        Some((index, event)) => match &event.what {
            What::Exit(status) => format!("ended with status {status}"),
            What::Killed(signal) => format!("killed by {signal}"),
            What::Block { call, .. } => {
                let told = past(index);
                let told = told.strip_suffix(" waits").unwrap_or(&told);
                match told.is_empty() {
                    true => format!("waits in {call} since step {}", event.step),
                    false => format!("waits in {told} since step {}", event.step),
                }
            }
            What::Panic(text) => format!("panicked: {}", escape(text)),
            _ => "is paused or stopped".to_owned(),
        },
        None => "has not begun".to_owned(),
    }
}
