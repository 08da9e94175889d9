//! Replays a violation before it is reported.

use crate::keep::criteria::Judge;
use crate::keep::recorder::spelled_out;
use crate::perform::runner::Runner;
use crosswire_engine::EngineError;
use crosswire_model::{Record, Run, Verdict};

/// Result of replaying a run.
pub(crate) enum Confirmed {
    /// Same trace, same verdict; the replay was watched, so its words say more.
    Same(Box<Run>, Verdict),
    /// The first difference.
    Different(String),
}

/// Performs a run again from what its record would say, and notes what its calls read
/// and write.
pub(crate) fn confirm(
    runner: &mut dyn Runner,
    judge: &Judge,
    reference: Option<&[u8]>,
    run: &Run,
    verdict: &Verdict,
) -> Result<Confirmed, EngineError> {
    runner.watch(true);
    let again = runner.run(&spelled_out(run));
    runner.watch(false);
    let again = again?;
    if let Some(difference) = run.trace.first_difference(&again.trace) {
        return Ok(Confirmed::Different(difference));
    }
    let second = judge.judge(&again, reference);
    Ok(match second.agrees_with(verdict) {
        true => Confirmed::Same(Box::new(again), second),
        false => Confirmed::Different(verdict_changed(verdict, &second)),
    })
}

/// Describes how a run differs from the one that was recorded, in its trace or its verdict; `None`
/// if it does not. Addresses may be others.
pub(crate) fn difference_from(record: &Record, run: &Run, verdict: &Verdict) -> Option<String> {
    let changed = || verdict_changed(&record.verdict, verdict);
    let in_verdict = || (!verdict.agrees_with(&record.verdict)).then(changed);
    let in_trace = record.trace.first_difference_elsewhere(&run.trace);
    in_trace.or_else(in_verdict)
}

/// Describes the verdicts of two runs that have the same trace and differ in these.
fn verdict_changed(before: &Verdict, after: &Verdict) -> String {
    let words = |verdict: &Verdict| match verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::Inconclusive(limit) => format!("inconclusive (limit on {limit})"),
        Verdict::Invalid(reason) => format!("invalid ({reason})"),
        Verdict::Violation(all) => {
            let sentences: Vec<&str> = all.iter().map(|one| one.sentence.as_str()).collect();
            format!("violation ({})", sentences.join("; "))
        }
    };
    format!("the verdict: {} became {}", words(before), words(after))
}
