//! Performing a run up to a step.

use super::stands::{Stand, Stop};
use crate::{Engine, EngineError};
use crosswire_model::{Plan, Run, TaskId};

/// A run up to a step, and where its tasks stand then.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The run. Its steps are those before the stop.
    pub run: Run,
    /// Where each task stands, by number; empty if the run was over before.
    pub stands: Vec<Stand>,
    /// The task that [`Rule::RunOn`](crosswire_model::Rule::RunOn) lets take the next step.
    pub usual: Option<TaskId>,
}

impl Engine {
    /// Performs a run up to a step: it stops as soon as a task is about to take that one, or a
    /// later one. Plans that begin with the same decisions stand alike there.
    ///
    /// # Errors
    /// If the harness itself fails.
    pub fn stand(&mut self, plan: &Plan, before: u64) -> Result<Standing, EngineError> {
        self.stop.before = Some(before);
        let run = self.run(plan);
        let Stop { stood, .. } = std::mem::take(&mut self.stop);
        run.map(|run| Standing {
            run,
            stands: stood.stands,
            usual: stood.usual,
        })
    }
}
