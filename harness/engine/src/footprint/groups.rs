//! What calls touch that concern groups of processes, and who is in them.

use crate::run::session::Session;
use crosswire_calls::{Fact, Row};
use crosswire_model::Touch;
use libc::CLONE_THREAD;

/// Who is in which group or session.
const GROUPS: &str = "process groups";

/// Who is there at all: a group ends with its last member, and only a child that has not executed
/// a program can be moved (setpgid(2)).
pub(crate) const MEMBERS: &str = "members of process groups";

/// Returns what a call touches that asks for groups of processes, or changes them.
pub(super) fn of_groups(row: &Row, args: &[u64; 6]) -> Vec<Touch> {
    let mut touches = vec![match row.is(Fact::Looks) {
        true => Touch::read(GROUPS),
        false => Touch::write(GROUPS),
    }];
    if !row.is(Fact::Looks) || row.named_process(args).is_some() {
        touches.push(Touch::read(MEMBERS));
    }
    touches
}

/// Returns the touch of a process that leaves, or executes a program.
pub(super) fn member() -> Touch {
    Touch::add(MEMBERS)
}

impl Session<'_> {
    /// A call that waits for children: one that has ended leaves its group.
    pub(super) fn of_wait(&self, index: usize, row: &Row, touches: &mut Vec<Touch>) {
        touches.extend([self.mourners(self.tasks[index].process), member()]);
        if row.waits_for_group(&self.tasks[index].entering.args) {
            touches.push(Touch::read(GROUPS));
        }
    }

    /// A process that is created joins its creator's group, and has attached what that has.
    pub(super) fn of_fork(&self, index: usize, touches: &mut Vec<Touch>) {
        touches.extend([Touch::read(GROUPS), member()]);
        touches.extend(self.attached(index));
        if self.creation_flags(index, false) & CLONE_THREAD as u64 != 0 {
            // Each thread may block the signal that tells of children.
            touches.push(self.arrivals(self.tasks[index].process));
        }
    }
}
