//! Copies of templates: one for each run.

use crate::EngineError;
use crate::inside::remote::made;
use crate::start::launch::{ANY, machine, resume_until};
use crate::start::template::{Place, Template};
use crosswire_calls::Arg;
use crosswire_kernel::arch::Registers;
use crosswire_kernel::descriptor::Opened;
use crosswire_kernel::patience::Patience;
use crosswire_kernel::tracee::{Entering, Report, Stop, Stopped};
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
    ) -> Result<(Stopped, i32), EngineError> {
        let context = machine("copying a template");
        let mut flags = (libc::CLONE_PARENT | libc::SIGCHLD) as u64;
        if let Namespaces::New(new) = namespaces {
            flags |= new as u64;
        }
        if self.tid_cell.is_some() {
            flags |= (libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID) as u64;
        }
        let args = [flags, 0, 0, self.tid_cell.unwrap_or(0), 0, 0];
        let registers = self.calling(made::CLONE as u64, args);
        let stopped = self.stopped.take().ok_or_else(|| died(&self.name))?;
        stopped.set_registers(&registers).map_err(&context)?;
        stopped.resume(0).map_err(&context)?;
        let (stopped, inside) = self.await_child()?;
        let mut child = NewCopy {
            template: self,
            tid: stopped.tid(),
            stopped: Some(stopped),
        };
        // A process group of its own: a program that signals its group must not
        // meet the template in it.
        child.call(made::SETPGID, [0; 6])?;
        if let Some((head, length)) = self.robust_list {
            child.call(made::SET_ROBUST_LIST, [head, length, 0, 0, 0, 0])?;
        }
        for opened in &self.opened {
            child.open_anew(opened)?;
        }
        let own = self.directory.as_deref().map(Path::to_string_lossy);
        if let Some(dir) = own.as_deref().or(working_dir) {
            child.change_directory(dir)?;
        }
        match namespaces {
            Namespaces::New(new) if new & libc::CLONE_NEWNET != 0 => child.raise_loopback()?,
            Namespaces::Of(first, flags) if flags != 0 => child.join(first, flags)?,
            _ => {}
        }
        let child = child.take()?;
        let registers = match &self.place {
            Place::Call(entering) => {
                let args = self.arguments_of_copy(entering, inside);
                self.calling(u64::from(entering.call), args)
            }
            Place::Exec(word) => {
                let position = self.registers.position();
                child.write_code(position, *word).map_err(&context)?;
                self.registers
            }
        };
        child.set_registers(&registers).map_err(&context)?;
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

    /// Follows the template through its clone; the child, and its tid inside.
    fn await_child(&self) -> Result<(Stopped, i32), EngineError> {
        let context = machine("copying a template");
        let (mut announced, mut child, mut inside) = (None, None, None);
        let mut patience = Patience::of(Patience::SHORT);
        loop {
            let (stopped, stop) = match patience.next(ANY).map_err(&context)? {
                Some(Report::Stopped(stopped, stop)) => (stopped, stop),
                Some(Report::Ended(tid, _)) if tid != self.tid => continue,
                Some(Report::Ended(..)) | None => return Err(died(&self.name)),
            };
            match stop {
                Stop::Trap if stopped.tid() != self.tid => child = Some(stopped),
                Stop::Entry => stopped.resume_to_exit().map_err(&context)?,
                Stop::Spawned { child: tid, .. } => {
                    announced = Some(tid);
                    stopped.resume_to_exit().map_err(&context)?;
                }
                Stop::Exit => {
                    let result = stopped.result().map_err(&context)?;
                    self.stopped.set(Some(stopped));
                    if result < 1 {
                        let error = std::io::Error::from_raw_os_error(-result as i32);
                        return Err(context(error));
                    }
                    inside = Some(result as i32);
                }
                _ => stopped.resume(0).map_err(&context)?,
            }
            let has_come = child.as_ref().map(Stopped::tid) == announced;
            match (child.take(), inside) {
                (Some(child), Some(inside)) if has_come => return Ok((child, inside)),
                (waiting, _) => child = waiting,
            }
        }
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

/// A copy that is being made ready. It performs calls of ours at the place where its template
/// stands.
struct NewCopy<'a> {
    template: &'a Template,
    tid: Tid,
    /// `None` once it has ended in a call.
    stopped: Option<Stopped>,
}

impl NewCopy<'_> {
    /// Makes it perform a call, and returns the result.
    fn call(&mut self, call: i64, args: [u64; 6]) -> Result<i64, EngineError> {
        let context = machine("preparing a copy");
        let registers = self.template.calling(call as u64, args);
        let mut stopped = self.take()?;
        stopped.set_registers(&registers).map_err(&context)?;
        loop {
            stopped = resume_until(stopped, |stop| matches!(stop, Stop::Entry | Stop::Exit))?;
            // Calls that the filter lets pass report their entry as well.
            if let Some(result) = stopped.result_if_exit().map_err(&context)? {
                self.stopped = Some(stopped);
                return Ok(result);
            }
        }
    }

    fn take(&mut self) -> Result<Stopped, EngineError> {
        (self.stopped.take()).ok_or_else(|| died(&self.template.name))
    }

    /// Without this the copy would stay in a directory that is there no more.
    fn change_directory(&mut self, dir: &str) -> Result<(), EngineError> {
        let path = CString::new(dir).map_err(|_| died(&self.template.name))?;
        self.lend(path.as_bytes_with_nul(), |copy, at| {
            copy.call(made::CHDIR, [at, 0, 0, 0, 0, 0]).map(drop)
        })
    }

    /// Lets the copy open a file itself that its template has open: locks, the position and flags
    /// belong to what is open, not to a process. Where that is refused, the two share it.
    fn open_anew(&mut self, opened: &Opened) -> Result<(), EngineError> {
        let number = opened.number;
        let on_exec = (opened.flags & libc::O_CLOEXEC) as u64;
        if let Some(other) = opened.shared_with {
            let args = [other, number, on_exec, 0, 0, 0];
            return self.call(made::DUP3, args).map(drop);
        }
        let target = descriptor::target(self.template.tid, number).unwrap_or_default();
        let of_template = format!("/proc/{}", self.template.inside);
        // Such a file tells about the process that opened it.
        let path = match target.strip_prefix(of_template) {
            Ok(rest) => format!("/proc/self/{}", rest.display()),
            Err(_) => format!("/proc/self/fd/{number}"),
        };
        let path = CString::new(path).map_err(|_| died(&self.template.name))?;
        let mut file = 0;
        self.lend(path.as_bytes_with_nul(), |copy, at| {
            let here = libc::AT_FDCWD as u64;
            let args = [here, at, opened.flags as u64, 0, 0, 0];
            file = copy.call(made::OPENAT, args)?;
            Ok(())
        })?;
        let Ok(file) = u64::try_from(file) else {
            return Ok(());
        };
        self.call(made::DUP3, [file, number, on_exec, 0, 0, 0])?;
        self.call(made::CLOSE, [file, 0, 0, 0, 0, 0])?;
        let place = [number, opened.position as u64, libc::SEEK_SET as u64];
        self.call(made::LSEEK, [place[0], place[1], place[2], 0, 0, 0])
            .map(drop)
    }

    /// Puts bytes into its memory for a call, in place of the last ones of its stack: a program may
    /// have moved far below what it has touched of that.
    fn lend(
        &mut self,
        bytes: &[u8],
        call: impl FnOnce(&mut Self, u64) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let context = machine("preparing a copy");
        let end = maps::stack_end(self.tid).map_err(&context)?;
        let at = (end - bytes.len() as u64) & !15;
        let mut own = vec![0; bytes.len()];
        memory::read(self.tid, at, &mut own).map_err(&context)?;
        memory::write(self.tid, at, bytes).map_err(&context)?;
        call(self, at)?;
        memory::write(self.tid, at, &own).map_err(&context)
    }

    fn join(&mut self, first: i32, flags: i32) -> Result<(), EngineError> {
        let process = self.call(made::PIDFD_OPEN, [first as u64, 0, 0, 0, 0, 0])?;
        let args = [process as u64, flags as u64, 0, 0, 0, 0];
        let joined = self.call(made::SETNS, args)?;
        self.call(made::CLOSE, [process as u64, 0, 0, 0, 0, 0])?;
        succeeded(joined, "sharing namespaces between the programs")
    }

    /// The loopback interface of a new network namespace is down (netdevice(7)), and its routes
    /// are as the kernel makes them.
    fn raise_loopback(&mut self) -> Result<(), EngineError> {
        const NAME: usize = 16;
        let mut request = [0; 40];
        request[..2].copy_from_slice(b"lo");
        let flags = (libc::IFF_UP | libc::IFF_RUNNING) as u16;
        request[NAME..NAME + 2].copy_from_slice(&flags.to_ne_bytes());
        let family = [libc::AF_INET as u64, libc::SOCK_DGRAM as u64, 0, 0, 0, 0];
        let socket = self.call(made::SOCKET, family)?;
        self.lend(&request, |copy, at| {
            let args = [socket as u64, libc::SIOCSIFFLAGS, at, 0, 0, 0];
            let raised = copy.call(made::IOCTL, args)?;
            succeeded(raised, "raising the loopback interface")
        })?;
        self.call(made::CLOSE, [socket as u64, 0, 0, 0, 0, 0])?;
        let routes = &loopback::PROMPT_ROUTES;
        let family = [libc::AF_NETLINK as u64, libc::SOCK_RAW as u64, 0, 0, 0, 0];
        let socket = self.call(made::SOCKET, family)?;
        self.lend(routes, |copy, at| {
            let args = [socket as u64, at, routes.len() as u64, 0, 0, 0];
            let sent = copy.call(made::WRITE, args)?;
            succeeded(sent.min(0), "setting the routes of the loopback interface")
        })?;
        self.call(made::CLOSE, [socket as u64, 0, 0, 0, 0, 0])
            .map(drop)
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
