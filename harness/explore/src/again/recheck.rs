//! Reruns saved failures. If the program changes so that a plan no longer fits, its
//! decisions are followed as far as they can be, and moved a little.

use crate::found::output::LastLines;
use crate::keep::criteria::Judge;
use crate::perform::confirm::{Confirmed, confirm};
use crate::perform::runner::Runner;
use crate::perform::worker::Work;
use crate::{ExploreError, Found, Regression, available_cpus};
use crosswire_engine::EngineError;
use crosswire_model::{End, Plan, Run, Schedule, Switch, Verdict};
use std::path::PathBuf;

/// Result of rerunning a regression.
pub(crate) enum Recheck {
    /// The run of its plan passes.
    Passes,
    /// It still fails, with its own plan or with one close by.
    Fails(Box<(Run, Verdict)>),
    /// Its plan cannot be followed any more, and no similar plan fails.
    NoLongerFits(String),
}

/// Distance by which decisions are moved to either side in a program that has changed.
const REACH: u64 = 3;

/// Runs a regression; where its plan no longer fits, plans around it.
pub(crate) fn recheck(
    runner: &mut dyn Runner,
    judge: &Judge,
    regression: &Regression,
) -> Result<Recheck, EngineError> {
    let run = runner.run(&regression.plan)?;
    let verdict = judge.judge(&run, None);
    let End::Invalid(reason) = &run.trace.end else {
        return Ok(match verdict {
            Verdict::Violation(_) => Recheck::Fails(Box::new((run, verdict))),
            Verdict::Pass if run.trace.unused_faults.is_empty() => Recheck::Passes,
            Verdict::Pass => around(runner, judge, regression, "a fault has no point any more")?,
            other => Recheck::NoLongerFits(format!("its run is {}", other.word())),
        });
    };
    let reason = reason.clone();
    around(runner, judge, regression, &reason)
}

fn around(
    runner: &mut dyn Runner,
    judge: &Judge,
    regression: &Regression,
    reason: &str,
) -> Result<Recheck, EngineError> {
    for switches in close_by(&regression.switches) {
        let plan = Plan {
            schedule: Schedule::switching(switches),
            // In another program they would be elsewhere.
            preemptions: None,
            ..regression.plan.clone()
        };
        let run = runner.run(&plan)?;
        let verdict = judge.judge(&run, None);
        if verdict.is_violation() {
            return Ok(Recheck::Fails(Box::new((run, verdict))));
        }
    }
    Ok(Recheck::NoLongerFits(reason.to_owned()))
}

/// Returns the decisions themselves, and each of them a little earlier or later.
fn close_by(switches: &[Switch]) -> Vec<Vec<Switch>> {
    let mut all = vec![switches.to_vec()];
    for at in 0..switches.len() {
        let Some((from, taken)) = switches[at].after else {
            continue;
        };
        for moved in taken.saturating_sub(REACH)..=taken + REACH {
            if moved == taken {
                continue;
            }
            let mut others = switches.to_vec();
            others[at].after = Some((from, moved));
            all.push(others);
        }
    }
    all
}

/// Runs every regression; those that still fail as findings, and what else there is to
/// say of them, in sentences.
pub(crate) fn recheck_all(
    work: &Work,
    regressions: &[(PathBuf, Regression)],
) -> Result<(Vec<Found>, Vec<String>), ExploreError> {
    let mut runner = (work.starter)(available_cpus().first().copied())?;
    let (mut found, mut notes) = (Vec::new(), Vec::new());
    for (path, regression) in regressions {
        let name = path.display();
        match recheck(runner.as_mut(), &work.judge, regression)? {
            Recheck::Passes => notes.push(format!("{name}: its run passes")),
            Recheck::NoLongerFits(reason) => notes.push(format!(
                "{name}: the program has changed and its plan no longer fits ({reason}); no \
                 similar plan fails. Delete the file if its failure is repaired"
            )),
            Recheck::Fails(failed) => {
                let (run, verdict) = *failed;
                notes.push(format!("{name}: still fails"));
                found.push(finding(work, runner.as_mut(), run, &verdict)?);
            }
        }
    }
    Ok((found.into_iter().flatten().collect(), notes))
}

/// Builds the finding of a run that fails; none if a replay gives a different result.
fn finding(
    work: &Work,
    runner: &mut dyn Runner,
    mut run: Run,
    verdict: &Verdict,
) -> Result<Option<Found>, EngineError> {
    let verdict = match confirm(runner, &work.judge, None, &run, verdict)? {
        Confirmed::Same(again, verdict) => {
            run.seen = again.seen;
            run.captures = again.captures;
            verdict
        }
        Confirmed::Different(_) => return Ok(None),
    };
    let record = work.recorder.record(&run, verdict.clone(), None);
    let Verdict::Violation(violations) = &verdict else {
        return Ok(None);
    };
    Ok(violations.first().map(|violation| Found {
        violation: violation.clone(),
        record,
        last_lines: LastLines::of(&run),
        run: 0,
        replayed: true,
        count: 1,
        shrunk: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::TaskId;

    #[test]
    fn decisions_are_moved_one_at_a_time() {
        let at = |taken| Switch {
            after: Some((TaskId(0), taken)),
            task: TaskId(1),
        };
        let all = close_by(&[at(1), at(9)]);
        assert_eq!(all[0], [at(1), at(9)]);
        assert!(all.contains(&vec![at(4), at(9)]) && all.contains(&vec![at(1), at(6)]));
        assert_eq!(all.len(), 1 + 4 + 6);
    }
}
