//! Processes in a trace, each known by its first task.

use crosswire_calls::Arg;
use crosswire_model::{Event, Signal, TaskId, Trace, What};

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

/// Tells whether another process has sent a signal to this one, or to its group or to everybody, up
/// to an event.
pub(super) fn sent_by_another(
    trace: &Trace,
    process: TaskId,
    signal: Signal,
    until: &Event,
) -> bool {
    let reaches = |pid: i32| {
        let mut own = trace.tasks.iter().filter(|task| task.leader == process);
        pid <= 0 || own.any(|task| task.tid == pid)
    };
    let sends = |event: &Event| match &event.what {
        What::Call {
            call,
            args,
            result: 0..,
            ..
        } => {
            let row = call.row();
            let sent = row.argument(Arg::Signal).map(|at| args[at]);
            let target = row.argument(Arg::Pid).map(|at| args[at] as i32);
            let is_sent = sent == Some(signal.0 as u64);
            is_sent && row.sends_signal() && target.is_none_or(reaches)
        }
        _ => false,
    };
    let before = trace.events.iter().take_while(|e| !std::ptr::eq(*e, until));
    let mut of_others = before.filter(|event| process_of(trace, event.task) != process);
    of_others.any(sends)
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
    fn signals_are_known_by_who_was_meant() {
        let sent = |args: &[u64], by: u32| {
            let run = RunBuilder::new(&["a"]).child(0, "b");
            let run = run.call((by, 2), "kill", args, None, 0);
            let trace = run
                .event(1, 3, What::Killed(Signal(6)))
                .end(End::Finished)
                .trace;
            let end = trace.events.last().unwrap();
            sent_by_another(&trace, TaskId(1), Signal(6), end)
        };
        let b = 101u64;
        assert!(sent(&[b, 6], 0));
        assert!(sent(&[-b.cast_signed() as u64, 6], 0), "its group");
        assert!(!sent(&[b, 6], 1), "it did that itself");
        assert!(!sent(&[b, 11], 0), "another signal");
        assert!(!sent(&[100, 6], 0), "to another process");
    }

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
