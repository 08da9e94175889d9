//! The one thing that an exploration asks of an engine.

use crate::LostCapability;
use crosswire_engine::{Engine, EngineError, Feature, Target};
use crosswire_model::{Plan, Run};
use std::sync::Arc;

/// Turns a plan into a run. The engine is one; tests of the exploration itself
/// use small models.
pub trait Runner {
    /// Performs one run.
    ///
    /// # Errors
    /// If the harness itself fails.
    fn run(&mut self, plan: &Plan) -> Result<Run, EngineError>;

    /// Makes further runs record the data that their calls read and write, if it can.
    fn watch(&mut self, _watches: bool) {}

    /// Tells whether its runs have files and names of their own, so that several can be
    /// performed at a time.
    fn is_apart(&self) -> bool {
        true
    }

    /// Returns the capabilities that it lacks on this machine.
    fn capabilities_lost(&self) -> Vec<LostCapability> {
        Vec::new()
    }
}

impl Runner for Engine {
    fn run(&mut self, plan: &Plan) -> Result<Run, EngineError> {
        Engine::run(self, plan)
    }

    fn watch(&mut self, watches: bool) {
        Engine::watch(self, watches);
    }

    fn is_apart(&self) -> bool {
        use Feature::{MountNamespace, Shm, Tmp, VarTmp, WorkingDir};
        let shared = |(feature, _)| matches!(feature, Shm | Tmp | VarTmp | WorkingDir);
        let capabilities = self.capabilities();
        capabilities.has(MountNamespace) && !capabilities.losses().any(shared)
    }

    fn capabilities_lost(&self) -> Vec<LostCapability> {
        // Its queues work without it, and no program lists them.
        let matters = |(feature, _): &(Feature, _)| *feature != Feature::Mqueue;
        let losses = self.capabilities().losses().filter(matters);
        losses
            .map(|(feature, loss)| LostCapability {
                name: feature.to_string(),
                reason: loss.reason.clone(),
                lost: loss.consequence.clone(),
            })
            .collect()
    }
}

/// Starts a runner on the calling thread, pinned to a CPU where one is given.
/// Called once in each worker thread, since an engine cannot change threads.
pub type Starter = Arc<dyn Fn(Option<usize>) -> Result<Box<dyn Runner>, EngineError> + Send + Sync>;

/// Starts the real engine.
pub(crate) fn engine_starter(target: &Target) -> Starter {
    let target = target.clone();
    Arc::new(move |cpu| Ok(Box::new(Engine::start(&target, cpu)?)))
}
