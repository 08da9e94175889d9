//! Stores that became visible late, and who did not see them: no store of a shrunk run waits in
//! vain.

use crosswire_model::{Access, AccessKind, Trace, What};

/// A store that waited, as indices into the trace's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Buffered {
    /// Its execution.
    pub executed: usize,
    /// The next load of its own task, if it came while the store waited.
    pub loaded: Option<usize>,
    /// The last access of another task to that memory while the store waited.
    pub missed: Option<usize>,
    /// The moment from which other tasks see it.
    pub visible: usize,
}

/// Returns the stores that waited while it mattered, in the order of their execution.
pub(crate) fn all(trace: &Trace) -> Vec<Buffered> {
    let executions = trace.events.iter().enumerate();
    let executions = executions.filter(|(_, event)| matches!(event.what, What::Delay { .. }));
    let all = executions.filter_map(|(executed, _)| of(trace, executed));
    all.filter(|one| one.loaded.is_some() || one.missed.is_some())
        .collect()
}

fn of(trace: &Trace, executed: usize) -> Option<Buffered> {
    let event = &trace.events[executed];
    let What::Delay { access: store, .. } = &event.what else {
        return None;
    };
    let access = |at: usize| match &trace.events[at].what {
        What::Access(access) => Some(access),
        _ => None,
    };
    let becomes_visible = |at: &usize| {
        let is_it = |one: &Access| one.since == Some(event.step) && one.overlaps(store);
        trace.events[*at].task == event.task && access(*at).is_some_and(is_it)
    };
    let visible = (executed + 1..trace.events.len()).find(becomes_visible)?;
    let mut between = executed + 1..visible;
    let missed = between.clone().rfind(|at| {
        trace.events[*at].task != event.task && access(*at).is_some_and(|one| one.overlaps(store))
    });
    let loaded = between.find(|at| {
        let loads = |one: &Access| one.kind != AccessKind::Write;
        trace.events[*at].task == event.task && access(*at).is_some_and(loads)
    });
    Some(Buffered {
        executed,
        loaded,
        missed,
        visible,
    })
}
