//! What was decided so far, and what was taken back.

use crosswire_model::{Deviation, Fault, Plan, Rule, Schedule, StartUp, TaskId};

/// One decision: the task that takes a step, and the fault that strikes it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The step, from 0.
    pub step: u64,
    /// The task that takes it.
    pub task: TaskId,
    /// The fault that strikes in it.
    pub fault: Option<Fault>,
}

/// Decisions, of which those behind the current place were taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Path {
    decisions: Vec<Decision>,
    done: usize,
    /// The first ones, which are not taken back.
    fixed: usize,
}

impl Path {
    /// The decisions that hold.
    pub fn done(&self) -> &[Decision] {
        &self.decisions[..self.done]
    }

    /// The decisions that were taken back, or that somebody else has proposed.
    pub fn ahead(&self) -> &[Decision] {
        &self.decisions[self.done..]
    }

    /// The step before which the run stops.
    pub fn step(&self) -> u64 {
        self.done().last().map_or(0, |last| last.step + 1)
    }

    /// Adds decisions. What was taken back is kept if it begins with the same ones.
    pub fn push(&mut self, more: &[Decision]) {
        if !self.ahead().starts_with(more) {
            self.decisions.truncate(self.done);
            self.decisions.extend_from_slice(more);
        }
        self.done += more.len();
    }

    /// Puts other decisions in the place of those that were taken back.
    pub fn propose(&mut self, ahead: Vec<Decision>) {
        self.decisions.truncate(self.done);
        self.decisions.extend(ahead);
    }

    /// Keeps the decisions that hold from being taken back.
    pub fn fix(&mut self) {
        self.fixed = self.done;
    }

    /// The number of decisions that can be taken back.
    pub fn free(&self) -> usize {
        self.done - self.fixed
    }

    /// The first step that is free to be decided.
    pub fn first_free(&self) -> u64 {
        self.decisions[..self.fixed]
            .last()
            .map_or(0, |last| last.step + 1)
    }

    /// Takes decisions back; returns how many.
    pub fn back(&mut self, count: usize) -> usize {
        let count = count.min(self.free());
        self.done -= count;
        count
    }

    /// Makes decisions that were taken back hold again; returns how many.
    pub fn forward(&mut self, count: usize) -> usize {
        let count = count.min(self.ahead().len());
        self.done += count;
        count
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Path::default();
    }

    /// Returns the plan of the decisions that hold, and of `more`.
    pub fn plan(&self, usual: &Plan, start_up: &StartUp, more: &[Decision]) -> Plan {
        let all = || self.done().iter().chain(more);
        let deviation = |decision: &Decision| Deviation {
            step: decision.step,
            task: decision.task,
        };
        Plan {
            schedule: Schedule {
                deviations: all().map(deviation).collect(),
                ..Schedule::new(Rule::RunOn)
            },
            faults: all().filter_map(|one| one.fault.clone()).collect(),
            start_up: start_up.clone(),
            ..usual.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(step: u64, task: u32) -> Decision {
        Decision {
            step,
            task: TaskId(task),
            fault: None,
        }
    }

    #[test]
    fn what_was_taken_back_can_be_done_again() {
        let mut path = Path::default();
        path.push(&[decision(0, 0), decision(1, 1), decision(4, 0)]);
        assert_eq!((path.step(), path.ahead().len()), (5, 0));
        assert_eq!(path.back(2), 2);
        assert_eq!((path.step(), path.ahead().len()), (1, 2));
        // The same decision again: the rest stays.
        path.push(&[decision(1, 1)]);
        assert_eq!((path.step(), path.ahead().len()), (2, 1));
        assert_eq!(path.forward(9), 1);
        assert_eq!(path.back(9), 3);
        assert_eq!(path.step(), 0);
        // Another one: what was ahead belonged to the other.
        path.push(&[decision(0, 1)]);
        assert_eq!((path.done().len(), path.ahead().len()), (1, 0));
    }

    #[test]
    fn plans_name_every_decision_and_its_fault() {
        let mut path = Path::default();
        let fault: Fault = "kill:a@write#2".parse().unwrap();
        path.push(&[Decision {
            fault: Some(fault.clone()),
            ..decision(3, 1)
        }]);
        path.fix();
        assert_eq!((path.back(1), path.first_free()), (0, 4));
        let plan = path.plan(&Plan::default(), &StartUp::longest(), &[decision(4, 2)]);
        let steps: Vec<u64> = plan
            .schedule
            .deviations
            .iter()
            .map(|one| one.step)
            .collect();
        assert_eq!((steps, plan.faults), (vec![3, 4], vec![fault]));
        assert_eq!(plan.start_up, StartUp::longest());
    }
}
