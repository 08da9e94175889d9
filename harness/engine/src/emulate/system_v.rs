//! Times of System V objects, as calls tell them.

use crate::emulate::time::clock::SECOND;
use crate::run::session::Session;
use crosswire_calls::{Arg, Does, Mapping, Row};
use crosswire_kernel::memory;
use libc::{CLOCK_REALTIME, IPC_STAT};

/// The bits of a command that are not `IPC_64` (linux/ipc.h).
const COMMAND: i32 = 0xff;

impl Session<'_> {
    /// A call has come back: takes note of the times that it has set, and corrects those that it
    /// tells.
    pub fn note_system_v_times(&mut self, index: usize, row: &Row, result: i64) {
        if result < 0 || row.does != Does::Map(Mapping::Detach) && row.system_v().is_none() {
            return;
        }
        let task = &self.tasks[index];
        let args = task.entering.args;
        let now = self.clock.reading(CLOCK_REALTIME) / SECOND;
        self.ipc.times.note(row, &args, result, now);
        let command = row.argument(Arg::ControlCommand).map(|at| args[at] as i32);
        let (Does::ControlSystemV(kind), Some(IPC_STAT)) =
            (row.does, command.map(|command| command & COMMAND))
        else {
            return;
        };
        // msgctl(2), semctl(2) and shmctl(2) have the address of the description last.
        let address = args[row.args.len() - 1];
        for (place, time) in self.ipc.times.of(kind, args[0] as i32) {
            let told = memory::read_exact::<8>(task.tid, address + place);
            if told.is_ok_and(|told| told != [0; 8]) {
                // The kernel has just written there.
                let _ = memory::write(task.tid, address + place, &time.to_ne_bytes());
            }
        }
    }
}
