//! The programs of a worker, started: for each start-up that its runs have had.

use crate::start::target::Start;
use crate::start::template::Template;
use crosswire_kernel::{Tid, descriptor, sandbox};
use crosswire_model::{StartUp, Wrapper};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::{fs, io};

/// A program as it is started, for a template that is made anew.
pub(crate) struct Startable {
    pub start: Start,
    pub program: sandbox::Program,
    /// Once that is known: what it executes itself, if it only prepares that, kept there.
    pub executes: Option<Option<Template>>,
}

/// Templates of all programs, for runs with the same start-up.
pub(crate) struct Prepared {
    pub start_up: StartUp,
    /// False if a program could only be kept after a shorter one.
    pub is_as_asked: bool,
    pub templates: Vec<Template>,
    /// For each, the files of the run at which it looked while it started.
    pub early: Vec<BTreeSet<String>>,
    /// For each, what it executes.
    pub executables: Vec<Executable>,
}

/// What a process executes: its path, and what stat(2) tells of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Executable {
    path: PathBuf,
    status: [u64; 7],
}

impl Executable {
    /// Returns what a process executes, if it can be told.
    pub fn of(tid: Tid) -> io::Result<Executable> {
        let path = descriptor::executable(tid).ok_or(io::ErrorKind::NotFound)?;
        let data = fs::metadata(format!("/proc/{tid}/exe"))?;
        let status = [
            data.dev(),
            data.ino(),
            data.nlink(),
            u64::from(data.mode()),
            data.size(),
            data.mtime() as u64,
            data.mtime_nsec() as u64,
        ];
        Ok(Executable { path, status })
    }
}

impl Prepared {
    /// Tells whether a run has renamed, removed or changed what the templates execute. Each run
    /// finds the files as they were, but a template still executes what became of its own.
    pub fn is_outdated(&self) -> bool {
        let mut all = self.templates.iter().zip(&self.executables);
        all.any(|(template, known)| Executable::of(template.tid).is_ok_and(|now| now != *known))
    }

    /// Returns the programs that are kept after they have executed another one.
    pub fn wrappers(&self) -> Vec<Wrapper> {
        let wrappers = self.templates.iter().map(|one| one.wrapper.clone());
        wrappers.flatten().collect()
    }

    /// Tells whether a program would begin with another one.
    fn has_wrappers(&self, start_up: &StartUp) -> bool {
        start_up.skips_wrappers && !(self.start_up.skips_wrappers && self.wrappers().is_empty())
    }

    /// Tells whether the programs would be kept at the same places for runs with another
    /// start-up: it knows of nothing else contested at which they have looked.
    pub fn serves(&self, wanted: &StartUp) -> bool {
        let (own, other) = (&self.start_up, wanted);
        let kind = |one: &StartUp| (one.reads_own_files, one.comes_first);
        if own.errors != other.errors
            || kind(own) != kind(other)
            || self.has_wrappers(own) != self.has_wrappers(other)
        {
            return false;
        }
        let is_new = |object: &&String| !own.contested.contains(*object);
        let mut new = other.contested.iter().filter(is_new);
        let differs = |object: &String| self.early.iter().any(|seen| seen.contains(object));
        own == other
            || own.comes_first
            || (self.is_as_asked || own.is_shortest())
                && own.contested.is_subset(&other.contested)
                && !new.any(differs)
    }
}
