//! What the kernel did for a part of the processes.

use crosswire_model::{Content, Run, What};
use serde::Serialize;

/// What the kernel did for the processes whose names begin alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// How their names begin.
    pub name: String,
    /// System calls made.
    pub calls: u64,
    /// Bytes that the kernel has copied from one process, or to one.
    pub copied: u64,
    /// Waits in the kernel.
    pub waits: u64,
    /// Wake-ups from these waits.
    pub wake_ups: u64,
    /// Accesses to shared memory, which the kernel does not notice.
    pub accesses: u64,
}

/// Counts for the processes whose names begin with `name`, from step `first` on. What is printed is
/// not counted as copied.
pub(crate) fn side(run: &Run, name: &str, first: u64) -> Side {
    let mut side = Side {
        name: name.to_owned(),
        calls: 0,
        copied: 0,
        waits: 0,
        wake_ups: 0,
        accesses: 0,
    };
    let prefix = format!("{name}-");
    for (index, event) in run.trace.events.iter().enumerate() {
        let task = run.trace.tasks.get(event.task.index());
        let is_its_own = task.is_some_and(|task| task.process.starts_with(&prefix));
        if event.step < first || !is_its_own {
            continue;
        }
        match &event.what {
            What::Call { call, args, .. } => {
                side.calls += 1;
                let transfer = call.row().transfer();
                let prints = transfer.is_some_and(|one| matches!(args[one.descriptor], 1 | 2));
                if !prints {
                    side.copied += copied(run, index, *call);
                }
            }
            What::Block { call, .. } => {
                side.calls += 1;
                side.waits += u64::from(!call.row().never_returns());
            }
            What::Wake { call, result } => {
                side.wake_ups += 1;
                if *result >= 0 {
                    side.copied += copied(run, index, *call);
                }
            }
            What::Access(_) => side.accesses += 1,
            _ => {}
        }
    }
    side
}

/// Returns the number of bytes that a call has transferred.
fn copied(run: &Run, event: usize, call: crosswire_model::Call) -> u64 {
    if call.row().transfer().is_none() {
        return 0;
    }
    let begin = run.seen.partition_point(|seen| seen.event < event);
    let of_event = run.seen[begin..]
        .iter()
        .take_while(|seen| seen.event == event);
    let lengths = of_event.map(|seen| match &seen.content {
        Content::Bytes(bytes) | Content::Message { text: bytes, .. } => bytes.length,
        _ => 0,
    });
    lengths.sum()
}
