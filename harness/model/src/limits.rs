//! Bounds on one run. Reaching one ends the run as `Inconclusive`, by name.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Resources that one run may use before it is abandoned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Steps of all tasks together.
    pub steps: u64,
    /// Virtual time, in nanoseconds.
    pub virtual_ns: u64,
    /// Virtual time, in nanoseconds, without any step that had an effect, after which loops
    /// that look for something count as stalled.
    #[serde(default = "stall_ns")]
    pub stall_ns: u64,
    /// Real time, in milliseconds; where the run does not have its CPU for itself, about as much
    /// CPU time. The only limit that depends on the machine.
    pub wall_ms: u64,
    /// Tasks (threads and processes) ever created.
    pub tasks: u32,
    /// Bytes written to standard output and standard error together.
    pub output_bytes: u64,
    /// What is left of a sleep that may end early, since other tasks may be slow: at most so
    /// many nanoseconds. Records that say nothing of it know no bound.
    #[serde(default = "no_bound", skip_serializing_if = "is_no_bound")]
    pub early_sleep_ns: u64,
}

fn no_bound() -> u64 {
    u64::MAX
}

fn is_no_bound(nanoseconds: &u64) -> bool {
    *nanoseconds == no_bound()
}

/// Twelve hours: longer than a program gives itself for anything.
fn stall_ns() -> u64 {
    12 * 3600 * 1_000_000_000
}

impl Default for Limits {
    /// Generous for a test, small enough that a runaway program is noticed in
    /// seconds: a million steps, a day of virtual time, half of it without an effect,
    /// thirty real seconds, 512 tasks and 16 MiB of output. Tasks may be five seconds slow.
    fn default() -> Self {
        Limits {
            steps: 1_000_000,
            virtual_ns: 24 * 3600 * 1_000_000_000,
            stall_ns: stall_ns(),
            wall_ms: 30_000,
            tasks: 512,
            output_bytes: 16 << 20,
            early_sleep_ns: 5_000_000_000,
        }
    }
}

/// The one of the [`Limits`] that was reached, or the limit of a checker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Too many steps.
    Steps,
    /// Too much virtual time.
    VirtualTime,
    /// Too much real time.
    WallTime,
    /// Too many tasks.
    Tasks,
    /// Too much output.
    OutputBytes,
    /// Too many configurations in a checker's search; the run itself was not cut off.
    Search,
    /// What is known of the steps that depend on each other: the order of two mattered that
    /// was thought not to. No run was cut off.
    Dependences,
    /// The budget of the whole search was used up; no run was cut off.
    Budget,
    /// Not one of the faults asked for was injected; no run was cut off.
    Faults,
    /// Parts of the exploration are missing or not finished; no run was cut off.
    Shards,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Limit::Steps => "steps",
            Limit::VirtualTime => "virtual time",
            Limit::WallTime => "wall-clock time",
            Limit::Tasks => "tasks",
            Limit::OutputBytes => "output bytes",
            Limit::Search => "a checker's search",
            Limit::Dependences => "knowledge of what steps depend on",
            Limit::Budget => "the search",
            Limit::Faults => "faults",
            Limit::Shards => "shards",
        })
    }
}
