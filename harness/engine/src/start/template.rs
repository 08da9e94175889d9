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
use crate::emulate::clock::Clock;
use crate::emulate::tsc;
use crate::footprint::objects::open_descriptors;
use crate::inside::one_stop;
use crate::inside::remote::{Remote, made};
use crate::inside::stubs::Installed;
use crate::memory::Knowledge;
use crate::run::session::{Halt, Session};
use crate::run::setup::Setup;
use crate::run::task::{At, State};
use crate::start::auxv;
use crate::start::identity::{find_tid, holds_tid, inner_tid};
use crate::start::launch::{ANY, Launched, expect, machine};
use crate::start::loading::is_inside;
use crate::start::reads::EarlyReads;
use crosswire_calls::Does;
use crosswire_kernel::patience::Patience;
use crosswire_kernel::regs::{self, Register, Registers};
use crosswire_kernel::tracee::{self, Entering, Stop, Stopped};
use crosswire_kernel::{Tid, descriptor, maps, memory};
use crosswire_model::End;
use std::collections::BTreeSet;
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

/// Position at which a template is kept.
enum Place {
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
    /// Its pid as programs would see it.
    pub inside: i32,
    registers: Registers,
    place: Place,
    /// Open files and their positions, which all copies share.
    positions: Vec<(OwnedFd, i64)>,
    /// Address at which the C library keeps the thread's id, if it does.
    tid_cell: Option<u64>,
    /// The list of robust futexes, which a clone does not inherit.
    robust_list: Option<(u64, u64)>,
    /// Files of the run at which it looked while it started.
    pub early: BTreeSet<String>,
    pub stubs: Installed,
    pub clock: Clock,
    pub chance: Chance,
}

/// The namespaces of a copy, as flags of clone(2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespaces {
    /// These are new, all others the template's.
    New(i32),
    /// These are those of the run's first process, by its pid inside.
    Of(i32, i32),
}

/// Open files of a program that is kept as a template, at most.
const MOST_FILES: usize = 256;

/// Time that a test may take until it comes to its scenario.
const TESTS_BEFORE: Duration = Duration::from_secs(120);

impl Template {
    /// Brings a program to its first call that matters, in the circumstances given; `None`
    /// if it ends, crashes or loops before, or cannot be copied there. Adds to `early` the files
    /// of the run at which it has looked.
    pub fn of_program(
        name: &str,
        launched: Launched,
        setup: Setup<'_>,
        early: &mut EarlyReads,
    ) -> Result<Option<Template>, EngineError> {
        let private_dirs = setup.private_dirs;
        let mut session = Session::new(setup, Knowledge::default());
        let index = session.add_root(name, launched.tid, launched.tid_inside);
        session.tasks[index].state = State::Ready(At::Code, launched.stopped);
        session.processes[0].loading = Some(Vec::new());
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
        let (tid, inside) = (launched.tid, launched.tid_inside);
        let has_come = matches!(session.tasks[index].state, State::Ready(At::Entry, _));
        // All copies would share them, and the engine would have to hold each.
        let has_many_files = descriptor::number(tid) > MOST_FILES;
        let is_like_its_copies = || Ok(maps::is_kept_by_fork(tid)? && !holds_tid(tid, inside)?);
        let shares_files = || {
            let opened = open_descriptors(tid)
                .into_iter()
                .filter(|number| *number > 2);
            let mut files = opened.filter_map(|number| descriptor::target(tid, number));
            files.any(|file| is_of_run(&file, private_dirs))
        };
        early.seen.append(&mut session.early.seen);
        early.sockets = session.early.sockets;
        if !has_come
            || shares_files()
            || has_many_files
            || !is_like_its_copies().map_err(machine("keeping a template"))?
        {
            session.kill_all()?;
            return Ok(None);
        }
        let entering = session.tasks[index].entering;
        let (clock, chance) = (session.clock, session.chance);
        let mut kept = Template::keep(name, tid, inside, entering, clock, chance)?;
        kept.early.clone_from(&early.seen);
        Ok(Some(kept))
    }

