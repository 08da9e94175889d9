//! The fault `no-memory`: the file system behind a mapping is full.
//!
//! A page of a file that was never written to is allocated when it is first touched. If the
//! file system has no room left by then, there is no call that could fail: the process gets
//! SIGBUS (mmap(2); posix_fallocate(3) allocates beforehand).

use super::code::trampoline::SCRATCH;
use super::naming;
use super::space::{DISTANCE, PAGE, Region};
use crate::faults::armed::Strike;
use crate::inside::remote::{block_signals, made, next};
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crosswire_calls::Fact;
use crosswire_kernel::tracee::{Report, Stop};
use crosswire_kernel::{memory, probe};
use crosswire_model::{Fault, What};
use libc::SIGBUS;

/// Where shm_open(3) and sem_open(3) keep their files: in a `tmpfs`, in which even a read
/// allocates.
const SHARED_MEMORY: &str = "/dev/shm/";

impl Session<'_> {
    /// Takes note of memory that a call is about to allocate, if a fault of the plan asks for
    /// it.
    pub fn note_reservation(&mut self, index: usize) {
        let task = &self.tasks[index];
        let (row, args) = (task.entering.row(), task.entering.args);
        if !row.is(Fact::Reserves) || !self.faults.concern_memory() {
            return;
        }
        if let Some((key, _)) = naming::file(task.tid, args[0]) {
            let range = args[2]..args[2].saturating_add(args[3]);
            self.memory.reserved.0.push((key, range));
        }
    }

    /// Where a task comes to an access that `no-memory` may befall: tells whether the page
    /// has yet to be allocated. The engine itself allocates it when it reads the memory
    /// behind the access, so this is asked before.
    pub(super) fn lacks_page(
        &mut self,
        index: usize,
        address: u64,
        region: &Region,
    ) -> Result<bool, Halt> {
        let task = &self.tasks[index];
        let tid = task.tid;
        let process = &self.processes[task.process].name;
        if !self.faults.may_lack_memory(process) || !self.is_in_file_system(region) {
            return Ok(false);
        }
        let key = self.memory.objects.key(region.object);
        let position = region.position(address);
        let mut reserved = self.memory.reserved.0.iter();
        if reserved.any(|(of, range)| Some(*of) == key && range.contains(&position)) {
            return Ok(false);
        }
        let page = (address + DISTANCE) & !(PAGE - 1);
        let mut remote = self.borrow(index)?;
        let answer = remote.call(made::MINCORE, [page, PAGE, SCRATCH, 0, 0, 0])?;
        self.give_back(index, remote)?;
        let mut residency = [1];
        memory::read(tid, SCRATCH, &mut residency)?;
        Ok(answer == 0 && residency[0] & 1 == 0)
    }

    /// Tells whether memory belongs to a file of a file system with an end: anonymous memory,
    /// System V segments and memfd_create(2) have none.
    fn is_in_file_system(&self, region: &Region) -> bool {
        let name = self.memory.name(region.object);
        name.starts_with('/')
            && !["/dev/zero", "/memfd:", "/SYSV"]
                .iter()
                .any(|o| name.starts_with(o))
    }

    /// Sends SIGBUS instead of an access, if there is no page yet.
    pub fn strike_no_memory(&mut self, index: usize, fault: Fault) -> Result<Strike, Halt> {
        let tid = self.tasks[index].tid;
        let pending = self.tasks[index].access.filter(|pending| pending.unbacked);
        let allocates = self
            .pending_access(index)
            .is_some_and(|(address, _, kind)| {
                let region = self.space(index).at(address);
                let object = region.map(|region| self.memory.name(region.object));
                kind.may_write() || object.is_some_and(|name| name.starts_with(SHARED_MEMORY))
            });
        // The kernel would kill it, whatever it has set (force_sig_info_to_task in
        // kernel/signal.c); too rare to be imitated.
        let refuses = probe::blocks(tid, SIGBUS) || probe::ignores(tid, SIGBUS);
        let Some(pending) = pending.filter(|_| allocates && !refuses) else {
            self.faults.spend(fault);
            return Ok(Strike::None);
        };
        self.record(index, What::Fault(fault));
        // It stands before the instruction, which fails once more; that signal becomes the
        // other one.
        let stopped = self.tasks[index].take_stopped()?;
        let mask = block_signals(&stopped)?;
        stopped.resume(0)?;
        let stopped = match next(tid)? {
            Report::Stopped(stopped, Stop::Signal(libc::SIGSEGV)) => stopped,
            report => {
                self.on_report(report)?;
                return Ok(Strike::StepOver);
            }
        };
        stopped.set_signal_mask(mask)?;
        stopped.set_fault(SIGBUS, libc::BUS_ADRERR, pending.address)?;
        self.tasks[index].access = None;
        self.tasks[index].state = State::Ready(At::Signal(SIGBUS), stopped);
        self.deliver(index, SIGBUS)?;
        Ok(Strike::StepOver)
    }
}
