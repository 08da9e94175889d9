//! Verdicts on a run: always one of four.

use super::{Limit, TaskId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The judgement of one run, or of an exploration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing that was checked was violated.
    Pass,
    /// The program did what it must not do.
    Violation(Vec<Violation>),
    /// A limit was reached before anything could be said.
    Inconclusive(Limit),
    /// The harness could not do its job. Never a statement about the program.
    Invalid(String),
}

impl Verdict {
    /// Tells whether the program is at fault.
    pub fn is_violation(&self) -> bool {
        matches!(self, Verdict::Violation(_))
    }

    /// Returns the word used in reports and JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Violation(_) => "violation",
            Verdict::Inconclusive(_) => "inconclusive",
            Verdict::Invalid(_) => "invalid",
        }
    }
}

/// One broken promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Kind of promise that was broken.
    pub kind: Kind,
    /// Description of the violation, in one sentence.
    pub sentence: String,
    /// The tasks concerned.
    #[serde(default)]
    pub tasks: Vec<TaskId>,
    /// The steps that show it, if particular steps do.
    #[serde(default)]
    pub steps: Vec<u64>,
    /// Further lines: the wait-for graph, the witness, the panic message.
    #[serde(default)]
    pub details: Vec<String>,
}

/// The promises that can be broken.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// No task can ever run again.
    Deadlock,
    /// All tasks wait in loops for a change that no task will make.
    Livelock,
    /// A process died of a signal of its own making.
    FatalSignal,
    /// A process ended with a status that was not expected.
    ExitStatus,
    /// A kernel resource outlived its users.
    Leak,
    /// A process of a scenario panicked.
    Panic,
    /// The output differs from what it should be.
    Output,
    /// Messages arrived in another order than they were sent in.
    Order,
    /// A message was sent, acknowledged, and never received.
    Loss,
    /// A message was received twice.
    Duplication,
    /// A message was received that no process sent.
    Invention,
    /// A promise of a contract, or a check of the user's own, by name.
    Broken(String),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Deadlock => "deadlock",
            Kind::Livelock => "livelock",
            Kind::FatalSignal => "fatal-signal",
            Kind::ExitStatus => "exit-status",
            Kind::Leak => "leak",
            Kind::Panic => "panic",
            Kind::Output => "output",
            Kind::Order => "order",
            Kind::Loss => "loss",
            Kind::Duplication => "duplication",
            Kind::Invention => "invention",
            Kind::Broken(promise) => promise,
        })
    }
}
