//! Programs that only prepare another one and execute it: scripts that look for the right
//! version, set variables and end in `exec`; env(1) and the like.
//!
//! What they and their children do by themselves takes hundreds of steps in each run, none of
//! which another program could notice. So a template may be kept after it, where the last
//! program that is executed so has been loaded. The orders of the steps before are given up;
//! the plan says so ([`crosswire_model::StartUp::skips_wrappers`]).

use crate::error::EngineError;
use crate::footprint::groups::MEMBERS;
use crate::footprint::objects::{entries, file, is_made_by_run, position, writers};
use crate::footprint::{PIDS, RANDOM};
use crate::run::session::{Halt, Session};
use crate::run::setup::Setup;
use crate::run::task::{At, State};
use crate::start::launch::Launched;
use crate::start::template::Template;
use crosswire_calls::Does;
use crosswire_kernel::{Tid, descriptor, probe};
use crosswire_model::{EVERYTHING, Mode, Touch, Wrapper};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Steps after which a program is taken to do more than prepare another one.
const MOST_STEPS: u64 = 10_000;

/// Returns how many other programs a program executes that has just been started, before it or
/// its children do anything that could be noticed outside.
pub(crate) fn count(name: &str, launched: Launched, setup: Setup<'_>) -> Result<u32, EngineError> {
    let held = held_open(launched.stopped.tid());
    let (mut session, index) = Session::of_launched(name, launched, setup)?;
    let passed = session.pass_wrappers(index, &held)?;
    session.kill_all()?;
    Ok(passed)
}

/// Keeps a program where it has executed as many others as is wanted; `None` if it does not get
/// there.
pub(crate) fn keep(
    name: &str,
    launched: Launched,
    setup: Setup<'_>,
) -> Result<Option<Template>, EngineError> {
    let (tid, tid_inside) = (launched.stopped.tid(), launched.tid_inside);
    let (directory, held) = (descriptor::working_directory(tid), held_open(tid));
    let (mut session, index) = Session::of_launched(name, launched, setup)?;
    let passed = session.pass_wrappers(index, &held)?;
    let stopped = match session.is_kept_at_exec(index) && passed == setup.until_executed {
        true => session.tasks[index].take_stopped().ok(),
        false => None,
    };
    let Some(stopped) = stopped else {
        session.kill_all()?;
        return Ok(None);
    };
    let launched = Launched {
        tid_inside,
        stopped,
        clock: session.clock,
        chance: session.chance,
    };
    let mut kept = Template::at_exec(name, launched)?;
    kept.early.append(&mut session.early.seen);
    let executes = descriptor::executable(tid).unwrap_or_default();
    kept.wrapper = Some(Wrapper {
        process: name.to_owned(),
        executes: executes.to_string_lossy().into_owned(),
        steps: session.turn.step(),
    });
    let own = descriptor::working_directory(tid);
    kept.directory = own.filter(|own| directory.as_ref() != Some(own));
    Ok(Some(kept))
}

