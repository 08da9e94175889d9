//! Checkers of histories as checks of runs.

use super::{Check, Unjudgeable};
pub use crosswire_histories::*;
use crosswire_model::{self as model, Kind, Run, TaskId, Violation};
use std::sync::Arc;

/// Builds a check of the history that the processes of a run have logged.
///
/// Operations are known by their names (`send`, `recv`, `lock`, `unlock`, `wait`, …, see
/// [`Action`]); others are no concern of it. A priority or key stands behind the name:
/// `log.op("put:7", value, …)`. A `try…` that failed, or answered `false`, was refused. A
/// process that was killed is known to have died after its last operation began.
///
/// ```
/// use crosswire_check::history::{Mutex, of_run};
/// let check = of_run(Mutex { robust: true, ..Mutex::default() });
/// assert_eq!(check.name(), "mutex");
/// ```
pub fn of_run(checker: impl Checker + 'static) -> Arc<dyn Check> {
    prepared(checker.name(), checker, |_| true)
}

/// Builds the same check under another name. `prepare` may change each operation first,
/// and omits those for which it returns `false`.
pub fn prepared(
    name: &'static str,
    checker: impl Checker + 'static,
    prepare: impl Fn(&mut Op) -> bool + Send + Sync + 'static,
) -> Arc<dyn Check> {
    Arc::new(OfRun {
        name,
        checker,
        prepare,
    })
}

/// Builds a check that the history of a run is one of a user-defined object. Operations
/// that failed had no effect and are left out; at most `budget` configurations are
/// searched. Violations go by `name`.
///
/// See [`Specification`] for an example of one.
pub fn specification<S>(name: impl Into<String>, object: S, budget: u64) -> Arc<dyn Check>
where
    S: Specification + Send + Sync + 'static,
{
    Arc::new(OfSpecification {
        name: name.into(),
        object,
        budget,
    })
}

struct OfRun<C, P> {
    name: &'static str,
    checker: C,
    prepare: P,
}

impl<C: Checker, P: Fn(&mut Op) -> bool + Send + Sync> Check for OfRun<C, P> {
    fn name(&self) -> &str {
        self.name
    }

    fn judges_unfinished(&self) -> bool {
        self.checker.judges_unfinished()
    }

    fn check(&self, run: &Run) -> Result<Vec<Violation>, Unjudgeable> {
        let told = told(run, &self.prepare)?;
        match self.checker.check(&told.operations) {
            Ok(Outcome::Ok) => Ok(Vec::new()),
            Ok(Outcome::Violation(broken)) => Ok(vec![told.violation(self.name, broken)]),
            Ok(Outcome::Inconclusive { budget }) => Err(Unjudgeable::OutOfBudget(budget)),
            Err(unusable) => Err(Unjudgeable::Other(unusable.reason)),
        }
    }
}

/// The operations of a run, and who issued them.
struct ToldByRun {
    operations: Operations,
    tasks: Vec<TaskId>,
}

fn told(run: &Run, prepare: impl Fn(&mut Op) -> bool) -> Result<ToldByRun, Unjudgeable> {
    let mut told = ToldByRun {
        operations: Operations::default(),
        tasks: Vec::new(),
    };
    for operation in &run.history.operations {
        let process = told.operations.process(&operation.process);
        if let Some(mut op) = op(operation, process)?
            && prepare(&mut op)
        {
            told.operations.list.push(op);
            told.tasks.push(operation.task);
        }
    }
    for killed in run.trace.killed_by_fault() {
        let Some(process) = told.operations.known(&run.trace.name(killed)) else {
            continue;
        };
        let own = told
            .operations
            .list
            .iter()
            .filter(|op| op.process == process);
        let last = own
            .map(|op| {
                if op.is_pending() {
                    op.called
                } else {
                    op.answered
                }
            })
            .max();
        told.operations
            .list
            .push(Op::new(process, Action::Crash).at(last.unwrap_or(0), LAST));
        told.tasks.push(killed);
    }
    Ok(told)
}

