//! Programs started once and copied for every run.
//!
//! A program is run up to its first call that concerns another task and is kept there.
//! For each run the engine makes it perform a `clone` at that point, so a run pays for
//! one fork instead of an exec and the loading of libraries. A program that never makes
//! such a call is kept where its exec left it, and so is one whose copies would differ
//! from it: one that has stored its thread id by then, or has memory that a clone leaves
//! out.

use crate::EngineError;
use crate::emulate::MARK;
use crate::emulate::chance::Chance;
use crate::emulate::time::clock::Clock;
use crate::emulate::time::tsc;
use crate::inside::one_stop;
use crate::inside::remote::Remote;
use crate::inside::stubs::Installed;
use crate::run::session::{Halt, Session};
use crate::run::setup::Setup;
use crate::run::task::{At, Loading, State};
use crate::start::auxv;
use crate::start::identity::{find_tid, inner_tid, places_of_tid};
use crate::start::launch::{ANY, Launched, machine, resume_until};
use crate::start::loading::is_inside;
use crate::start::reads::EarlyReads;
use crosswire_calls::Does;
use crosswire_kernel::arch::{Register, Registers, SYSCALL};
use crosswire_kernel::descriptor::Opened;
use crosswire_kernel::lent::Lent;
use crosswire_kernel::patience::Patience;
use crosswire_kernel::tracee::{Entering, Report, Stop, Stopped};
use crosswire_kernel::{Tid, descriptor, maps, memory, registered};
use crosswire_model::Wrapper;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Position at which a template is kept.
pub(super) enum Place {
    /// Just before this call.
    Call(Entering),
    /// At its first instruction, in whose place a system call was put; the word
    /// that was there.
    Exec(u64),
}

/// A program kept where it can be copied.
pub(crate) struct Template {
    pub name: String,
    pub tid: Tid,
    /// Taken while it makes a copy of itself.
    pub(super) stopped: Cell<Option<Stopped>>,
    /// Its pid as programs would see it.
    pub inside: i32,
    pub(super) registers: Registers,
    pub(super) place: Place,
    /// Files that it has open, which each copy opens anew.
    pub(super) opened: Vec<Opened>,
    /// Its standard input, which its copies share with it.
    pub input: Option<Lent>,
    /// Address at which the C library keeps the thread's id, if it does.
    pub(super) tid_cell: Option<u64>,
    /// The list of robust futexes, which a clone does not inherit.
    pub(super) robust_list: Option<(u64, u64)>,
    /// Files of the run at which it looked while it started.
    pub early: BTreeSet<String>,
    /// What came before, if that only prepared and executed this program.
    pub wrapper: Option<Wrapper>,
    /// The directory to which it has changed before.
    pub(super) directory: Option<PathBuf>,
    pub stubs: Installed,
    pub clock: Clock,
    pub chance: Chance,
}

/// Where a program could be kept.
pub(crate) enum Kept {
    /// Where it was wanted.
    At(Box<Template>),
    /// It has something open there that copies would share, having made so many things of that
    /// kind.
    Sharing(u32),
    /// Its memory holds there the number that is its id, at these addresses.
    Holding(BTreeSet<u64>),
    /// It ends, crashes or loops before, or cannot be copied there.
    Nowhere,
}

/// Open files of a program that is kept as a template, at most.
const MOST_FILES: usize = 256;

/// Time that a test may take until it comes to its scenario.
const TESTS_BEFORE: Duration = Duration::from_secs(120);

