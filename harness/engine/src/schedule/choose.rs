//! Chooses the task of the next step: by the plan, else by the rule.

use super::drains::Drains;
use super::{Options, PATIENCE, Policy};
use crosswire_model::{Rule, Schedule, Suspect, Switch, TaskId, Touch};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// Makes the choices of one run.
#[derive(Debug)]
pub struct Chooser {
    schedule: Schedule,
    next_deviation: usize,
    /// Those that have not had their moment.
    switches: Vec<Switch>,
    policy: Option<Box<dyn Policy>>,
    /// The rules that take over, each with its first step.
    later: VecDeque<(u64, Rule)>,
    /// True if one of the rules must know what tasks are about to touch.
    looks_ahead: bool,
    suspects: Rc<[Suspect]>,
    /// Number of sleeps that the rule may still end before all other tasks wait.
    early_wakes: u64,
    drains: Drains,
    /// Steps by task, and by store buffer.
    taken: HashMap<TaskId, u64>,
    current: Option<TaskId>,
    in_a_row: u32,
    /// Choices between several tasks so far, and before the rule took over.
    number: u64,
    number_before: u64,
}

/// Tasks to choose from, by ascending number.
#[derive(Debug)]
pub struct Choices<'a> {
    /// Tasks that can go on, and store buffers that can drain.
    pub ready: &'a [TaskId],
    /// Tasks in a sleep.
    pub asleep: &'a [TaskId],
    /// Those among whom the rule chooses ([`Chooser::candidates`]).
    pub candidates: &'a [TaskId],
    /// Objects that their steps are about to touch; may be empty unless the rule [looks
    /// ahead](Chooser::looks_ahead).
    pub next: &'a [Rc<[Touch]>],
    /// The [suspects](Chooser::suspects) that their steps are, a bit each; empty if there are
    /// none.
    pub suspected: &'a [u8],
}

/// The plan asks for something that cannot be done.
#[derive(Debug, PartialEq, Eq)]
pub struct CannotRun {
    pub step: u64,
    pub task: TaskId,
}

impl Chooser {
    /// Choices as this schedule makes them, from the run's beginning.
    pub fn new(schedule: &Schedule) -> Chooser {
        let stages = schedule.rule.stages();
        let looks_ahead = |rule: &Rule| super::of(rule).is_some_and(|policy| policy.looks_ahead());
        let first = stages[0].1;
        Chooser {
            schedule: schedule.clone(),
            next_deviation: 0,
            switches: schedule.switches.clone(),
            policy: super::of(first),
            later: (stages[1..]
                .iter()
                .map(|(begin, rule)| (*begin, (*rule).clone())))
            .collect(),
            looks_ahead: stages.iter().any(|(_, rule)| looks_ahead(rule)),
            suspects: match &schedule.rule {
                Rule::Suspects { sides, .. } => sides.as_slice().into(),
                _ => [].into(),
            },
            early_wakes: super::early_wakes(first),
            drains: Drains::new(first),
            taken: HashMap::new(),
            current: None,
            in_a_row: 0,
            number: 0,
            number_before: 0,
        }
    }

    /// Another rule takes over where it is its turn.
    fn take_over(&mut self, step: u64) {
        let is_due = |(begin, _): &(u64, Rule)| *begin <= step;
        while self.later.front().is_some_and(is_due) {
            let Some((_, rule)) = self.later.pop_front() else {
                return;
            };
            self.policy = super::of(&rule);
            self.early_wakes = super::early_wakes(&rule);
            self.drains = Drains::new(&rule);
            self.number_before = self.number;
        }
    }

    /// Tells whether the rule must know the objects that each task is about to touch.
    pub fn looks_ahead(&self) -> bool {
        self.looks_ahead
    }

    /// Returns the steps that the rule is directed at.
    pub fn suspects(&self) -> Rc<[Suspect]> {
        self.suspects.clone()
    }

    /// Returns the tasks among which the rule chooses: those that are ready, and those
    /// that sleep, since nothing guarantees that other tasks make progress during a
    /// sleep.
    pub fn candidates(&self, ready: &[TaskId], asleep: &[TaskId]) -> Vec<TaskId> {
        let tasks = ready.iter().filter(|task| !task.is_buffer());
        let mut all: Vec<TaskId> = tasks.copied().collect();
        if self.early_wakes > 0 {
            all.extend_from_slice(asleep);
            all.sort_unstable();
        }
        all
    }

    /// Returns the task that took the last step if it may go on: nobody has to decide that it
    /// does.
    pub fn would_go_on(&self, step: u64, ready: &[TaskId], yielded: bool) -> Option<TaskId> {
        let planned = self.schedule.deviations.get(self.next_deviation);
        let is_planned = planned.is_some_and(|deviation| deviation.step == step);
        let now = self.done();
        let is_switched = self.switches.iter().any(|switch| switch.after == now);
        let can = |task: &TaskId| !task.is_buffer() && ready.contains(task);
        let task = self.current.filter(can)?;
        let has_had_enough = yielded || self.in_a_row >= PATIENCE;
        (!is_planned && !is_switched && !has_had_enough).then_some(task)
    }

    /// Returns the number of choices between several tasks so far.
    pub fn choices(&self) -> u64 {
        self.number
    }

    /// A task goes on without a decision.
    pub fn goes_on(&mut self, task: TaskId) {
        self.note(task);
    }

