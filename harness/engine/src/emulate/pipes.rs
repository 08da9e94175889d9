//! Pipes hold as much as they usually do, however many others the machine has.

use crate::run::session::Session;
use crosswire_kernel::taken::Taken;
use crosswire_kernel::{descriptor, memory};

impl Session<'_> {
    /// A task has made a pipe. Nobody has written to it yet: that would be a step.
    pub fn give_usual_capacity(&self, index: usize) {
        let task = &self.tasks[index];
        let ends: Option<[u8; 8]> = memory::read_exact(task.tid, task.entering.args[0]).ok();
        let read_end = ends.map(|ends| i32::from_ne_bytes([ends[0], ends[1], ends[2], ends[3]]));
        let process = self.processes[task.process].pid;
        if let Some(Ok(pipe)) = read_end.map(|end| Taken::from(process, end)) {
            descriptor::enlarge(&pipe);
        }
    }
}
