//! Starting a program and following it through its exec.

use crate::start::auxv;
use crate::{EngineError, Start};
use crosswire_kernel::Tid;
use crosswire_kernel::sandbox::{EXECUTING, Program, Sandbox, SpawnTicket};
use crosswire_kernel::tracee::{self, Stop, Stopped, Wait, Waited};
use std::os::fd::BorrowedFd;

/// A program that has just been executed, stopped there.
pub(crate) struct Launched {
    pub tid: Tid,
    pub tid_inside: i32,
    pub stopped: Stopped,
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
    loop {
        let (tid, stop) = match tracee::wait(Wait::Block).map_err(machine("waiting"))? {
            Waited::Event(tid, stop) => (tid, stop),
            Waited::NoTasks => return Err(failed("the sandbox has ended".into())),
            _ => continue,
        };
        match stop {
            Stop::Exited(_) | Stop::Killed(_) => {
                let reason = sandbox.spawn_error(ticket).map_or_else(
                    || "it ended before it was executed".to_owned(),
                    |error| reason(start, error.stage, error.errno),
                );
                return Err(failed(reason));
            }
            Stop::Exec { .. } => {
                auxv::make_deterministic(tid).map_err(machine("preparing a new program"))?;
                return Ok(Launched {
                    tid,
                    tid_inside: sandbox.spawned_pid(ticket).unwrap_or(tid),
                    stopped: Stopped::reported(tid),
                });
            }
            _ => Stopped::reported(tid).resume(0),
        }
    }
}

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

/// Waits for the next stop of one task.
pub(crate) fn expect(tid: Tid, is_it: impl Fn(Stop) -> bool) -> Result<(), EngineError> {
    loop {
        match tracee::wait_for(tid, Wait::Block).map_err(machine("waiting"))? {
            Waited::Event(_, stop) if is_it(stop) => return Ok(()),
            Waited::Event(_, stop @ (Stop::Exited(_) | Stop::Killed(_))) => {
                return Err(EngineError::Machine(format!("a copy has died: {stop:?}")));
            }
            Waited::Event(..) => Stopped::reported(tid).resume_to_exit(),
            Waited::NoTasks => return Err(EngineError::Machine("a copy has vanished".into())),
            _ => {}
        }
    }
}

/// Says what the harness was doing when the kernel refused.
pub(crate) fn machine(what: &str) -> impl Fn(std::io::Error) -> EngineError + '_ {
    move |error| EngineError::Machine(format!("{what}: {error}"))
}
