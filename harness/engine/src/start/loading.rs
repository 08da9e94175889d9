//! The calls with which a program starts: loading libraries, reading system files.
//!
//! Between its exec and its first call that concerns another task, a program takes no
//! turns: its loading is part of the step that started it.

use crate::calls;
use crate::emulate::{Emulated, is_answered_alike};
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crosswire_kernel::memory;
use libc::*;

impl Session<'_> {
    /// Performs the call at which a task stands if it belongs to its start-up;
    /// otherwise its start-up is over.
    pub fn pass_start_up_call(&mut self, index: usize) -> Result<bool, Halt> {
        let process = self.tasks[index].process;
        if self.processes[process].loading.is_none() {
            return Ok(false);
        }
        if !self.belongs_to_start_up(index) {
            self.processes[process].loading = None;
            return Ok(false);
        }
        let entering = self.tasks[index].entering;
        if is_answered_alike(entering.call) {
            if let Emulated::Answer(result) = self.emulate(index)? {
                self.skip(index, result)?;
            }
            return Ok(true);
        }
        if matches!(
            c_long::from(entering.call),
            SYS_open | SYS_openat | SYS_dup | SYS_epoll_create1
        ) {
            let stopped = self.tasks[index].take_stopped().expect("it is at an entry");
            self.tasks[index].unobserved = true;
            stopped.resume_to_exit();
            self.settle(true)?;
            let State::Ready(At::Exit, stopped) = &self.tasks[index].state else {
                return Ok(false);
            };
            if let (Ok(descriptor @ 0..), Some(opened)) =
                (stopped.result(), &mut self.processes[process].loading)
            {
                let tried = matches!(c_long::from(entering.call), SYS_dup | SYS_epoll_create1);
                opened.push(descriptor as u64 | if tried { TRIED } else { 0 });
            }
        }
        Ok(true)
    }

    fn belongs_to_start_up(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        let (call, args) = (task.entering.call, task.entering.args);
        let opened = self.processes[task.process].loading.as_deref();
        let own = |descriptor: u64| opened.is_some_and(|d| d.contains(&descriptor));
        match c_long::from(call) {
            _ if calls::shows_identity(call) => !self.in_template,
            SYS_openat => args[2] & CREATING == 0 && self.is_public_path(index, 1),
            SYS_open => args[1] & CREATING == 0 && self.is_public_path(index, 0),
            // With an empty path this is fstat.
            SYS_newfstatat if args[0] < 3 || own(args[0]) => true,
            // Nobody can be waiting in a program that has one thread.
            SYS_futex => args[1] as c_int & !FUTEX_PRIVATE_FLAG == FUTEX_WAKE,
            // Is it a terminal, and how large? Not across exec, please.
            SYS_ioctl if args[0] < 3 => matches!(args[1], TCGETS | TIOCGWINSZ),
            SYS_ioctl => matches!(args[1], TCGETS | FIOCLEX) && own(args[0]),
            SYS_mmap => args[2] as c_int & PROT_WRITE == 0 && own(args[4]),
            SYS_sysinfo => true,
            // Is it open at all?
            SYS_fcntl if args[0] < 3 => matches!(args[1] as c_int, F_GETFD | F_GETFL),
            SYS_fcntl => own(args[0]) && matches!(args[1] as c_int, F_GETFD | F_SETFD | F_GETFL),
            SYS_fstat => args[0] < 3 || own(args[0]),
            // Is it open at all? Its copy is closed again.
            SYS_dup => args[0] < 3,
            // Is there such a thing? Copies of a template would share it, if it is kept.
            SYS_epoll_create1 => !self.in_template,
            SYS_close if own(args[0] | TRIED) => true,
            // Where am I?
            SYS_lseek if args[0] < 3 => args[1] == 0 && args[2] == SEEK_CUR as u64,
            _ if calls::reads_descriptor(call) => own(args[0]),
            _ if calls::looks_up_path(call) => {
                calls::path_argument(call).is_some_and(|at| self.is_public_path(index, at))
            }
            _ => is_answered_alike(call),
        }
    }

    /// Tells whether the path is absolute and outside the directories that the run may
    /// change.
    fn is_public_path(&self, index: usize, argument: usize) -> bool {
        let task = &self.tasks[index];
        let path = memory::read_string(task.tid, task.entering.args[argument], 4096);
        path.is_some_and(|path| {
            let inside = |dir: &String| path.starts_with(dir.as_str());
            path.starts_with('/') && !self.private_dirs.iter().any(inside)
        })
    }
}

/// Marks a descriptor that was made to see whether that is possible, and is but closed
/// again.
const TRIED: u64 = 1 << 32;

const CREATING: u64 = (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC) as u64;
