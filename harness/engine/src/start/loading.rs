//! The calls with which a program starts: loading libraries, reading system files.
//!
//! Between its exec and its first call that concerns another task, a program takes no
//! turns: its loading is part of the step that started it.

use crate::EngineError;
use crate::emulate::Emulated;
use crate::memory::Knowledge;
use crate::proc::is_of_interest;
use crate::run::session::{Halt, Session};
use crate::run::setup::Setup;
use crate::run::task::{At, Loading, State};
use crate::start::launch::Launched;
use crosswire_calls::{Does, Fact, Mapping};
use crosswire_kernel::tracee::Entering;
use crosswire_kernel::{descriptor, memory};
use crosswire_model::End;
use libc::{
    F_GETFD, F_GETFL, F_SETFD, FIOCLEX, FUTEX_PRIVATE_FLAG, FUTEX_WAKE, O_CREAT, O_RDWR, O_TRUNC,
    O_WRONLY, PROT_WRITE, SEEK_CUR, TCGETS, TIOCGWINSZ, c_int,
};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// A program that has made so many calls, or one call at one place so often in a row, or has but
/// asked for the time, waits for something: it has started.
const MOST_CALLS: u32 = 100_000;
const MOST_ALIKE: u32 = 5_000;
const MOST_READINGS: u32 = 128;

impl<'a> Session<'a> {
    /// A run of one program that has just been executed, brought to its first call that could
    /// concern anybody else; returns its task's number, too.
    pub fn of_launched(
        name: &str,
        launched: Launched,
        setup: Setup<'a>,
    ) -> Result<(Session<'a>, usize), EngineError> {
        let mut session = Session::new(setup, Knowledge::default());
        session.clock.advance_to(launched.clock.now());
        session.chance.continue_from(launched.chance);
        let index = session.add_root(name, launched.stopped.tid(), launched.tid_inside);
        session.tasks[index].state = State::Ready(At::Code, launched.stopped);
        session.processes[0].loading = Some(Loading::default());
        session.turn.give_to(Some(index));
        match session.run_code(index, 0) {
            Err(Halt::Failed(error)) => return Err(error),
            Err(Halt::End(End::Invalid(reason))) => {
                return Err(EngineError::Start {
                    program: name.to_owned(),
                    reason,
                });
            }
            Ok(()) | Err(Halt::End(_)) => {}
        }
        session.turn.give_to(None);
        Ok((session, index))
    }
}

