//! Shrinking what an exploration found, and what a file holds.

use crate::again::inquire::Inquirer;
use crate::again::replay::{Changes, ReplayError, performable, target_of};
use crate::again::shrink::{Patience, Shrinker};
use crate::found::findings::Identity;
use crate::found::output::LastLines;
use crate::keep::criteria::{Criteria, Judge};
use crate::perform::confirm::{Confirmed, confirm, difference_from};
use crate::perform::runner::{Runner, Starter, engine_starter};
use crate::{Found, available_cpus};
use crosswire_check::Check;
use crosswire_engine::EngineError;
use crosswire_model::{Record, Verdict, Violation};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Result of shrinking a failure.
#[derive(Debug, Clone)]
pub struct Reduced {
    /// The simplest run that shows it, replayed: same verdict, same trace.
    pub record: Record,
    /// The failure there.
    pub violation: Violation,
    /// The last lines that this run printed.
    pub last_lines: LastLines,
    /// Runs that were tried on the way.
    pub tried: u64,
    /// True if nothing simpler was left to try when it ended.
    pub finished: bool,
}

impl Found {
    /// Tells it by the simpler run from now on.
    pub fn shrink_to(&mut self, reduced: Reduced) {
        self.violation = reduced.violation;
        self.record = reduced.record;
        self.last_lines = reduced.last_lines;
        self.shrunk = Some(reduced.tried);
    }
}

/// Reason why a recorded failure cannot be shrunk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReduceError {
    /// It cannot be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// There is nothing to shrink.
    #[error("the recorded run shows no violation ({0}), so there is nothing to shrink")]
    NoViolation(&'static str),
    /// It does not come out as it was recorded.
    #[error("the recorded failure does not replay, {0}")]
    Diverges(String),
}

/// Shrinks the first violation of a record, for so much real time at most.
///
/// # Errors
/// If it is a record of no violation, or cannot be replayed with the same trace.
pub fn reduce(record: &Record, time: Duration, stop: &AtomicBool) -> Result<Reduced, ReduceError> {
    reduce_with(
        record,
        &engine_starter(&target_of(record)?),
        &[],
        time,
        stop,
    )
}

/// Shrinks the failure on a target and with checks that a record cannot hold: those of a
/// scenario.
///
/// # Errors
/// As [`reduce`].
pub fn reduce_with(
    record: &Record,
    starter: &Starter,
    checks: &[Arc<dyn Check>],
    time: Duration,
    stop: &AtomicBool,
) -> Result<Reduced, ReduceError> {
    performable(record, Changes::Refuse)?;
    let Verdict::Violation(violations) = &record.verdict else {
        return Err(ReduceError::NoViolation(record.verdict.word()));
    };
    let violation = violations
        .first()
        .ok_or(ReduceError::NoViolation("the list is empty"))?;
    let criteria = Criteria::deserialize(record).map_err(ReplayError::from)?;
    let judge = Judge {
        expectations: criteria.expectations.clone(),
        checks: checks.to_vec(),
    };
    let mut runner = starter(available_cpus().first().copied()).map_err(ReplayError::from)?;
    let patience = Patience { time, stop };
    let reference = criteria.output.as_ref().map(|text| text.as_bytes());
    reduce_on(
        runner.as_mut(),
        &judge,
        reference,
        record,
        violation,
        patience,
    )
}

/// Share of the time for shrinking; the rest is for finding out what made it fail.
const SHRINKING: f64 = 0.6;

fn reduce_on(
    runner: &mut dyn Runner,
    judge: &Judge,
    reference: Option<&[u8]>,
    record: &Record,
    violation: &Violation,
    patience: Patience<'_>,
) -> Result<Reduced, ReduceError> {
    let began = Instant::now();
    let engine = |error: EngineError| ReduceError::Replay(error.into());
    let run = runner.run(&record.plan).map_err(engine)?;
    let verdict = judge.judge(&run, reference);
    let difference = difference_from(record, &run, &verdict);
    if let Some(difference) = difference {
        return Err(ReduceError::Diverges(difference));
    }
    let reported = match &verdict {
        Verdict::Violation(all) => all.as_slice(),
        _ => &[],
    };
    let failure = Identity::of(violation, reported, &run.trace);
    let shrinker = Shrinker {
        runner: &mut *runner,
        judge,
        reference,
        failure: failure.clone(),
        patience: Patience {
            time: patience.time.mul_f64(SHRINKING),
            ..patience
        },
    };
    let shrunk = shrinker.shrink(run, verdict).map_err(engine)?;
    // What is kept is what the strict plan does, not what led to it.
    let (run, verdict) = (shrunk.run, shrunk.verdict);
    let confirmed = confirm(runner, judge, reference, &run, &verdict).map_err(engine)?;
    let (again, verdict) = match confirmed {
        Confirmed::Same(again, verdict) => (again, verdict),
        Confirmed::Different(difference) => return Err(ReduceError::Diverges(difference)),
    };
    let violation = failure.find(&verdict, &run.trace).cloned();
    let inquirer = Inquirer {
        runner,
        judge,
        reference,
        patience: Patience {
            time: patience.time.saturating_sub(began.elapsed()),
            ..patience
        },
    };
    let inquiry = inquirer.inquire(&run).map_err(engine)?;
    Ok(Reduced {
        violation: violation.expect("shrinking keeps the failure"),
        last_lines: LastLines::of(&run),
        record: Record {
            plan: run.plan,
            verdict,
            trace: run.trace,
            history: run.history,
            stacks: crate::keep::recorder::stacks(&again),
            places: crate::keep::recorder::places(&again),
            inquiry: Some(inquiry),
            seen: again.seen,
            ..record.clone()
        },
        tried: shrunk.tried,
        finished: shrunk.finished,
    })
}

/// Shrinks the findings of an exploration in place, the first found first, within so
/// much time for all of them; what could not be done, in sentences.
pub(crate) fn reduce_all(
    found: &mut [Found],
    starter: &Starter,
    judge: &Judge,
    time: Duration,
    stop: &AtomicBool,
) -> Vec<String> {
    let began = Instant::now();
    let mut notes = Vec::new();
    let mut runner = match starter(available_cpus().first().copied()) {
        Ok(runner) => runner,
        Err(error) => return vec![format!("nothing was shrunk: {error}")],
    };
    let mut left = u32::try_from(found.len()).unwrap_or(u32::MAX);
    for one in found {
        let share = time.saturating_sub(began.elapsed()) / left.max(1);
        left = left.saturating_sub(1);
        if stop.load(Ordering::Relaxed) {
            notes.push("interrupted before everything was shrunk".to_owned());
            break;
        }
        let criteria = Criteria::deserialize(&one.record).unwrap_or_default();
        let reference = criteria.output.as_ref().map(|text| text.as_bytes());
        let patience = Patience { time: share, stop };
        let violation = one.violation.clone();
        match reduce_on(
            runner.as_mut(),
            judge,
            reference,
            &one.record,
            &violation,
            patience,
        ) {
            Ok(reduced) => {
                one.shrink_to(reduced);
            }
            Err(error) => notes.push(format!(
                "the {} was not shrunk: {error}",
                one.violation.kind
            )),
        }
    }
    notes
}
