//! The order of a run's steps in which one task waits: its steps from one on come after a later
//! step of another task, and everything else stays as it was.

use super::candidates::StepPair;
use super::weight::tells;
use crosswire_model::{Footprint, Switch, TaskId, Touch, conflict};
use std::collections::HashMap;

/// Returns the tasks of the steps when that of the earlier one waits until the later one has
/// been taken, and the number of the step from which it goes on. Others wait with it where a
/// step of theirs depends on what waits, such as a parent that learns of its end.
pub(in crate::again) fn held(steps: &[Footprint], pair: StepPair) -> (Vec<TaskId>, usize) {
    let among = pair.earlier..=pair.later;
    let (own, other) = (steps[pair.earlier].task, steps[pair.later].task);
    let mut waiting: Vec<usize> = Vec::new();
    let mut passing: Vec<usize> = Vec::new();
    for number in among {
        let step = &steps[number];
        let depends = |before: &usize| {
            let before = &steps[*before];
            before.task == step.task || conflict(&telling(before), &telling(step))
        };
        let waits = step.task == own || step.task != other && waiting.iter().any(depends);
        match waits {
            true => waiting.push(number),
            false => passing.push(number),
        }
    }
    let goes_on = pair.earlier + passing.len();
    let order = (0..pair.earlier)
        .chain(passing)
        .chain(waiting)
        .chain(pair.later + 1..steps.len());
    (order.map(|number| steps[number].task).collect(), goes_on)
}

/// Returns what a step touches, without what stands for everything.
fn telling(step: &Footprint) -> Vec<Touch> {
    let touches = step.touches.iter();
    touches
        .filter(|touch| tells(&touch.object))
        .cloned()
        .collect()
}

/// Returns the task of the last step, and how many it has taken in all.
pub(in crate::again) fn done(takers: &[TaskId]) -> Option<(TaskId, u64)> {
    let last = *takers.last()?;
    let of_task = takers.iter().filter(|taker| **taker == last);
    Some((last, of_task.count() as u64))
}

/// Returns the decisions that lead to an order, wherever the task changes.
pub(in crate::again) fn switches(takers: &[TaskId]) -> Vec<Switch> {
    let mut taken: HashMap<TaskId, u64> = HashMap::new();
    let mut after = None;
    let mut switches = Vec::new();
    for taker in takers {
        if after.is_none_or(|(last, _)| last != *taker) {
            switches.push(Switch {
                after,
                task: *taker,
            });
        }
        let count = taken.entry(*taker).or_default();
        *count += 1;
        after = Some((*taker, *count));
    }
    switches
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: TaskId = TaskId(0);
    const B: TaskId = TaskId(1);
    const C: TaskId = TaskId(2);
    const D: TaskId = TaskId(3);

    fn step(task: TaskId, touches: &[&str]) -> Footprint {
        Footprint {
            task,
            choices: Vec::new(),
            touches: touches.iter().map(|object| Touch::write(*object)).collect(),
        }
    }

    #[test]
    fn a_task_that_waits_lets_pass_what_does_not_depend_on_it() {
        let steps = [
            step(A, &[]),
            step(A, &["x"]),
            step(B, &[]),
            step(A, &["end"]),
            step(C, &["end"]),
            step(D, &["*"]),
            step(B, &["x"]),
            step(A, &[]),
        ];
        let pair = StepPair {
            earlier: 1,
            later: 6,
        };
        assert_eq!(held(&steps, pair), (vec![A, B, D, B, A, A, C, A], 4));
    }

    #[test]
    fn decisions_are_where_the_task_changes() {
        let at = |after, task| Switch { after, task };
        assert_eq!(
            switches(&[B, B, A, B]),
            [at(None, B), at(Some((B, 2)), A), at(Some((A, 1)), B)]
        );
    }
}
