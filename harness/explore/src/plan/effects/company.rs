//! Who is there besides a process, and what it has in common with them.

use crosswire_calls::{Does, Row};
use crosswire_engine::Successor;
use crosswire_model::{Event, Footprint, TaskId, Touch, Trace, What};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Everything that the steps of a process touched.
pub(super) fn touched(trace: &Trace, leader: TaskId) -> impl Iterator<Item = &Touch> {
    let is_own = move |footprint: &&Footprint| {
        let task = trace.tasks.get(footprint.task.index());
        task.is_some_and(|task| task.leader == leader)
    };
    trace
        .footprints
        .iter()
        .filter(is_own)
        .flat_map(|footprint| &footprint.touches)
}

/// Returns the first process of those from which a process descends.
pub(super) fn root(trace: &Trace, process: TaskId) -> TaskId {
    let mut at = process;
    // A parent has a smaller number.
    while let Some(parent) = trace.tasks.get(at.index()).and_then(|task| task.parent) {
        if parent >= at {
            break;
        }
        at = parent;
    }
    at
}

/// The lives of the processes, from the event that shows the beginning to that of the end.
pub(super) fn lives(trace: &Trace, successors: &[Successor]) -> BTreeMap<TaskId, (usize, usize)> {
    let mut begins: HashMap<TaskId, usize> = HashMap::new();
    let mut ends: HashMap<TaskId, usize> = HashMap::new();
    for (at, event) in trace.events.iter().enumerate() {
        match event.what {
            What::Spawn(child) => {
                begins.insert(child, at);
            }
            What::Exit(_) | What::Killed(_) => {
                ends.insert(event.task, at);
            }
            _ => {}
        }
        let task = trace.tasks.get(event.task.index());
        let begins_late = |name: &str| successors.iter().any(|later| later.process == name);
        if task.is_some_and(|task| begins_late(&task.process)) {
            begins.entry(event.task).or_insert(at);
        }
    }
    let mut lives: BTreeMap<TaskId, (usize, usize)> = BTreeMap::new();
    for (number, task) in trace.tasks.iter().enumerate() {
        let id = TaskId(u32::try_from(number).unwrap_or(u32::MAX));
        let begin = begins.get(&id).copied().unwrap_or(0);
        let end = ends.get(&id).copied().unwrap_or(usize::MAX);
        let life = lives.entry(task.leader).or_insert((begin, end));
        *life = (life.0.min(begin), life.1.max(end));
    }
    lives
}

/// Returns the event up to which a process may run in the memory of its creator, which waits
/// (vfork(2)): its first exec, or its end.
pub(super) fn borrows_until(trace: &Trace, process: TaskId) -> usize {
    let is_creation = |event: &Event| matches!(event.what, What::Spawn(child) if child == process);
    let Some(created) = trace.events.iter().position(is_creation) else {
        return 0;
    };
    let Event { step, task, .. } = trace.events[created];
    let comes_back = |event: &Event| {
        event.step == step && event.task == task && matches!(event.what, What::Call { .. })
    };
    if trace.events.iter().any(comes_back) {
        return 0;
    }
    let is_exec = |event: &Event| event.task == process && matches!(event.what, What::Exec(_));
    trace.events.iter().position(is_exec).unwrap_or(usize::MAX)
}

/// Returns the events at which a process uses a descriptor that it has opened itself since it
/// last created a process, so that no other process has the same open file.
pub(super) fn private_uses(trace: &Trace, process: TaskId) -> HashSet<usize> {
    let mut own: HashSet<u64> = HashSet::new();
    let mut uses = HashSet::new();
    let is_own = |task: TaskId| {
        let task = trace.tasks.get(task.index());
        task.is_some_and(|task| task.leader == process)
    };
    let events = trace.events.iter().enumerate();
    for (at, event) in events.filter(|(_, event)| is_own(event.task)) {
        match &event.what {
            What::Spawn(child) if is_own(*child) => {}
            What::Spawn(_) | What::Exec(_) => own.clear(),
            What::Call {
                call, args, result, ..
            } => {
                let is_same = own.contains(&args[0]);
                if is_same {
                    uses.insert(at);
                }
                let got = u64::try_from(*result).ok();
                match (call.row().does, got) {
                    (Does::Open | Does::MemoryFile, Some(number)) => {
                        own.insert(number);
                    }
                    (Does::Close, _) => {
                        own.remove(&args[0]);
                    }
                    (_, Some(number)) if number != args[0] && copies(call.row(), args) => {
                        match is_same {
                            true => own.insert(number),
                            false => own.remove(&number),
                        };
                    }
                    // Messages may carry descriptors.
                    (Does::Anything | Does::Send | Does::SendMany, _) => own.clear(),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    uses
}

/// Tells whether a call makes a descriptor for the same open file.
fn copies(row: &Row, args: &[u64; 6]) -> bool {
    let command = i32::try_from(args[1]).unwrap_or(-1);
    match row.does {
        Does::Duplicate => true,
        Does::Control => [libc::F_DUPFD, libc::F_DUPFD_CLOEXEC].contains(&command),
        _ => false,
    }
}
