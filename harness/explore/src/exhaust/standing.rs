//! Where an exhaustive search stands: all that it takes to go on with it, or to join it with
//! the search of the other parts.

use super::class::Classes;
use super::times::Compared;
use super::tree::{Extent, Tree};
use crate::plan::points::Points;
use crate::{Exhaustion, Shard};
use crosswire_model::StartUp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Said where two runs of one class were explored: what the search believes of the
/// steps cannot be right then.
pub(super) const TWICE: &str = "a class was explored twice, a bug in Crosswire: please report it";

/// Said where a random order of one part is like none that any part has explored.
const NOWHERE: &str = "a random order is like none that a part has explored: the order of two \
    steps matters, which their footprints do not show";

/// Said where the parts have not all seen the times of the same files compared.
const COMPARED: &str = "the parts disagree on which files' times are compared";

/// An exhaustive search between two runs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// How far it has come.
    pub progress: Exhaustion,
    /// The start-up that its runs have.
    pub start_up: Option<StartUp>,
    /// Points at which faults can strike.
    pub points: Points,
    /// The fault plan under way; 0 is the search without faults.
    pub plan: u64,
    /// The tree of choices under that plan.
    pub tree: Tree,
    /// The classes explored under that plan.
    pub classes: Classes,
    /// The files whose times are compared under that plan.
    #[serde(default)]
    pub compared: Compared,
    /// Runs that stood for a class, and classes, before that plan.
    #[serde(default)]
    before: (u64, u64),
    /// Results of the search without faults, once it is done.
    pub base: Base,
}

/// Results of the search without faults.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Base {
    /// True if each part performs all of it, because what the parts have to share, which
    /// faults there are, follows from it.
    pub is_common: bool,
    /// Runs that stood for a class.
    pub explored: u64,
    /// The classes, by their hashes.
    pub classes: BTreeSet<u64>,
    /// The files whose times are compared.
    #[serde(default)]
    pub compared: Compared,
    /// The classes of random orders, which must be among those of all parts.
    pub sampled: BTreeSet<u64>,
}

impl Standing {
    /// Returns where a search begins.
    pub fn new(extent: Extent, shard: Option<Shard>, has_faults: bool) -> Standing {
        Standing {
            progress: Exhaustion {
                part: shard,
                fault_plans: 1,
                preemptions: match extent {
                    Extent::Classes => None,
                    Extent::Preemptions(most) => Some(most),
                },
                ..Exhaustion::default()
            },
            start_up: None,
            points: Points::default(),
            plan: 0,
            tree: Tree::new(extent, shard.filter(|_| !has_faults)),
            classes: Classes::default(),
            compared: Compared::default(),
            before: (0, 0),
            base: Base {
                is_common: shard.is_some() && has_faults,
                ..Base::default()
            },
        }
    }

    /// Notes that nothing is left of the plan under way, and turns to another one.
    pub fn turn(&mut self, plan: u64, extent: Extent) {
        if self.plan == 0 {
            self.base.explored = self.progress.explored;
            self.base.classes = self.classes.all();
            self.base.compared.clone_from(&self.compared);
        }
        self.plan = plan;
        self.tree = Tree::new(extent, None);
        self.classes = Classes::default();
        self.compared = Compared::default();
        self.before = (self.progress.explored, self.progress.classes);
    }

    /// Estimates how much is left of the plan under way, and of those behind it, as if under each
    /// of them there were as much as under those before it.
    pub fn estimate(&self) -> u64 {
        let here = (self.progress.explored - self.before.0) as f64;
        let left = here * (1.0 / self.tree.explored_part() - 1.0);
        let (plans, done) = (self.progress.fault_plans, self.progress.fault_plans_done);
        let per_plan = (self.progress.explored as f64 + left) / (done + 1) as f64;
        let behind = plans.saturating_sub(done + 1) as f64;
        // A number that is too large for it becomes the largest.
        (left + behind * per_plan).round() as u64
    }

    /// Forgets what has been explored under the plan under way: more steps depend on each other
    /// than was known.
    pub fn begin_plan_anew(&mut self, extent: Extent, shard: Option<Shard>) {
        self.tree = Tree::new(extent, shard);
        self.classes = Classes::default();
        self.base.sampled.clear();
        (self.progress.explored, self.progress.classes) = self.before;
    }

    /// Returns the classes of the search without faults, as far as they are known.
    fn base_classes(&self) -> BTreeSet<u64> {
        match self.plan {
            0 => self.classes.all(),
            _ => self.base.classes.clone(),
        }
    }

    /// Returns the files whose times are compared in the search without faults, as far as they
    /// are known.
    fn base_compared(&self) -> &Compared {
        match self.plan {
            0 => &self.compared,
            _ => &self.base.compared,
        }
    }
}

