//! Pairs of steps whose other order could have made a difference: they touch one object in ways
//! that do not commute, and nothing else that does stands between them.

use super::fixed::FixedOrder;
use super::weight::{Deeds, weight};
use crosswire_model::{Footprint, Mode, TaskId, Touch, Trace};
use std::collections::{BTreeMap, BTreeSet};

/// Two steps of different tasks, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::again) struct StepPair {
    pub earlier: usize,
    pub later: usize,
}

/// What a pair says about a failure, if its order decides; more is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::again) struct Worth {
    /// See [`weight`].
    pub weight: u8,
    /// A decision against the default order stands before the earlier step, and the later one
    /// is of the task that it made wait.
    decided: bool,
    /// What comes late is closest to the failure.
    later: usize,
    earlier: usize,
}

/// Returns the candidates of a run, the best first.
pub(in crate::again) fn candidates(trace: &Trace) -> Vec<(StepPair, Worth)> {
    let steps = &trace.footprints;
    let takers: Vec<TaskId> = steps.iter().map(|step| step.task).collect();
    let fixed = FixedOrder::of(trace, &takers);
    let deeds = Deeds::of(trace);
    let mut best: BTreeMap<StepPair, u8> = BTreeMap::new();
    let mut last: BTreeMap<&str, BTreeMap<TaskId, [Option<usize>; 3]>> = BTreeMap::new();
    let inherited: Vec<Option<Touch>> = (0..steps.len())
        .map(|step| deeds.inheritance(trace, step))
        .collect();
    let leader = |step: usize| trace.tasks[steps[step].task.index()].leader;
    for (later, step) in steps.iter().enumerate() {
        for Touch { object, mode } in step.touches.iter().chain(&inherited[later]) {
            let users = last.entry(object).or_default();
            for (_, uses) in users.iter().filter(|(task, _)| **task != step.task) {
                let Some(earlier) = conflicting(uses, *mode) else {
                    continue;
                };
                let is_free = is_reversible(steps, earlier, later)
                    && !fixed.precedes(earlier, later)
                    && !(object.starts_with("process ") && leader(earlier) == leader(later));
                let both_change =
                    *mode == Mode::Write && uses[Mode::Write as usize] == Some(earlier);
                let weight = weight(object, both_change, &deeds, [earlier, later]);
                if let Some(weight) = weight.filter(|_| is_free) {
                    let known = best.entry(StepPair { earlier, later }).or_default();
                    *known = (*known).max(weight);
                }
            }
            users.entry(step.task).or_default()[*mode as usize] = Some(later);
        }
    }
    let decided: BTreeSet<u64> = trace.deviations.iter().map(|one| one.step).collect();
    let mut all: Vec<(StepPair, Worth)> = best
        .into_iter()
        .map(|(pair, weight)| (pair, worth(steps, &decided, pair, weight)))
        .collect();
    all.sort_by_key(|(_, worth)| std::cmp::Reverse(*worth));
    all
}

/// Returns the last of a task's uses of an object, by mode, that does not commute with another
/// one.
fn conflicting(uses: &[Option<usize>; 3], mode: Mode) -> Option<usize> {
    let modes = [Mode::Read, Mode::Write, Mode::Add];
    let conflicts = |other: Mode| other == Mode::Write || other != mode;
    let uses = modes.map(|other| uses[other as usize].filter(|_| conflicts(other)));
    uses.into_iter().flatten().max()
}

fn worth(steps: &[Footprint], decided: &BTreeSet<u64>, pair: StepPair, weight: u8) -> Worth {
    let is_overtaken = |at: &u64| {
        let overtaken = usize::try_from(*at).ok().and_then(|at| at.checked_sub(1));
        overtaken.and_then(|at| steps.get(at)).map(|step| step.task) == Some(steps[pair.later].task)
    };
    Worth {
        decided: decided.range(..=pair.earlier as u64).any(is_overtaken),
        weight,
        later: pair.later,
        earlier: pair.earlier,
    }
}

/// Tells whether the task of the later step could have gone on in place of the earlier one.
fn is_reversible(steps: &[Footprint], earlier: usize, later: usize) -> bool {
    let task = steps[later].task;
    steps[earlier].choices.contains(&task)
        || steps[earlier + 1..later]
            .iter()
            .any(|step| step.task == task)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(steps: &[(u32, &[Touch])]) -> Trace {
        let tasks = |number: u32| crosswire_model::Task {
            process: format!("p{number}"),
            parent: None,
            leader: TaskId(number),
            tid: 100,
        };
        Trace {
            tasks: (0..3).map(tasks).collect(),
            steps: steps.len() as u64,
            footprints: steps
                .iter()
                .map(|(task, touches)| Footprint {
                    task: TaskId(*task),
                    choices: (0..3).map(TaskId).collect(),
                    touches: touches.to_vec(),
                })
                .collect(),
            ..Trace::default()
        }
    }

    fn pairs(trace: &Trace) -> Vec<(usize, usize)> {
        let all = candidates(trace).into_iter();
        all.map(|(pair, _)| (pair.earlier, pair.later)).collect()
    }

    #[test]
    fn a_name_that_another_process_removes_says_more_than_data_and_bookkeeping() {
        let lock = Touch::write("name /tmp/lock");
        let trace = run(&[
            (0, std::slice::from_ref(&lock)),
            (1, &[lock.clone(), Touch::write("process #0")]),
            (
                0,
                &[Touch::read("file /tmp/count"), Touch::write("process #1")],
            ),
            (1, &[Touch::write("file /tmp/count")]),
            (2, &[Touch::write("process #1"), Touch::write("time-outs")]),
            (1, &[Touch::write("time-outs")]),
        ]);
        assert_eq!(pairs(&trace), [(0, 1), (2, 3), (2, 4)]);
    }

    #[test]
    fn of_the_uses_of_a_task_the_last_one_before_counts() {
        let [read, write] = [Touch::read("file x"), Touch::write("file x")];
        let trace = run(&[
            (0, std::slice::from_ref(&write)),
            (0, std::slice::from_ref(&read)),
            (1, std::slice::from_ref(&read)),
            (1, std::slice::from_ref(&write)),
        ]);
        assert_eq!(pairs(&trace), [(1, 3), (0, 2)]);
    }
}
