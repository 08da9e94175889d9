//! What becomes of the objects that a process has touched when it dies.

use crosswire_model::{Mode, TaskId, Touch};
use std::collections::HashMap;

/// Modes in which an object is touched.
pub(super) type Modes = Vec<Mode>;

/// Kinds of objects by what becomes of them when a process dies; the names are those of the
/// engine's footprints. What has none of these names lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    /// The process itself: how it takes signals, whether it waits.
    Own,
    /// That time passes, or that memory changes which is named besides.
    Flow,
    /// Whether its children have ended. Those that have are gone with it.
    Children,
    /// The same of another process.
    OthersChildren,
    /// Groups and sessions of processes.
    Groups,
    /// The position of an open file.
    Position,
    /// What is in a directory.
    Entries,
    /// A pipe, which is gone with the last who has it.
    Pipe,
    /// The locks on a file.
    Locks,
    /// What is given up at the end, or no more than looked at.
    Passing,
    /// A file, or memory that is mapped from it.
    File,
    Lasting,
}

impl Object {
    pub fn of(object: &str, process: TaskId) -> Object {
        let rest = |begin: &str| object.strip_prefix(begin);
        let is_own = |name: &str| name == process.to_string();
        if rest("process ").or(rest("SIGCHLD to ")).is_some_and(is_own) {
            return Object::Own;
        }
        match object {
            "time-outs" | "changes of shared memory" => return Object::Flow,
            "process groups" => return Object::Groups,
            "waits for locks" => return Object::Own,
            "file /dev/null" | "file /dev/zero" | "file /dev/full" => return Object::Flow,
            "random numbers" | "futexes" | "files with several names" => return Object::Passing,
            _ => {}
        }
        match rest("children of ") {
            Some(name) if is_own(name) => return Object::Children,
            Some(_) => return Object::OthersChildren,
            None => {}
        }
        let begins = [
            ("position in ", Object::Position),
            ("entries of ", Object::Entries),
            ("pipe ", Object::Pipe),
            ("locks of ", Object::Locks),
            ("writers of ", Object::Passing),
            ("file ", Object::File),
        ];
        let known = begins.iter().find(|(begin, _)| object.starts_with(begin));
        known.map_or(Object::Lasting, |(_, kind)| *kind)
    }

    /// Tells whether who uses it uses a file.
    pub fn is_of_files(self) -> bool {
        matches!(
            self,
            Object::Position | Object::Entries | Object::Locks | Object::File
        )
    }
}

pub(super) fn add<'a>(objects: &mut HashMap<&'a str, Modes>, touch: &'a Touch) {
    let modes = objects.entry(&touch.object).or_default();
    if !modes.contains(&touch.mode) {
        modes.push(touch.mode);
    }
}

/// Tells whether the order of a touch and one of these may matter.
pub(super) fn clash(modes: &[Mode], mode: Mode) -> bool {
    modes
        .iter()
        .any(|other| *other != mode || mode == Mode::Write)
}
