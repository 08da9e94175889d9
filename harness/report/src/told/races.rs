//! Accesses that nothing but the schedule orders, by process, function and line.

use crate::escape::escape;
use crate::meaning::{buffered, events};
use crate::told::fold::line;
use crosswire_check::races;
use crosswire_model::{Frame, Trace, What};
use serde::Serialize;

/// Pairs of accesses without a fence that are shown.
const MOST_FENCES: usize = 3;

/// The JSON form of a race.
#[derive(Debug, Clone, Serialize)]
pub struct RaceEntry {
    /// The two accesses, the earlier one first.
    accesses: [AccessEntry; 2],
}

/// The JSON form of an access.
#[derive(Debug, Clone, Serialize)]
struct AccessEntry {
    process: String,
    step: u64,
    /// The shared memory, and where in it.
    object: String,
    offset: u64,
    size: u32,
    kind: crosswire_model::AccessKind,
    before: Option<u64>,
    after: Option<u64>,
    /// Function and line, as far as symbols tell; else module and offset.
    place: String,
    /// `reads /dev/shm/counter+0x0 = 0x5`.
    text: String,
}

/// Returns the races of a run for programs; `places` are the symbols of the trace's
/// places.
pub(crate) fn entries(trace: &Trace, places: &[Frame]) -> Vec<RaceEntry> {
    let entry = |event: usize| -> Option<AccessEntry> {
        let event = trace.events.get(event)?;
        let What::Access(access) = &event.what else {
            return None;
        };
        let object = trace.objects.get(access.object as usize);
        Some(AccessEntry {
            process: trace.name(event.task),
            step: event.step,
            object: object.map_or_else(String::new, |object| object.name.clone()),
            offset: access.offset,
            size: access.size,
            kind: access.kind,
            before: access.before,
            after: access.after,
            place: place(trace, places, access.place),
            text: events::access(access, trace),
        })
    };
    let found = races(trace).into_iter();
    found
        .filter_map(|race| {
            let [earlier, later] = race.events.map(entry);
            Some(RaceEntry {
                accesses: [earlier?, later?],
            })
        })
        .collect()
}

fn place(trace: &Trace, places: &[Frame], number: u32) -> String {
    match (
        places.get(number as usize),
        trace.places.get(number as usize),
    ) {
        (Some(frame), _) => frame.to_string(),
        (None, Some(place)) => format!("{}+{:#x}", place.module, place.offset),
        (None, None) => "an unknown place".to_owned(),
    }
}

/// Returns the stores of a run that waited in store buffers while their tasks loaded something,
/// for people; nothing if there are none.
pub(crate) fn missing_fences(trace: &Trace, places: &[Frame]) -> String {
    let mut text = String::new();
    for one in buffered::all(trace).into_iter().take(MOST_FENCES) {
        let Some(loaded) = one.loaded else {
            continue;
        };
        line(&mut text, "  no fence stands between these two accesses:");
        for event in [one.executed, loaded] {
            let event = &trace.events[event];
            if let What::Delay { access, .. } | What::Access(access) = &event.what {
                let sentence = format!(
                    "`{}` in step {} {} in {}",
                    escape(&trace.name(event.task)),
                    event.step,
                    events::access(access, trace),
                    escape(&place(trace, places, access.place))
                );
                line(&mut text, &format!("    {sentence}"));
            }
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Returns the races of a run for people; nothing if there are none.
pub(crate) fn text(trace: &Trace, places: &[Frame]) -> String {
    let mut text = String::new();
    for race in entries(trace, places) {
        line(&mut text, "  no synchronization orders these two accesses:");
        for access in race.accesses {
            let process = escape(&access.process);
            let sentence = format!(
                "`{process}` in step {} {} in {}",
                access.step,
                access.text,
                escape(&access.place)
            );
            line(&mut text, &format!("    {sentence}"));
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}
