//! What inotify(7) tells of files that were renamed.

use crate::run::session::{Halt, Session};
use crosswire_calls::{Does, Fact};
use crosswire_kernel::{descriptor, memory};
use std::path::Path;

impl Session<'_> {
    /// Corrects the events that a task has just read of files that it watches.
    pub fn correct_notices(&mut self, index: usize, result: i64) -> Result<(), Halt> {
        let task = &self.tasks[index];
        let (row, tid) = (task.entering.row(), task.tid);
        self.files.watches |= row.is(Fact::Watches);
        let [number, buffer, ..] = task.entering.args;
        let reads = row.does == Does::Read && result > 0 && self.files.watches;
        let is_watch =
            || descriptor::target(tid, number).as_deref() == Some(Path::new("anon_inode:inotify"));
        // Not readv(2), by which nobody reads them.
        if !reads || row.vector().is_some() || !is_watch() {
            return Ok(());
        }
        let mut events = vec![0; result as usize];
        memory::read(tid, buffer, &mut events)?;
        self.files.renames.renumber(&mut events);
        memory::write(tid, buffer, &events)?;
        Ok(())
    }
}
