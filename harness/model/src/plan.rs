//! All that determines a run.

use super::ranges;
use super::{EVERYTHING, Errno, Fault, Limits, MemoryModel, Preemption, Schedule, Signal};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A plan determines a run: the same program under the same plan gives the same
/// trace.
///
/// ```
/// use crosswire_model::{Plan, Rule, Schedule};
/// let plan = Plan {
///     schedule: Schedule::new(Rule::RandomWalk { seed: 7 }),
///     faults: vec!["kill:producer@write#2".parse().unwrap()],
///     ..Plan::default()
/// };
/// let text = serde_json::to_string(&plan).unwrap();
/// assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Seed of everything random that a program can ask the kernel for.
    pub seed: u64,
    /// Schedule: the task that takes each step.
    pub schedule: Schedule,
    /// Computations in the midst of which others have their turn; `None` if that is decided by
    /// the time on the processor for which a task has computed. No two runs measure the same, so
    /// that such a run can be repeated only by the list that its trace holds.
    #[serde(
        default = "no_preemptions",
        skip_serializing_if = "is_without_preemptions"
    )]
    pub preemptions: Option<Vec<Preemption>>,
    /// Faults to inject, with their points.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// When stores to shared memory become visible.
    #[serde(default, skip_serializing_if = "MemoryModel::is_sc")]
    pub memory: MemoryModel,
    /// True if memory that threads of a process could share is watched as shared mappings are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub watches_threads: bool,
    /// True if the trace records what each step touches, which takes time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub footprints: bool,
    /// True if programs that often read clocks read them without a step each: no other task
    /// runs between a call and the readings behind it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clocks_are_free: bool,
    /// True if the order in which tasks read clocks makes no step a choice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignores_clock_order: bool,
    /// True if every step is a choice, whatever is known of which can matter: an order may be told by
    /// the times of files, or by whoever watches them, when all is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chooses_every_step: bool,
    /// True if a task that repeats itself is left out, until another one does something, only where
    /// that has been proved to change nothing. Otherwise three rounds alike are enough, and a loop
    /// that counts them, and gives up, does so only where others act in between.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proves_loops: bool,
    /// True if a process that another one kills by SIGKILL ends in the step of that. Otherwise its
    /// death is a step of its own, as on a machine, where kill(2) does not wait for it.
    #[serde(default = "true_where_missing", skip_serializing_if = "is_true")]
    pub kills_at_once: bool,
    /// True if a process is paused for as long as others take for so many steps, also if they wait:
    /// their time-outs come. Otherwise its pause is over as soon as all others wait.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pauses_take_time: bool,
    /// The part of the programs' execution that comes before the first step.
    #[serde(default, skip_serializing_if = "StartUp::is_least")]
    pub start_up: StartUp,
    /// Limits of the run.
    #[serde(default)]
    pub limits: Limits,
}

impl Plan {
    /// Tells whether it is followed what each step touches: to record it, or because it says which
    /// steps can end a loop.
    pub fn follows_footprints(&self) -> bool {
        self.footprints || self.proves_loops
    }
}

/// The value of a plan that does not say so: it was made when there was no choice.
fn true_where_missing() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

/// The list of a plan that names none: it was made before there were any.
fn no_preemptions() -> Option<Vec<Preemption>> {
    Some(Vec::new())
}

fn is_without_preemptions(preemptions: &Option<Vec<Preemption>>) -> bool {
    preemptions.as_ref().is_some_and(Vec::is_empty)
}

/// What need not be tried in every order: how far programs are brought before the first step,
/// at most to the first call that does more than look at files and at the program itself; what
/// else is no step; and which steps are no choices.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StartUp {
    /// True if it includes looking at files that the run may change. Otherwise it ends
    /// there.
    pub reads_own_files: bool,
    /// True if it includes looking at contested files, too: the programs' start-up comes before
    /// all that others do, which is one order among several.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub comes_first: bool,
    /// True if programs begin with the last one that they execute when they have done nothing yet
    /// that could be noticed outside: a script that looks for an interpreter is passed over.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skips_wrappers: bool,
    /// True if only steps that touch something contested are choices: after any other, its
    /// task carries on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub carries_on: bool,
    /// True if a program that a run executes gets the same random bytes in every run while it is
    /// loaded, so that it need not be loaded each time.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub loads_alike: bool,
    /// True if a page of memory that threads could share is left to a thread that alone has used
    /// it for long: its accesses to it are no steps.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub leaves_pages: bool,
    /// True if a page of memory that processes share is left to the process that alone has used it
    /// for long, or to those that only read it: their accesses to it are no steps.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub leaves_shared_pages: bool,
    /// Pages of shared memory that are not left, since several processes use them: by the name of
    /// the memory, ranges of positions in it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub shared_pages: BTreeMap<String, Vec<(u64, u64)>>,
    /// Objects that two processes touch, one of which changes them. Start-up ends where it
    /// would look at one.
    pub contested: BTreeSet<String>,
    /// Errors that faults may cause. A call that concerns its process alone, such as mmap(2), is a
    /// step if it can fail with one of them; others of the kind are none.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub errors: BTreeSet<Errno>,
    /// Signals that processes send each other. If start-up looks at files, what a process
    /// decides about other signals is no step.
    pub sent: BTreeSet<Signal>,
}

/// Where more objects are contested, telling them apart is hardly worth it.
const MOST_CONTESTED: usize = 1024;

/// So many words of one mapped file are told apart.
const MOST_WORDS: usize = 64;

/// Returns the file of which an object is a word, if it is one.
fn file_of_word(object: &str) -> Option<&str> {
    object.rsplit_once("+0x").map(|(file, _)| file)
}