/// Returns an operation as checkers take it; `None` if it is none of theirs or had no
/// effect.
fn op(operation: &model::Operation, process: u32) -> Result<Option<Op>, Unjudgeable> {
    let (name, key) = match operation.name.split_once(':') {
        Some((name, key)) => (name, key.parse().ok()),
        None => (operation.name.as_str(), Some(0)),
    };
    let (Some(action), Some(key)) = (Action::named(name), key) else {
        return Ok(None);
    };
    let tries = matches!(
        action,
        Action::TryLock | Action::TryReadLock | Action::TryWait
    );
    let mut op = Op::new(process, action).key(key).from(operation.called);
    match operation.outcome {
        model::Outcome::Failed { at } if tries => op = op.at(op.called, at).nothing(),
        model::Outcome::Failed { .. } => return Ok(None),
        model::Outcome::Answered { at, .. } => op = op.at(op.called, at),
        model::Outcome::Pending => {}
    }
    if tries && operation.answer() == Some(0) {
        op = op.nothing();
    }
    let takes = matches!(
        action,
        Action::Send | Action::Write | Action::Put | Action::Call | Action::Execute
    );
    let gives = matches!(action, Action::Receive | Action::Read | Action::Get);
    match (operation.value, operation.answer()) {
        (Some(value), _) if !gives => op.value = value,
        (None, _) if takes => {
            return Err(Unjudgeable::NoValue {
                process: operation.process.clone(),
                operation: operation.name.clone(),
            });
        }
        (_, Some(value)) if gives => op.value = value,
        (_, None) if gives && !op.is_pending() => op = op.nothing(),
        _ => {}
    }
    Ok(Some(op))
}

impl ToldByRun {
    fn violation(&self, name: &str, broken: Broken) -> Violation {
        let mut tasks: Vec<TaskId> = broken.witness.iter().map(|i| self.tasks[*i]).collect();
        tasks.sort_unstable();
        tasks.dedup();
        Violation {
            kind: match broken.rule {
                "order" | "empty" => Kind::Order,
                "loss" => Kind::Loss,
                "duplication" => Kind::Duplication,
                "invention" => Kind::Invention,
                _ => Kind::Broken(name.to_owned()),
            },
            details: draw(&self.operations, &broken.witness),
            sentence: broken.sentence,
            tasks,
            steps: Vec::new(),
        }
    }
}

struct OfSpecification<S> {
    name: String,
    object: S,
    budget: u64,
}

impl<S: Specification + Send + Sync> Check for OfSpecification<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn judges_unfinished(&self) -> bool {
        true
    }

    fn check(&self, run: &Run) -> Result<Vec<Violation>, Unjudgeable> {
        let failed = |o: &&model::Operation| matches!(o.outcome, model::Outcome::Failed { .. });
        let all = run.history.operations.iter();
        let operations: Vec<model::Operation> = all.filter(|o| !failed(o)).cloned().collect();
        match explain(&self.object, &operations, self.budget) {
            Explanation::Found => Ok(Vec::new()),
            Explanation::OutOfBudget => Err(Unjudgeable::OutOfBudget(self.budget)),
            Explanation::None { stuck } => Ok(vec![self.violation(&operations, stuck)]),
        }
    }
}

