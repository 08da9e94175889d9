//! How much the order of two steps says about a failure, by what they share. Names that another
//! process creates and removes say most, the bookkeeping of ends next to nothing.

use crosswire_calls::Does;
use crosswire_model::{EVERYTHING, Event, Mode, Touch, Trace, What};

/// The events of each step.
pub(super) struct Deeds<'a> {
    events: Vec<&'a [Event]>,
}

impl<'a> Deeds<'a> {
    /// Sorts the events of a run by step.
    pub fn of(trace: &'a Trace) -> Deeds<'a> {
        let at = |step: u64| trace.events.partition_point(|event| event.step < step);
        let of_step = |step: u64| &trace.events[at(step)..at(step + 1)];
        Deeds {
            events: (0..trace.steps).map(of_step).collect(),
        }
    }

    fn does(&self, step: usize, wanted: impl Fn(Does) -> bool) -> bool {
        let events = self.events.get(step).copied().unwrap_or_default();
        events.iter().any(|event| match &event.what {
            What::Call { call, result, .. } => *result >= 0 && wanted(call.row().does),
            _ => false,
        })
    }

    /// Returns how a step touches the descriptors that children inherit, if it does: threads
    /// share them, and who forks copies them as they are.
    pub fn inheritance(&self, trace: &Trace, step: usize) -> Option<Touch> {
        let task = trace.footprints.get(step)?.task;
        let process = trace.tasks.get(task.index())?.leader;
        let object = format!("{DESCRIPTORS}{process}");
        let forks = |event: &Event| match event.what {
            What::Spawn(child) => trace.tasks[child.index()].leader == child,
            _ => false,
        };
        if self.events.get(step)?.iter().any(forks) {
            return Some(Touch::read(object));
        }
        let changes = |does: Does| {
            matches!(
                does,
                Does::Open
                    | Does::Close
                    | Does::CloseRange
                    | Does::Duplicate
                    | Does::Control
                    | Does::Socket
                    | Does::SocketPair
                    | Does::Accept
                    | Does::Pipe
                    | Does::MemoryFile
            )
        };
        let changes = self.does(step, changes);
        changes.then_some(Touch {
            object,
            mode: Mode::Write,
        })
    }
}

/// Object of the descriptors of a process.
const DESCRIPTORS: &str = "descriptors of ";

/// Objects that stand for time, for what is not known, and for what everybody uses alike.
const NOTHING: [&str; 11] = [
    EVERYTHING,
    "time-outs",
    "log",
    "random numbers",
    "changes of shared memory",
    "stores that became visible early",
    "waits for locks",
    "file /dev/null",
    "file /dev/tty",
    "file /dev/random",
    "file /dev/urandom",
];

/// Objects that steps of many kinds touch by the way.
const LITTLE: [&str; 9] = [
    "process ",
    "thread ",
    "calls of ",
    "children of ",
    "entries of ",
    "position in ",
    "anon_inode:",
    "sockets",
    "futexes",
];

/// Tells whether the order of two steps that touch an object says anything at all.
pub(super) fn tells(object: &str) -> bool {
    !NOTHING.iter().any(|begin| object.starts_with(begin))
}

/// Returns how much the order of two steps that touch an object says; `None` if it is not
/// worth a run.
pub(super) fn weight(
    object: &str,
    both_change: bool,
    deeds: &Deeds<'_>,
    steps: [usize; 2],
) -> Option<u8> {
    let begins = |with: &[&str]| with.iter().any(|begin| object.starts_with(begin));
    if !tells(object) {
        return None;
    }
    let prepares = |step: &usize| deeds.does(*step, |does| does == Does::SignalAction);
    Some(match object {
        _ if begins(&LITTLE) => 0,
        _ if begins(&["pipe ", "socket pair "]) => 1,
        _ if object.starts_with("SIG") => match steps.iter().any(prepares) {
            true => 3,
            false => 1,
        },
        _ if object.starts_with("name ") && both_change => 3,
        _ => 2,
    })
}