impl Template {
    /// Brings a program to its first call that matters, in the circumstances given. Adds to `early` the files of the run at which it has looked.
    /// `held` are the addresses at which it held its id there when it had another one: a number
    /// that is elsewhere is not its id.
    pub fn of_program(
        name: &str,
        launched: Launched,
        setup: Setup<'_>,
        early: &mut EarlyReads,
        held: &Option<BTreeSet<u64>>,
    ) -> Result<Kept, EngineError> {
        let private_dirs = setup.private_dirs;
        let (tid, inside) = (launched.stopped.tid(), launched.tid_inside);
        let (mut session, index) = Session::of_launched(name, launched, setup)?;
        let has_come = matches!(session.tasks[index].state, State::Ready(At::Entry, _));
        // Each copy has to open them anew.
        let has_many_files = descriptor::number(tid) > MOST_FILES;
        let shares_files = || {
            let opened = descriptor::numbers(tid)
                .into_iter()
                .filter(|number| *number > 2);
            let mut files = opened.filter_map(|number| descriptor::target(tid, number));
            files.any(|file| is_of_run(&file, private_dirs))
        };
        early.seen.append(&mut session.early.seen);
        let context = machine("keeping a template");
        if !has_come || has_many_files || !maps::is_kept_by_fork(tid).map_err(&context)? {
            session.kill_all()?;
            return Ok(Kept::Nowhere);
        }
        if shares_files() {
            session.kill_all()?;
            return Ok(Kept::Sharing(session.early.made));
        }
        let stopped = session.tasks[index].take_stopped().map_err(&context)?;
        let Some(mut places) = places_of_tid(&stopped, inside).map_err(&context)? else {
            session.kill_all()?;
            return Ok(Kept::Nowhere);
        };
        places.retain(|place| held.as_ref().is_none_or(|held| held.contains(place)));
        if !places.is_empty() {
            session.kill_all()?;
            return Ok(Kept::Holding(places));
        }
        let entering = session.tasks[index].entering;
        let (clock, chance) = (session.clock, session.chance);
        let mut kept = Template::keep(name, stopped, inside, entering, clock, chance)?;
        kept.early.clone_from(&early.seen);
        Ok(Kept::At(Box::new(kept)))
    }

    /// Takes over what came before another template, of which it was a copy.
    pub fn follow(&mut self, before: &Template) {
        self.early.extend(before.early.iter().cloned());
        self.wrapper.clone_from(&before.wrapper);
        self.directory.clone_from(&before.directory);
    }

    /// Adds a copy of the program to a run and brings it to its first call, unless the run
    /// ends before.
    pub fn adopt(
        &self,
        session: &mut Session<'_>,
        stopped: Stopped,
        tid_inside: i32,
    ) -> Result<(), Halt> {
        let index = session.add_root(&self.name, stopped.tid(), tid_inside);
        let process = session.tasks[index].process;
        session.processes[process].loading = self.is_unloaded().then(Loading::default);
        let (_, installed) = session.memory.stubs(session.processes[process].space);
        *installed = self.stubs;
        session.clock.advance_to(self.clock.now());
        session.chance.continue_from(self.chance);
        session.tasks[index].state = State::Ready(At::Code, stopped);
        session.turn.give_to(Some(index));
        let brought = session.run_code(index, 0);
        session.turn.give_to(None);
        brought
    }

    /// Keeps a program where its exec left it.
    pub fn at_exec(name: &str, launched: Launched) -> Result<Template, EngineError> {
        let context = machine("keeping a template");
        let (tid, stopped) = (launched.stopped.tid(), launched.stopped);
        let registers = stopped.registers().map_err(&context)?;
        let word = memory::read_word(tid, registers.position()).map_err(&context)?;
        let mut planted = word.to_ne_bytes();
        planted[..SYSCALL.len()].copy_from_slice(&SYSCALL);
        let planted = u64::from_ne_bytes(planted);
        (stopped.write_code(registers.position(), planted)).map_err(&context)?;
        Ok(Template {
            name: name.to_owned(),
            tid,
            stopped: Cell::new(Some(stopped)),
            inside: launched.tid_inside,
            registers,
            place: Place::Exec(word),
            opened: descriptor::opened(tid),
            input: Lent::of(tid, 0),
            tid_cell: None,
            robust_list: None,
            early: BTreeSet::new(),
            wrapper: None,
            directory: None,
            stubs: Installed::default(),
            clock: launched.clock,
            chance: launched.chance,
        })
    }

    /// Tells whether copies have yet to be loaded.
    pub fn is_unloaded(&self) -> bool {
        matches!(self.place, Place::Exec(_))
    }

