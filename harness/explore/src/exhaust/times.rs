//! Files whose times are compared, and what follows for the steps that change them.
//!
//! A file's time tells which of two changes of different files came last, so these depend on
//! each other if somebody looks later (steps with observers: Aronis, Jonsson, Lång and Sagonas,
//! "Optimal dynamic partial order reduction with observers", TACAS 2018). Who looks is
//! learned from the runs; when another file turns out to be looked at, the search begins anew.

use crosswire_engine::TIMES_OF;
use crosswire_model::{Footprint, Mode, Run, TaskId, Touch, What};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The files whose times are compared in the runs seen, by the names of the objects that their
/// times are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Compared(BTreeSet<String>);

/// The times that a process knows, and whether it has not changed the file itself.
type KnownTimes = BTreeMap<String, bool>;

impl Compared {
    #[cfg(test)]
    pub fn of(files: &[&str]) -> Compared {
        Compared(files.iter().map(|file| (*file).to_owned()).collect())
    }

    /// Takes up which times the processes of a run compare; whether there are new ones.
    pub fn learn(&mut self, run: &Run) -> bool {
        let size = self.0.len();
        let compared = known_times(run)
            .into_values()
            .filter(|times| times.values().any(|is_foreign| *is_foreign));
        self.0.extend(compared.flat_map(KnownTimes::into_keys));
        self.0.len() > size
    }

    /// Lets the changes of these files depend on each other: those of different files, for a
    /// file's own time is the same in whatever order it was changed.
    pub fn extend(&self, steps: &mut [Footprint]) {
        for step in steps {
            let touched = |file: &str| step.touches.iter().any(|touch| touch.object == file);
            let is_change =
                |touch: &Touch| touch.mode == Mode::Add && self.0.contains(&touch.object);
            if !step.touches.iter().any(is_change) {
                continue;
            }
            let others = self.0.iter().filter(|file| !touched(file));
            let others: Vec<Touch> = others.map(Touch::read).collect();
            step.touches.extend(others);
            step.touches.sort_unstable();
        }
    }
}

/// Returns the times that each process has asked for, and those that it knows from the process
/// that has created it.
///
/// One that has asked only for times of files that nobody else has changed compares nothing, as
/// the C library does when it opens a stream. Should it hand them on, that is not seen.
fn known_times(run: &Run) -> BTreeMap<&str, KnownTimes> {
    let process = |task: TaskId| run.trace.tasks[task.owner().index()].process.as_str();
    let mut known: BTreeMap<&str, KnownTimes> = BTreeMap::new();
    let mut changed_by: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut events = run.trace.events.iter().peekable();
    for (number, step) in (0..).zip(&run.trace.footprints) {
        let taker = process(step.task);
        for touch in &step.touches {
            match touch.mode {
                _ if !touch.object.starts_with(TIMES_OF) => {}
                Mode::Read => {
                    let changers = changed_by.get(touch.object.as_str());
                    let is_foreign =
                        changers.is_some_and(|all| all.iter().any(|changer| *changer != taker));
                    let times = known.entry(taker).or_default();
                    *times.entry(touch.object.clone()).or_default() |= is_foreign;
                }
                _ => drop(changed_by.entry(&touch.object).or_default().insert(taker)),
            }
        }
        while let Some(event) = events.next_if(|event| event.step <= number) {
            if let What::Spawn(child) = event.what {
                let inherited = known.get(process(event.task)).cloned().unwrap_or_default();
                known.entry(process(child)).or_default().extend(inherited);
            }
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::testing::RunBuilder;

    const TIMES: [&str; 2] = ["times of file /a", "times of file /b"];

    /// A run of three processes whose steps are these.
    fn run_of(steps: &[(u32, Touch)]) -> Run {
        let mut run = RunBuilder::new(&["p", "q", "r"]).end(crosswire_model::End::Finished);
        let step = |(task, touch): &(u32, Touch)| Footprint {
            task: TaskId(*task),
            choices: Vec::new(),
            touches: vec![touch.clone()],
        };
        run.trace.footprints = steps.iter().map(step).collect();
        run
    }

    fn compared(run: &Run) -> Vec<String> {
        let mut compared = Compared::default();
        let is_new = compared.learn(run);
        assert!(!compared.learn(run));
        assert_eq!(is_new, !compared.0.is_empty());
        compared.0.into_iter().collect()
    }

    #[test]
    fn who_looks_at_files_of_others_compares() {
        let [a, b] = TIMES;
        let changes = [(0, Touch::add(a)), (1, Touch::add(b))];
        let with = |looks: &[(u32, Touch)]| run_of(&[&changes[..], looks].concat());
        let own = with(&[(0, Touch::read(a)), (1, Touch::read(b))]);
        assert!(compared(&own).is_empty());
        let third = with(&[(2, Touch::read(a)), (2, Touch::read(b))]);
        assert_eq!(compared(&third), TIMES);
        let own_and_other = with(&[(0, Touch::read(a)), (0, Touch::read(b))]);
        assert_eq!(compared(&own_and_other), TIMES);
        let too_early = run_of(&[(2, Touch::read(a)), (0, Touch::add(a))]);
        assert!(compared(&too_early).is_empty());
    }

    #[test]
    fn a_child_knows_what_its_parent_has_seen() {
        let [a, b] = TIMES;
        let steps = [
            (0, Touch::add(a)),
            (0, Touch::read(a)),
            (0, Touch::read("file /c")),
            (1, Touch::add(b)),
            (2, Touch::read(b)),
        ];
        assert_eq!(compared(&run_of(&steps)), [b]);
        let mut run = run_of(&steps);
        let forked = RunBuilder::new(&["p", "q", "r"]).event(0, 2, What::Spawn(TaskId(2)));
        run.trace.events = forked.end(crosswire_model::End::Finished).trace.events;
        assert_eq!(compared(&run), TIMES);
    }

    #[test]
    fn only_changes_of_different_files_are_ordered() {
        let [a, b] = TIMES;
        let changes = [(0, Touch::add(a)), (1, Touch::add(b)), (1, Touch::add(a))];
        let compared = Compared::of(&TIMES);
        let mut steps = run_of(&changes).trace.footprints;
        compared.extend(&mut steps);
        let conflict = |one: usize, other: usize| {
            crosswire_model::conflict(&steps[one].touches, &steps[other].touches)
        };
        assert!(conflict(0, 1) && conflict(1, 2));
        assert!(!conflict(0, 2));
    }
}
