//! What a run has shown so far.

use super::logged::Undone;
use crosswire_model::{Access, Capture, Deviation, Event, Met, Preemption, Seen, Switch, What};
use std::collections::BTreeSet;

/// The record of a run.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(super) events: Vec<Event>,
    pub(super) captures: Vec<Capture>,
    /// What was met of the suspects of the schedule.
    pub met: Met,
    pub(super) seen: Vec<Seen>,
    deviations: Vec<Deviation>,
    switches: Vec<Switch>,
    preemptions: Vec<Preemption>,
    unwatched: BTreeSet<String>,
    undone: Vec<Undone>,
}

/// A record that is complete.
pub(crate) struct Recorded {
    pub events: Vec<Event>,
    pub deviations: Vec<Deviation>,
    pub switches: Vec<Switch>,
    pub preemptions: Vec<Preemption>,
    /// Stacks of tasks that died or got stuck.
    pub captures: Vec<Capture>,
    /// Memory that calls read and wrote.
    pub seen: Vec<Seen>,
    /// Shared memory that was not watched, and why.
    pub unwatched: BTreeSet<String>,
    /// Operations of killed processes that had no effect.
    pub undone: Vec<Undone>,
}

impl Recorder {
    /// The events so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The number of events so far.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// The schedule leaves the default order.
    pub fn note_decision(&mut self, deviation: Deviation, switch: Switch) {
        self.deviations.push(deviation);
        self.switches.push(switch);
    }

    /// A task is stopped in the midst of a computation.
    pub fn note_preemption(&mut self, preemption: Preemption) {
        self.preemptions.push(preemption);
    }

    /// Shared memory is not watched.
    pub fn note_unwatched(&mut self, reason: String) {
        self.unwatched.insert(reason);
    }

    /// Returns whether there is shared memory that is not watched.
    pub fn has_unwatched(&self) -> bool {
        !self.unwatched.is_empty()
    }

    /// Operations of a killed process had no effect.
    pub fn note_undone(&mut self, undone: Undone) {
        self.undone.push(undone);
    }

    /// The access of an event, if it is one.
    pub fn access(&self, event: usize) -> Option<Access> {
        match self.events[event].what {
            What::Access(access) => Some(access),
            _ => None,
        }
    }

    /// Replaces the access of an event: its result has become known.
    pub fn amend_access(&mut self, event: usize, access: Access) {
        self.events[event].what = What::Access(access);
    }

    /// Takes an event back that has not happened.
    pub fn take_back(&mut self, event: usize) {
        self.events.remove(event);
        for seen in self.seen.iter_mut().filter(|seen| seen.event > event) {
            seen.event -= 1;
        }
    }

    /// Completes the record.
    pub fn finish(self) -> Recorded {
        Recorded {
            events: self.events,
            deviations: self.deviations,
            switches: self.switches,
            preemptions: self.preemptions,
            captures: self.captures,
            seen: self.seen,
            unwatched: self.unwatched,
            undone: self.undone,
        }
    }
}
