//! Classes of equivalent orders, and what the runs of one class have in common: if the
//! search is right about which steps depend on each other, every task sees the same in
//! all of them.

use super::order::Order;
use crosswire_model::{End, Run, What};
use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};
use std::hash::{Hash, Hasher};

/// Classes that were explored, by a hash of their normal forms, and a hash of what the
/// tasks saw.
#[derive(Default)]
pub(super) struct Classes(HashMap<u64, u64>);

/// Relation of a run to the known classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    /// The first of its class.
    First,
    /// Another one, like the first.
    Another,
    /// Another one in which a task saw something else: two steps depend on each other
    /// that were taken to be independent.
    Unlike,
}

impl Classes {
    /// Takes note of a run.
    pub fn add(&mut self, run: &Run) -> Member {
        let order = Order::of(&run.trace.footprints);
        let views = views(run);
        match self.0.entry(hash_of(&order.normal_form())) {
            Entry::Vacant(entry) => {
                entry.insert(views);
                Member::First
            }
            Entry::Occupied(entry) if *entry.get() == views => Member::Another,
            Entry::Occupied(_) => Member::Unlike,
        }
    }
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Hashes the actions and observations of each task, task by task, and the end of the
/// run.
fn views(run: &Run) -> u64 {
    let mut views = vec![DefaultHasher::new(); run.trace.tasks.len()];
    for event in &run.trace.events {
        let view = &mut views[event.task.index()];
        std::mem::discriminant(&event.what).hash(view);
        match &event.what {
            What::Call {
                call, args, result, ..
            } => (call, args, result).hash(view),
            What::Block { call, args, .. } => (call, args).hash(view),
            What::Wake { call, result } => (call, result).hash(view),
            // Memory and instructions are numbered in the order of their first use.
            What::Access(access) => {
                (access.offset, access.kind, access.before, access.after).hash(view);
            }
            What::Signal(signal) | What::Killed(signal) => signal.hash(view),
            What::Exit(status) => status.hash(view),
            What::Panic(message) | What::Exec(message) => message.hash(view),
            What::Mark(number, value) => (number, value).hash(view),
            _ => {}
        }
    }
    let views: Vec<u64> = views.into_iter().map(|view| view.finish()).collect();
    let is_stuck = matches!(
        run.trace.end,
        End::Deadlock(_) | End::Livelock(_) | End::Stalled(_)
    );
    hash_of(&(views, is_stuck))
}
