//! Starting a program and following it through its exec.

use crate::emulate::chance::Chance;
use crate::emulate::time::clock::Clock;
use crate::inside::vdso;
use crate::start::auxv;
use crate::{EngineError, Start};
use crosswire_kernel::Tid;
use crosswire_kernel::patience::Patience;
use crosswire_kernel::sandbox::{EXECUTING, Program, Sandbox, SpawnTicket};
use crosswire_kernel::tracee::{Report, Stop, Stopped};
use crosswire_model::Signal;
use std::os::fd::BorrowedFd;

/// A program that has just been executed, stopped at the end of that call.
pub(crate) struct Launched {
    pub tid_inside: i32,
    pub stopped: Stopped,
    /// What those have used of time and chance that have executed it.
    pub clock: Clock,
    pub chance: Chance,
}

/// Starts a program and follows it through its exec.
pub(crate) fn launch(
    sandbox: &mut Sandbox,
    start: &Start,
    program: &Program,
    descriptors: &[(BorrowedFd<'_>, i32)],
) -> Result<Launched, EngineError> {
    let failed = |reason: String| EngineError::Start {
        program: start.command.first().cloned().unwrap_or_default(),
        reason,
    };
    let ticket: SpawnTicket = sandbox
        .request_spawn(program, descriptors)
        .map_err(|error| failed(error.to_string()))?;
    let mut patience = Patience::of(Patience::SHORT);
    let mut killer = None;
    loop {
        let report = patience.next(ANY).map_err(machine("waiting"))?;
        let (stopped, stop) = match report {
            Some(Report::Stopped(stopped, stop)) => (stopped, stop),
            None => return Err(failed("the sandbox has ended".into())),
            Some(Report::Ended(..)) => {
                let reason = match (sandbox.spawn_error(ticket), killer) {
                    (Some(error), _) => reason(start, error.stage, error.errno),
                    (None, Some(signal)) => format!(
                        "the kernel ended it by {} while it loaded it: the file is damaged or cut \
                         short",
                        Signal(signal)
                    ),
                    (None, None) => "it ended before it was executed".to_owned(),
                };
                return Err(failed(reason));
            }
        };
        match stop {
            Stop::Exec { .. } => {
                let prepared = auxv::make_deterministic(&stopped);
                let kernels = prepared.map_err(|error| failed(error.to_string()))?;
                let mut stopped = resume_until(stopped, |stop| stop == Stop::Exit)?;
                if let Some(kernels) = kernels {
                    (stopped, _) =
                        vdso::install(stopped, &kernels).map_err(machine("preparing a program"))?;
                }
                return Ok(Launched {
                    tid_inside: sandbox.spawned_pid(ticket).unwrap_or(stopped.tid()),
                    stopped,
                    clock: Clock::default(),
                    chance: Chance::default(),
                });
            }
            // The kernel gives up a program that it has begun to load in this way (execve(2)).
            Stop::Signal(signal) => {
                killer = Some(signal);
                stopped.resume(signal).map_err(machine("starting"))?;
            }
            _ => stopped.resume(0).map_err(machine("starting"))?,
        }
    }
}

/// For waits: any task of this thread.
pub(crate) const ANY: Tid = -1;

fn reason(start: &Start, stage: &str, errno: nix::errno::Errno) -> String {
    use nix::errno::Errno;
    match (stage, errno) {
        (EXECUTING, Errno::ENOENT) => "there is no such program".to_owned(),
        (EXECUTING, Errno::EACCES) => "it is not an executable file".to_owned(),
        (EXECUTING, Errno::ENOEXEC) => {
            format!(
                "`{}` is neither a program nor a script with a `#!` line",
                start.command[0]
            )
        }
        _ => format!("{stage}: {}", errno.desc()),
    }
}

/// Resumes a task, call by call, until it comes to such a stop.
pub(crate) fn resume_until(
    mut stopped: Stopped,
    is_it: impl Fn(Stop) -> bool,
) -> Result<Stopped, EngineError> {
    let tid = stopped.tid();
    let mut patience = Patience::of(Patience::SHORT);
    loop {
        stopped.resume_to_exit().map_err(machine("waiting"))?;
        stopped = match patience.next(tid).map_err(machine("waiting"))? {
            Some(Report::Stopped(stopped, stop)) if is_it(stop) => return Ok(stopped),
            Some(Report::Stopped(stopped, _)) => stopped,
            Some(Report::Ended(_, ending)) => {
                return Err(EngineError::Machine(format!("a copy has died: {ending:?}")));
            }
            None => return Err(EngineError::Machine("a copy has vanished".into())),
        };
    }
}

/// Says what the harness was doing when the kernel refused.
pub(crate) fn machine(what: &str) -> impl Fn(std::io::Error) -> EngineError + '_ {
    move |error| EngineError::Machine(format!("{what}: {error}"))
}