impl Session<'_> {
    /// Performs the call at which a task stands if it belongs to its start-up;
    /// otherwise its start-up is over.
    pub fn pass_start_up_call(&mut self, index: usize) -> Result<bool, Halt> {
        let process = self.tasks[index].process;
        let entering = self.tasks[index].entering;
        let row = entering.row();
        let Some(loading) = &mut self.processes[process].loading else {
            return Ok(false);
        };
        loading.calls += 1;
        loading.latest = match loading.latest {
            (latest, times) if latest == entering => (latest, times + 1),
            _ => (entering, 1),
        };
        loading.readings = match row.tells_time() {
            true => loading.readings + 1,
            false => 0,
        };
        // Nothing else can happen before start-up is over, and it is not to wait for that.
        let goes_round = loading.calls > MOST_CALLS
            || loading.latest.1 > MOST_ALIKE
            || loading.readings > MOST_READINGS;
        let is_loading = !goes_round
            && (self.belongs_to_start_up(index) || self.belongs_to_longer_start_up(index));
        let depends = self.come_to_call(index, is_loading)?;
        if !is_loading {
            self.processes[process].loading = None;
            return Ok(false);
        }
        let does = row.does;
        if let Some(id) = self.id_in_template(index) {
            self.skip(index, id.into())?;
            return Ok(true);
        }
        if row.is(Fact::Alike) {
            self.read_clock_in_start_up(index);
            if let Emulated::Answer(result) = self.emulate(index)? {
                self.skip(index, result)?;
            }
            if !depends {
                return Ok(true);
            }
        }
        // What is told of files of the run is corrected at the exit.
        let asks = self.asks_of_run(index);
        let opens = matches!(
            does,
            Does::Open | Does::Duplicate | Does::Epoll | Does::Socket
        );
        if !(opens || asks || depends) {
            return Ok(true);
        }
        self.tasks[index].unobserved = true;
        self.tasks[index].take_stopped()?.resume_to_exit()?;
        self.settle(true)?;
        let State::Ready(At::Exit, stopped) = &self.tasks[index].state else {
            return Ok(false);
        };
        if opens
            && !asks
            && let (Ok(descriptor @ 0..), Some(loading)) =
                (stopped.result(), &mut self.processes[process].loading)
        {
            let tried = does != Does::Open;
            let tid = self.tasks[index].tid;
            // Where reading may wait for another process, it is no part of start-up.
            if tried || !descriptor::may_wait(tid, descriptor as u64) {
                loading
                    .opened
                    .push(descriptor as u64 | if tried { TRIED } else { 0 });
            }
        }
        if depends {
            self.note_reply(index)?;
        }
        Ok(true)
    }

    /// A task reads a clock while its program starts, which takes time.
    pub fn read_clock_in_start_up(&mut self, index: usize) {
        let began = self.clock.now();
        self.clock.read_in_start_up();
        self.use_cpu(index, self.clock.now() - began);
    }

    fn belongs_to_start_up(&mut self, index: usize) -> bool {
        let task = &self.tasks[index];
        let (row, args) = (task.entering.row(), task.entering.args);
        let loading = self.processes[task.process].loading.as_ref();
        let own = |descriptor: u64| loading.is_some_and(|it| it.opened.contains(&descriptor));
        let is_standard = args[0] < 3;
        match row.does {
            // A template has been told the id that copies will have.
            _ if self.named_other(index).is_some() => false,
            Does::Identity | Does::Parent => !self.setup.in_template,
            Does::Open => {
                !opens_to_change(&task.entering)
                    && row.path().is_some_and(|at| {
                        self.is_public_path(index, at)
                            && !self.waits_at_opening(index, at)
                            && self.may_look_outside(index, at)
                    })
            }
            // Nobody can be waiting in a program that has one thread.
            Does::Futex => args[1] as c_int & !FUTEX_PRIVATE_FLAG == FUTEX_WAKE,
            // Is it a terminal, and how large?
            Does::Device if is_standard => matches!(args[1], TCGETS | TIOCGWINSZ),
            Does::Device => matches!(args[1], TCGETS | FIOCLEX) && own(args[0]),
            Does::Map(Mapping::Map) => {
                args[2] as c_int & PROT_WRITE == 0 && own(args[4]) && self.may_map_early(index)
            }
            // Is it open at all? Not across exec, please.
            Does::Control if is_standard => {
                matches!(args[1] as c_int, F_GETFD | F_SETFD | F_GETFL)
            }
            Does::Control => {
                own(args[0]) && matches!(args[1] as c_int, F_GETFD | F_SETFD | F_GETFL)
            }
            Does::Inspect if row.is(Fact::Loads) => is_standard || own(args[0]),
            // Is it open at all? Its copy is closed again.
            Does::Duplicate => row.args.len() == 1 && is_standard,
            // Is there such a thing? Copies of a template would share it, if it is kept.
            Does::Epoll => !self.setup.in_template,
            Does::Close if own(args[0] | TRIED) => true,
            // Where am I?
            Does::Seek if is_standard => args[1] == 0 && args[2] == SEEK_CUR as u64,
            // With an empty path this asks for the status of the descriptor.
            Does::LookUp if row.asks_status_at() && (is_standard || own(args[0])) => true,
            Does::LookUp => row.path().is_some_and(|at| {
                self.is_public_path(index, at) && self.may_look_outside(index, at)
            }),
            _ if row.is(Fact::Loads) => own(args[0]),
            _ => row.is(Fact::Alike),
        }
    }

    /// Tells whether the path is absolute and outside the directories that the run may
    /// change, and does not name a process or its open files.
    pub(super) fn is_public_path(&self, index: usize, argument: usize) -> bool {
        let path = self.path_at(index, argument);
        path.is_some_and(|path| {
            let tells = path.contains("proc/") && is_of_interest(&path);
            path.starts_with('/')
                && !is_inside(&path, self.setup.private_dirs)
                && !belongs_to_process(&path)
                && !tells
                && !leads_inside(Path::new(&path), self.setup.private_dirs)
        })
    }

    /// Tells whether opening a file waits for its other end (fifo(7)).
    fn waits_at_opening(&self, index: usize, argument: usize) -> bool {
        let file = self.path_at(index, argument).map(std::fs::metadata);
        file.and_then(Result::ok)
            .is_some_and(|file| file.file_type().is_fifo())
    }

    pub fn path_at(&self, index: usize, argument: usize) -> Option<String> {
        let task = &self.tasks[index];
        memory::read_string(task.tid, task.entering.args[argument], 4096)
    }
}