    /// Chooses; with the decision itself where [`Rule::RunOn`](crosswire_model::Rule::RunOn)
    /// would have chosen otherwise. `yielded`: the task that ran last wants others to
    /// run.
    pub fn choose(
        &mut self,
        step: u64,
        choices: &Choices,
        yielded: bool,
    ) -> Result<(TaskId, Option<Switch>), CannotRun> {
        self.take_over(step);
        let default = self.run_on(choices.ready, yielded);
        let can = |task: TaskId| choices.ready.contains(&task) || choices.asleep.contains(&task);
        let planned = self.schedule.deviations.get(self.next_deviation);
        let chosen = match planned {
            Some(deviation) if deviation.step == step => {
                let task = deviation.task;
                self.next_deviation += 1;
                if !can(task) {
                    return Err(CannotRun { step, task });
                }
                task
            }
            _ => match self.due_switch().filter(|task| can(*task)) {
                Some(task) => task,
                None => self.by_rule(choices, yielded, default),
            },
        };
        let after = self.done();
        self.number += u64::from(choices.candidates.len() > 1);
        self.note(chosen);
        let switch = Switch {
            after,
            task: chosen,
        };
        Ok((chosen, (chosen != default).then_some(switch)))
    }

    fn by_rule(&mut self, choices: &Choices, yielded: bool, default: TaskId) -> TaskId {
        if self.policy.is_some() {
            let must = choices.candidates.is_empty();
            if let Some(buffer) = self.drains.choose(choices.ready, must) {
                return buffer;
            }
        }
        let options = Options {
            number: self.number - self.number_before,
            ready: choices.candidates,
            next: choices.next,
            suspected: choices.suspected,
            current: self.current.map(TaskId::owner),
            in_a_row: self.in_a_row,
            yielded,
        };
        let Some(policy) = &mut self.policy else {
            return default;
        };
        let chosen = policy.choose(&options);
        let is_early = !choices.ready.contains(&chosen);
        self.early_wakes = self.early_wakes.saturating_sub(is_early.into());
        chosen
    }

    /// Returns the task that [`Rule::RunOn`](crosswire_model::Rule::RunOn) chooses of these that
    /// are ready.
    pub(crate) fn usual(&self, ready: &[TaskId], yielded: bool) -> TaskId {
        self.run_on(ready, yielded)
    }

    fn run_on(&self, ready: &[TaskId], yielded: bool) -> TaskId {
        let tasks = || ready.iter().filter(|task| !task.is_buffer());
        let next = |task: TaskId| tasks().find(|id| **id > task).or_else(|| tasks().next());
        let chosen = match self.current.map(TaskId::owner) {
            Some(task) if !yielded && self.in_a_row < PATIENCE && ready.contains(&task) => {
                return task;
            }
            // It waits until its stores are visible.
            Some(task) if !ready.contains(&task) && ready.contains(&task.buffer()) => {
                return task.buffer();
            }
            Some(task) => next(task),
            None => tasks().next(),
        };
        *chosen.unwrap_or(&ready[0])
    }

    /// The task that a switch gives this step to.
    fn due_switch(&mut self) -> Option<TaskId> {
        let now = self.done();
        let due = self
            .switches
            .iter()
            .position(|switch| switch.after == now)?;
        Some(self.switches.remove(due).task)
    }

    /// Returns the task that ran last, and the number of all its steps.
    pub fn done(&self) -> Option<(TaskId, u64)> {
        self.current.map(|task| (task, self.taken[&task]))
    }

    fn note(&mut self, chosen: TaskId) {
        *self.taken.entry(chosen).or_default() += 1;
        self.in_a_row = match self.current.map(TaskId::owner) == Some(chosen.owner()) {
            true => self.in_a_row + 1,
            false => 0,
        };
        self.current = Some(chosen);
    }

    /// Deviations that no step has asked for: the plan belongs to a longer run.
    pub fn unused_deviation(&self) -> Option<CannotRun> {
        self.schedule
            .deviations
            .get(self.next_deviation)
            .map(|d| CannotRun {
                step: d.step,
                task: d.task,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_waits_for_its_stores_lets_its_buffer_go_first() {
        let [first, second] = [TaskId(0), TaskId(1)];
        let mut chooser = Chooser::new(&Schedule::default());
        let mut takes = |step: u64, ready: &[TaskId]| {
            let candidates = chooser.candidates(ready, &[]);
            assert!(!candidates.iter().any(|task| task.is_buffer()));
            let choices = Choices {
                ready,
                asleep: &[],
                candidates: &candidates,
                next: &[],
                suspected: &[],
            };
            let (task, decision) = chooser.choose(step, &choices, false).unwrap();
            assert_eq!(decision, None);
            task
        };
        let buffer = first.buffer();
        // It goes on while it can, whatever waits in its buffer.
        assert_eq!(takes(0, &[first, second, buffer]), first);
        assert_eq!(takes(1, &[first, second, buffer]), first);
        assert_eq!(takes(2, &[second, buffer]), buffer);
        assert_eq!(takes(3, &[first, second]), first);
        // Where it waits for something else, its stores are visible first, too.
        assert_eq!(takes(4, &[second, second.buffer()]), second);
        assert_eq!(takes(5, &[second.buffer()]), second.buffer());
    }

    #[test]
    fn another_rule_takes_over_at_its_step() {
        let all = [TaskId(0), TaskId(1)];
        let turns = |quantum| Rule::RoundRobin { quantum };
        let rule = Rule::After {
            first: Box::new(turns(3)),
            steps: 6,
            then: Box::new(turns(1)),
        };
        let mut chooser = Chooser::new(&Schedule::new(rule));
        let chosen: Vec<u32> = (0..10)
            .map(|step| {
                let choices = Choices {
                    ready: &all,
                    asleep: &[],
                    candidates: &all,
                    next: &[],
                    suspected: &[],
                };
                chooser.choose(step, &choices, false).unwrap().0.0
            })
            .collect();
        assert_eq!(chosen[..6], [0, 0, 0, 1, 1, 1]);
        assert_eq!(chosen[6..], [0, 1, 0, 1]);
    }
}
