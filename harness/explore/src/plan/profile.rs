//! Size of a program, as its runs have shown it: the measure of several strategies.

use crosswire_model::{
    Contention, EVERYTHING, Footprint, Mode, Rule, Run, Suspect, TaskId, Touch, Use, Weight,
    is_data,
};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Size of a program, from one run or the mean of several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    /// Choices between several tasks.
    pub choices: u32,
    /// All steps.
    pub all_steps: u32,
    /// Tasks, with their steps that matter.
    pub tasks: Vec<Weight>,
    /// Contested pairs that were seen in one order only.
    pub pairs: Vec<[Suspect; 2]>,
    /// Objects for which processes compete, by name.
    objects: BTreeMap<String, Steps>,
}

/// Steps that touch an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Steps {
    by_task: Vec<u64>,
    /// Equal for objects that are always used by the same tasks in the same order: a lock and
    /// what it protects. Which of them decides about the order makes no difference.
    order: u64,
}

/// Most objects that count at a time.
const MOST_AT_A_TIME: usize = 64;

impl Profile {
    /// Builds the profile of a program of which nothing else is known.
    pub fn of_length(steps: u32) -> Profile {
        Profile {
            choices: steps,
            all_steps: steps,
            ..Profile::default()
        }
    }

    /// Builds the profile of a program with these objects.
    #[cfg(test)]
    pub fn with_objects(names: &[&str]) -> Profile {
        let steps = |order| Steps {
            order,
            ..Steps::default()
        };
        let objects = names.iter().zip(0..);
        Profile {
            objects: objects
                .map(|(name, order)| ((*name).to_owned(), steps(order)))
                .collect(),
            ..Profile::default()
        }
    }

    /// Builds the profile of a program from a run that followed what is contested, or has
    /// [footprints](crosswire_model::Plan::footprints).
    pub fn of(run: &Run) -> Profile {
        let trace = &run.trace;
        let weight = |index: usize, steps: u64| Weight {
            parent: trace.tasks[index].parent,
            steps,
        };
        let count = trace.tasks.len();
        let (by_task, objects) = match run.mattered.as_ref() {
            Some(mattered) => {
                let mut by_task = mattered.clone();
                by_task.resize(count, 0);
                (by_task, contended(&run.contention, count))
            }
            None => {
                let mut by_task = vec![0; count];
                for footprint in &trace.footprints {
                    by_task[footprint.task.index()] += 1;
                }
                (by_task, shared_objects(&trace.footprints, count))
            }
        };
        let tasks = by_task.into_iter().enumerate();
        Profile {
            choices: short(run.choices),
            all_steps: short(trace.steps),
            tasks: tasks.map(|(index, steps)| weight(index, steps)).collect(),
            pairs: Vec::new(),
            objects,
        }
    }

    /// Adds the contested pairs that were seen in one order only.
    pub fn with_pairs(self, pairs: Vec<[Suspect; 2]>) -> Profile {
        Profile { pairs, ..self }
    }

    /// Tells whether no run has shown an object for which processes compete.
    pub fn has_no_objects(&self) -> bool {
        self.objects.is_empty()
    }

