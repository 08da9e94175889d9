//! Calls that use shared memory otherwise than by pointers: as a file, or in ways that are not
//! looked into. Whether all uses of a page that conflict were seen depends on them, too; which
//! pages are left does not.

use super::users::PageUser;
use crate::footprint::descriptors::{Use, usage};
use crate::memory::naming::Key;
use crate::run::session::Session;
use crate::run::task::{At, State};
use crosswire_calls::{Does, Fact, Mapping};
use crosswire_kernel::{descriptor, memory};
use crosswire_model::Rule;
use libc::{MAP_SHARED, O_TRUNC};
use std::os::unix::fs::MetadataExt;

impl Session<'_> {
    /// A task takes a step: takes note of the files that it uses, if it is a call.
    pub fn note_call_on_pages(&mut self, index: usize) {
        let plan = self.setup.plan;
        // A schedule that leaves nothing to chance has no use for it.
        let has_use = plan.footprints || plan.schedule.rule != Rule::RunOn;
        let is_call = matches!(self.tasks[index].state, State::Ready(At::Entry, _));
        if !has_use || !is_call || !self.leaves_shared_pages() {
            return;
        }
        if self.recorder.has_unwatched() || self.is_unknown(index) {
            return self.note_file(index, None, true);
        }
        if let Some((keys, writes)) = self.used_files(index) {
            for key in keys {
                self.note_file(index, Some(key), writes);
            }
        }
    }

    /// A call uses a file, or everything.
    fn note_file(&mut self, index: usize, file: Option<Key>, writes: bool) {
        let objects = &self.memory.objects;
        let object = file.and_then(|key| objects.of_key(key));
        if file.is_none() || object.is_some() {
            let user = PageUser::of(&self.contest, self.actor(index));
            let is_it = |of: u32| file.is_none() || object == Some(of);
            self.memory.page_users.note_call(is_it, &user, writes);
        }
        let user = PageUser::of(&self.contest, self.actor(index));
        self.memory.page_users.note_file(file, &user, writes);
    }

    /// Tells whether a call may reach memory of others in ways that are not looked into: it is not
    /// known, moves pages themselves, or reads and writes the memory of a process (proc_pid_mem(5)).
    fn is_unknown(&mut self, index: usize) -> bool {
        let row = self.tasks[index].entering.row();
        match row.does {
            Does::Anything => !row.is(Fact::Looks) && !row.is(Fact::Own),
            Does::Move => row.vector().is_some(),
            Does::Read | Does::ReadAt | Does::Write | Does::WriteAt => self.uses_process(index),
            _ => false,
        }
    }

    /// Tells whether the file that a call reads or writes is the memory of a process.
    fn uses_process(&mut self, index: usize) -> bool {
        let task = &self.tasks[index];
        let (tid, args) = (task.tid, task.entering.args);
        let Some(number) = task.entering.row().descriptor().map(|at| args[at]) else {
            return false;
        };
        // Of what is known of the file, most calls need not ask.
        let opened = self.opened(index, number);
        opened.is_some_and(|file| file.key.is_some() && !file.is_plain)
            && descriptor::target(tid, number)
                .is_some_and(|target| target.starts_with("/proc") && target.ends_with("mem"))
    }

    /// Returns the files whose contents a call uses, and whether it may change them.
    pub(in crate::memory) fn used_files(&mut self, index: usize) -> Option<(Vec<Key>, bool)> {
        let entering = self.tasks[index].entering;
        let (row, args) = (entering.row(), entering.args);
        let writes = match (row.does, usage(row, &args)) {
            (Does::Open, _) => {
                let flags = row.open_flags(&args);
                let empties = flags.is_none_or(|flags| flags & O_TRUNC != 0);
                return empties.then(|| (self.named_files(index), true));
            }
            (Does::ChangeFile, _) => return Some((self.named_files(index), true)),
            // What others write to the file shows there (mmap(2)).
            (Does::Map(Mapping::Map), _) if args[3] & MAP_SHARED as u64 == 0 => false,
            (Does::Map(_) | Does::Exit { .. } | Does::Execute, _) => return None,
            (_, Some(Use::Read | Use::ReadAt)) => false,
            (_, None | Some(Use::Write | Use::Change)) => true,
            _ => return None,
        };
        let numbers = [row.descriptor(), row.second_descriptor()];
        let numbers = numbers.into_iter().flatten();
        let files = numbers.filter_map(|at| self.opened(index, args[at])?.key);
        Some((
            files
                .map(|(device, number)| Key::File(device, number))
                .collect(),
            writes,
        ))
    }

    /// Returns the files that a call names by their paths.
    fn named_files(&self, index: usize) -> Vec<Key> {
        let (tid, entering) = (self.tasks[index].tid, self.tasks[index].entering);
        let named = |(directory, at): (Option<usize>, usize)| {
            let name = memory::read_string(tid, entering.args[at], 4096)?;
            let directory = directory.map(|at| entering.args[at] as i32);
            let base = match directory.filter(|number| *number >= 0) {
                _ if name.starts_with('/') => "root".to_owned(),
                Some(number) => format!("fd/{number}"),
                None => "cwd".to_owned(),
            };
            let data = std::fs::metadata(format!("/proc/{tid}/{base}/{name}")).ok()?;
            Some(Key::File(data.dev(), data.ino()))
        };
        entering.row().paths().filter_map(named).collect()
    }
}
