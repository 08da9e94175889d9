//! Failures by what went wrong.

use super::report::{CrashGroup, FailingPoint};
use crate::Found;
use crate::found::findings::{MOST_FINDINGS, key, simplicity};
use crate::found::outcome::Outcome;
use crosswire_model::{Kind, Moment, Record, Violation};
use std::collections::BTreeMap;

/// The order of runs: by schedule, then by the places of the crashes.
pub(super) type Rank = (u32, Vec<usize>);

/// Failures by kind and sentence, whatever numbers the sentence names. What is kept
/// does not depend on the order in which runs are handed in.
#[derive(Default)]
pub(super) struct Groups {
    groups: BTreeMap<(Kind, String), Entry>,
}

struct Entry {
    found: Found,
    /// The order of the run that is kept.
    order: Rank,
    points: BTreeMap<Vec<String>, (Rank, FailingPoint)>,
}

impl Groups {
    /// Returns the number of different failures.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Takes in the violations of one run with these crashes, which stands for others, too.
    pub fn add(
        &mut self,
        violations: &[Violation],
        outcome: &Outcome,
        (crashes, alike): (Vec<String>, Vec<Vec<String>>),
        order: Rank,
    ) {
        let record = outcome.record.as_ref().expect("a violation has a record");
        for violation in violations {
            let key = key(violation);
            if self.groups.len() >= MOST_FINDINGS && !self.groups.contains_key(&key) {
                continue;
            }
            let entry = self
                .groups
                .entry(key)
                .and_modify(|entry| entry.improve(violation, outcome, &order))
                .or_insert_with(|| Entry {
                    found: found(violation, outcome),
                    order: order.clone(),
                    points: BTreeMap::new(),
                });
            entry.found.count += 1;
            entry.add_point(&crashes, &order, died_in(record));
            for crashes in &alike {
                entry.add_point(crashes, &order, None);
            }
        }
    }

    /// Returns all of them, the one with most points first.
    pub fn into_vec(self) -> Vec<CrashGroup> {
        let mut groups: Vec<CrashGroup> = self.groups.into_values().map(Entry::finish).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.points.len()));
        groups
    }
}

impl Entry {
    /// Keeps the simpler of two runs.
    fn improve(&mut self, violation: &Violation, outcome: &Outcome, order: &Rank) {
        let record = outcome.record.as_ref().expect("a violation has a record");
        let theirs = (simplicity(record), order);
        if theirs < (simplicity(&self.found.record), &self.order) {
            let count = self.found.count;
            self.found = Found {
                count,
                ..found(violation, outcome)
            };
            self.order = order.clone();
        }
    }

    fn add_point(&mut self, crashes: &[String], order: &Rank, died_in: Option<String>) {
        let (first, point) = self.points.entry(crashes.to_vec()).or_insert_with(|| {
            let point = FailingPoint {
                crashes: crashes.to_vec(),
                died_in: died_in.clone(),
                runs: 0,
            };
            (order.clone(), point)
        });
        point.runs += 1;
        if order < first {
            first.clone_from(order);
            point.died_in = died_in;
        }
    }

    fn finish(self) -> CrashGroup {
        let mut points: Vec<(Rank, FailingPoint)> = self.points.into_values().collect();
        points.sort_by(|(a, _), (b, _)| a.cmp(b));
        CrashGroup {
            found: self.found,
            points: points.into_iter().map(|(_, point)| point).collect(),
        }
    }
}

/// Returns the innermost source location of the process that was killed last.
fn died_in(record: &Record) -> Option<String> {
    let mut killed = record.stacks.iter().rev();
    let stack = killed.find(|stack| stack.moment == Moment::Killed)?;
    stack.source().map(ToString::to_string)
}

fn found(violation: &Violation, outcome: &Outcome) -> Found {
    let record = outcome.record.as_ref().expect("a violation has a record");
    Found {
        violation: violation.clone(),
        record: (**record).clone(),
        last_lines: outcome.last_lines.clone(),
        run: 0,
        replayed: outcome.replayed,
        count: 0,
        shrunk: None,
    }
}
