//! Floor 1: what is said about a run. Pure functions from a [`Run`] to
//! [`Violation`]s; nothing here touches a process or a file.
//!
//! Three things are judged in every run, within what [`Expectations`] allow:
//! that it did not deadlock, that its processes ended as they should, and that
//! nothing was left behind. What a particular channel, lock or program promises
//! beyond that is a [`Check`] of its own; [`judge`] puts all of it together.

mod allowance;
mod channel;
mod creator;
mod deadlock;
mod duplication;
mod exits;
mod expectations;
mod fifo;
pub mod history;
mod invention;
mod leaks;
mod livelock;
mod loss;
mod order;
mod processes;
mod promise;
mod races;
#[cfg(test)]
mod search;
#[cfg(test)]
mod testing;

pub use allowance::{Allowance, AllowanceError, ExpectedDeath, pattern};
pub use deadlock::{Unfinished, Wait, reword, unfinished, waits};
pub use duplication::no_duplication;
pub use exits::excused;
pub use expectations::{Exit, Expectations, Leaks};
pub use fifo::fifo;
pub use invention::no_invention;
pub use loss::{everything_received, no_loss_of_acknowledged};
pub use order::per_sender_order;
pub use promise::promise;
pub use races::{Race, races};

use crosswire_model::{End, Kind, Limit, Run, Verdict, Violation};
use std::sync::Arc;

/// A property that every run must have.
///
/// A check must never blame a program that could be right: operations that were
/// begun and never answered may or may not have had their effect.
pub trait Check: Send + Sync {
    /// Returns the name of the check in reports.
    fn name(&self) -> &str;

    /// Tells whether a violation found in a run that a limit cut off would hold for every
    /// continuation of the run. Checks that need the whole run, such as one of the final
    /// output, leave this `false` and do not judge other runs.
    fn judges_unfinished(&self) -> bool {
        false
    }

    /// Returns the violations of the run; empty if there are none.
    ///
    /// # Errors
    /// If the run cannot be judged by this check, which is no violation.
    fn check(&self, run: &Run) -> Result<Vec<Violation>, Unjudgeable>;
}

/// Reason why a check has nothing to say about a run. Unless another check finds a violation,
/// it makes the verdict `Invalid`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unjudgeable {
    /// An operation was logged without what the check needs to know of it.
    #[error("`{process}` logged a `{operation}` without a value")]
    NoValue {
        /// Process that logged it.
        process: String,
        /// Its name.
        operation: String,
    },
    /// A search for an order of the operations was given up. It makes the verdict
    /// `Inconclusive`.
    #[error("{0} configurations were looked at, and not all orders were tried")]
    OutOfBudget(u64),
    /// A check of the user's own gives another reason.
    #[error("{0}")]
    Other(String),
}

/// Returns the verdict on one run.
///
/// The first that applies, in this order: the harness failed (`Invalid`); the
/// program is certainly at fault (`Violation`, also if a limit was reached
/// afterwards); a check could not do its work (`Invalid`); a limit was reached
/// (`Inconclusive`); `Pass`.
pub fn judge(run: &Run, expectations: &Expectations, checks: &[Arc<dyn Check>]) -> Verdict {
    if let End::Invalid(reason) = &run.trace.end {
        return Verdict::Invalid(reason.clone());
    }
    let (mut found, _) = built_in(run, expectations);

    let unfinished = matches!(run.trace.end, End::Limit(_));
    let mut unjudged = None;
    for check in checks {
        if unfinished && !check.judges_unfinished() {
            continue;
        }
        match check.check(run) {
            Ok(violations) => found.extend(violations),
            // What makes the run invalid outweighs what leaves it undecided.
            Err(reason) => match unjudged {
                None | Some((_, Unjudgeable::OutOfBudget(_))) => unjudged = Some((check, reason)),
                Some(_) => {}
            },
        }
    }
    if !found.is_empty() {
        if let Some(promised) = &expectations.promised {
            let add = |violation: &mut Violation| violation.details.push(promised.clone());
            found.iter_mut().for_each(add);
        }
        return Verdict::Violation(found);
    }
    if let Some((_, Unjudgeable::OutOfBudget(_))) = unjudged {
        return Verdict::Inconclusive(Limit::Search);
    }
    if let Some((check, reason)) = unjudged {
        return Verdict::Invalid(format!("check `{}`: {reason}", check.name()));
    }
    match run.trace.end {
        End::Limit(limit) => Verdict::Inconclusive(limit),
        _ => Verdict::Pass,
    }
}

/// Returns the kinds of the violations that were found and accepted.
pub fn allowed(run: &Run, expectations: &Expectations) -> Vec<Kind> {
    if expectations.may_leave.is_empty() && expectations.allowed.is_empty() {
        return Vec::new();
    }
    let (_, allowed) = built_in(run, expectations);
    allowed
        .into_iter()
        .map(|violation| violation.kind)
        .collect()
}

