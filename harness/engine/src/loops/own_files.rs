//! Files that a task opens and closes again in each round of a loop. That concerns nobody,
//! and leaves its descriptors as they were.

use crosswire_calls::{Does, Row};
use crosswire_kernel::{Tid, descriptor};
use libc::{O_CREAT, O_TMPFILE, O_TRUNC};
use std::collections::HashMap;

/// How a task has opened files.
#[derive(Debug, Default)]
pub(super) struct OwnFiles {
    /// The step that last opened each descriptor, by a number that is the same for steps
    /// that look the same.
    opened: HashMap<i64, u64>,
    /// Descriptors that are open again in the same way, and whether what is read there is of the
    /// task alone: not of a descriptor that is a copy.
    again: Vec<(i64, bool)>,
}

impl OwnFiles {
    /// Takes note of a call that succeeded. Returns whether it works on a file which the task
    /// opens in every round, as it did in the round before. `step` is the same number for
    /// steps that look the same.
    pub(super) fn note(
        &mut self,
        tid: Tid,
        row: &Row,
        args: &[u64; 6],
        result: i64,
        step: u64,
    ) -> bool {
        if opens(row, args) && result >= 0 {
            let is_copy = row.does == Does::Duplicate;
            self.again.retain(|(open, _)| *open != result);
            let is_again = self.opened.insert(result, step) == Some(step)
                && (is_copy
                    || row.does == Does::Socket
                    || descriptor::is_plain_file(tid, result as u64));
            self.again.extend(is_again.then_some((result, !is_copy)));
            return is_again;
        }
        let used = row.descriptor().map(|at| args[at] as i64);
        let known = self.again.iter();
        let Some(at) = known
            .map(|(open, _)| Some(*open))
            .position(|open| open == used)
        else {
            return false;
        };
        match row.does {
            Does::Close => {
                self.again.remove(at);
                true
            }
            Does::Read | Does::Seek | Does::List | Does::SocketOption { .. } => self.again[at].1,
            _ => false,
        }
    }
}

/// Tells whether a call opens something without making it.
fn opens(row: &Row, args: &[u64; 6]) -> bool {
    let makes = |flags| flags & (O_CREAT | O_TRUNC | (O_TMPFILE & !libc::O_DIRECTORY)) != 0;
    match row.does {
        Does::Socket => true,
        // Not dup2(2), which closes what is there.
        Does::Duplicate => row.args.len() == 1,
        _ => row.open_flags(args).is_some_and(|flags| !makes(flags)),
    }
}
