//! The objects for which processes compete in a run.

use crate::plan::decided::deciders;
use crosswire_model::{Contention, EVERYTHING, Footprint, Mode, TaskId, Touch, Use, is_data};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Steps that touch an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Steps {
    pub by_task: Vec<u64>,
    /// Tasks that change it, besides those that only read it.
    pub changed_by: BTreeSet<TaskId>,
    /// Equal for objects that are always used by the same tasks in the same order: a lock and
    /// what it protects. Which of them decides about the order makes no difference.
    pub order: u64,
    /// Objects that have decided about the order of its uses in all runs, if that is known.
    pub deciders: Option<BTreeSet<String>>,
}

impl Steps {
    /// Tells whether the order of its uses may be one that no other object has decided about.
    pub fn is_undecided(&self) -> bool {
        self.deciders.as_ref().is_none_or(BTreeSet::is_empty)
    }
}

/// Leaves out what is no data, and mapped files of which words are known.
pub(crate) fn data(mut objects: BTreeMap<String, Steps>) -> BTreeMap<String, Steps> {
    let file_of = |object: &String| object.rsplit_once("+0x").map(|(file, _)| file.to_owned());
    let files: BTreeSet<String> = objects.keys().filter_map(file_of).collect();
    objects.retain(|object, _| is_data(object) && !files.contains(object));
    objects
}

/// Returns the objects for which processes compete in a run, with the steps of each task that
/// use them.
pub(crate) fn contended(contention: &Contention, tasks: usize) -> BTreeMap<String, Steps> {
    let contended = contention.iter().filter(|(_, uses)| has_competition(uses));
    let steps = |uses: &Vec<Use>| {
        let mut by_task = vec![0; tasks];
        let changes = uses.iter().filter(|used| used.mode != Mode::Read);
        let mut turns: Vec<TaskId> = Vec::new();
        let mut last = None;
        for used in uses {
            // One step counts once, however it uses the object.
            if last.replace(used.step) != Some(used.step)
                && let Some(steps) = by_task.get_mut(used.task.index())
            {
                *steps += 1;
            }
            turns.push(used.task);
        }
        turns.dedup();
        Steps {
            by_task,
            changed_by: changes.map(|used| used.task).collect(),
            order: hash(&turns),
            deciders: None,
        }
    };
    let mut objects: BTreeMap<String, Steps> = contended
        .map(|(name, uses)| (name.clone(), steps(uses)))
        .collect();
    let data: Vec<&String> = objects.keys().filter(|name| is_data(name)).collect();
    for (name, deciders) in deciders(contention, &data) {
        if let Some(steps) = objects.get_mut(&name) {
            steps.deciders = Some(deciders);
        }
    }
    objects
}

pub(crate) fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Tells whether the order of two of these uses could be another one.
fn has_competition(uses: &[Use]) -> bool {
    // Of each process, its latest use in each way: what is unknown of an earlier one is
    // unknown of that.
    let mut latest: Vec<&Use> = Vec::new();
    for used in uses {
        if latest.iter().any(|earlier| earlier.competes_with(used)) {
            return true;
        }
        latest.retain(|other| (other.process, other.mode) != (used.process, used.mode));
        latest.push(used);
    }
    false
}

/// Returns the objects about which several tasks may compete, by footprints: a step that may
/// touch everything touches every one of them.
pub(crate) fn shared_objects(footprints: &[Footprint], tasks: usize) -> BTreeMap<String, Steps> {
    let mut objects: BTreeMap<&str, (Vec<u64>, bool)> = BTreeMap::new();
    let mut everything = vec![0; tasks];
    for footprint in footprints {
        let task = footprint.task.index();
        let names_all = |touch: &Touch| touch.object == EVERYTHING;
        let touches_all = footprint.touches.iter().any(names_all);
        everything[task] += u64::from(touches_all);
        let mut last = None;
        for touch in footprint.touches.iter().filter(|touch| !names_all(touch)) {
            let unused = || (vec![0; tasks], false);
            let (users, changed) = objects.entry(&touch.object).or_insert_with(unused);
            *changed |= touch.mode != Mode::Read;
            // Touches are sorted; one step counts once, however it touches the object.
            let counts = !touches_all && last.replace(&touch.object) != Some(&touch.object);
            users[task] += u64::from(counts);
        }
    }
    let is_shared = |users: &[u64]| users.iter().filter(|steps| **steps > 0).count() > 1;
    let shared = objects
        .into_iter()
        .filter(|(_, (users, changed))| *changed && is_shared(users));
    let with_everything = |(name, (mut users, _)): (&str, (Vec<u64>, bool))| {
        for (steps, all) in users.iter_mut().zip(&everything) {
            *steps += all;
        }
        let steps = Steps {
            by_task: users,
            order: hash(&name),
            ..Steps::default()
        };
        (name.to_owned(), steps)
    };
    shared.map(with_everything).collect()
}

/// Makes a use of an object.
#[cfg(test)]
fn used(step: u64, process: u32, mode: Mode, known: &[u32]) -> Use {
    Use {
        step,
        task: TaskId(process),
        mode,
        process: process as usize,
        time: 1,
        known: known.into(),
    }
}

/// Uses by processes in this order, which know nothing of each other.
#[cfg(test)]
pub(crate) fn uses(processes: &[u32]) -> Vec<Use> {
    let of = |(step, process): (usize, &u32)| used(step as u64, *process, Mode::Write, &[]);
    processes.iter().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(task: u32, touches: &[Touch]) -> Footprint {
        Footprint {
            task: TaskId(task),
            choices: Vec::new(),
            touches: touches.to_vec(),
        }
    }

    #[test]
    fn what_creation_orders_is_not_competed_for() {
        let ordered = vec![
            used(0, 0, Mode::Write, &[1]),
            used(1, 1, Mode::Write, &[1, 1]),
        ];
        assert!(!has_competition(&ordered));
        assert!(has_competition(&uses(&[0, 1])));
        assert!(!has_competition(&uses(&[0, 0])));
    }

    /// Returns names with steps by task.
    fn told(objects: &BTreeMap<String, Steps>) -> Vec<(&str, &[u64])> {
        let told = objects.iter();
        told.map(|(name, steps)| (name.as_str(), &steps.by_task[..]))
            .collect()
    }

    #[test]
    fn only_what_is_changed_and_shared_is_competed_for() {
        let footprints = [
            print(0, &[Touch::read("a"), Touch::write("b"), Touch::write("c")]),
            print(1, &[Touch::read("a"), Touch::read("b")]),
        ];
        let shared = shared_objects(&footprints, 2);
        assert_eq!(told(&shared), [("b", &[1, 1][..])]);
    }

    #[test]
    fn a_step_counts_once_for_what_it_touches_and_for_all_if_it_may_touch_everything() {
        let footprints = [
            print(0, &[Touch::read("a"), Touch::write("a")]),
            print(1, &[Touch::read("a")]),
            print(1, &[Touch::everything(), Touch::read("a")]),
            print(2, &[Touch::everything()]),
        ];
        let shared = shared_objects(&footprints, 3);
        assert_eq!(told(&shared), [("a", &[1, 2, 1][..])]);
    }
}
