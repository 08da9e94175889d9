//! What a worker does with a run: performs it, judges it, confirms what it finds.

use crate::found::coverage::orders;
use crate::found::first::FirstRun;
use crate::found::outcome::Outcome;
use crate::found::output::LastLines;
use crate::found::relevance::Relevance;
use crate::keep::criteria::Judge;
use crate::keep::recorder::Recorder;
use crate::perform::confirm::{Confirmed, confirm};
use crate::perform::runner::{Runner, Starter};
use crate::perform::sampling::NumberedRun;
use crate::plan::effects::classes::{by_effect, learned};
use crate::plan::planner::Planner;
use crate::plan::profile::Profile;
use crate::{Exploration, ExploreError};
use crosswire_engine::{EngineError, Successor};
use crosswire_model::{End, FaultKind, Limit, Plan, Run, Verdict};
use std::sync::{Arc, Mutex};

/// Immutable state shared by all workers of an exploration.
pub(crate) struct Work {
    pub starter: Starter,
    pub planner: Planner,
    pub judge: Judge,
    pub recorder: Recorder,
    pub check_output: bool,
    pub confirm: bool,
    /// The faults for which points are learned.
    pub faults: Vec<FaultKind>,
    /// Processes that begin when others have ended.
    pub successors: Vec<Successor>,
    /// One run in this number is performed twice.
    pub self_check: u64,
    /// Limits that a run has reached which was described.
    pub limits_told: Mutex<Vec<Limit>>,
}

impl Work {
    /// Prepares the work of an exploration.
    ///
    /// # Errors
    /// If a program is missing or may not be executed.
    pub fn of(exploration: &Exploration, starter: Starter) -> Result<Work, ExploreError> {
        let recorder = Recorder::new(
            &exploration.target,
            exploration.scenario.clone(),
            exploration.expectations.clone(),
        )?;
        Ok(Work {
            starter,
            planner: Planner {
                seed: exploration.seed,
                strategy: exploration.strategy,
                suspects: exploration.suspects.clone(),
                shard: exploration.shard,
                fault_pairs: exploration.fault_pairs,
                performed: exploration.performed(),
                by_effect: exploration.faults.iter().any(by_effect),
                memory: exploration.memory,
                watches_threads: exploration.watches_threads,
                start_up: exploration.start_up(),
                prefix: exploration.prefix.clone(),
                limits: exploration.limits.clone(),
            },
            judge: Judge {
                expectations: exploration.expectations.clone(),
                checks: exploration.checks.clone(),
            },
            recorder,
            check_output: exploration.check_output,
            confirm: exploration.confirm,
            faults: exploration.faults.clone(),
            successors: exploration.target.successors.clone(),
            self_check: exploration.self_check,
            limits_told: Mutex::default(),
        })
    }
}

/// Performs a run of an exploration by its number.
pub(crate) fn perform_job(
    work: &Work,
    runner: &mut dyn Runner,
    job: &NumberedRun,
) -> Result<Outcome, EngineError> {
    let plan = work.planner.plan(job.run, &job.lessons);
    let (run, mut outcome) = perform(work, runner, &plan, job.reference.as_deref())?;
    if is_checked(work, job.run)
        && outcome.verdict == Verdict::Pass
        && let Some(difference) = run.trace.first_difference(&runner.run(&run.plan)?.trace)
    {
        outcome.verdict = Verdict::Invalid(format!(
            "performing a run twice gave different results, {difference}"
        ));
    }
    if !work.faults.is_empty() {
        outcome.points = learned(&run, &work.successors, &work.faults);
    }
    if plan.faults.is_empty() && !plan.chooses_every_step {
        outcome.profile = Some(Profile::of(&run));
    }
    outcome.orders = orders(&run);
    // A start-up that has grown during the run would give other numbers to the steps.
    let is_as_planned = plan.faults.is_empty() && run.plan.start_up == plan.start_up;
    if is_as_planned && !plan.footprints && !outcome.orders.is_empty() {
        outcome.plan = Some(Arc::new(run.plan.clone()));
    }
    if work.planner.prefix.is_some() && run.plan.start_up != plan.start_up {
        outcome.verdict = Verdict::Invalid(
            "a run has shown more of what processes share while they start, so that its steps are \
             not those that the given decisions speak of"
                .to_owned(),
        );
        outcome.record = None;
    }
    if job.run == 0 {
        describe_first(work, &run, &mut outcome);
    }
    Ok(outcome)
}

/// Tells whether a run is one of those performed twice; violations always are.
fn is_checked(work: &Work, run: u64) -> bool {
    // Neither run 0 nor always runs with, or without, a fault.
    work.self_check > 0 && run % work.self_check == work.self_check - 1 - run / work.self_check % 2
}

/// Adds what the other runs need to know of the first.
pub(crate) fn describe_first(work: &Work, run: &Run, outcome: &mut Outcome) {
    outcome.processes = run.trace.process_names();
    outcome.relevance = Relevance::of(run);
    outcome.first = Some(FirstRun::of(run));
    outcome.wrappers.clone_from(&run.wrappers);
    // Only a run that came to its proper end shows what belongs there.
    let proper = outcome.verdict == Verdict::Pass && run.trace.end == End::Finished;
    outcome.reference = (work.check_output && proper).then(|| run.stdout.clone());
}

/// Performs one run and judges it; a violation is replayed at once and recorded.
/// `reference` is what it must print, if that is checked.
pub(crate) fn perform(
    work: &Work,
    runner: &mut dyn Runner,
    plan: &Plan,
    reference: Option<&[u8]>,
) -> Result<(Run, Outcome), EngineError> {
    let mut run = runner.run(plan)?;
    // For the caller; a record has no use for them.
    let footprints = std::mem::take(&mut run.trace.footprints);
    let verdict = work.judge.judge(&run, reference);
    let mut outcome = Outcome::of(&run, verdict);
    outcome.excused = crosswire_check::excused(&run.trace, &work.judge.expectations);
    outcome.allowed = crosswire_check::allowed(&run, &work.judge.expectations);
    if outcome.verdict.is_violation() {
        if work.confirm {
            match confirm(runner, &work.judge, reference, &run, &outcome.verdict)? {
                Confirmed::Same(again, verdict) => {
                    outcome.verdict = verdict;
                    run.seen = again.seen;
                    run.captures = again.captures;
                }
                Confirmed::Different(difference) => {
                    outcome.verdict = Verdict::Invalid(unconfirmed(&outcome.verdict, &difference));
                    return Ok((run, outcome));
                }
            }
            outcome.replayed = true;
        }
        let record = work
            .recorder
            .record(&run, outcome.verdict.clone(), reference);
        outcome.record = Some(Box::new(record));
        outcome.last_lines = LastLines::of(&run);
    }
    if let Verdict::Inconclusive(_) = outcome.verdict {
        outcome.given_up = work.give_up(runner, &run, reference)?;
    }
    run.trace.footprints = footprints;
    Ok((run, outcome))
}

/// Describes a violation whose replay went another way: it may be one all the same.
fn unconfirmed(verdict: &Verdict, difference: &str) -> String {
    let found = match verdict {
        Verdict::Violation(found) => &found[..],
        _ => &[],
    };
    let sentences: Vec<String> = found
        .iter()
        .map(|violation| format!("{}: {}", violation.kind, violation.sentence))
        .collect();
    format!(
        "replaying a violation gave different results, {difference}. Unconfirmed is: {}",
        sentences.join("; ")
    )
}