    /// Draws what counts in a run in which every order of the steps that count is equally
    /// likely: one object, two, all of them, or every step. A bug that needs several orderings
    /// of two objects seldom shows where only one of them counts.
    pub fn weighted(&self, random: &mut ChaCha8Rng) -> Rule {
        let seed = random.next_u64();
        let mut kinds: BTreeMap<u64, Vec<&String>> = BTreeMap::new();
        for (name, steps) in &self.objects {
            kinds.entry(steps.order).or_default().push(name);
        }
        let mut kinds: Vec<Vec<&String>> = kinds.into_values().collect();
        // Their order must not depend on hashes of orders.
        kinds.sort_unstable();
        kinds.shuffle(random);
        kinds.truncate(match random.random_range(0..8) {
            0 => 0,
            1 | 2 => 1,
            3..=5 => 2,
            _ => MOST_AT_A_TIME,
        });
        let chosen: BTreeSet<&String> = kinds
            .iter()
            .filter_map(|kind| kind.choose(random).copied())
            .collect();
        if chosen.is_empty() {
            return Rule::Weighted {
                seed,
                object: None,
                beside: Vec::new(),
                weights: self.tasks.clone(),
            };
        }
        let mut weights = self.tasks.clone();
        for (index, weight) in weights.iter_mut().enumerate() {
            let of = |name: &&String| self.objects[*name].by_task.get(index).copied();
            weight.steps = chosen.iter().filter_map(of).sum();
        }
        let mut names = chosen.into_iter().cloned();
        Rule::Weighted {
            seed,
            object: names.next(),
            beside: names.collect(),
            weights,
        }
    }
}

fn short(steps: u64) -> u32 {
    u32::try_from(steps).unwrap_or(u32::MAX)
}

/// The mean of the profiles of several runs.
#[derive(Debug, Default)]
pub(crate) struct Profiles {
    runs: u64,
    choices: u64,
    all_steps: u64,
    /// Each task's creator, and its steps.
    tasks: Vec<(Option<TaskId>, Mean)>,
    objects: BTreeMap<String, (Vec<Mean>, u64)>,
}

/// A mean over the runs in which there was anything at all.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: u64,
    runs: u64,
}

impl Mean {
    fn add(&mut self, steps: u64) {
        self.sum += steps;
        self.runs += u64::from(steps > 0);
    }

    fn get(self) -> u64 {
        self.sum.div_ceil(self.runs.max(1))
    }
}

/// More objects are not told apart.
const MOST_OBJECTS: usize = 1024;

impl Profiles {
    /// Adds what a run has shown.
    pub fn add(&mut self, profile: Profile) {
        self.runs += 1;
        self.choices += u64::from(profile.choices);
        self.all_steps += u64::from(profile.all_steps);
        for (index, task) in profile.tasks.iter().enumerate() {
            if self.tasks.len() <= index {
                self.tasks.push((task.parent, Mean::default()));
            }
            self.tasks[index].1.add(task.steps);
        }
        for (name, steps) in profile.objects {
            if self.objects.len() >= MOST_OBJECTS && !self.objects.contains_key(&name) {
                continue;
            }
            let (means, order) = self.objects.entry(name).or_default();
            means.resize(means.len().max(steps.by_task.len()), Mean::default());
            for (mean, steps) in means.iter_mut().zip(steps.by_task) {
                mean.add(steps);
            }
            *order = order.wrapping_add(hash(&(self.runs, steps.order)));
        }
    }

    /// Returns the mean.
    pub fn mean(&self) -> Profile {
        let runs = self.runs.max(1);
        let tasks = self.tasks.iter().map(|(parent, steps)| Weight {
            parent: *parent,
            steps: steps.get(),
        });
        let objects = self.objects.iter().map(|(name, (means, order))| {
            let steps = Steps {
                by_task: means.iter().map(|mean| mean.get()).collect(),
                order: *order,
            };
            (name.clone(), steps)
        });
        Profile {
            choices: short(self.choices.div_ceil(runs)),
            all_steps: short(self.all_steps.div_ceil(runs)),
            tasks: tasks.collect(),
            pairs: Vec::new(),
            objects: data(objects.collect()),
        }
    }
}

/// Leaves out what is no data, and mapped files of which words are known.
fn data(mut objects: BTreeMap<String, Steps>) -> BTreeMap<String, Steps> {
    let file_of = |object: &String| object.rsplit_once("+0x").map(|(file, _)| file.to_owned());
    let files: BTreeSet<String> = objects.keys().filter_map(file_of).collect();
    objects.retain(|object, _| is_data(object) && !files.contains(object));
    objects
}

