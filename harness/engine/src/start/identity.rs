//! The id by which a thread knows itself, and where its memory holds it.

use crate::run::session::Session;
use crosswire_calls::{Does, Fact};
use crosswire_kernel::tracee::Stopped;
use crosswire_kernel::{Tid, maps, memory};
use std::collections::BTreeSet;

impl Session<'_> {
    /// Returns the id that a task of a template asks for, where copies will have another one:
    /// its own, that of its parent or of its group.
    pub fn id_in_template(&self, index: usize) -> Option<i32> {
        let task = &self.tasks[index];
        let process = &self.processes[task.process];
        let (row, args) = (task.entering.row(), task.entering.args);
        let is_of_root = match row.does {
            Does::Identity => process.root,
            // Not its session's, which is the same for copies.
            Does::Groups if row.is(Fact::Looks) && row.is(Fact::ReturnsPid) => {
                row.args.is_empty() || args[0] == 0
            }
            Does::Parent => process
                .parent
                .is_some_and(|parent| self.processes[parent].root),
            _ => false,
        };
        (self.setup.in_template && is_of_root).then_some(self.setup.start_id)
    }
}

/// Finds the position of the thread's own id in the thread control block. glibc and musl
/// keep it within their first kilobyte, at offsets of their own.
pub(crate) fn find_tid(tid: Tid, thread_pointer: u64, tid_inside: i32) -> Option<u64> {
    let mut block = [0; 1024];
    let count = memory::read(tid, thread_pointer, &mut block).ok()?;
    let words = block[..count].chunks_exact(4);
    let at = words
        .into_iter()
        .position(|word| word == tid_inside.to_ne_bytes())?;
    Some(thread_pointer + 4 * at as u64)
}

/// Returns the addresses at which a program's memory holds the id of its thread, or the same
/// number, elsewhere than in the thread control block; `None` if it is too large to be searched.
/// A lock that counts how often its owner has taken it holds the id: the loader's own, for example,
/// while the libraries that a program has asked for are initialised (dlopen(3)). A copy would wait
/// for itself forever.
pub(crate) fn places_of_tid(
    stopped: &Stopped,
    tid_inside: i32,
) -> std::io::Result<Option<BTreeSet<u64>>> {
    /// Limit on reserved memory: a program that has reserved more while being loaded is
    /// not searched.
    const MOST: u64 = 1 << 30;
    let tid = stopped.tid();
    let own = find_tid(tid, stopped.registers()?.thread_pointer(), tid_inside);
    let word = tid_inside.to_ne_bytes();
    let mut page = [0; 4096];
    let Some(pages) = maps::written_pages(tid, MOST)? else {
        return Ok(None);
    };
    let mut places = BTreeSet::new();
    for address in pages {
        // Memory of devices cannot be read.
        let count = memory::read(tid, address, &mut page).unwrap_or(0);
        let words = page[..count].chunks_exact(4).zip((address..).step_by(4));
        let is_id = |(found, at): &(&[u8], u64)| *found == word && Some(*at) != own;
        places.extend(words.filter(is_id).map(|(_, at)| at));
    }
    Ok(Some(places))
}

/// Returns the pid by which a task knows itself (`NSpid` of proc_pid_status(5)).
pub(crate) fn inner_tid(tid: Tid) -> Option<i32> {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    inner_number(&status, "NSpid:")
}

/// Returns a number of a task that it has in several namespaces, as it is in the innermost:
/// proc_pid_status(5) tells it last.
pub(crate) fn inner_number(status: &str, name: &str) -> Option<i32> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().last()?.parse().ok()
}