impl Session<'_> {
    /// Lets a program that has just been started go on, until it or its children are about to do
    /// what could be noticed outside. Returns how many others it has executed when it was alone,
    /// and nothing that it has done before could be told any more but by the program itself.
    fn pass_wrappers(&mut self, index: usize, held: &OpenFiles) -> Result<u32, EngineError> {
        let given = self.given_files(index);
        let mut passed = 0;
        while !self.is_kept_at_exec(index) && self.only_prepares(&given) {
            let before = self.early.executed;
            match self.take_step() {
                Err(Halt::Failed(error)) => return Err(error),
                Err(Halt::End(_)) => break,
                Ok(()) => {}
            }
            let executed = self.early.executed;
            let tid = self.tasks[index].tid;
            if executed > before && self.is_left_alone(index) && holds_only(tid, held) {
                passed = executed;
            }
        }
        Ok(passed)
    }

    /// Tells whether a program has just executed the one that is to be kept.
    pub fn is_kept_at_exec(&self, index: usize) -> bool {
        let wanted = self.setup.until_executed;
        let is_root = self.processes[self.tasks[index].process].root;
        is_root && wanted > 0 && self.early.executed == wanted
    }

    /// Names of the files that the program was given.
    fn given_files(&mut self, index: usize) -> BTreeSet<String> {
        let tid = self.tasks[index].tid;
        let given = (0..3).filter_map(|number| self.descriptor(tid, number));
        given.map(|file| file.name).collect()
    }

    /// Tells whether no task that can go on is about to do what could be noticed outside; takes
    /// note of the files at which they look.
    fn only_prepares(&mut self, given: &BTreeSet<String>) -> bool {
        let mut next: Vec<usize> = self.ready().iter().map(|task| task.index()).collect();
        // They let others go first.
        next.extend(self.going_round());
        let goes_on = !next.is_empty() && self.turn.step() < MOST_STEPS;
        goes_on && next.into_iter().all(|i| self.is_preparation(i, given))
    }

    fn is_preparation(&mut self, index: usize, given: &BTreeSet<String>) -> bool {
        let is_call = match self.tasks[index].state {
            State::Ready(At::Access, _) => return false,
            State::Ready(At::Entry, _) if self.depends_on_template(index) => return false,
            State::Ready(at, _) => at == At::Entry,
            _ => false,
        };
        let mut touches = self.concern(index).to_vec();
        if is_call && self.tasks[index].entering.row().does == Does::LookUp {
            forget_status(&mut touches);
        }
        let is_quiet = |touch: &Touch| touch.mode == Mode::Read || is_inner(touch, given);
        if !touches.iter().all(is_quiet) {
            return false;
        }
        let looks = touches.iter().filter(|touch| touch.mode == Mode::Read);
        let looks = looks.filter(|touch| touch.object != EVERYTHING);
        for object in looks.map(|touch| &touch.object) {
            self.early.seen.insert(object.clone());
            if object.starts_with(&file("")) {
                // Who writes to it has opened it for that.
                self.early.seen.insert(writers(object));
            }
        }
        true
    }

    /// Tells whether the call at which a task stands sets what is not handed down to copies, or
    /// names processes by ids which others have in a run.
    fn depends_on_template(&self, index: usize) -> bool {
        let row = self.tasks[index].entering.row();
        let is_set = matches!(
            row.does,
            Does::Timer(_)
                | Does::Filter
                | Does::Schedule
                | Does::ProcessControl
                | Does::Kill
                | Does::KillThread
                | Does::QueueSignal
        );
        let names_process = |argument| {
            let path = self.path_at(index, argument).unwrap_or_default();
            let rest = path.strip_prefix("/proc/");
            rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        };
        let regroups = row.does == Does::Groups && self.id_in_template(index).is_none();
        is_set || regroups || row.path().is_some_and(names_process)
    }

    /// Tells whether a task that has just executed a program is all that is left of what was
    /// done before.
    fn is_left_alone(&mut self, index: usize) -> bool {
        let tid = self.tasks[index].tid;
        let stands = matches!(
            self.tasks[index].state,
            State::Ready(At::Entry | At::Exit, _)
        );
        let mut others = self.tasks.iter().filter(|task| task.id.index() != index);
        stands
            && others.all(|other| other.is_gone())
            && !probe::has_children(tid)
            && !probe::has_pending(tid)
            && !self.timers.are_armed()
            && !knows_ids(tid, self.tasks.iter().map(|task| task.tid_inside))
    }
}

/// What a program has open, by number. What it opens before it executes another one, all copies of
/// that would share: where they read, what a pipe holds, whether they wait.
type OpenFiles = BTreeMap<u64, Option<PathBuf>>;

fn held_open(tid: Tid) -> OpenFiles {
    let numbers = descriptor::numbers(tid).into_iter();
    let held = numbers.map(|number| (number, descriptor::target(tid, number)));
    // Nothing is kept there.
    held.filter(|(_, target)| target.as_deref() != Some(Path::new("/dev/null")))
        .collect()
}

/// Tells whether a program has nothing open that it had not before.
fn holds_only(tid: Tid, before: &OpenFiles) -> bool {
    let holds = held_open(tid);
    let is_old = |(number, file)| before.get(number) == Some(file);
    holds.iter().all(is_old)
}

/// Leaves out that the status of a directory shows when files were made in it: shells only ask
/// whether `.` is the directory that they were told.
pub(super) fn forget_status(touches: &mut Vec<Touch>) {
    touches.retain(|touch| !touch.object.starts_with(&entries("")));
}

/// Tells whether a change concerns only the program and its children: itself, and pipes between
/// them. Positions in the files that it was given stay with who comes after it.
fn is_inner(touch: &Touch, given: &BTreeSet<String>) -> bool {
    let object = touch.object.as_str();
    let of_processes = [
        "process ",
        "children of ",
        "handled ends of children of ",
        "SIGCHLD to ",
    ];
    let is_position = given.iter().any(|file| object == position(file));
    let is_closing = touch.mode == Mode::Add
        && (object.starts_with("locks of ") || object.starts_with("writers of "));
    !is_position
        && (of_processes.iter().any(|kind| object.starts_with(kind))
            // Copies have their own ids and groups, and as many random numbers left as it has.
            || matches!(object, PIDS | MEMBERS | RANDOM)
            || object.starts_with("position in ")
            || is_made_by_run(object)
            || is_closing)
}

/// Tells whether arguments or variables of a program hold one of these ids, which others would
/// have in a run.
fn knows_ids(tid: Tid, ids: impl Iterator<Item = i32>) -> bool {
    let texts = ["cmdline", "environ"].map(|name| std::fs::read(format!("/proc/{tid}/{name}")));
    let mut numbers = BTreeSet::new();
    for text in texts {
        let Ok(text) = text else {
            return true;
        };
        let runs = text.split(|byte| !byte.is_ascii_digit());
        numbers.extend(runs.map(<[u8]>::to_vec));
    }
    ids.map(|id| id.to_string().into_bytes())
        .any(|id| numbers.contains(&id))
}
