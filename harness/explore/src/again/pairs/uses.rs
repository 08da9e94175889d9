//! Which use of an object by a task stands where in a run: so pairs of steps are found again in
//! another run, whatever the tasks do besides.

use super::candidates::StepPair;
use super::weight::tells;
use crosswire_model::{TaskId, Trace};
use std::collections::HashMap;

/// The uses of objects in a run.
pub(in crate::again) struct Uses<'a> {
    /// The step of each use, by task, object and number.
    steps: HashMap<(TaskId, &'a str, usize), usize>,
    /// The uses of each step.
    of_step: Vec<Vec<(TaskId, &'a str, usize)>>,
}

impl<'a> Uses<'a> {
    /// Follows a run with footprints.
    pub fn of(trace: &'a Trace) -> Uses<'a> {
        let mut counts: HashMap<(TaskId, &str), usize> = HashMap::new();
        let mut uses = Uses {
            steps: HashMap::new(),
            of_step: Vec::with_capacity(trace.footprints.len()),
        };
        for (step, footprint) in trace.footprints.iter().enumerate() {
            let touches = footprint.touches.iter();
            let objects = touches.map(|touch| touch.object.as_str());
            let of_step = objects.filter(|object| tells(object)).map(|object| {
                let count = counts.entry((footprint.task, object)).or_default();
                *count += 1;
                (footprint.task, object, *count)
            });
            let of_step: Vec<_> = of_step.collect();
            uses.steps.extend(of_step.iter().map(|one| (*one, step)));
            uses.of_step.push(of_step);
        }
        uses
    }

    /// Tells whether another run has taken a pair of steps of this one in the other order.
    pub fn are_exchanged(&self, pair: StepPair, other: &Uses<'_>) -> bool {
        let later = &self.of_step[pair.later];
        let step = |one: &(TaskId, &str, usize)| other.steps.get(one).copied();
        self.of_step[pair.earlier].iter().any(|early| {
            let on_it = |late: &&(TaskId, &str, usize)| late.1 == early.1;
            let there = later.iter().find(on_it).and_then(step);
            matches!((step(early), there), (Some(early), Some(late)) if late < early)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::{Footprint, Touch};

    #[test]
    fn a_pair_is_found_again_by_what_it_uses() {
        let run = |steps: &[(u32, &str)]| Trace {
            footprints: steps
                .iter()
                .map(|(task, object)| Footprint {
                    task: TaskId(*task),
                    choices: Vec::new(),
                    touches: vec![Touch::write(*object)],
                })
                .collect(),
            ..Trace::default()
        };
        let plain = run(&[(0, "x"), (0, "y"), (1, "x"), (1, "y")]);
        let other = run(&[(1, "x"), (1, "z"), (0, "z"), (0, "x"), (0, "y"), (1, "y")]);
        let (plain, other) = (Uses::of(&plain), Uses::of(&other));
        let pair = |earlier, later| StepPair { earlier, later };
        assert!(plain.are_exchanged(pair(0, 2), &other));
        assert!(!plain.are_exchanged(pair(1, 3), &other));
        assert!(!plain.are_exchanged(pair(0, 2), &plain));
    }
}