    /// Lets a test binary run freely until the process that shall be copied makes
    /// its mark.
    pub fn of_scenario(
        name: &str,
        launched: Launched,
        bystanders: &[Tid],
    ) -> Result<Template, EngineError> {
        let failed = |reason: &str| EngineError::Start {
            program: name.to_owned(),
            reason: reason.to_owned(),
        };
        // The kernel reports the newest task first, so a child may come to its mark
        // before its creation is reported: whoever reports anything is alive.
        let mut alive = vec![launched.stopped.tid()];
        let mut dead = Vec::new();
        let mut marked = None;
        let resuming = machine("following a test");
        launched.stopped.resume(0).map_err(&resuming)?;
        let mut patience = Patience::of(TESTS_BEFORE);
        while marked.is_none() || alive.len() > 1 {
            let Some(report) = patience.next(ANY).map_err(machine("waiting"))? else {
                break;
            };
            let tid = report.tid();
            let child = match report {
                Report::Stopped(_, Stop::Spawned { child, .. }) => Some(child),
                _ => None,
            };
            for task in [Some(tid), child].into_iter().flatten() {
                if ![&alive[..], &dead, bystanders]
                    .iter()
                    .any(|known| known.contains(&task))
                {
                    alive.push(task);
                }
            }
            let Report::Stopped(stopped, stop) = report else {
                dead.push(tid);
                alive.retain(|other| *other != tid);
                if alive.is_empty() {
                    break;
                }
                continue;
            };
            match stop {
                Stop::Entry => {
                    let entering = stopped.entering().map_err(machine("reading a call"))?;
                    if entering.call == MARK {
                        marked = Some((stopped, entering));
                        continue;
                    }
                    if entering.row().does == Does::Random {
                        fixed_random(&stopped, &entering).map_err(machine("answering a call"))?;
                    }
                }
                Stop::Exec { .. } => {
                    auxv::make_deterministic(&stopped)
                        .map_err(machine("preparing a new program"))?;
                }
                Stop::Group => {
                    stopped.listen().map_err(&resuming)?;
                    continue;
                }
                _ => {}
            }
            let signal = match stop {
                Stop::Signal(libc::SIGSEGV) if tsc::answer(&stopped, 0).unwrap_or(false) => 0,
                Stop::Signal(signal) if !bystanders.contains(&tid) => signal,
                _ => 0,
            };
            stopped.resume(signal).map_err(&resuming)?;
        }
        let Some((stopped, entering)) = marked else {
            return Err(failed(
                "the test ended before it came to its scenario again",
            ));
        };
        let inside = inner_tid(stopped.tid()).unwrap_or(stopped.tid());
        Template::keep(
            name,
            stopped,
            inside,
            entering,
            Clock::default(),
            Chance::default(),
        )
    }

    /// Keeps a task that stands at the entry of a call as a template.
    fn keep(
        name: &str,
        stopped: Stopped,
        tid_inside: i32,
        entering: Entering,
        clock: Clock,
        chance: Chance,
    ) -> Result<Template, EngineError> {
        let context = machine("keeping a template");
        let (tid, registers) = (stopped.tid(), stopped.registers().map_err(&context)?);
        (stopped.poke(Register::Call, u64::MAX)).map_err(&context)?;
        let stopped = resume_until(stopped, |stop| stop == Stop::Exit)?;
        let robust_list = registered::robust_list(tid).filter(|(head, _)| *head != 0);
        let mut remote = Remote::after_call(stopped).map_err(&context)?;
        let stubs = one_stop::install(&mut remote).map_err(&context)?;
        let stopped = remote.end().map_err(&context)?;
        Ok(Template {
            name: name.to_owned(),
            tid,
            stopped: Cell::new(Some(stopped)),
            inside: tid_inside,
            registers,
            place: Place::Call(entering),
            opened: descriptor::opened(tid),
            input: Lent::of(tid, 0),
            tid_cell: find_tid(tid, registers.thread_pointer(), tid_inside),
            robust_list,
            early: BTreeSet::new(),
            wrapper: None,
            directory: None,
            stubs,
            clock,
            chance,
        })
    }
}

/// Tells whether an open file is one that runs may change, or that start-up has made. Copies
/// would share it.
fn is_of_run(path: &Path, private_dirs: &[String]) -> bool {
    let path = path.to_string_lossy();
    path.starts_with("anon_inode:") || path.starts_with("socket:") || is_inside(&path, private_dirs)
}

/// Gives the threads of a test binary the same random bytes, regardless of scheduling,
/// until it reaches its scenario.
fn fixed_random(stopped: &Stopped, entering: &Entering) -> std::io::Result<()> {
    let length = (entering.args[1] as usize).min(4096);
    let bytes: Vec<u8> = (0..length).map(|i| (i * 7 + 1) as u8).collect();
    memory::write(stopped.tid(), entering.args[0], &bytes)?;
    stopped.poke(Register::Call, u64::MAX)?;
    stopped.poke(Register::Result, length as u64)
}
