//! Schedules: a default rule, and the decisions that deviate from it.

use super::{Suspect, TaskId};
use serde::{Deserialize, Serialize};

/// The order in which tasks take their steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Decides wherever no deviation does.
    pub rule: Rule,
    /// Decisions that overrule it, by ascending step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deviations: Vec<Deviation>,
    /// Decisions that overrule it where they can be followed, and are passed over
    /// where they cannot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub switches: Vec<Switch>,
}

/// Rule that chooses the next task unless a decision overrules it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Rule {
    /// The task that ran last continues until it blocks, sleeps, yields or ends;
    /// then the next one by number takes over. Involves no chance at all.
    RunOn,
    /// Every step, each task that can run is equally likely.
    RandomWalk {
        /// Seed of the random choices.
        seed: u64,
    },
    /// Tasks have random priorities; the highest that can run does, and at
    /// `changes` random choices it falls below all others (PCT, Burckhardt et al.,
    /// ASPLOS 2010).
    Priorities {
        /// Seed of the random choices.
        seed: u64,
        /// Number of times that a running task is overtaken.
        changes: u32,
        /// Expected number of choices between several tasks, among which the changes are spread.
        horizon: u32,
        /// The expected number of each task's steps that matter, if each task is as likely
        /// to be overtaken, however many steps it takes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        by_task: Vec<u64>,
    },
    /// Every step to come has a random priority; it is drawn anew when another
    /// task's step touches the same (POS, Yuan et al., CAV 2018).
    PartialOrder {
        /// Seed of the random choices.
        seed: u64,
    },
    /// Each task is as likely as it has steps left, so that every order of the steps
    /// is (SURW, Zhao et al., ASPLOS 2025).
    Weighted {
        /// Seed of the random choices.
        seed: u64,
        /// Only steps that touch this object count, or one of `beside`; all of them where
        /// `None`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<String>,
        /// Further objects that count.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        beside: Vec<String>,
        /// The tasks, by number, as a run has shown them.
        weights: Vec<Weight>,
    },
    /// Tasks that are about to take a suspected step are held back until two of them are, and
    /// then take turns (active testing, Sen, PLDI 2008).
    Suspects {
        /// Seed of the random choices.
        seed: u64,
        /// With one, two tasks are to be at it; with several, at two different ones.
        sides: Vec<Suspect>,
    },
    /// Each task in turn takes this number of steps.
    RoundRobin {
        /// Steps in a row.
        quantum: u32,
    },
    /// One rule up to a step, and another one from there on: what an earlier run has come to, and
    /// something else after it.
    After {
        /// The rule of the earlier run.
        first: Box<Rule>,
        /// The number of the first step that it does not decide about.
        steps: u64,
        /// The rule from there on.
        then: Box<Rule>,
    },
}

impl Rule {
    /// Returns the seed of its random choices, if it makes any.
    pub fn seed(&self) -> Option<u64> {
        match self {
            Rule::RunOn | Rule::RoundRobin { .. } => None,
            Rule::After { then, .. } => then.seed(),
            Rule::RandomWalk { seed }
            | Rule::Priorities { seed, .. }
            | Rule::PartialOrder { seed }
            | Rule::Weighted { seed, .. }
            | Rule::Suspects { seed, .. } => Some(*seed),
        }
    }
}

impl Rule {
    /// Returns the rules that decide one after the other, each with the number of the first step
    /// that it decides about.
    ///
    /// ```
    /// use crosswire_model::Rule;
    /// let walk = |seed| Rule::RandomWalk { seed };
    /// let after = |first, steps, then| Rule::After {
    ///     first: Box::new(first),
    ///     steps,
    ///     then: Box::new(then),
    /// };
    /// let rule = after(after(walk(1), 10, walk(2)), 20, walk(3));
    /// assert_eq!(rule.stages(), [(0, &walk(1)), (10, &walk(2)), (20, &walk(3))]);
    /// // The second rule had no step.
    /// let rule = after(after(walk(1), 10, walk(2)), 5, walk(3));
    /// assert_eq!(rule.stages(), [(0, &walk(1)), (5, &walk(3))]);
    /// ```
    pub fn stages(&self) -> Vec<(u64, &Rule)> {
        match self {
            Rule::After { first, steps, then } => {
                let mut stages = first.stages();
                stages.retain(|(begin, _)| begin < steps);
                stages.extend(
                    then.stages()
                        .into_iter()
                        .map(|(begin, rule)| (begin.max(*steps), rule)),
                );
                stages
            }
            rule => vec![(0, rule)],
        }
    }
}

/// Expected amount of work of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weight {
    /// Task that creates it.
    pub parent: Option<TaskId>,
    /// Its steps that count.
    pub steps: u64,
}

/// One decision that differs from the default rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// The step, counted from 0.
    pub step: u64,
    /// The task that takes it.
    pub task: TaskId,
}

/// A decision identified by the progress of a task instead of the number of the step, so
/// that it keeps its meaning when something before it changes. Shrinking needs that, and
/// so does a plan whose program has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// Right after this task, or this store buffer, has taken this number of steps in all; at
    /// the very beginning where `None`.
    pub after: Option<(TaskId, u64)>,
    /// This task takes the next step.
    pub task: TaskId,
}

/// A task that computes stops in the midst of its own code, where no schedule point is, and others
/// go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preemption {
    /// The task.
    pub task: TaskId,
    /// The steps that it has taken by then, with the one under way.
    pub after: u64,
    /// The stretch of its own code in that step, counted from 1: calls that are no steps part them.
    pub stretch: u64,
    /// Virtual nanoseconds that pass in this stretch, at most until the next deadline.
    pub time_ns: u64,
}

impl Schedule {
    /// Builds the rule alone.
    pub fn new(rule: Rule) -> Self {
        Schedule {
            rule,
            deviations: Vec::new(),
            switches: Vec::new(),
        }
    }

    /// Builds the rule `run-on` and decisions that overrule it where they can.
    pub fn switching(switches: Vec<Switch>) -> Self {
        Schedule {
            switches,
            ..Schedule::default()
        }
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule::new(Rule::RunOn)
    }
}