    /// Adds a copy of the program to a run and brings it to its first call, unless the run
    /// ends before.
    pub fn adopt(&self, session: &mut Session<'_>, tid: Tid, tid_inside: i32) -> Result<(), Halt> {
        let index = session.add_root(&self.name, tid, tid_inside);
        let process = session.tasks[index].process;
        session.processes[process].loading = self.is_unloaded().then(Vec::new);
        let (_, installed) = session.memory.stubs(session.processes[process].space);
        *installed = self.stubs;
        session.clock.advance_to(self.clock.now());
        session.chance.continue_from(self.chance);
        session.tasks[index].state = State::Ready(At::Code, Stopped::reported(tid));
        session.turn.give_to(Some(index));
        let brought = session.run_code(index, 0);
        session.turn.give_to(None);
        brought
    }

    /// Keeps a program where its exec left it.
    pub fn at_exec(name: &str, launched: Launched) -> Result<Template, EngineError> {
        const SYSCALL: u64 = 0x050f;
        let context = machine("keeping a template");
        let tid = launched.tid;
        let registers = regs::read(tid).map_err(&context)?;
        let word = memory::read_word(tid, registers.position()).map_err(&context)?;
        let planted = word & !0xffff | SYSCALL;
        tracee::write_code(tid, registers.position(), planted).map_err(&context)?;
        Ok(Template {
            name: name.to_owned(),
            tid,
            inside: launched.tid_inside,
            registers,
            place: Place::Exec(word),
            positions: Vec::new(),
            tid_cell: None,
            robust_list: None,
            early: BTreeSet::new(),
            stubs: Installed::default(),
            clock: Clock::default(),
            chance: Chance::default(),
        })
    }

    /// Tells whether copies have yet to be loaded.
    pub fn is_unloaded(&self) -> bool {
        matches!(self.place, Place::Exec(_))
    }

