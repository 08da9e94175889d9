//! What is kept of a run that reached a limit.

use crate::found::given_up::GivenUp;
use crate::keep::recorder::spelled_out;
use crate::perform::runner::Runner;
use crate::perform::worker::Work;
use crosswire_engine::EngineError;
use crosswire_model::{End, Limit, Names, Plan, Record, Run, Verdict};

/// Steps of which a record is made at most. A run that goes round in a loop shows the same
/// after them as after a million, which nobody could look at.
const RECORDED: u64 = 20_000;

impl Work {
    /// Describes a run that reached a limit, and records it: the first one that reached this
    /// limit, since the others say the same. `None` for these, and for other runs.
    pub(super) fn give_up(
        &self,
        runner: &mut dyn Runner,
        run: &Run,
        reference: Option<&[u8]>,
    ) -> Result<Option<Box<GivenUp>>, EngineError> {
        let End::Limit(limit) = run.trace.end else {
            return Ok(None);
        };
        let is_known = {
            let mut told = self.limits_told.lock().unwrap_or_else(|e| e.into_inner());
            let is_known = told.contains(&limit);
            told.push(limit);
            is_known
        };
        if is_known {
            return Ok(None);
        }
        let record = self.record_beginning(runner, run, reference)?;
        let seen = record.as_ref().map_or(&[][..], |record| &record.seen);
        let standing = crosswire_check::unfinished(&run.trace, seen);
        let names = Names::of(&run.trace);
        Ok(Some(Box::new(GivenUp {
            limit,
            run: String::new(),
            steps: run.trace.steps,
            sentence: names.in_words(&standing.sentence),
            details: standing.details.iter().map(|d| names.in_words(d)).collect(),
            record,
            file: None,
        })))
    }

    /// Performs the run again as far as a record of it goes, and notes what its calls read and
    /// write. `None` if it goes another way then.
    fn record_beginning(
        &self,
        runner: &mut dyn Runner,
        run: &Run,
        reference: Option<&[u8]>,
    ) -> Result<Option<Record>, EngineError> {
        let steps = run.trace.steps.min(RECORDED);
        let mut plan: Plan = spelled_out(run);
        plan.limits.steps = steps;
        plan.schedule.deviations.retain(|one| one.step < steps);
        runner.watch(true);
        let again = runner.run(&plan);
        runner.watch(false);
        let mut again = again?;
        again.trace.footprints = Vec::new();
        let is_same = again.trace.end == End::Limit(Limit::Steps)
            && run.trace.events.starts_with(&again.trace.events);
        let verdict = self.judge.judge(&again, reference);
        let is_unfinished = verdict == Verdict::Inconclusive(Limit::Steps);
        Ok((is_same && is_unfinished).then(|| self.recorder.record(&again, verdict, reference)))
    }
}
