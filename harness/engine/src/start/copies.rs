//! Copies of templates: one for each run.

use crate::EngineError;
use crate::inside::remote::made;
use crate::start::launch::{ANY, expect, machine};
use crate::start::template::{Place, Template};
use crosswire_calls::Arg;
use crosswire_kernel::patience::Patience;
use crosswire_kernel::regs::{self, Registers};
use crosswire_kernel::tracee::{self, Entering, Stop, Stopped};
use crosswire_kernel::{Tid, descriptor, loopback, maps, memory};
use std::ffi::CString;
use std::path::Path;

/// The namespaces of a copy, as flags of clone(2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespaces {
    /// These are new, all others the template's.
    New(i32),
    /// These are those of the run's first process, by its pid inside.
    Of(i32, i32),
}

impl Template {
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
        let own = self.directory.as_deref().map(Path::to_string_lossy);
        if let Some(dir) = own.as_deref().or(working_dir) {
            self.change_directory(child, dir)?;
        }
        match namespaces {
            Namespaces::New(new) if new & libc::CLONE_NEWNET != 0 => self.raise_loopback(child)?,
            Namespaces::Of(first, flags) if flags != 0 => self.join(child, first, flags)?,
            _ => {}
        }
        let registers = match &self.place {
            Place::Call(entering) => {
                let args = self.arguments_of_copy(entering, inside);
                self.calling(u64::from(entering.call), args)
            }
            Place::Exec(word) => {
                let position = self.registers.position();
                tracee::write_code(child, position, *word).map_err(&context)?;
                self.registers
            }
        };
        regs::write(child, &registers).map_err(&context)?;
        Ok((child, inside))
    }

    /// Returns the arguments of the call at which the template stands, as a copy with this id makes
    /// it: a thread that names itself has read its id from its own memory.
    fn arguments_of_copy(&self, entering: &Entering, inside: i32) -> [u64; 6] {
        let mut args = entering.args;
        for (arg, value) in entering.row().args.iter().zip(&mut args) {
            if *arg == Arg::Pid && *value == self.inside as u64 {
                *value = inside as u64;
            }
        }
        args
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

    /// The loopback interface of a new network namespace is down (netdevice(7)), and its routes
    /// are as the kernel makes them.
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
        self.inject(tid, made::CLOSE, [socket as u64, 0, 0, 0, 0, 0])?;
        let routes = &loopback::PROMPT_ROUTES;
        let family = [libc::AF_NETLINK as u64, libc::SOCK_RAW as u64, 0, 0, 0, 0];
        let socket = self.inject(tid, made::SOCKET, family)?;
        self.lend(tid, routes, |at| {
            let args = [socket as u64, at, routes.len() as u64, 0, 0, 0];
            let sent = self.inject(tid, made::WRITE, args)?;
            succeeded(sent.min(0), "setting the routes of the loopback interface")
        })?;
        self.inject(tid, made::CLOSE, [socket as u64, 0, 0, 0, 0, 0])
            .map(drop)
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
