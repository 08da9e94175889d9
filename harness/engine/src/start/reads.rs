//! Files of the run at which programs have looked while they started.

use crate::start::outside::{is_changed_with, is_outside};
use crosswire_model::{EVERYTHING, Signal};
use std::collections::BTreeSet;

/// Stands among contested objects for the start-up of every program that a run executes: what
/// the run changes is not known by name.
pub(crate) const EXECUTED: &str = "start-up of executed programs";

/// What start-ups have looked at, and what a run does to it.
#[derive(Debug, Default)]
pub(crate) struct EarlyReads {
    /// Objects at which the program has looked whose template is being prepared.
    pub seen: BTreeSet<String>,
    /// Sockets and epoll instances that start-up has made to see what there is.
    pub made: u32,
    /// Programs that the program has executed.
    pub executed: u32,
    /// Objects that this run has changed, and at which the start-up of another program has
    /// looked.
    pub contested: BTreeSet<String>,
    /// Signals that a process has sent to another, in spite of the plan.
    pub sent: BTreeSet<Signal>,
    /// True if a program was executed in a run in which changes were not noted.
    pub missed: bool,
    looks: Vec<Looks>,
    /// Objects that the run has changed, with the process.
    changes: Vec<(usize, String)>,
}

/// What a program that was executed in the run has looked at.
#[derive(Debug)]
struct Looks {
    process: usize,
    /// Processes with this number and above came later.
    next: usize,
    seen: BTreeSet<String>,
}

impl EarlyReads {
    /// Tells whether nothing came too early.
    pub fn is_empty(&self) -> bool {
        self.contested.is_empty() && self.sent.is_empty()
    }

    /// Takes note of objects at which a process looks, the run having had so many processes;
    /// returns whether no other process has changed them before. Who came first is not looked
    /// into.
    pub fn look(&mut self, process: usize, next: usize, seen: BTreeSet<String>) -> bool {
        let others = self.changes.iter().filter(|(other, _)| *other != process);
        let changed: Vec<String> = others
            .flat_map(|(_, object)| concerned(&seen, object))
            .collect();
        if !changed.is_empty() {
            self.contested.extend(changed);
            return false;
        }
        self.look_anyway(process, next, seen);
        true
    }

    /// The same where it does not matter who comes first.
    pub fn look_anyway(&mut self, process: usize, next: usize, mut seen: BTreeSet<String>) {
        match self.looks.iter_mut().find(|looks| looks.process == process) {
            Some(looks) => looks.seen.append(&mut seen),
            None => self.looks.push(Looks {
                process,
                next,
                seen,
            }),
        }
    }

    /// Returns the objects at which a process has looked.
    pub fn seen_by(&self, process: usize) -> BTreeSet<String> {
        let own = self.looks.iter().filter(|looks| looks.process == process);
        own.flat_map(|looks| looks.seen.iter().cloned()).collect()
    }

    /// Tells whether anybody has changed one of these objects.
    pub fn has_changed(&self, objects: &BTreeSet<String>) -> bool {
        let mut changes = self.changes.iter();
        changes.any(|(_, object)| !concerned(objects, object).is_empty())
    }

    /// Takes note of a change. `descends` tells whether the process that makes it descends from
    /// another one.
    pub fn change(&mut self, process: usize, object: &str, descends: impl Fn(usize) -> bool) {
        for looks in &self.looks {
            // What it has created after its start, comes after that.
            let is_later = process >= looks.next && descends(looks.process);
            if looks.process != process && !is_later {
                self.contested.extend(concerned(&looks.seen, object));
            }
        }
        self.change_anyway(process, object);
    }

    /// The same where it does not matter who comes first.
    pub fn change_anyway(&mut self, process: usize, object: &str) {
        self.changes.push((process, object.to_owned()));
    }
}

/// Returns what of these objects a change concerns, as it is named among what is contested.
fn concerned(seen: &BTreeSet<String>, changed: &str) -> Vec<String> {
    match changed {
        EVERYTHING if holds_own(seen) => vec![EXECUTED.to_owned()],
        changed => changed_with(seen, changed),
    }
}

/// Returns those of the objects that change with another.
pub(super) fn changed_with(seen: &BTreeSet<String>, changed: &str) -> Vec<String> {
    match is_outside(changed) {
        true => {
            let with = seen.iter().filter(|seen| is_changed_with(seen, changed));
            with.cloned().collect()
        }
        false => seen.get(changed).cloned().into_iter().collect(),
    }
}

/// Tells whether there are files of the run among the objects.
pub(super) fn holds_own(seen: &BTreeSet<String>) -> bool {
    seen.iter().any(|object| !is_outside(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looking(process: usize, next: usize, objects: &[&str]) -> EarlyReads {
        let mut early = EarlyReads::default();
        let seen = objects.iter().map(|object| (*object).to_owned());
        assert!(early.look(process, next, seen.collect()));
        early
    }

    fn contested(early: &EarlyReads) -> Vec<&str> {
        early.contested.iter().map(String::as_str).collect()
    }

    #[test]
    fn what_another_process_changes_is_contested_whoever_comes_first() {
        let mut early = looking(1, 2, &["name /a"]);
        early.change(0, "name /b", |_| false);
        assert!(contested(&early).is_empty());
        early.change(0, "name /a", |_| false);
        assert_eq!(contested(&early), ["name /a"]);
        assert!(!early.look(2, 3, ["name /b".to_owned()].into()));
        assert_eq!(contested(&early), ["name /a", "name /b"]);
    }

    #[test]
    fn what_comes_later_for_certain_is_not() {
        let mut early = looking(1, 3, &["name /a"]);
        early.change(1, "name /a", |_| false);
        early.change(3, "name /a", |ancestor| ancestor == 1);
        assert!(contested(&early).is_empty());
        // A child of before the exec runs beside it.
        early.change(2, "name /a", |ancestor| ancestor == 1);
        assert_eq!(contested(&early), ["name /a"]);
    }

    #[test]
    fn a_change_without_a_name_concerns_all() {
        let mut early = looking(1, 2, &["name /a"]);
        early.change(0, EVERYTHING, |_| false);
        assert_eq!(contested(&early), [EXECUTED]);
    }
}
