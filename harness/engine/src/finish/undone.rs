//! Operations of a killed process that cannot have had an effect.
//!
//! A process that is killed leaves an operation without an answer, which may have had its
//! effect or not. It has had none if nothing that others could notice happened since it
//! began: the process was killed at the entry of its first call, before any access to
//! shared memory, or while that call waited and had taken nothing yet.

use crate::observe::logged::Undone;
use crate::run::session::Session;
use crosswire_model::Call;

impl Session<'_> {
    /// A task begins a step.
    pub fn note_log(&mut self, index: usize) {
        let length = self.log_length();
        let process = self.tasks[index].process;
        self.processes[process].logged.begin_step(length);
    }

    /// A task's process is about to be killed before it has made its call, or in a call
    /// that has waited from the first and will have done nothing.
    pub fn note_undone(&mut self, index: usize) {
        let number = self.tasks[index].process;
        // Which thread logged an operation is not known.
        let threads = self.tasks.iter().filter(|task| task.process == number);
        // A mark stands for work in whose midst the process is.
        let is_marked = self.tasks[index].entering.call == Call::MARK.0;
        // Whoever shares memory that is not watched may have written there unnoticed.
        if is_marked || threads.count() > 1 || self.recorder.has_unwatched() {
            return;
        }
        let process = &self.processes[number];
        self.recorder.note_undone(Undone {
            leader: process.leader,
            since: process.logged.before(),
        });
    }

    /// Tells whether the call in which a task waits has had no effect so far.
    pub fn waits_untouched(&self, index: usize) -> bool {
        let entering = self.tasks[index].entering;
        entering.row().is_untouched(&entering.args)
    }
}
