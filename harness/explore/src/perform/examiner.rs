//! Judging single runs, whose plans somebody else has chosen, and making records of them.

use crate::keep::criteria::Judge;
use crate::keep::recorder::Recorder;
use crate::perform::confirm::{Confirmed, confirm};
use crate::perform::runner::Runner;
use crate::{Exploration, ExploreError};
use crosswire_engine::EngineError;
use crosswire_model::{Record, Run, Verdict};

/// Judges runs as an [`Exploration`] would, and makes records of them.
pub struct Examiner {
    judge: Judge,
    recorder: Recorder,
}

impl Examiner {
    /// Takes the target, the expectations and the checks of an exploration.
    ///
    /// # Errors
    /// If a program is missing or may not be executed.
    pub fn of(exploration: &Exploration) -> Result<Examiner, ExploreError> {
        let recorder = Recorder::new(
            &exploration.target,
            exploration.scenario.clone(),
            exploration.expectations.clone(),
        )?;
        Ok(Examiner {
            judge: Judge {
                expectations: exploration.expectations.clone(),
                checks: exploration.checks.clone(),
            },
            recorder,
        })
    }

    /// Returns the verdict on a run.
    pub fn judge(&self, run: &Run) -> Verdict {
        self.judge.judge(run, None)
    }

    /// Replays a run from what its record says, and returns the record. If the replay differs,
    /// the verdict is `Invalid`.
    ///
    /// # Errors
    /// If the harness itself fails.
    pub fn record(&self, runner: &mut dyn Runner, run: &Run) -> Result<Record, EngineError> {
        let verdict = self.judge(run);
        let mut run = run.clone();
        run.trace.footprints = Vec::new();
        let verdict = match confirm(runner, &self.judge, None, &run, &verdict)? {
            Confirmed::Same(again, verdict) => {
                run.seen = again.seen;
                run.captures = again.captures;
                verdict
            }
            Confirmed::Different(difference) => Verdict::Invalid(format!(
                "performing the run again gave different results, {difference}"
            )),
        };
        Ok(self.recorder.record(&run, verdict, None))
    }
}
