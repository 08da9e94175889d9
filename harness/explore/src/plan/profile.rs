//! Size of a program, as its runs have shown it: the measure of several strategies.

use crate::plan::contested::{Steps, contended, data, hash, shared_objects};
use crosswire_model::{Rule, Run, Suspect, TaskId, Weight};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Size of a program, from one run or the mean of several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    /// Choices between several tasks.
    pub choices: u32,
    /// Runs that have shown it.
    pub runs: u32,
    /// All steps.
    pub all_steps: u32,
    /// Tasks, with their steps that matter.
    pub tasks: Vec<Weight>,
    /// Contested pairs that were seen in one order only.
    pub pairs: Vec<[Suspect; 2]>,
    /// Objects for which processes compete, by name.
    objects: BTreeMap<String, Steps>,
}

/// One run in so many, and more at the beginning, selects among all objects, not only among those
/// whose order no other one has decided about: what has been so in the first runs may be chance.
const AMONG_ALL: u32 = 4;

/// Runs after which half of the others do that.
const HARDLY_KNOWN: u32 = 4;

/// One run in so many favours some tasks.
const FAVOURS: u32 = 4;

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
            runs: 1,
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

    /// Returns the objects of which some are to count. The order of the others follows from theirs,
    /// and is hardly ever what a bug is about.
    fn among(&self, random: &mut ChaCha8Rng) -> Vec<(&String, &Steps)> {
        let leads = |(_, steps): &(&String, &Steps)| steps.is_undecided();
        let leaders: Vec<(&String, &Steps)> = self.objects.iter().filter(leads).collect();
        let is_known = random.random_ratio(self.runs, self.runs + HARDLY_KNOWN);
        let among_all = random.random_ratio(1, AMONG_ALL);
        match !is_known || among_all || leaders.is_empty() {
            true => self.objects.iter().collect(),
            false => leaders,
        }
    }

    /// Makes a kind of tasks that is rarer than another as heavy as all others together, or the
    /// others as much heavier than these. Where one task checks what many do, its steps hardly ever
    /// come before those of all others, or after them, as long as each task is as heavy as another.
    fn favour(&self, weights: &mut [Weight], random: &mut ChaCha8Rng) {
        let mut alike: BTreeMap<Vec<(&String, bool)>, Vec<usize>> = BTreeMap::new();
        for index in (0..weights.len()).filter(|index| weights[*index].steps > 0) {
            alike.entry(self.ways_of(index)).or_default().push(index);
        }
        let most = alike.values().map(Vec::len).max().unwrap_or(0);
        let rare: Vec<Vec<usize>> = (alike.into_values())
            .filter(|tasks| tasks.len() < most)
            .collect();
        let Some(chosen) = rare.choose(random) else {
            return;
        };
        let all: u64 = weights.iter().map(|weight| weight.steps).sum();
        let own: u64 = chosen.iter().map(|index| weights[*index].steps).sum();
        let factor = (all - own).div_ceil(own);
        let is_first = random.random_bool(0.5);
        for (index, weight) in weights.iter_mut().enumerate() {
            if chosen.contains(&index) == is_first {
                weight.steps *= factor;
            }
        }
    }

    /// Returns the objects that a task uses, and whether it changes them.
    fn ways_of(&self, index: usize) -> Vec<(&String, bool)> {
        let task = TaskId(u32::try_from(index).expect("tasks have numbers of 32 bits"));
        let uses = |steps: &Steps| steps.by_task.get(index).is_some_and(|steps| *steps > 0);
        let used = self.objects.iter().filter(|(_, steps)| uses(steps));
        used.map(|(name, steps)| (name, steps.changed_by.contains(&task)))
            .collect()
    }

    /// Draws what counts in a run in which every order of the steps that count is equally
    /// likely: one object, two, all of them, or every step. A bug that needs several orderings
    /// of two objects seldom shows where only one of them counts.
    pub fn weighted(&self, random: &mut ChaCha8Rng) -> Rule {
        let seed = random.next_u64();
        let mut kinds: BTreeMap<u64, Vec<&String>> = BTreeMap::new();
        for (name, steps) in self.among(random) {
            kinds.entry(steps.order).or_default().push(name);
        }
        let mut kinds: Vec<Vec<&String>> = kinds.into_values().collect();
        // Their order must not depend on hashes of orders.
        kinds.sort_unstable();
        kinds.shuffle(random);
        kinds.truncate(match random.random_range(0..8) {
            0 => 0,
            1..=4 => 1,
            5 | 6 => 2,
            _ => MOST_AT_A_TIME,
        });
        let chosen: BTreeSet<&String> = kinds
            .iter()
            .filter_map(|kind| kind.choose(random).copied())
            .collect();
        let mut weights = self.tasks.clone();
        if !chosen.is_empty() {
            for (index, weight) in weights.iter_mut().enumerate() {
                let of = |name: &&String| self.objects[*name].by_task.get(index).copied();
                weight.steps = chosen.iter().filter_map(of).sum();
            }
        }
        if random.random_ratio(1, FAVOURS) {
            self.favour(&mut weights, random);
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

/// An object over several runs.
#[derive(Debug, Default)]
struct Contested {
    by_task: Vec<Mean>,
    changed_by: BTreeSet<TaskId>,
    order: u64,
    deciders: Option<BTreeSet<String>>,
}

impl Contested {
    /// Adds what a run, by number, has shown of it.
    fn add(&mut self, run: u64, steps: Steps) {
        let tasks = self.by_task.len().max(steps.by_task.len());
        self.by_task.resize(tasks, Mean::default());
        for (mean, steps) in self.by_task.iter_mut().zip(steps.by_task) {
            mean.add(steps);
        }
        self.changed_by.extend(steps.changed_by);
        self.order = self.order.wrapping_add(hash(&(run, steps.order)));
        if let Some(deciders) = steps.deciders {
            match &mut self.deciders {
                Some(known) => known.retain(|name| deciders.contains(name)),
                None => self.deciders = Some(deciders),
            }
        }
    }

    fn mean(&self) -> Steps {
        Steps {
            by_task: self.by_task.iter().map(|mean| mean.get()).collect(),
            changed_by: self.changed_by.clone(),
            order: self.order,
            deciders: self.deciders.clone(),
        }
    }
}

/// The mean of the profiles of several runs.
#[derive(Debug, Default)]
pub(crate) struct Profiles {
    runs: u64,
    choices: u64,
    all_steps: u64,
    /// Each task's creator, and its steps.
    tasks: Vec<(Option<TaskId>, Mean)>,
    objects: BTreeMap<String, Contested>,
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
            let known = self.objects.entry(name).or_default();
            known.add(self.runs, steps);
        }
    }

    /// Returns the mean.
    pub fn mean(&self) -> Profile {
        let runs = self.runs.max(1);
        let tasks = self.tasks.iter().map(|(parent, steps)| Weight {
            parent: *parent,
            steps: steps.get(),
        });
        let objects = self.objects.iter();
        let objects = objects.map(|(name, known)| (name.clone(), known.mean()));
        Profile {
            choices: short(self.choices.div_ceil(runs)),
            runs: short(self.runs),
            all_steps: short(self.all_steps.div_ceil(runs)),
            tasks: tasks.collect(),
            pairs: Vec::new(),
            objects: data(objects.collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::contested::uses;
    use crosswire_model::Contention;

    fn run_with(contention: Contention) -> Run {
        let mut run = crosswire_model::testing::RunBuilder::new(&["a", "b", "c"])
            .end(crosswire_model::End::Finished);
        run.mattered = Some(vec![4, 2, 1]);
        run.contention = contention;
        run
    }

    fn random() -> ChaCha8Rng {
        use rand::SeedableRng;
        ChaCha8Rng::seed_from_u64(1)
    }

    /// The objects that count under rules drawn from a profile, and how often.
    fn drawn(profile: &Profile) -> BTreeMap<Vec<String>, u32> {
        let mut random = random();
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
    fn what_others_decide_about_is_selected_seldom_once_enough_runs_have_shown_it() {
        let name = |word: &str| format!("file /m+{word}");
        let led = |word: &str, order: u64, deciders: &[&str]| {
            let deciders = deciders.iter().map(|word| name(word)).collect();
            let steps = Steps {
                order,
                deciders: Some(deciders),
                ..Steps::default()
            };
            (name(word), steps)
        };
        let run = |deciders: &[&str]| Profile {
            objects: [led("0x0", 1, &[]), led("0x8", 2, deciders)].into(),
            ..Profile::of_length(9)
        };
        // Of 200 runs, those in which the second word counts alone.
        let alone = |runs: usize, deciders: &[&str]| {
            let mut profiles = Profiles::default();
            (0..runs).for_each(|_| profiles.add(run(deciders)));
            let drawn = drawn(&profiles.mean());
            drawn.get(&vec![name("0x8")]).copied().unwrap_or(0)
        };
        let (unknown, known) = (alone(1, &["0x0"]), alone(100, &["0x0"]));
        assert!(0 < known && known < unknown, "{known} {unknown}");
        assert!(2 * known < alone(100, &[]));
        // One run in which nothing decides about it is enough.
        let mut profiles = Profiles::default();
        for deciders in [&["0x0"][..], &[], &["0x0"]] {
            profiles.add(run(deciders));
        }
        assert!(profiles.mean().objects[&name("0x8")].is_undecided());
    }

    #[test]
    fn who_is_unlike_many_others_is_favoured_in_some_runs_and_they_in_others() {
        let word = |checkers: &[u32]| {
            let steps = Steps {
                by_task: vec![0, 1, 1, 1, 1],
                changed_by: (1..5)
                    .filter(|task| !checkers.contains(task))
                    .map(TaskId)
                    .collect(),
                ..Steps::default()
            };
            Profile {
                tasks: [5; 5]
                    .map(|steps| Weight {
                        parent: None,
                        steps,
                    })
                    .to_vec(),
                objects: [("file /m+0x0".to_owned(), steps)].into(),
                ..Profile::of_length(9)
            }
        };
        let weights = |checkers: &[u32]| {
            let (profile, mut seen) = (word(checkers), BTreeMap::<Vec<u64>, u32>::new());
            let mut random = random();
            for _ in 0..200 {
                if let Rule::Weighted {
                    object: Some(_),
                    weights,
                    ..
                } = profile.weighted(&mut random)
                {
                    let steps = weights.iter().map(|weight| weight.steps).collect();
                    *seen.entry(steps).or_default() += 1;
                }
            }
            seen
        };
        let seen = weights(&[4]);
        assert_eq!(seen.len(), 3, "{seen:?}");
        let [usual, first, last] = [[0, 1, 1, 1, 1], [0, 1, 1, 1, 3], [0, 3, 3, 3, 1]];
        let count = |steps: [u64; 5]| seen[&steps.to_vec()];
        assert!(count(usual) > count(first) + count(last));
        // None of them is unlike the others, or each kind is as large as the other.
        for checkers in [&[][..], &[3, 4]] {
            let seen = weights(checkers);
            assert!(seen.into_keys().eq([usual.to_vec()]));
        }
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
}
