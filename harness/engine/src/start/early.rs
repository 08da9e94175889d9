//! Files of the run that programs look at while they start.
//!
//! Start-up comes before the first step, once for all runs. Looking at files that the run
//! may change belongs to it as long as no other program changes them ([`StartUp`]): what a
//! program's own descendants change, they change after it. A run in which another program
//! does so shows that its own start-up came too early; it is repeated with a start-up that
//! ends before.

use crate::emulate::address;
use crate::footprint::names::changes_by_name;
use crate::footprint::objects::{entries, file, writers};
use crate::run::session::Session;
use crate::start::loading::{TRIED, is_inside, leads_inside, opens_to_change};
use crate::start::outside::{is_outside, names};
use crate::start::reads::{EXECUTED, changed_with, holds_own};
use crate::start::wrapper::forget_status;
use crosswire_calls::Does;
use crosswire_kernel::{descriptor, probe};
use crosswire_model::{EVERYTHING, Mode, Touch};
use libc::{AF_UNIX, MAP_PRIVATE};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

impl Session<'_> {
    /// Tells whether looking at files of the run belongs to the start-up under way.
    pub fn reads_own_files(&self) -> bool {
        let start_up = &self.setup.plan.start_up;
        let is_free = self.setup.in_template || !start_up.contested.contains(EXECUTED);
        start_up.reads_own_files && (is_free || start_up.comes_first)
    }

    /// Tells whether the call at which a task stands asks for what differs from run to run
    /// unless it is corrected.
    pub(super) fn asks_of_run(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        let (row, args) = (task.entering.row(), task.entering.args);
        match row.does {
            _ if !self.reads_own_files() => false,
            Does::LookUp | Does::Inspect | Does::List if self.setup.in_template => true,
            Does::LookUp => !row.path().is_some_and(|at| self.is_public_path(index, at)),
            Does::Inspect | Does::List => descriptor::target(task.tid, args[0])
                .is_some_and(|path| is_inside(&path.to_string_lossy(), self.setup.private_dirs)),
            _ => false,
        }
    }

    /// Tells whether a call belongs to a start-up that looks at files of the run.
    pub(super) fn belongs_to_longer_start_up(&mut self, index: usize) -> bool {
        if !self.reads_own_files() {
            return false;
        }
        let entering = self.tasks[index].entering;
        match entering.row().does {
            // Copies have the id that is answered here, and the same directory and host.
            Does::Identity | Does::WorkingDirectory | Does::HostName => true,
            // Is there such a thing? Is there a name service (nscd(8))? What is kept of it keeps
            // the template from being kept.
            Does::Epoll => self.makes_early(),
            Does::Socket if entering.args[0] as i32 == AF_UNIX => self.makes_early(),
            Does::Connect => self.connects_in_vain(index),
            // Without a controlling terminal that fails (tty(4)).
            Does::Open if self.opens_terminal(index) => !probe::has_terminal(self.tasks[index].tid),
            Does::Open => !opens_to_change(&entering) && self.may_look_early(index),
            Does::LookUp => self.may_look_early(index),
            _ => false,
        }
    }

    /// Tells whether start-up may make one more thing that copies would share, to see whether that
    /// is possible.
    fn makes_early(&mut self) -> bool {
        let may = self.early.made < self.setup.most_made;
        self.early.made += u32::from(may);
        may
    }

    /// Tells whether a socket that was just made is to be connected to one that is not there and
    /// that no run can make.
    fn connects_in_vain(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        let [descriptor, at, ..] = task.entering.args;
        let loading = self.processes[task.process].loading.as_ref();
        let is_tried = loading.is_some_and(|it| it.opened.contains(&(descriptor | TRIED)));
        let path = address::path(task.tid, at);
        is_tried
            && path.is_some_and(|path| {
                let inside = format!("/proc/{}/root{}", task.tid, path.display());
                let is_public = !is_inside(&path.to_string_lossy(), self.setup.private_dirs);
                path.is_absolute() && is_public && !Path::new(&inside).exists()
            })
    }

    fn opens_terminal(&self, index: usize) -> bool {
        let row = self.tasks[index].entering.row();
        let path = row.path().and_then(|at| self.path_at(index, at));
        path.as_deref() == Some("/dev/tty")
    }

    /// Tells whether no other program is known to change the file at which a call looks, and
    /// takes note of it.
    fn may_look_early(&mut self, index: usize) -> bool {
        let mut touches = self.of_names(index);
        let does = self.tasks[index].entering.row().does;
        if self.setup.until_executed > 0 && does == Does::LookUp {
            forget_status(&mut touches);
        }
        let start_up = &self.setup.plan.start_up;
        let is_look = |touch: &Touch| touch.object != EVERYTHING && touch.mode == Mode::Read;
        if !touches.iter().all(is_look) {
            return false;
        }
        let mut seen: BTreeSet<String> = touches.iter().map(|touch| touch.object.clone()).collect();
        if does == Does::Open {
            // It will be read or listed.
            let mut names = touches.iter().rev();
            let opened = names.find_map(|touch| touch.object.strip_prefix("name "));
            seen.extend(
                opened
                    .map(file)
                    .into_iter()
                    .flat_map(|file| [entries(&file), file]),
            );
        }
        // Who writes to a file has opened it for that.
        let files = seen.iter().filter(|object| object.starts_with("file "));
        let mut writers: BTreeSet<String> = files.map(|file| writers(file)).collect();
        seen.append(&mut writers);
        let (in_template, comes_first) = (self.setup.in_template, start_up.comes_first);
        if in_template && comes_first {
            return true;
        }
        if !comes_first && !seen.is_disjoint(&start_up.contested) {
            return false;
        }
        if in_template {
            self.early.seen.append(&mut seen);
            return true;
        }
        if !self.setup.notes_changes {
            self.early.missed = true;
            return comes_first;
        }
        self.looks_early(index, seen)
    }

    /// Takes note of what a program looks at that was executed in the run. Returns whether that may
    /// belong to its start-up.
    fn looks_early(&mut self, index: usize, seen: BTreeSet<String>) -> bool {
        let (process, next) = (self.tasks[index].process, self.processes.len());
        match self.setup.plan.start_up.comes_first {
            true => {
                self.early.look_anyway(process, next, seen);
                true
            }
            false => self.early.look(process, next, seen),
        }
    }

    /// Tells whether a file that start-up opened may be mapped. Copies of the program share
    /// what it maps, which must not be a file that a run can change.
    pub(super) fn may_map_early(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        let [_, _, _, flags, number, _] = task.entering.args;
        flags as i32 & MAP_PRIVATE != 0
            || !self.reads_own_files()
            || descriptor::target(task.tid, number)
                .is_some_and(|path| !is_inside(&path.to_string_lossy(), self.setup.private_dirs))
    }

    /// Tells whether no run is known to change the file outside at which a call looks, and takes
    /// note of it.
    pub(super) fn may_look_outside(&mut self, index: usize, argument: usize) -> bool {
        let path = self.path_at(index, argument).unwrap_or_default();
        let start_up = &self.setup.plan.start_up;
        let (in_template, comes_first) = (self.setup.in_template, start_up.comes_first);
        let seen = match in_template && comes_first {
            true => BTreeSet::new(),
            false => names(Path::new(&path)),
        };
        if !comes_first && !seen.is_disjoint(&start_up.contested) {
            return false;
        }
        if in_template {
            self.early.seen.extend(seen);
            return true;
        }
        seen.is_empty() || self.looks_early(index, seen)
    }

    /// Returns the files outside that the call may change at which a task stands.
    pub(super) fn of_changed_outside(&self, index: usize) -> BTreeSet<String> {
        let task = &self.tasks[index];
        let (row, args) = (task.entering.row(), task.entering.args);
        let paths = match row.does {
            _ if changes_by_name(&task.entering) => self.paths_of(index, row, &args),
            Does::Bind => {
                let path = task.path.as_deref().filter(|path| path.starts_with('/'));
                path.map(PathBuf::from).into_iter().collect()
            }
            _ => Vec::new(),
        };
        let dirs = self.setup.private_dirs;
        let is_own = |path: &Path| is_inside(&path.to_string_lossy(), dirs);
        let outside = paths
            .iter()
            .filter(|path| !is_own(path) && !leads_inside(path, dirs));
        outside.flat_map(|path| names(path)).collect()
    }

    /// Before a call of a run: takes note of files that another program has looked at while
    /// it started, if the call may change them.
    pub fn note_contest(&mut self, index: usize) {
        let own = self.root_number(index);
        let others = self.setup.early.iter().enumerate();
        let others = others.filter(|(root, seen)| *root != own && !seen.is_empty());
        let others: Vec<&BTreeSet<String>> = others.map(|(_, seen)| seen).collect();
        let comes_first = self.setup.plan.start_up.comes_first;
        let others = if comes_first { Vec::new() } else { others };
        let notes_changes = self.setup.notes_changes;
        let touches = match notes_changes || others.iter().any(|seen| holds_own(seen)) {
            true => self.of_changed_files(index),
            false => Vec::new(),
        };
        let outside = self.of_changed_outside(index);
        let process = self.tasks[index].process;
        let processes = &self.processes;
        let descends = |ancestor| {
            let mut parent = processes[process].parent;
            while parent.is_some_and(|parent| parent != ancestor) {
                parent = parent.and_then(|parent| processes[parent].parent);
            }
            parent.is_some()
        };
        let changed = touches.into_iter().filter(|touch| touch.mode != Mode::Read);
        for object in changed.map(|touch| touch.object).chain(outside) {
            match notes_changes || is_outside(&object) {
                true if comes_first => self.early.change_anyway(process, &object),
                true => self.early.change(process, &object, descends),
                false => {}
            }
            for seen in &others {
                match object == EVERYTHING && holds_own(seen) {
                    true => self.early.contested.extend([object.clone()]),
                    false => self.early.contested.extend(changed_with(seen, &object)),
                }
            }
        }
    }

    /// Returns which of the programs that the harness started a task descends from.
    fn root_number(&self, index: usize) -> usize {
        let mut process = self.tasks[index].process;
        while let Some(parent) = self.processes[process].parent {
            process = parent;
        }
        let roots = self.processes.iter().take(process);
        roots.filter(|process| process.root).count()
    }
}
