//! Events in words, and how much a reader wants to know of each.

use super::calls;
use super::escape::{escape, shorten};
use crate::model::{Access, AccessKind, Call, Event, Signal, Trace, What};

/// How much a reader wants to see an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Concerns the process alone.
    Quiet,
    /// One of many.
    Normal,
    /// Shown wherever it happened.
    Telling,
}

/// How much a reader wants to see this event.
pub(super) fn weight(event: &Event) -> Weight {
    match &event.what {
        What::Fault(_) | What::Panic(_) | What::Killed(_) | What::Exec(_) => Weight::Telling,
        What::Exit(status) if *status != 0 => Weight::Telling,
        What::Call {
            call, args, path, ..
        } if calls::is_private(*call, args, path.as_deref()) => Weight::Quiet,
        What::Wake { call, .. } if calls::is_private_return(*call) => Weight::Quiet,
        What::Start | What::Resume => Weight::Quiet,
        _ => Weight::Normal,
    }
}

/// What happened, in a few words, at most `width` characters.
pub(super) fn words(event: &Event, trace: &Trace, width: usize) -> String {
    let full = spelled(event, trace, usize::MAX);
    let Some(excess) = full.chars().count().checked_sub(width + 1) else {
        return full;
    };
    // A path gives way first: the result behind it matters more.
    let path = match &event.what {
        What::Call {
            path: Some(path), ..
        }
        | What::Block {
            path: Some(path), ..
        } => path,
        _ => return shorten(&full, width),
    };
    let room = escape(path).chars().count().saturating_sub(excess + 1);
    shorten(&spelled(event, trace, room.max(SHORTEST_PATH)), width)
}

/// Less of a path is of no use.
const SHORTEST_PATH: usize = 8;

fn spelled(event: &Event, trace: &Trace, room: usize) -> String {
    match &event.what {
        What::Start => "starts".to_owned(),
        What::Call {
            call, args, path, ..
        } if is_exit(*call) => calls::call(*call, args, path.as_deref(), room),
        What::Call {
            call,
            args,
            path,
            result,
        } => {
            let made = calls::call(*call, args, path.as_deref(), room);
            made + &calls::came_back(*call, *result)
        }
        What::Block { call, args, path } if is_exit(*call) => {
            calls::call(*call, args, path.as_deref(), room)
        }
        What::Block { call, args, path } => {
            format!("{} waits", calls::call(*call, args, path.as_deref(), room))
        }
        What::Access(access) => accessed(access, trace),
        What::Wake { call, result } => format!("{call}{}", calls::came_back(*call, *result)),
        What::Resume => "goes on".to_owned(),
        What::Signal(signal) => format!("gets {signal}"),
        What::Fault(fault) => format!("FAULT {} at {}", fault.action, fault.point),
        What::Timeout => format!("time is up, at {}", seconds(event.time)),
        What::Spawn(task) => format!("creates {}", escape(&trace.name(*task))),
        What::Exec(path) => format!("becomes {}", escape(path)),
        What::Spin => "spins".to_owned(),
        What::Exit(status) => format!("ends with status {status}"),
        What::Killed(Signal(9)) => "is killed".to_owned(),
        What::Killed(signal) => format!("dies of {signal}"),
        What::Panic(text) => format!("panics: {}", escape(text)),
        What::Mark(number, value) => format!("mark {number}: {value}"),
    }
}

/// These two do not come back.
fn is_exit(call: Call) -> bool {
    matches!(call.name(), Some("exit" | "exit_group"))
}

fn seconds(nanoseconds: u64) -> String {
    format!("{:.3} s", nanoseconds as f64 / 1e9)
}

/// An access as one reads an assignment: `/memfd:queue+0x40: 1 → 2`.
fn accessed(access: &Access, trace: &Trace) -> String {
    let object = trace.objects.get(access.object as usize);
    let name = object.map_or("shared memory", |object| object.name.as_str());
    let value = |value: Option<u64>| value.map_or("?".to_owned(), |value| format!("{value:#x}"));
    let (before, after) = (value(access.before), value(access.after));
    let place = format!("{}+{:#x}", escape(name), access.offset);
    match access.kind {
        AccessKind::Read => format!("reads {place} = {before}"),
        AccessKind::Write => format!("writes {place} = {after}"),
        AccessKind::Update => format!("updates {place}: {before} → {after}"),
    }
}
