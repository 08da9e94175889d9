//! Replays a violation before it is reported.

use super::criteria::Judge;
use super::recorder::spelled_out;
use super::replay::verdict_changed;
use super::runner::Runner;
use crosswire_engine::EngineError;
use crosswire_model::{Run, Verdict};

/// Result of replaying a run.
pub(super) enum Confirmed {
    /// Same trace, same verdict; the replay was watched, so its words say more.
    Same(Box<Run>, Verdict),
    /// The first difference.
    Different(String),
}

/// Performs a run again from what its record would say, and notes what its calls read
/// and write.
pub(super) fn confirm(
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
