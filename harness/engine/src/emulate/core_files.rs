//! Core files. None is written. Parents learn of one where Linux would have written it to a file
//! `core` (core(5)): the process permits others to look into it, and its limit permits a file.

use crate::run::session::{Halt, Session};
use crosswire_calls::{Arg, Does};
use crosswire_kernel::{Tid, descriptor, memory, probe, tracee};
use libc::{
    CLD_DUMPED, CLD_KILLED, SIGABRT, SIGBUS, SIGCHLD, SIGFPE, SIGILL, SIGQUIT, SIGSEGV, SIGSYS,
    SIGTRAP, SIGXCPU, SIGXFSZ, c_int,
};
use std::path::Path;

/// Below this limit no core file of a program is written (`min_coredump` in fs/binfmt_elf.c).
const LEAST: u64 = 4096;

/// In the status that wait4(2) tells: a core file was written.
const DUMPED: c_int = 0x80;

/// Places in a `siginfo_t` of SIGCHLD (asm-generic/siginfo.h): its code and the child.
const CODE: u64 = 8;
const CHILD: u64 = 16;

/// Bytes of a `struct signalfd_siginfo`, and places in it (signalfd(2)).
const READ: u64 = 128;
const READ_CHILD: u64 = 12;

/// Returns whether the default action of a signal is to write a core file (signal(7)).
fn dumps_core(signal: c_int) -> bool {
    matches!(
        signal,
        SIGQUIT
            | SIGILL
            | SIGTRAP
            | SIGABRT
            | SIGBUS
            | SIGFPE
            | SIGSEGV
            | SIGSYS
            | SIGXCPU
            | SIGXFSZ
    )
}

impl Session<'_> {
    /// A signal without a handler is about to be delivered to a process: no core file is written.
    pub fn withhold_core(&mut self, process: usize, signal: c_int) {
        if !dumps_core(signal) {
            return;
        }
        let process = &mut self.processes[process];
        let may_dump = process.dumpable && probe::is_open_to_owner(process.pid);
        process.dumps_core = may_dump && probe::limit_on_core(process.pid) >= LEAST;
        tracee::withhold_core(process.pid);
    }

    /// Tells whether a child, by its number, would have left a core file.
    fn has_dumped(&self, child: i32) -> bool {
        let mut tasks = self.tasks.iter();
        let child = tasks.rfind(|task| task.tid_inside == child);
        child.is_some_and(|child| child.is_gone() && self.processes[child.process].dumps_core)
    }

    fn is_core_told(&self) -> bool {
        self.processes.iter().any(|process| process.dumps_core)
    }

    /// At the end of a call by which a task learns of the end of a child: corrects what it learns
    /// of a core file.
    pub fn correct_core(&self, index: usize, result: i64) -> Result<(), Halt> {
        if result < 0 || !self.is_core_told() {
            return Ok(());
        }
        let task = &self.tasks[index];
        let (tid, row, args) = (task.tid, task.entering.row(), task.entering.args);
        match row.does {
            // waitid(2)
            Does::WaitChild if row.args[1] == Arg::Pid => {
                self.correct_child_at(tid, args[2], CHILD)?;
            }
            Does::WaitChild => {
                let at = args[1];
                if at != 0 && result > 0 && self.has_dumped(result as i32) {
                    let status = i32::from_ne_bytes(memory::read_exact(tid, at)?);
                    if dumps_core(status & 0x7f) {
                        memory::write(tid, at, &(status | DUMPED).to_ne_bytes())?;
                    }
                }
            }
            Does::TakeSignal if result as c_int == SIGCHLD => {
                self.correct_child_at(tid, args[1], CHILD)?;
            }
            Does::Read if result >= READ as i64 => {
                let file = descriptor::target(tid, args[0]);
                if file.as_deref() == Some(Path::new("anon_inode:[signalfd]")) {
                    for at in (0..result as u64 / READ).map(|number| args[1] + number * READ) {
                        self.correct_child_at(tid, at, READ_CHILD)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Corrects what details of a signal say of a child, whose number is at a place in them.
    fn correct_child_at(&self, tid: Tid, at: u64, child: u64) -> Result<(), Halt> {
        if at == 0 {
            return Ok(());
        }
        let number = |place| memory::read_exact(tid, at + place).map(i32::from_ne_bytes);
        let is_killed = number(0)? == SIGCHLD && number(CODE)? == CLD_KILLED;
        if is_killed && self.has_dumped(number(child)?) {
            memory::write(tid, at + CODE, &CLD_DUMPED.to_ne_bytes())?;
        }
        Ok(())
    }

    /// A signal is about to be delivered: if it is that of a child's end, it tells of a core file.
    pub fn correct_child_signal(&self, index: usize, signal: c_int) -> Result<(), Halt> {
        if signal != SIGCHLD || !self.is_core_told() {
            return Ok(());
        }
        let stopped = self.tasks[index].stopped()?;
        let mut info = stopped.signal_info()?;
        if info.si_code == CLD_KILLED
            && tracee::child_of(&info).is_some_and(|of| self.has_dumped(of))
        {
            info.si_code = CLD_DUMPED;
            stopped.set_signal_info(&info)?;
        }
        Ok(())
    }
}
