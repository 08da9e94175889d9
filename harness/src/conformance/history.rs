//! Questions that the judgements of several facilities ask a run.

use crosswire_model::{Action, Operation, Outcome, Run};

/// Returns the operations of this name, by call.
pub(super) fn of<'a>(
    run: &'a Run,
    name: &'static str,
) -> impl Iterator<Item = &'a Operation> + Clone {
    run.history
        .operations
        .iter()
        .filter(move |operation| operation.name == name)
}

/// Tells whether a fault killed this process.
pub(super) fn was_killed(run: &Run, process: &str) -> bool {
    run.trace
        .killed_by_fault()
        .any(|task| run.trace.name(task) == process)
}

/// Tells whether a fault killed any process.
pub(super) fn had_death(run: &Run) -> bool {
    run.trace.killed_by_fault().next().is_some()
}

/// Tells whether a fault made a call fail: then any process may have given up.
pub(super) fn had_error(run: &Run) -> bool {
    let errno = |action| matches!(action, Action::Errno(_));
    run.plan.faults.iter().any(|fault| errno(fault.action))
}

/// Tells whether a fault dropped a signal.
pub(super) fn lost_signal(run: &Run) -> bool {
    let lost = |action| matches!(action, Action::LoseSignal);
    run.plan.faults.iter().any(|fault| lost(fault.action))
}

/// Tells whether an operation reported that it failed.
pub(super) fn failed(operation: &Operation) -> bool {
    matches!(operation.outcome, Outcome::Failed { .. })
}

/// Returns the time of an operation's answer; a time later than everything if it never
/// answered.
pub(super) fn end(operation: &Operation) -> u64 {
    operation.answered().unwrap_or(u64::MAX)
}

/// Returns the last moment at which a process is seen in the history.
pub(super) fn last_seen(run: &Run, process: &str) -> u64 {
    let seen = |o: &Operation| o.answered().unwrap_or(o.called);
    let own = run
        .history
        .operations
        .iter()
        .filter(|o| o.process == process);
    own.map(seen).max().unwrap_or(0)
}

/// Tests: a run of which nothing but the history is known.
#[cfg(test)]
pub(super) fn run_of(history: crosswire_model::History) -> Run {
    let run = crosswire_model::testing::RunBuilder::new(&["a"]).end(crosswire_model::End::Finished);
    Run { history, ..run }
}
