//! What the programs did in run 0: without faults, in the plain order.

use crosswire_model::{Run, What};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bytes of each stream that are kept.
const MOST: usize = 64 << 10;

/// How the processes of run 0 ended, and what they printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstRun {
    /// How each process that ended did so, in words, by its name.
    pub ends: BTreeMap<String, String>,
    /// Standard output of all, at most 64 KiB; what is no UTF-8 is replaced.
    pub stdout: String,
    /// Standard error of all, likewise.
    pub stderr: String,
}

impl FirstRun {
    pub(crate) fn of(run: &Run) -> FirstRun {
        let mut ends = BTreeMap::new();
        for event in &run.trace.events {
            let end = match &event.what {
                What::Exit(status) => format!("exit status {status}"),
                What::Killed(signal) => format!("killed by {signal}"),
                _ => continue,
            };
            // Its last thread's, if it has several.
            ends.insert(run.trace.tasks[event.task.index()].process.clone(), end);
        }
        let text =
            |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(MOST)]).into_owned();
        FirstRun {
            ends,
            stdout: text(&run.stdout),
            stderr: text(&run.stderr),
        }
    }
}