/// Returns the objects for which processes compete in a run, with the steps of each task that
/// use them.
fn contended(contention: &Contention, tasks: usize) -> BTreeMap<String, Steps> {
    let contended = contention.iter().filter(|(_, uses)| has_competition(uses));
    let steps = |uses: &Vec<Use>| {
        let mut by_task = vec![0; tasks];
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
            order: hash(&turns),
        }
    };
    contended
        .map(|(name, uses)| (name.clone(), steps(uses)))
        .collect()
}

fn hash(value: &impl Hash) -> u64 {
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
fn shared_objects(footprints: &[Footprint], tasks: usize) -> BTreeMap<String, Steps> {
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
        };
        (name.to_owned(), steps)
    };
    shared.map(with_everything).collect()
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

    fn run_with(contention: Contention) -> Run {
        let mut run = crosswire_model::testing::RunBuilder::new(&["a", "b", "c"])
            .end(crosswire_model::End::Finished);
        run.mattered = Some(vec![4, 2, 1]);
        run.contention = contention;
        run
    }

    /// The objects that count under rules drawn from a profile, and how often.
    fn drawn(profile: &Profile) -> BTreeMap<Vec<String>, u32> {
        use rand::SeedableRng;
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut drawn = BTreeMap::new();
        for _ in 0..200 {
            let Rule::Weighted { object, beside, .. } = profile.weighted(&mut random) else {
                unreachable!("it draws no other rule")
            };
            let names: Vec<String> = object.into_iter().chain(beside).collect();
            *drawn.entry(names).or_default() += 1;
        }
        drawn
    }

    /// Uses by processes in this order, which know nothing of each other.
    fn uses(processes: &[u32]) -> Vec<Use> {
        let of = |(step, process): (usize, &u32)| used(step as u64, *process, Mode::Write, &[]);
        processes.iter().enumerate().map(of).collect()
    }

    #[test]
    fn data_is_selected_once_for_a_lock_and_what_it_protects() {
        let contention = Contention::from([
            ("children of `a`".to_owned(), uses(&[0, 1])),
            ("file /m".to_owned(), uses(&[0, 1, 2])),
            ("file /m+0x0".to_owned(), uses(&[0, 0, 1])),
            ("file /m+0x8".to_owned(), uses(&[0, 1, 1])),
            ("pipe 1 of a".to_owned(), uses(&[2, 0])),
        ]);
        let mut profiles = Profiles::default();
        profiles.add(Profile::of(&run_with(contention)));
        // In a run that shows no word, the file is no more than the words of another.
        let poor = Contention::from([("file /m".to_owned(), uses(&[0, 1]))]);
        profiles.add(Profile::of(&run_with(poor)));
        let drawn = drawn(&profiles.mean());
        let data = ["file /m+0x0", "file /m+0x8", "pipe 1 of a"];
        for names in drawn.keys() {
            assert!(
                names.iter().all(|name| data.contains(&name.as_str())),
                "{names:?}"
            );
            assert!(
                names.len() < 3,
                "two of them are always used alike: {names:?}"
            );
        }
        assert!(
            drawn.contains_key(&vec!["file /m+0x0".to_owned()]),
            "{drawn:?}"
        );
        assert!(
            drawn.contains_key(&Vec::new()),
            "every step counts in some runs"
        );
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

    #[test]
    fn runs_in_which_a_task_does_nothing_do_not_count() {
        let mut profiles = Profiles::default();
        for steps in [[0, 4], [0, 6], [2, 0]] {
            let tasks = steps.map(|steps| Weight {
                parent: None,
                steps,
            });
            profiles.add(Profile {
                tasks: tasks.to_vec(),
                ..Profile::of_length(3)
            });
        }
        let mean = profiles.mean();
        let steps: Vec<u64> = mean.tasks.iter().map(|task| task.steps).collect();
        assert_eq!((steps, mean.choices), (vec![2, 5], 3));
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
