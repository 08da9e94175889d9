//! Classes of equivalent orders, and what the runs of one class have in common: if the
//! search is right about which steps depend on each other, every task sees the same in
//! all of them.

use super::order::Order;
use super::sample::{Sample, see};
use crosswire_model::{Access, End, Run, TaskId, What};
use serde::{Deserialize, Serialize};
use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};

/// Classes that were explored, by a hash of their normal forms.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Classes(HashMap<u64, Known>);

/// A class that was explored.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    /// A hash of what the tasks saw.
    views: u64,
    /// Kept of some classes only, and only in memory: one is as long as a run.
    #[serde(skip)]
    sample: Option<Sample>,
}

/// The number of classes of which a sample is kept.
const SAMPLES: usize = 2048;

/// Relation of a run to the known classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Member {
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
        let is_kept = self.0.len() < SAMPLES;
        match self.0.entry(class_of(run)) {
            Entry::Vacant(entry) => {
                entry.insert(Known {
                    views: views(run),
                    sample: is_kept.then(|| Sample::of(run)),
                });
                Member::First
            }
            Entry::Occupied(entry) if entry.get().views == views(run) => Member::Another,
            Entry::Occupied(_) => Member::Unlike,
        }
    }

    /// Returns the hashes of all classes.
    pub fn all(&self) -> BTreeSet<u64> {
        self.0.keys().copied().collect()
    }

    /// Says why a run refutes that every class is among the known ones, if it does.
    pub fn refuted_by(&self, run: &Run) -> Option<String> {
        let class = self.0.get(&class_of(run));
        if class.is_some_and(|class| class.views == views(run)) {
            return None;
        }
        let known = match class {
            Some(class) => vec![class],
            None => self.0.values().collect(),
        };
        let samples = known.into_iter().filter_map(|class| class.sample.as_ref());
        let steps = Sample::of(run).tell(run, samples);
        let steps = steps.unwrap_or_else(|| "two steps".to_owned());
        Some(format!(
            "the order of {steps} matters, which their footprints do not show"
        ))
    }
}

/// Returns a hash of the class of a run.
pub(super) fn class_of(run: &Run) -> u64 {
    hash_of(&Order::of(&run.trace.footprints).normal_form())
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Hashes the actions and observations of each task and store buffer, one by one, and the end
/// of the run.
fn views(run: &Run) -> u64 {
    let mut views: BTreeMap<TaskId, DefaultHasher> = BTreeMap::new();
    for event in &run.trace.events {
        let taker = match event.what {
            What::Access(Access { since: Some(_), .. }) => event.task.buffer(),
            _ => event.task,
        };
        see(&event.what, views.entry(taker).or_default());
    }
    let views = views.into_iter().map(|(task, view)| (task, view.finish()));
    let views: Vec<(TaskId, u64)> = views.collect();
    let is_stuck = matches!(
        run.trace.end,
        End::Deadlock(_) | End::Livelock(_) | End::Stalled(_)
    );
    hash_of(&(views, is_stuck))
}
