//! Points at which a crash leaves the same behind.
//!
//! While no other process is alive, a step of the victim that changes nothing but what
//! dies with it (its memory, descriptors and locks) makes no difference to those who come
//! after it: a crash before the step leaves what a crash after it leaves. One run then
//! stands for both points. A program spends most of its start in such steps.

use crosswire_engine::Successor;
use crosswire_model::{EVERYTHING, Fault, Mode, Touch, Trace, What};

/// Beginnings of the names of objects that are gone once the last process is that had them
/// open, and of the harness's own.
const PASSING: [&str; 7] = [
    "children of ",
    "position in ",
    "locks of ",
    "waits for locks",
    "pipe ",
    "random numbers",
    "marks",
];

/// Puts the points of a process, each with the index of its event and in their order, into
/// classes; the last of a class stands for all.
pub(super) fn classes(
    trace: &Trace,
    successors: &[Successor],
    process: &str,
    points: Vec<(usize, Fault)>,
) -> Vec<Vec<Fault>> {
    let lonely = Lonely::of(trace, successors, process);
    let mut classes: Vec<Vec<Fault>> = Vec::new();
    let mut is_open = false;
    for (event, fault) in points {
        match classes.last_mut().filter(|_| is_open) {
            Some(class) => class.push(fault),
            None => classes.push(vec![fault]),
        }
        is_open = lonely.at(event) && !leaves_something(trace, event);
    }
    classes
}

/// When a process is the only one alive, apart from those that begin after its end.
struct Lonely {
    /// The lives of the others, from the event that shows their beginning to that of their
    /// end.
    others: Vec<(usize, usize)>,
}

impl Lonely {
    fn of(trace: &Trace, successors: &[Successor], process: &str) -> Lonely {
        let mut lives: Vec<(usize, usize)> = vec![(0, usize::MAX); trace.tasks.len()];
        for (at, event) in trace.events.iter().enumerate() {
            match event.what {
                What::Spawn(child) => {
                    if let Some(life) = lives.get_mut(child.index()) {
                        life.0 = at;
                    }
                }
                What::Exit(_) | What::Killed(_) => {
                    if let Some(life) = lives.get_mut(event.task.index()) {
                        life.1 = at;
                    }
                }
                _ => {}
            }
        }
        let others = trace.tasks.iter().zip(lives).filter(|(task, _)| {
            task.process != process && !comes_after(successors, &task.process, process)
        });
        Lonely {
            others: others.map(|(_, life)| life).collect(),
        }
    }

    fn at(&self, event: usize) -> bool {
        !self
            .others
            .iter()
            .any(|(from, until)| (*from..=*until).contains(&event))
    }
}

/// Tells whether a process begins only when another one has ended.
fn comes_after(successors: &[Successor], process: &str, other: &str) -> bool {
    let mut name = process;
    // No longer than the list, even if it names a process as its own successor.
    for _ in successors {
        match successors
            .iter()
            .find(|successor| successor.process == name)
        {
            Some(successor) if successor.of == other => return true,
            Some(successor) => name = &successor.of,
            None => return false,
        }
    }
    false
}

/// Tells whether processes access shared memory, into which a call may answer.
fn maps_shared(trace: &Trace) -> bool {
    let is_access = |what: &What| matches!(what, What::Access(_));
    trace.events.iter().any(|event| is_access(&event.what))
}

/// Tells whether the step that begins with this event may have changed something that is
/// still there when its process is gone.
fn leaves_something(trace: &Trace, event: usize) -> bool {
    let event = &trace.events[event];
    // A task that blocks is a point of its own, too.
    if !matches!(event.what, What::Call { .. } | What::Access(_)) {
        return true;
    }
    let step = usize::try_from(event.step).ok();
    let Some(footprint) = step.and_then(|step| trace.footprints.get(step)) else {
        return true;
    };
    let Some(task) = trace.tasks.get(event.task.index()) else {
        return true;
    };
    let own = format!("process {}", task.leader);
    let asks = match &event.what {
        What::Call { call, args, .. } => call.row().only_asks(args) && !maps_shared(trace),
        _ => false,
    };
    let lasts = |touch: &Touch| {
        if asks && touch.object == EVERYTHING {
            return false;
        }
        let passes = |begin: &&str| touch.object.starts_with(*begin);
        touch.mode != Mode::Read && touch.object != own && !PASSING.iter().any(passes)
    };
    footprint.task != event.task || footprint.touches.iter().any(lasts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;
    use crosswire_model::{Footprint, TaskId};

    fn trace(touches: &[&[Touch]]) -> Trace {
        let calls: Vec<(&str, &str)> = touches.iter().map(|_| ("a", "write")).collect();
        let mut trace = fake::trace(&calls);
        let footprints = touches.iter().map(|touches| Footprint {
            task: TaskId(0),
            choices: Vec::new(),
            touches: touches.to_vec(),
        });
        trace.footprints = footprints.collect();
        for (step, event) in trace.events.iter_mut().enumerate() {
            event.step = step as u64;
        }
        trace
    }

    fn sizes(trace: &Trace) -> Vec<usize> {
        let kill = crosswire_model::Action::Kill;
        let points = crate::plan::points::of_process(trace, kill, "a").collect();
        let classes = classes(trace, &[], "a", points);
        classes.iter().map(Vec::len).collect()
    }

    #[test]
    fn steps_that_leave_nothing_separate_no_points() {
        let own = Touch::write(format!("process {}", TaskId(0)));
        let passing = [
            own,
            Touch::read("file /a"),
            Touch::write("position in file /a"),
        ];
        let lasting = [Touch::write("file /a")];
        assert_eq!(
            sizes(&trace(&[&passing, &passing, &lasting, &passing])),
            [3, 1]
        );
        assert_eq!(sizes(&trace(&[&lasting, &lasting])), [1, 1]);
    }

    #[test]
    fn others_alive_make_every_point_one_of_its_own() {
        let passing: &[Touch] = &[Touch::read("file /a")];
        let mut shared = trace(&[passing, passing]);
        let mut other = shared.tasks[0].clone();
        other.process = "b".to_owned();
        shared.tasks.push(other);
        assert_eq!(sizes(&shared), [1, 1]);
        shared.footprints.clear();
        shared.tasks.pop();
        assert_eq!(sizes(&shared), [1, 1], "unknown footprints");
    }
}
