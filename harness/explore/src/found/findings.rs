//! The violations that an exploration has found, each different one kept once.

use crate::found::output::LastLines;
use crosswire_model::{Kind, Record, Trace, Verdict, Violation};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A violation, and the simplest run known to show it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Found {
    /// The violation.
    pub violation: Violation,
    /// The run that shows it, ready to be stored.
    pub record: Record,
    /// The last lines that it printed.
    pub last_lines: LastLines,
    /// The number of that run.
    pub run: u64,
    /// True if it was replayed, with the same verdict and the same trace.
    pub replayed: bool,
    /// Number of runs that showed it.
    pub count: u64,
    /// Number of runs tried to shrink it, if that was done.
    pub shrunk: Option<u64>,
}

/// Maximum number of different findings; a check whose sentences are all different must
/// not fill the memory.
pub(crate) const MOST_FINDINGS: usize = 100;

/// Findings by kind and by sentence, whatever numbers the sentence names: losing
/// message 3 and losing message 4 is one finding.
#[derive(Default, Clone)]
pub(crate) struct Findings {
    groups: BTreeMap<(Kind, String), Found>,
    /// Violations beyond [`MOST_FINDINGS`].
    pub dropped: u64,
}

impl Findings {
    /// Takes in the violations of one run.
    pub fn add(
        &mut self,
        run: u64,
        violations: &[Violation],
        record: &Record,
        last_lines: &LastLines,
        replayed: bool,
    ) {
        for violation in violations {
            let key = key(violation);
            let full = self.groups.len() >= MOST_FINDINGS;
            match self.groups.get_mut(&key) {
                Some(found) => {
                    found.count += 1;
                    if simplicity(record) < simplicity(&found.record) {
                        found.violation = violation.clone();
                        found.record = record.clone();
                        found.last_lines = last_lines.clone();
                        found.run = run;
                        found.replayed = replayed;
                    }
                }
                None if full => self.dropped += 1,
                None => {
                    let found = Found {
                        violation: violation.clone(),
                        record: record.clone(),
                        last_lines: last_lines.clone(),
                        run,
                        replayed,
                        count: 1,
                        shrunk: None,
                    };
                    self.groups.insert(key, found);
                }
            }
        }
    }

    /// Returns the number of different findings.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Returns all of them, the first found first.
    pub fn into_vec(self) -> Vec<Found> {
        let mut all: Vec<Found> = self.groups.into_values().collect();
        all.sort_by_key(|found| found.run);
        all
    }
}

/// Runs are simpler with fewer faults, then fewer decisions, then fewer events.
pub(crate) fn simplicity(record: &Record) -> (usize, usize, usize) {
    let trace = &record.trace;
    (
        record.plan.faults.len(),
        trace.deviations.len() + trace.delays().len(),
        trace.events.len(),
    )
}

/// Identity of a failure across runs: the same promise, broken by the same processes.
/// Steps, numbers and the actions of other processes may differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    kind: Kind,
    processes: BTreeSet<String>,
    /// Sentence of the failure, if kind and processes do not suffice: one process can
    /// leave several things behind.
    sentence: Option<String>,
}

impl Identity {
    /// Builds the identity of a violation, among all that its run shows.
    pub fn of(violation: &Violation, all: &[Violation], trace: &Trace) -> Identity {
        let processes = processes(violation, trace);
        let alike = |other: &&Violation| {
            other.kind == violation.kind && self::processes(other, trace) == processes
        };
        let ambiguous = violation.kind == Kind::Leak
            || processes.is_empty()
            || all.iter().filter(alike).count() > 1;
        Identity {
            kind: violation.kind.clone(),
            sentence: ambiguous.then(|| without_numbers(&violation.sentence)),
            processes,
        }
    }

    /// Returns the violation of a run that is this failure, if one is.
    pub fn find<'a>(&self, verdict: &'a Verdict, trace: &Trace) -> Option<&'a Violation> {
        let Verdict::Violation(all) = verdict else {
            return None;
        };
        all.iter().find(|one| {
            let sentence = self.sentence.as_ref();
            one.kind == self.kind
                && sentence.is_none_or(|told| *told == without_numbers(&one.sentence))
                && processes(one, trace) == self.processes
        })
    }
}

fn processes(violation: &Violation, trace: &Trace) -> BTreeSet<String> {
    let tasks = violation.tasks.iter();
    tasks
        .filter_map(|task| Some(trace.tasks.get(task.index())?.process.clone()))
        .collect()
}

/// Makes a key of what two violations have in common if they are one finding. Of a
/// deadlock that is who waits for what, and not in what state or who was there before.
pub(crate) fn key(violation: &Violation) -> (Kind, String) {
    let sentence = without_numbers(&violation.sentence);
    let sentence = match violation.kind {
        Kind::Deadlock => without_asides(&sentence),
        _ => sentence,
    };
    (violation.kind.clone(), sentence)
}

/// Leaves out what stands in brackets.
fn without_asides(sentence: &str) -> String {
    let mut depth = 0_u32;
    let mut kept = |character: &char| {
        depth += u32::from(*character == '(');
        let is_kept = depth == 0;
        depth -= u32::from(*character == ')' && depth > 0);
        is_kept
    };
    let kept: String = sentence.chars().filter(|c| kept(c)).collect();
    kept.trim_end().to_owned()
}

fn without_numbers(sentence: &str) -> String {
    let mut text = String::with_capacity(sentence.len());
    for character in sentence.chars() {
        match character {
            '0'..='9' if text.ends_with('#') => {}
            '0'..='9' => text.push('#'),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::testing::RunBuilder;
    use crosswire_model::{End, TaskId};

    #[test]
    fn numbers_do_not_make_a_difference() {
        assert_eq!(
            without_numbers("message 12 of 3 is lost"),
            "message # of # is lost"
        );
        assert_ne!(
            without_numbers("message 1 is lost"),
            without_numbers("message 1 is doubled")
        );
    }

    #[test]
    fn a_deadlock_is_known_by_who_waits_for_what() {
        let of = |kind: Kind, sentence: &str| {
            key(&Violation {
                kind,
                sentence: sentence.to_owned(),
                tasks: Vec::new(),
                steps: Vec::new(),
                details: Vec::new(),
            })
        };
        let empty = "`a` waits for semaphore set 1 (value 0), which only `b` could raise";
        let later = "`a` waits for semaphore set 2 (value 1), which only `b` could raise \
                     (`c` took it in step 3 and ended in step 4)";
        assert_eq!(of(Kind::Deadlock, empty), of(Kind::Deadlock, later));
        assert_ne!(of(Kind::Leak, empty), of(Kind::Leak, later));
    }

    #[test]
    fn what_one_process_leaves_is_told_apart() {
        let leak = |sentence: &str| Violation {
            kind: Kind::Leak,
            sentence: sentence.to_owned(),
            tasks: vec![TaskId(0)],
            steps: Vec::new(),
            details: Vec::new(),
        };
        let all = vec![leak("queue 1 was left"), leak("file /tmp/a was left")];
        let trace = RunBuilder::new(&["litter"]).end(End::Finished).trace;
        let second = Identity::of(&all[1], &all, &trace);
        let verdict = Verdict::Violation(all.clone());
        assert_eq!(second.find(&verdict, &trace), Some(&all[1]));
    }
}