impl<S> OfSpecification<S> {
    fn violation(&self, operations: &[model::Operation], stuck: usize) -> Violation {
        let culprit = &operations[stuck];
        let at = culprit.answered().unwrap_or(u64::MAX);
        // With it, those that overlap it or came just before.
        let mut others: Vec<&model::Operation> = operations
            .iter()
            .enumerate()
            .filter(|(i, other)| *i != stuck && other.called <= at)
            .map(|(_, other)| other)
            .collect();
        others.sort_by_key(|other| std::cmp::Reverse((other.answered(), other.called)));
        let mut shown = vec![culprit];
        shown.extend(others.into_iter().take(3));
        shown.sort_by_key(|operation| operation.called);
        let mut tasks: Vec<TaskId> = shown.iter().map(|operation| operation.task).collect();
        tasks.sort_unstable();
        tasks.dedup();
        Violation {
            kind: Kind::Broken(self.name.clone()),
            sentence: format!(
                "no order of the operations explains how the `{}` of `{}` came out",
                culprit.name, culprit.process
            ),
            tasks,
            steps: Vec::new(),
            details: witness::draw(&shown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Expectations;
    use crate::judge;
    use crosswire_model::testing::{RunBuilder, history};
    use crosswire_model::{End, Limit, Verdict};

    fn run(text: &str) -> Run {
        let mut run = RunBuilder::new(&["p", "q"])
            .exits(0, 1, 0)
            .exits(1, 1, 0)
            .end(End::Finished);
        run.history = history(text);
        run
    }

    fn found(check: &dyn Check, run: &Run) -> Vec<Violation> {
        check.check(run).expect("judgeable")
    }

    #[test]
    fn names_keys_and_refusals_of_the_log_are_understood() {
        let mutex = of_run(Mutex::default());
        let both = run("p: lock 1-2, q: lock 3-4, p: unlock 5-6");
        let violations = found(mutex.as_ref(), &both);
        assert_eq!(violations[0].kind, Kind::Broken("mutex".into()));
        assert_eq!(violations[0].tasks, [TaskId(0), TaskId(1)]);
        assert_eq!(violations[0].details.len(), 3);
        assert!(
            found(
                mutex.as_ref(),
                &run("p: lock 1-2, q: trylock 3-4!, p: unlock 5-6")
            )
            .is_empty()
        );
        assert!(!found(mutex.as_ref(), &run("q: trylock 3-4!, q: trylock 5-6")).is_empty());

        let semaphore = of_run(Semaphore::default());
        assert!(!found(semaphore.as_ref(), &run("p: post 1-2, q: trywait=0 3-4")).is_empty());
        assert!(found(semaphore.as_ref(), &run("q: trywait=0 3-4, p: post 5-6")).is_empty());

        let kv = of_run(KeyValue::default());
        assert!(
            found(
                kv.as_ref(),
                &run("p: put:1(5) 1-2, q: get:1=5 3-4, q: get:2=none 5-6")
            )
            .is_empty()
        );
        assert!(!found(kv.as_ref(), &run("p: put:1(5) 1-2, q: get:2=5 3-4")).is_empty());
    }

    #[test]
    fn the_lock_of_a_killed_process_is_given_back_if_it_is_robust() {
        let mut killed = RunBuilder::new(&["p", "q"])
            .fault(0, 9, "kill:p@#1")
            .end(End::Finished);
        killed.history = history("p: lock 1-2, q: lock 3-4");
        let robust = of_run(Mutex {
            robust: true,
            ..Mutex::default()
        });
        assert!(found(robust.as_ref(), &killed).is_empty());
        assert!(!found(of_run(Mutex::default()).as_ref(), &killed).is_empty());
    }

    /// Counts up.
    struct Counter;

    impl Specification for Counter {
        type State = i64;
        type Undo = ();

        fn initial(&self) -> i64 {
            0
        }

        fn perform(&self, count: &mut i64, operation: &model::Operation) -> Option<()> {
            let fits = operation.answered().is_none() || operation.answer() == Some(*count);
            fits.then(|| *count += 1)
        }

        fn undo(&self, count: &mut i64, (): ()) {
            *count -= 1;
        }
    }

    #[test]
    fn a_specification_of_the_users_own_is_a_check() {
        let check = specification("counter", Counter, BUDGET);
        assert!(found(check.as_ref(), &run("p: next=1 1-4, q: next=0 2-3")).is_empty());
        let twice = found(check.as_ref(), &run("p: next=0 1-2, q: next=0 3-4"));
        assert_eq!(twice[0].kind, Kind::Broken("counter".into()));
        assert_eq!(
            twice[0].sentence,
            "no order of the operations explains how the `next` of `q` came out"
        );
        assert_eq!(twice[0].details.len(), 2);
    }

    #[test]
    fn what_a_search_could_not_decide_is_inconclusive() {
        let check = specification("counter", Counter, 1);
        let verdict = judge(
            &run("p: next=1 1-9, q: next=0 2-8, p: next=7 10-11"),
            &Expectations::default(),
            &[check],
        );
        assert_eq!(verdict, Verdict::Inconclusive(Limit::Search));
        let Verdict::Invalid(reason) = judge(
            &run("p: send(1) 1-2, p: send(1) 3-4"),
            &Expectations::default(),
            &[of_run(Fifo)],
        ) else {
            panic!("not invalid")
        };
        assert!(reason.contains("1 is sent a second time"), "{reason}");
    }
}