/// Returns what the built-in checks find: violations, and those that are accepted.
fn built_in(run: &Run, expectations: &Expectations) -> (Vec<Violation>, Vec<Violation>) {
    let trace = &run.trace;
    let mut found = Vec::new();
    deadlock::find(trace, &run.seen, &mut found);
    livelock::find(trace, expectations, &mut found);
    exits::find(trace, expectations, &mut found);
    let is_allowed = |violation: &Violation| {
        let tasks = violation.tasks.iter();
        let names: Vec<String> = tasks.map(|task| trace.name(*task)).collect();
        let mut allowances = expectations.allowed.iter();
        allowances.any(|allowance| allowance.covers(&violation.kind, &names))
    };
    let (mut allowed, mut found): (Vec<_>, Vec<_>) = found.into_iter().partition(is_allowed);
    leaks::find(trace, expectations, &mut found, &mut allowed);
    (found, allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::testing::RunBuilder;
    use crosswire_model::{Signal, What};

    fn verdict(run: &Run, checks: &[Arc<dyn Check>]) -> Verdict {
        judge(run, &Expectations::default(), checks)
    }

    fn always(name: &str) -> Arc<dyn Check> {
        promise(name, |_| Err("never kept".into()))
    }

    #[test]
    fn a_failure_of_the_harness_comes_before_everything() {
        let run = RunBuilder::new(&["a"])
            .event(0, 3, What::Killed(Signal(11)))
            .end(End::Invalid("diverged".into()));
        assert_eq!(
            verdict(&run, &[always("x")]),
            Verdict::Invalid("diverged".into())
        );
    }

    #[test]
    fn a_crash_before_the_limit_is_a_violation_and_a_mere_limit_is_not() {
        let limit = End::Limit(Limit::Steps);
        let crash = RunBuilder::new(&["a"]).event(0, 3, What::Killed(Signal(11)));
        assert!(verdict(&crash.end(limit.clone()), &[]).is_violation());
        let slow = RunBuilder::new(&["a"]).end(limit);
        assert_eq!(
            verdict(&slow, &[always("x")]),
            Verdict::Inconclusive(Limit::Steps)
        );
    }

    #[test]
    fn what_is_allowed_is_no_violation_and_is_told() {
        let run = RunBuilder::new(&["a"]).exits(0, 3, 1).end(End::Finished);
        let allowing = |text: &str| Expectations {
            allowed: vec![text.parse().unwrap()],
            ..Expectations::default()
        };
        for (text, passes) in [("exit-status", true), ("exit-status:a", true)]
            .into_iter()
            .chain([("exit-status:b", false), ("livelock", false)])
        {
            let expectations = allowing(text);
            assert_eq!(judge(&run, &expectations, &[]) == Verdict::Pass, passes);
            let told = allowed(&run, &expectations);
            assert_eq!(told == [Kind::ExitStatus], passes, "{text}: {told:?}");
        }
    }

    #[test]
    fn a_broken_promise_is_a_violation_under_its_name() {
        let run = RunBuilder::new(&["a"]).exits(0, 1, 0).end(End::Finished);
        assert_eq!(verdict(&run, &[]), Verdict::Pass);
        let Verdict::Violation(found) = verdict(&run, &[always("x")]) else {
            panic!("not a violation");
        };
        assert_eq!(found[0].kind, Kind::Broken("x".into()));
    }

    /// Has nothing to say, for this reason.
    struct Mute(Unjudgeable);

    impl Check for Mute {
        fn name(&self) -> &str {
            "mute"
        }

        fn check(&self, _: &Run) -> Result<Vec<Violation>, Unjudgeable> {
            Err(self.0.clone())
        }
    }

    #[test]
    fn what_makes_a_run_invalid_outweighs_what_leaves_it_undecided() {
        let run = RunBuilder::new(&["a"]).exits(0, 1, 0).end(End::Finished);
        let undecided: Arc<dyn Check> = Arc::new(Mute(Unjudgeable::OutOfBudget(5)));
        let no_value: Arc<dyn Check> = Arc::new(Mute(Unjudgeable::Other("odd".into())));
        let both = verdict(&run, &[undecided.clone(), no_value]);
        assert_eq!(both, Verdict::Invalid("check `mute`: odd".into()));
        let one = verdict(&run, &[undecided]);
        assert_eq!(one, Verdict::Inconclusive(Limit::Search));
    }

    #[test]
    fn some_checks_judge_what_a_limit_cut_off_and_all_say_what_was_promised() {
        let mut run = RunBuilder::new(&["a"]).end(End::Limit(Limit::Steps));
        run.history = testing::history("recv=1 1-2");
        let expectations = Expectations {
            promised: Some("in order".into()),
            ..Expectations::default()
        };
        let Verdict::Violation(found) = judge(&run, &expectations, &[fifo()]) else {
            panic!("not a violation");
        };
        assert_eq!(found[0].details.last().unwrap(), "in order");
    }

    #[test]
    fn a_check_that_cannot_judge_makes_the_run_invalid_unless_another_is_certain() {
        let mut run = RunBuilder::new(&["a"]).exits(0, 1, 0).end(End::Finished);
        run.history = testing::history("send(1) 1-2, send(1) 3-4");
        let Verdict::Invalid(reason) = verdict(&run, &[fifo()]) else {
            panic!("not invalid");
        };
        assert!(reason.contains("`fifo`") && reason.contains("1 is sent a second time"));
        assert!(verdict(&run, &[fifo(), always("x")]).is_violation());
    }
}
