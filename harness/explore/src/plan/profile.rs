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

/// An object over several runs.
#[derive(Debug, Default)]
struct Contested {
    by_task: Vec<Mean>,
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