impl StartUp {
    /// The longest start-up, as long as nothing is known to be contested.
    pub fn longest() -> StartUp {
        StartUp {
            reads_own_files: true,
            skips_wrappers: true,
            carries_on: true,
            loads_alike: true,
            leaves_pages: true,
            leaves_shared_pages: true,
            ..StartUp::default()
        }
    }

    /// Tells whether the page at a position in shared memory is known to have several users.
    pub fn is_shared_page(&self, memory: &str, position: u64) -> bool {
        let ranges = self.shared_pages.get(memory).map(Vec::as_slice);
        ranges::holds(ranges.unwrap_or_default(), position)
    }

    /// Adds a range of positions in shared memory whose pages have several users.
    pub fn add_shared_pages(&mut self, memory: &str, range: (u64, u64)) {
        let ranges = self.shared_pages.entry(memory.to_owned()).or_default();
        ranges::add(ranges, range);
    }

    /// Tells whether an object is known to be contested.
    pub fn is_contested(&self, object: &str) -> bool {
        self.contested.contains(object)
            || file_of_word(object).is_some_and(|file| self.contested.contains(file))
    }

    /// Makes choices of the steps that touch these objects, too. What has no name makes a
    /// choice of every step.
    pub fn add_contested(&mut self, objects: BTreeSet<String>) {
        self.contested.extend(objects);
        self.merge_words();
        let is_hopeless =
            self.contested.remove(EVERYTHING) || self.contested.len() > MOST_CONTESTED;
        self.carries_on &= !is_hopeless;
    }

    /// Names a mapped file of which many words are contested as a whole.
    fn merge_words(&mut self) {
        let mut words: BTreeMap<&str, usize> = BTreeMap::new();
        for file in self
            .contested
            .iter()
            .filter_map(|object| file_of_word(object))
        {
            *words.entry(file).or_default() += 1;
        }
        words.retain(|_, count| *count > MOST_WORDS);
        let files: Vec<String> = words.into_keys().map(str::to_owned).collect();
        let is_told = |object: &String| {
            file_of_word(object).is_none_or(|file| !files.iter().any(|known| known == file))
        };
        self.contested.retain(is_told);
        self.contested.extend(files);
    }

    /// Tells whether a call that concerns its process alone can fail with one of
    /// [these errors](StartUp::errors).
    pub fn makes_fail(&self, row: &crosswire_calls::Row) -> bool {
        let mut errors = self.errors.iter();
        errors.any(|error| row.fails_alone_with(&error.to_string()))
    }

    /// Returns the shortest start-up of which the same calls are steps afterwards.
    pub fn shortest(&self) -> StartUp {
        StartUp {
            contested: self.contested.clone(),
            errors: self.errors.clone(),
            ..StartUp::default()
        }
    }

    fn is_least(&self) -> bool {
        *self == StartUp::default()
    }

    /// Tells whether it ends at the first file that the run may change.
    pub fn is_shortest(&self) -> bool {
        !self.reads_own_files
    }

    /// Ends before what a run has shown to be contested, and makes steps of the decisions
    /// about the signals that were sent in it. What has no name makes it the shortest.
    pub fn contest(&mut self, objects: BTreeSet<String>, sent: BTreeSet<Signal>) {
        let known = (self.contested.len(), self.sent.len());
        self.contested.extend(objects);
        self.sent.extend(sent);
        let is_hopeless = self.contested.contains(EVERYTHING)
            || self.contested.len() > MOST_CONTESTED
            || (self.contested.len(), self.sent.len()) == known;
        self.reads_own_files &= !is_hopeless;
        self.contested.remove(EVERYTHING);
    }

    /// Adds what another run has shown; whether anything was new. The shorter of the two
    /// remains.
    pub fn learn(&mut self, other: &StartUp) -> bool {
        let before = self.clone();
        self.reads_own_files &= other.reads_own_files;
        self.carries_on &= other.carries_on;
        self.leaves_shared_pages &= other.leaves_shared_pages;
        self.contested.extend(other.contested.iter().cloned());
        self.merge_words();
        for (memory, ranges) in &other.shared_pages {
            for range in ranges {
                self.add_shared_pages(memory, *range);
            }
        }
        self.sent.extend(&other.sent);
        *self != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(objects: &[&str]) -> BTreeSet<String> {
        objects.iter().map(|object| (*object).to_owned()).collect()
    }

    #[test]
    fn what_has_no_name_makes_a_choice_of_every_step() {
        let mut start_up = StartUp::longest();
        start_up.add_contested(set(&["a", EVERYTHING]));
        assert!(!start_up.carries_on && start_up.reads_own_files);
        assert!(start_up.is_contested("a") && !start_up.is_contested("b"));
    }

    #[test]
    fn many_words_of_a_file_are_the_file() {
        let mut start_up = StartUp::longest();
        let words = |count| {
            (0..count)
                .map(|at| format!("file /m+{:#x}", 8 * at))
                .collect()
        };
        start_up.add_contested(words(MOST_WORDS));
        assert!(!start_up.is_contested("file /m") && !start_up.is_contested("file /m+0x8000"));
        start_up.add_contested(words(MOST_WORDS + 1));
        assert_eq!(start_up.contested, set(&["file /m"]));
        assert!(start_up.is_contested("file /m+0x8000") && !start_up.is_contested("file /n+0x8"));
    }

    #[test]
    fn of_two_start_ups_the_shorter_remains_and_all_that_is_contested() {
        let mut start_up = StartUp::longest();
        start_up.add_contested(set(&["a"]));
        let mut other = StartUp {
            reads_own_files: false,
            ..StartUp::longest()
        };
        other.add_contested(set(&["b"]));
        assert!(start_up.learn(&other) && !start_up.learn(&other));
        assert!(start_up.is_shortest() && start_up.carries_on);
        assert_eq!(start_up.contested, set(&["a", "b"]));
    }
}