    /// Returns the registers for performing a call at the place where the template
    /// stands.
    fn calling(&self, call: u64, args: [u64; 6]) -> Registers {
        let mut registers = self.registers;
        if self.is_unloaded() {
            registers.pass_syscall();
        }
        registers.enter(call, args);
        registers
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
        let mut alive = vec![launched.tid];
        let mut dead = Vec::new();
        let mut marked = None;
        launched.stopped.resume(0);
        let mut patience = Patience::of(TESTS_BEFORE);
        while marked.is_none() || alive.len() > 1 {
            let Some((tid, stop)) = patience.next(ANY).map_err(machine("waiting"))? else {
                break;
            };
            let stopped = Stopped::reported(tid);
            let child = match stop {
                Stop::Spawned { child, .. } => Some(child),
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
            match stop {
                Stop::Exited(_) | Stop::Killed(_) => {
                    dead.push(tid);
                    alive.retain(|other| *other != tid);
                    if alive.is_empty() {
                        break;
                    }
                    continue;
                }
                Stop::Entry => {
                    let entering = stopped.entering().map_err(machine("reading a call"))?;
                    if entering.call == MARK {
                        marked = Some((tid, entering));
                        continue;
                    }
                    if entering.row().does == Does::Random {
                        fixed_random(tid, &entering).map_err(machine("answering a call"))?;
                    }
                }
                Stop::Exec { .. } => {
                    auxv::make_deterministic(tid).map_err(machine("preparing a new program"))?;
                }
                Stop::Group => {
                    stopped.listen();
                    continue;
                }
                _ => {}
            }
            let signal = match stop {
                Stop::Signal(libc::SIGSEGV) if tsc::answer(tid, 0).unwrap_or(false) => 0,
                Stop::Signal(signal) if !bystanders.contains(&tid) => signal,
                _ => 0,
            };
            stopped.resume(signal);
        }
        let Some((tid, entering)) = marked else {
            return Err(failed(
                "the test ended before it came to its scenario again",
            ));
        };
        let inside = inner_tid(tid).unwrap_or(tid);
        Template::keep(
            name,
            tid,
            inside,
            entering,
            Clock::default(),
            Chance::default(),
        )
    }

    /// Keeps a task that stands at the entry of a call as a template.
    fn keep(
        name: &str,
        tid: Tid,
        tid_inside: i32,
        entering: Entering,
        clock: Clock,
        chance: Chance,
    ) -> Result<Template, EngineError> {
        let context = machine("keeping a template");
        let registers = regs::read(tid).map_err(&context)?;
        regs::poke(tid, Register::Call, u64::MAX).map_err(&context)?;
        Stopped::reported(tid).resume_to_exit();
        expect(tid, |stop| stop == Stop::Exit)?;
        let robust_list = tracee::robust_list(tid).filter(|(head, _)| *head != 0);
        let remote = Remote::after_call(tid).map_err(&context)?;
        let stubs = one_stop::install(&remote).map_err(&context)?;
        remote.end().map_err(&context)?;
        Ok(Template {
            name: name.to_owned(),
            tid,
            inside: tid_inside,
            registers,
            place: Place::Call(entering),
            positions: descriptor::positions(tid),
            tid_cell: find_tid(tid, registers.thread_pointer(), tid_inside),
            robust_list,
            early: BTreeSet::new(),
            stubs,
            clock,
            chance,
        })
    }

    /// Makes a copy; it stands just before the call at which the template stands.
    pub fn copy(
        &self,
        namespaces: Namespaces,
        working_dir: Option<&str>,
    ) -> Result<(Tid, i32), EngineError> {
        let context = machine("copying a template");
        for (file, position) in &self.positions {
            descriptor::restore_position(file, *position);
        }
        let mut flags = (libc::CLONE_PARENT | libc::SIGCHLD) as u64;
        if let Namespaces::New(new) = namespaces {
            flags |= new as u64;
        }
        if self.tid_cell.is_some() {
            flags |= (libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID) as u64;
        }
        let args = [flags, 0, 0, self.tid_cell.unwrap_or(0), 0, 0];
        let registers = self.calling(made::CLONE as u64, args);
        regs::write(self.tid, &registers).map_err(&context)?;
        Stopped::reported(self.tid).resume(0);
        let (child, inside) = self.await_child()?;
        // A process group of its own: a program that signals its group must not
        // meet the template in it.
        self.inject(child, made::SETPGID, [0; 6])?;
        if let Some((head, length)) = self.robust_list {
            self.inject(child, made::SET_ROBUST_LIST, [head, length, 0, 0, 0, 0])?;
        }
        if let Some(dir) = working_dir {
            self.change_directory(child, dir)?;
        }
        match namespaces {
            Namespaces::New(new) if new & libc::CLONE_NEWNET != 0 => self.raise_loopback(child)?,
            Namespaces::Of(first, flags) if flags != 0 => self.join(child, first, flags)?,
            _ => {}
        }
        let registers = match &self.place {
            Place::Call(entering) => self.calling(u64::from(entering.call), entering.args),
            Place::Exec(word) => {
                let position = self.registers.position();
                tracee::write_code(child, position, *word).map_err(&context)?;
                self.registers
            }
        };
        regs::write(child, &registers).map_err(&context)?;
        Ok((child, inside))
    }

    /// Follows the template through its clone; the child's tid outside and inside.
    fn await_child(&self) -> Result<(Tid, i32), EngineError> {
        let context = machine("copying a template");
        let (mut child, mut early, mut inside) = (None, None, None);
        let mut patience = Patience::of(Patience::SHORT);
        while child.is_none() || child != early || inside.is_none() {
            let Some((tid, stop)) = patience.next(ANY).map_err(&context)? else {
                return Err(died(&self.name));
            };
            let stopped = Stopped::reported(tid);
            match stop {
                Stop::Trap if tid != self.tid => early = Some(tid),
                Stop::Entry => stopped.resume_to_exit(),
                Stop::Spawned { child: tid, .. } => {
                    child = Some(tid);
                    stopped.resume_to_exit();
                }
                Stop::Exit => match stopped.result().map_err(&context)? {
                    result @ 1.. => inside = Some(result as i32),
                    error => {
                        let error = std::io::Error::from_raw_os_error(-error as i32);
                        return Err(machine("copying a template")(error));
                    }
                },
                Stop::Exited(_) | Stop::Killed(_) if tid == self.tid => {
                    return Err(died(&self.name));
                }
                Stop::Exited(_) | Stop::Killed(_) => {}
                _ => stopped.resume(0),
            }
        }
        child.zip(inside).ok_or_else(|| died(&self.name))
    }

    /// Makes a stopped copy perform a call of ours, and returns its result.
    fn inject(&self, tid: Tid, call: i64, args: [u64; 6]) -> Result<i64, EngineError> {
        let context = machine("preparing a copy");
        let registers = self.calling(call as u64, args);
        regs::write(tid, &registers).map_err(&context)?;
        loop {
            Stopped::reported(tid).resume_to_exit();
            expect(tid, |stop| matches!(stop, Stop::Entry | Stop::Exit))?;
            // Calls that the filter lets pass report their entry as well.
            if let Some(result) = Stopped::reported(tid).result_if_exit().map_err(&context)? {
                return Ok(result);
            }
        }
    }

    /// Without this the copy would stay in a directory that is there no more.
    fn change_directory(&self, tid: Tid, dir: &str) -> Result<(), EngineError> {
        let path = CString::new(dir).map_err(|_| died(&self.name))?;
        self.lend(tid, path.as_bytes_with_nul(), |at| {
            self.inject(tid, made::CHDIR, [at, 0, 0, 0, 0, 0]).map(drop)
        })
    }

    /// Puts bytes into a copy's memory for a call, in place of the last ones of its stack: a
    /// program may have moved far below what it has touched of that.
    fn lend(
        &self,
        tid: Tid,
        bytes: &[u8],
        call: impl FnOnce(u64) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let context = machine("preparing a copy");
        let end = maps::stack_end(tid).map_err(&context)?;
        let at = (end - bytes.len() as u64) & !15;
        let mut own = vec![0; bytes.len()];
        memory::read(tid, at, &mut own).map_err(&context)?;
        memory::write(tid, at, bytes).map_err(&context)?;
        call(at)?;
        memory::write(tid, at, &own).map_err(&context)
    }

    fn join(&self, tid: Tid, first: i32, flags: i32) -> Result<(), EngineError> {
        let process = self.inject(tid, made::PIDFD_OPEN, [first as u64, 0, 0, 0, 0, 0])?;
        let args = [process as u64, flags as u64, 0, 0, 0, 0];
        let joined = self.inject(tid, made::SETNS, args)?;
        self.inject(tid, made::CLOSE, [process as u64, 0, 0, 0, 0, 0])?;
        succeeded(joined, "sharing namespaces between the programs")
    }

    /// The loopback interface of a new network namespace is down (netdevice(7)).
    fn raise_loopback(&self, tid: Tid) -> Result<(), EngineError> {
        const NAME: usize = 16;
        let mut request = [0; 40];
        request[..2].copy_from_slice(b"lo");
        let flags = (libc::IFF_UP | libc::IFF_RUNNING) as u16;
        request[NAME..NAME + 2].copy_from_slice(&flags.to_ne_bytes());
        let family = [libc::AF_INET as u64, libc::SOCK_DGRAM as u64, 0, 0, 0, 0];
        let socket = self.inject(tid, made::SOCKET, family)?;
        self.lend(tid, &request, |at| {
            let args = [socket as u64, libc::SIOCSIFFLAGS, at, 0, 0, 0];
            let raised = self.inject(tid, made::IOCTL, args)?;
            succeeded(raised, "raising the loopback interface")
        })?;
        self.inject(tid, made::CLOSE, [socket as u64, 0, 0, 0, 0, 0])
            .map(drop)
    }
}

/// Tells whether an open file is one that runs may change, or that start-up has made. Copies
/// would share it.
fn is_of_run(path: &Path, private_dirs: &[String]) -> bool {
    let path = path.to_string_lossy();
    path.starts_with("anon_inode:") || path.starts_with("socket:") || is_inside(&path, private_dirs)
}

fn succeeded(result: i64, what: &str) -> Result<(), EngineError> {
    match result {
        0 => Ok(()),
        error => Err(machine(what)(std::io::Error::from_raw_os_error(
            -error as i32,
        ))),
    }
}

fn died(name: &str) -> EngineError {
    EngineError::Machine(format!("the prepared copy of `{name}` has died"))
}

/// Gives the threads of a test binary the same random bytes, regardless of scheduling,
/// until it reaches its scenario.
fn fixed_random(tid: Tid, entering: &Entering) -> std::io::Result<()> {
    let length = (entering.args[1] as usize).min(4096);
    let bytes: Vec<u8> = (0..length).map(|i| (i * 7 + 1) as u8).collect();
    memory::write(tid, entering.args[0], &bytes)?;
    regs::poke(tid, Register::Call, u64::MAX)?;
    regs::poke(tid, Register::Result, length as u64)
}
