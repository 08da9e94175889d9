//! What remains of a session when its run is over.

use crate::memory::Knowledge;
use crate::observe::logged::Undone;
use crate::run::session::Session;
use crate::run::task;
use crosswire_model::{Capture, End, FORMAT_VERSION, Seen, Task, Trace};
use std::collections::BTreeSet;

/// The parts of a session that outlive its run.
pub(crate) struct Outcome {
    pub trace: Trace,
    pub knowledge: Knowledge,
    pub captures: Vec<Capture>,
    pub seen: Vec<Seen>,
    pub unwatched: BTreeSet<String>,
    pub undone: Vec<Undone>,
}

impl Outcome {
    pub(crate) fn of(session: Session<'_>, end: End) -> Outcome {
        let task = |task: &task::Task| Task {
            process: session.processes[task.process].name.clone(),
            parent: task.parent,
            leader: session.processes[task.process].leader,
            tid: session.stable_pid(task.tid_inside.into()) as i32,
        };
        let tasks = session.tasks.iter().map(task).collect();
        let recorded = session.recorder.finish();
        let changes_machine = session.files.touches_machine;
        let (mut knowledge, objects, places) = session.memory.into_parts();
        if changes_machine {
            knowledge.images.forget();
        }
        let trace = Trace {
            format_version: FORMAT_VERSION,
            tasks,
            objects,
            places,
            steps: session.turn.step(),
            unused_faults: session.faults.unused(),
            deviations: recorded.deviations,
            switches: recorded.switches,
            preemptions: recorded.preemptions,
            events: recorded.events,
            footprints: match session.setup.plan.footprints {
                true => session.footprints.into_steps(),
                false => Vec::new(),
            },
            end,
            leftovers: Vec::new(),
        };
        Outcome {
            trace,
            knowledge,
            captures: recorded.captures,
            seen: recorded.seen,
            unwatched: recorded.unwatched,
            undone: recorded.undone,
        }
    }
}
