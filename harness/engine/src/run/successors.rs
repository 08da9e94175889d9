//! Processes that begin only when another one has ended. They exist from the start,
//! so that they share the run's namespaces, and get no turn.

use crate::run::session::Session;
use crate::run::task::Task;

impl Session<'_> {
    /// Returns the process whose end another one waits for before it starts.
    pub fn awaited_by(&self, process: &str) -> Option<String> {
        let mut successors = self.setup.successors.iter();
        successors
            .find(|successor| successor.process == process)
            .map(|successor| successor.of.clone())
    }

    pub fn has_yet_to_begin(&self, task: &Task) -> bool {
        self.processes[task.process].awaits.is_some()
    }

    /// Lets those begin whose predecessor has ended.
    pub fn begin_successors(&mut self) {
        if self.setup.successors.is_empty() {
            return;
        }
        for index in 0..self.processes.len() {
            let Some(awaited) = &self.processes[index].awaits else {
                continue;
            };
            let mut namesakes = self.processes.iter().filter(|p| p.name == *awaited);
            let has_ended = namesakes.next().is_some_and(|p| self.has_ended(p));
            if has_ended {
                self.processes[index].awaits = None;
            }
        }
    }

    /// Starts all processes whose predecessor will never exist: all others are gone.
    /// Returns whether there were any.
    pub fn begin_unawaited(&mut self) -> bool {
        let gone = |task: &Task| task.is_gone() || self.has_yet_to_begin(task);
        if self.setup.successors.is_empty() || !self.tasks.iter().all(gone) {
            return false;
        }
        let waiting = self.processes.iter_mut().filter(|p| p.awaits.is_some());
        waiting.map(|process| process.awaits = None).count() > 0
    }
}
