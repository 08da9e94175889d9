//! Processes in a trace, each known by its first task.

use crosswire_model::{Signal, TaskId, Trace, What};

/// Returns the process of a task.
pub(super) fn process_of(trace: &Trace, task: TaskId) -> TaskId {
    let known = trace.tasks.get(task.index());
    known.map_or(task, |task| task.leader)
}

/// Returns the process that created a process; `None` for those the harness started.
pub(super) fn parent_of(trace: &Trace, process: TaskId) -> Option<TaskId> {
    let known = trace.tasks.get(process.index())?;
    known.parent.map(|parent| process_of(trace, parent))
}

/// Tells whether a fault killed the process.
pub(super) fn is_killed_by_fault(trace: &Trace, process: TaskId) -> bool {
    trace.killed_by_fault().any(|killed| killed == process)
}

/// Returns the step in which a process ended, and the signal that ended it, if any.
pub(super) fn end_of(trace: &Trace, process: TaskId) -> Option<(u64, Option<Signal>)> {
    trace
        .events
        .iter()
        .rev()
        .find_map(|event| match event.what {
            // Threads come and go; a signal ends them all.
            What::Exit(_) if event.task == process => Some((event.step, None)),
            What::Killed(signal) if process_of(trace, event.task) == process => {
                Some((event.step, Some(signal)))
            }
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::End;
    use crosswire_model::testing::RunBuilder;

    #[test]
    fn threads_end_alone_and_die_together() {
        let both = || RunBuilder::new(&["a"]).thread(0).child(1, "b");
        let ended = both().exits(1, 3, 0).end(End::Finished).trace;
        assert_eq!(process_of(&ended, TaskId(1)), TaskId(0));
        assert_eq!(parent_of(&ended, TaskId(2)), Some(TaskId(0)));
        assert_eq!(end_of(&ended, TaskId(0)), None);
        let died = both().event(1, 4, What::Killed(Signal(11)));
        let died = died.end(End::Finished).trace;
        assert_eq!(end_of(&died, TaskId(0)), Some((4, Some(Signal(11)))));
    }
}