/// Adds up how far the parts of one search have come. `are_all_there` if none is missing.
pub(crate) fn joined(parts: &[Standing], are_all_there: bool) -> Exhaustion {
    let is_common = parts.iter().any(|part| part.base.is_common);
    let all = || parts.iter().map(|part| &part.progress);
    let is_begun = |part: &Exhaustion| part.fault_plans_done > 0;
    let mut sum = Exhaustion {
        preemptions: all().find_map(|part| part.preemptions),
        left: all().map(|part| part.left).sum(),
        estimated: all().fold(0, |sum, part| sum.saturating_add(part.estimated)),
        checked: all().map(|part| part.checked).sum(),
        doubt: all().find_map(|part| part.doubt.clone()),
        ..Exhaustion::default()
    };
    if is_common {
        sum.fault_plans = 1 + all().map(|part| part.fault_plans - 1).sum::<u64>();
        let has_base = all().any(is_begun);
        let under_faults = all().map(|part| part.fault_plans_done.saturating_sub(1));
        sum.fault_plans_done = u64::from(has_base) + under_faults.sum::<u64>();
        for (number, part) in parts.iter().enumerate() {
            // What each has performed counts once.
            let (explored, classes) = match number {
                0 => (0, 0),
                _ => (part.base.explored, part.base.classes.len() as u64),
            };
            sum.explored += part.progress.explored - explored;
            sum.classes += part.progress.classes - classes;
        }
        return sum;
    }
    sum.fault_plans = 1;
    sum.fault_plans_done = u64::from(are_all_there && all().all(is_begun));
    sum.explored = all().map(|part| part.explored).sum();
    let known: BTreeSet<u64> = parts.iter().flat_map(Standing::base_classes).collect();
    sum.classes = known.len() as u64;
    if sum.preemptions.is_some() {
        return sum;
    }
    let mut compared = parts.iter().map(Standing::base_compared);
    let first = compared.next();
    if compared.any(|other| Some(other) != first) {
        sum.doubt.get_or_insert_with(|| COMPARED.to_owned());
    }
    let sampled = || parts.iter().flat_map(|part| &part.base.sampled);
    sum.checked = sampled().count() as u64;
    if sum.classes < all().map(|part| part.classes).sum() {
        sum.doubt.get_or_insert_with(|| TWICE.to_owned());
    }
    if sum.fault_plans_done == 1 && sum.left == 0 && sampled().any(|one| !known.contains(one)) {
        sum.doubt.get_or_insert_with(|| NOWHERE.to_owned());
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(classes: &[u64], sampled: &[u64]) -> Standing {
        let mut part = Standing::new(Extent::Classes, None, false);
        part.progress.explored = classes.len() as u64;
        part.progress.classes = classes.len() as u64;
        part.progress.fault_plans_done = 1;
        part.plan = 1;
        part.base.classes = classes.iter().copied().collect();
        part.base.sampled = sampled.iter().copied().collect();
        part
    }

    #[test]
    fn parts_make_a_whole_that_is_tested() {
        let whole = joined(&[part(&[1, 2], &[3]), part(&[3], &[1, 2])], true);
        assert_eq!((whole.classes, whole.checked), (3, 3));
        assert!(whole.is_complete());
        assert!(!joined(&[part(&[1, 2], &[])], false).is_complete());
        let twice = joined(&[part(&[1, 2], &[]), part(&[2], &[])], true);
        assert_eq!(twice.doubt.as_deref(), Some(TWICE));
        let missed = joined(&[part(&[1], &[4]), part(&[2], &[])], true);
        assert_eq!(missed.doubt.as_deref(), Some(NOWHERE));
        let mut unfinished = part(&[3], &[]);
        unfinished.progress.left = 2;
        let so_far = joined(&[part(&[1, 2], &[9]), unfinished], true);
        assert_eq!((so_far.left, so_far.doubt.clone()), (2, None));
        assert!(!so_far.is_complete());
    }

    #[test]
    fn parts_must_have_seen_the_same_comparisons() {
        let mut parts = [part(&[1], &[]), part(&[2], &[])];
        assert!(joined(&parts, true).is_complete());
        parts[1].base.compared = Compared::of(&["times of file /a"]);
        assert_eq!(joined(&parts, true).doubt.as_deref(), Some(COMPARED));
    }

    #[test]
    fn what_every_part_performs_counts_once() {
        let of = |plans: u64, done: u64, explored: u64| {
            let mut part = part(&[1, 2], &[]);
            part.base.is_common = true;
            part.base.explored = 2;
            part.progress = Exhaustion {
                explored,
                classes: explored,
                fault_plans: plans,
                fault_plans_done: done,
                ..Exhaustion::default()
            };
            part
        };
        let whole = joined(&[of(3, 3, 8), of(2, 2, 5)], true);
        assert_eq!((whole.explored, whole.classes), (11, 11));
        assert_eq!((whole.fault_plans, whole.fault_plans_done), (4, 4));
        assert!(!joined(&[of(3, 3, 8), of(2, 1, 5)], true).is_complete());
    }
}
