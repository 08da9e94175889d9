//! A counting semaphore.

use super::{
    Action, BUDGET, Broken, Checker, Explanation, Op, Operations, Outcome, Specification, Unusable,
    explain,
};

/// A counting semaphore. Operations: `post`, `wait`, `trywait` (which may be refused).
///
/// Counting a post from its call and a wait from its answer, no more waits may have
/// succeeded at any moment than the semaphore's first value and the posts allow. A post
/// that was cut off counts, a wait that was cut off does not.
///
/// An attempt is refused only when the value may be 0. With refusals no fast exact
/// algorithm is known (Lee and Mathur, arXiv 2509.05586, give one that is exponential
/// in their number): what a count does not rule out is searched within the budget.
#[derive(Debug, Clone, Copy)]
pub struct Semaphore {
    /// Its value before all operations.
    pub initial: i64,
    /// Configurations that a search may look at.
    pub budget: u64,
}

impl Default for Semaphore {
    fn default() -> Semaphore {
        Semaphore {
            initial: 0,
            budget: BUDGET,
        }
    }
}

impl Checker for Semaphore {
    fn name(&self) -> &'static str {
        "semaphore"
    }

    fn check(&self, operations: &Operations) -> Result<Outcome, Unusable> {
        operations.usable()?;
        let counts = Counts::of(&operations.list);
        let found = self
            .too_many(operations, &counts)
            .or_else(|| self.baseless(operations, &counts));
        match found {
            Some(broken) => Ok(Outcome::Violation(broken)),
            None if counts.refused.is_empty() => Ok(Outcome::Ok),
            None => Ok(self.searched(operations)),
        }
    }
}

/// Operations by moments, each with its index.
struct Counts {
    posts_called: Vec<(u64, u32)>,
    posts_answered: Vec<u64>,
    waits_called: Vec<u64>,
    waits_answered: Vec<(u64, u32)>,
    refused: Vec<usize>,
}

impl Counts {
    fn of(ops: &[Op]) -> Counts {
        let has_refusals = ops.iter().any(|op| op.nothing && !op.is_pending());
        let mut counts = Counts {
            posts_called: Vec::new(),
            posts_answered: Vec::new(),
            waits_called: Vec::new(),
            waits_answered: Vec::new(),
            refused: Vec::new(),
        };
        for (i, op) in ops.iter().enumerate() {
            match op.action {
                Action::Post => {
                    counts.posts_called.push((op.called, i as u32));
                    if has_refusals {
                        counts.posts_answered.push(op.answered);
                    }
                }
                Action::Wait | Action::TryWait if op.nothing && !op.is_pending() => {
                    counts.refused.push(i);
                }
                Action::Wait | Action::TryWait => {
                    if has_refusals {
                        counts.waits_called.push(op.called);
                    }
                    if !op.is_pending() {
                        counts.waits_answered.push((op.answered, i as u32));
                    }
                }
                _ => {}
            }
        }
        counts.posts_called.sort_unstable();
        counts.posts_answered.sort_unstable();
        counts.waits_called.sort_unstable();
        counts.waits_answered.sort_unstable();
        counts
    }
}

/// Operations that a witness names.
const NAMED: usize = 4;

impl Semaphore {
    /// Returns a wait that succeeded although there was nothing left for it.
    fn too_many(&self, operations: &Operations, counts: &Counts) -> Option<Broken> {
        let mut posts = 0;
        for (n, (at, wait)) in counts.waits_answered.iter().enumerate() {
            while counts
                .posts_called
                .get(posts)
                .is_some_and(|(called, _)| called <= at)
            {
                posts += 1;
            }
            if n as i128 + 1 > i128::from(self.initial) + posts as i128 {
                let earlier = counts.waits_answered[..n]
                    .iter()
                    .chain(&counts.posts_called[..posts]);
                let mut earlier: Vec<(u64, u32)> = earlier.copied().collect();
                earlier.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
                let mut witness = vec![*wait as usize];
                witness.extend(earlier.iter().take(NAMED - 1).map(|(_, op)| *op as usize));
                let sentence = format!(
                    "`{}` was let through by {at} as number {}, but the semaphore began at {} and \
                     {posts} posts had been called",
                    operations.who(*wait as usize),
                    n + 1,
                    self.initial,
                );
                return Some(Broken::new("permit", witness, sentence));
            }
        }
        None
    }

    /// Returns a refusal at a time when the value was surely above 0.
    fn baseless(&self, operations: &Operations, counts: &Counts) -> Option<Broken> {
        counts.refused.iter().find_map(|&refused| {
            let op = &operations.list[refused];
            // The value is least once as many waits as can be have begun: at the
            // end of the attempt, or just before a post answers within it.
            let mut moments: Vec<u64> = vec![op.called, op.answered];
            let first = counts.posts_answered.partition_point(|at| *at < op.called);
            let answers = counts.posts_answered[first..].iter();
            moments.extend(answers.take_while(|at| **at <= op.answered));
            let least = moments.iter().map(|at| self.least(counts, *at)).min()?;
            (least > 0).then(|| {
                let who = operations.who(refused);
                let sentence = format!(
                    "`{who}` was refused between {} and {}, when the value was {least} at least",
                    op.called, op.answered
                );
                Broken::new("refusal", [refused], sentence)
            })
        })
    }

    /// Returns the least value that there can be at a moment.
    fn least(&self, counts: &Counts, at: u64) -> i128 {
        let posts = counts
            .posts_answered
            .partition_point(|answered| *answered < at);
        let waits = counts.waits_called.partition_point(|called| *called <= at);
        i128::from(self.initial) + posts as i128 - waits as i128
    }

    fn searched(&self, operations: &Operations) -> Outcome {
        match explain(self, &operations.list, self.budget) {
            Explanation::Found => Outcome::Ok,
            Explanation::None { stuck } => {
                let (who, name) = (operations.who(stuck), operations.list[stuck].action.name());
                let sentence = format!(
                    "no order of the operations explains how the `{name}` of `{who}` came out, \
                     given who was refused before"
                );
                Outcome::Violation(Broken::new("refusal", [stuck], sentence))
            }
            Explanation::OutOfBudget => Outcome::Inconclusive {
                budget: self.budget,
            },
        }
    }
}

impl Specification<Op> for Semaphore {
    type State = i64;
    type Undo = i64;

    fn initial(&self) -> i64 {
        self.initial
    }

    fn perform(&self, value: &mut i64, op: &Op) -> Option<i64> {
        let before = *value;
        match op.action {
            Action::Post => *value = value.checked_add(1)?,
            Action::Wait | Action::TryWait if op.nothing && !op.is_pending() => {
                return (before == 0).then_some(before);
            }
            Action::Wait | Action::TryWait if before > 0 => *value -= 1,
            Action::Wait | Action::TryWait => return None,
            _ => {}
        }
        Some(before)
    }

    fn only_reads(&self, op: &Op) -> bool {
        op.nothing && !op.is_pending()
    }

    fn undo(&self, value: &mut i64, before: i64) {
        *value = before;
    }
}
