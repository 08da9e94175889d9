//! Replays a violation before it is reported.

use crate::keep::criteria::Judge;
use crate::keep::recorder::spelled_out;
use crate::perform::runner::Runner;
use crosswire_engine::EngineError;
use crosswire_model::{Run, Verdict};

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

/// Describes the verdicts of two runs that have the same trace and differ in these.
pub(crate) fn verdict_changed(before: &Verdict, after: &Verdict) -> String {
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
