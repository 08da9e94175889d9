//! Verdicts on a run: always one of four.

use super::{Limit, TaskId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The judgement of one run, or of an exploration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// No check found a violation.
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

    /// Combines what is said about two runs, or two sets of runs: the graver verdict
    /// stands, and of two violations both do.
    #[must_use]
    pub fn and(self, other: Verdict) -> Verdict {
        match (self, other) {
            (Verdict::Violation(mut all), Verdict::Violation(more)) => {
                all.extend(more);
                Verdict::Violation(all)
            }
            (one, other) if other.gravity() > one.gravity() => other,
            (one, _) => one,
        }
    }

    /// Tells whether it says the same as another one, be it in other words: what a
    /// deadlock is described with depends on how much was seen of the run.
    pub fn agrees_with(&self, other: &Verdict) -> bool {
        match (self, other) {
            (Verdict::Violation(one), Verdict::Violation(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.agrees_with(b))
            }
            (one, other) => one == other,
        }
    }

    /// Orders verdicts: violation, invalid, inconclusive, pass.
    fn gravity(&self) -> u8 {
        match self {
            Verdict::Violation(_) => 3,
            Verdict::Invalid(_) => 2,
            Verdict::Inconclusive(_) => 1,
            Verdict::Pass => 0,
        }
    }

    /// The word used in reports and JSON.
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

impl Violation {
    /// Tells whether it says the same as another one; see [`Verdict::agrees_with`].
    pub fn agrees_with(&self, other: &Violation) -> bool {
        let is_deadlock = self.kind == Kind::Deadlock && other.kind == Kind::Deadlock;
        match is_deadlock {
            true => (&self.tasks, &self.steps) == (&other.tasks, &other.steps),
            false => self == other,
        }
    }
}

/// The promises that can be broken.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// No task can ever run again.
    Deadlock,
    /// All tasks wait in loops for a change that no task will make.
    Livelock,
    /// All tasks go round in loops, and nothing has happened for long.
    Stalled,
    /// A process died of a signal that it caused itself.
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
            Kind::Stalled => "stalled",
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

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(sentence: &str) -> Verdict {
        Verdict::Violation(vec![Violation {
            kind: Kind::Leak,
            sentence: sentence.to_owned(),
            tasks: Vec::new(),
            steps: Vec::new(),
            details: Vec::new(),
        }])
    }

    #[test]
    fn the_graver_verdict_stands_whichever_comes_first() {
        let ascending = [
            Verdict::Pass,
            Verdict::Inconclusive(Limit::Steps),
            Verdict::Invalid("no engine".to_owned()),
            violation("a queue was left"),
        ];
        for (graver, one) in ascending.iter().enumerate() {
            for other in &ascending[..graver] {
                assert_eq!(one.clone().and(other.clone()), *one);
                assert_eq!(other.clone().and(one.clone()), *one);
            }
        }
    }

    #[test]
    fn a_deadlock_may_be_told_in_other_words_and_nothing_else_may() {
        let told = |kind: Kind, sentence: &str, steps: Vec<u64>| {
            Verdict::Violation(vec![Violation {
                kind,
                sentence: sentence.to_owned(),
                tasks: Vec::new(),
                steps,
                details: vec![sentence.to_owned()],
            }])
        };
        let deadlock = told(Kind::Deadlock, "a pipe", vec![3]);
        assert!(deadlock.agrees_with(&told(Kind::Deadlock, "pipe 1", vec![3])));
        assert!(!deadlock.agrees_with(&told(Kind::Deadlock, "pipe 1", vec![4])));
        assert!(!deadlock.agrees_with(&told(Kind::Leak, "a pipe", vec![3])));
        let leak = told(Kind::Leak, "a pipe", vec![3]);
        assert!(!leak.agrees_with(&told(Kind::Leak, "pipe 1", vec![3])));
    }

    #[test]
    fn of_two_the_first_stands_and_violations_add_up() {
        let invalid = |reason: &str| Verdict::Invalid(reason.to_owned());
        assert_eq!(invalid("first").and(invalid("second")), invalid("first"));
        let Verdict::Violation(both) = violation("one").and(violation("two")) else {
            panic!("not a violation");
        };
        let sentences: Vec<&str> = both.iter().map(|one| one.sentence.as_str()).collect();
        assert_eq!(sentences, ["one", "two"]);
    }
}