/// Tells whether opening a file changes it, or is meant to.
pub(crate) fn opens_to_change(entering: &Entering) -> bool {
    let flags = entering.row().open_flags(&entering.args);
    flags.is_none_or(|flags| flags & CREATING != 0)
}

/// Tells whether a path of proc(5) or `/dev` leads to what a process has open, or to
/// another process: what is there changes during a run.
fn belongs_to_process(path: &str) -> bool {
    let mut parts = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".");
    match (parts.next(), parts.next()) {
        (Some("dev"), Some("stdin" | "stdout" | "stderr" | "fd")) => true,
        (Some("proc"), Some("self" | "thread-self")) => {
            matches!(
                parts.next(),
                // Its own number, to which the name leads, is that of a template.
                None | Some("fd" | "fdinfo" | "task" | "stat" | "status" | "wchan")
            )
        }
        (Some("proc"), None) => true,
        (Some("proc"), Some("sys")) => path.contains("random/"),
        (Some("proc"), Some(part)) => part.bytes().all(|byte| byte.is_ascii_digit()),
        _ => false,
    }
}

/// Tells whether a path is one of these directories or below it.
pub(crate) fn is_inside(path: &str, dirs: &[String]) -> bool {
    dirs.iter().any(|dir| Path::new(path).starts_with(dir))
}

/// Tells whether a path leads into one of these directories by a symbolic link or by `..`, as far
/// as what it names exists.
pub(crate) fn leads_inside(path: &Path, dirs: &[String]) -> bool {
    let real = path.ancestors().find_map(|path| path.canonicalize().ok());
    real.is_some_and(|real| is_inside(&real.to_string_lossy(), dirs))
}

/// Marks a descriptor that was made to see whether that is possible, and is but closed
/// again.
pub(super) const TRIED: u64 = 1 << 32;

const CREATING: c_int = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;

#[cfg(test)]
mod tests {
    use super::{belongs_to_process, is_inside, leads_inside};

    #[test]
    fn files_of_processes_are_no_part_of_start_up() {
        for path in [
            "/dev/stdin",
            "/dev/fd/63",
            "//proc/self/fd/0",
            "/proc/17",
            "/proc/17/stat",
            "/proc/self/./stat",
            "/proc/sys/kernel/random/uuid",
        ] {
            assert!(belongs_to_process(path), "{path}");
        }
        for path in [
            "/dev/null",
            "/proc/self/maps",
            "/proc/stat",
            "/proc/sys/vm/x",
            "/etc/17",
        ] {
            assert!(!belongs_to_process(path), "{path}");
        }
    }

    #[test]
    fn a_neighbour_whose_name_begins_alike_is_not_inside() {
        let dirs = ["/tmp/", "/w/proj"].map(str::to_owned);
        for inside in [
            "/w/proj",
            "/w/proj/",
            "/w/proj/a/b",
            "/tmp",
            "/tmp/x",
            "//tmp/x",
        ] {
            assert!(is_inside(inside, &dirs), "{inside}");
        }
        for outside in [
            "/w/proj2",
            "/w/proj2/a",
            "/w/pro",
            "/tmpfile",
            "/w",
            "tmp/x",
        ] {
            assert!(!is_inside(outside, &dirs), "{outside}");
        }
    }

    #[test]
    fn links_and_dots_lead_into_directories() {
        let root = tempfile::tempdir().expect("a directory");
        let at = |name: &str| root.path().join(name);
        for name in ["inside", "outside", "outside/below"] {
            std::fs::create_dir(at(name)).expect("a directory");
        }
        std::os::unix::fs::symlink(at("inside"), at("outside/link")).expect("a link");
        let dirs = [at("inside").to_string_lossy().into_owned()];
        for path in [
            "outside/link",
            "outside/link/new",
            "outside/below/../../inside/new",
        ] {
            assert!(leads_inside(&at(path), &dirs), "{path}");
        }
        for path in ["outside", "outside/new", "outside/below/../link2"] {
            assert!(!leads_inside(&at(path), &dirs), "{path}");
        }
    }
}
