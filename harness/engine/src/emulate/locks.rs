//! Waits that are queued by the engine rather than by the kernel.
//!
//! When several tasks wait for one file lock, or for room in one System V queue, and it
//! becomes free, the kernel wakes them all and they compete for it: the fastest gets it,
//! and no seed decides which. So no task waits for these inside the kernel: the engine
//! turns a waiting request into an immediate one, and a task that is refused is held and
//! tries again when the scheduler picks it. Sockets and eventfds wake all their waiters,
//! too, and have no such request; there only one task at a time is let in to wait.

use crate::emulate::Emulated;
use crate::emulate::sockets::direction;
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State, Task};
use crosswire_calls::{Does, is_file_lock_command};
use crosswire_kernel::arch::Register;
use crosswire_kernel::descriptor;
use crosswire_kernel::taken::Taken;
use crosswire_model::{Call, What};
use libc::*;

/// `F_OFD_SETLKW` and `F_OFD_SETLK` of linux/fcntl.h.
const OFD_WAIT: u64 = F_OFD_SETLKW as u64;
const OFD_TRY: u64 = F_OFD_SETLK as u64;

impl Task {
    /// Tells whether the queue is gone to which a held task tries to send: to one that tries for
    /// the first time, the kernel says that there is none (msgop(2)).
    pub fn has_lost_queue(&self, result: i64) -> bool {
        self.entering.row().does == Does::SystemVSend && result == -i64::from(EINVAL)
    }
}

impl Session<'_> {
    /// Turns a waiting lock request into an immediate one.
    pub fn attempt_lock(&mut self, index: usize) -> Result<Emulated, Halt> {
        let (row, args) = {
            let entering = &self.tasks[index].entering;
            (entering.row(), entering.args)
        };
        let locks = row.does == Does::LockFile
            || row.does == Does::Control && is_file_lock_command(args[1]);
        if locks {
            self.note_locking(index, args[0]);
        }
        let task = &mut self.tasks[index];
        let (argument, immediate) = match task.entering.row().does {
            Does::LockFile if args[1] as c_int & (LOCK_SH | LOCK_EX) != 0 => {
                (1, args[1] | LOCK_NB as u64)
            }
            Does::Control if args[1] == F_SETLKW as u64 => (1, F_SETLK as u64),
            Does::Control if args[1] == OFD_WAIT => (1, OFD_TRY),
            Does::SystemVSend => (3, args[3] | IPC_NOWAIT as u64),
            _ => return Ok(Emulated::Proceed),
        };
        if immediate == args[argument] {
            return Ok(Emulated::Proceed);
        }
        (task.stopped()?).poke(Register::Arg(argument), immediate)?;
        task.restore = Some((Register::Arg(argument), args[argument]));
        task.lock_attempt = true;
        Ok(Emulated::Proceed)
    }

    /// A task found its lock taken: it is held until it may be free.
    pub fn park(&mut self, index: usize) -> Result<(), Halt> {
        if self.closes_lock_cycle(index) {
            return self.end_attempt(index, EDEADLK);
        }
        self.repeat_call(index)?;
        let task = &mut self.tasks[index];
        task.has_waited = true;
        if task.entering.row().does == Does::LockFile && task.waits_at.is_none() {
            let process = self.processes[task.process].pid;
            task.waits_at = Taken::from(process, task.entering.args[0] as c_int).ok();
        }
        self.hold(index)
    }

    /// A task tries again to lock a file. If another thread has closed its descriptor meanwhile, it
    /// goes on waiting for the file that it had open (flock(2) looks it up once), which the engine
    /// locks in its place. Returns whether it has.
    fn lock_closed(&mut self, index: usize) -> Result<bool, Halt> {
        let task = &self.tasks[index];
        let [number, operation, ..] = task.entering.args;
        let process = self.processes[task.process].pid;
        let file = task.waits_at.as_ref();
        let file = file.filter(|file| !descriptor::is_same(file, process, number));
        let Some(file) = file else {
            return Ok(false);
        };
        if !descriptor::lock_at_once(file, operation as c_int) {
            self.repeat_call(index)?;
            self.hold(index)?;
            return Ok(true);
        }
        let task = &mut self.tasks[index];
        (task.waits_at, task.has_waited) = (None, false);
        // Unless another process has the file open, it is closed, and with that unlocked.
        self.reports.lock_released();
        let call = Call(self.tasks[index].entering.call);
        self.record(index, What::Wake { call, result: 0 });
        self.skip(index, 0)?;
        self.run_code(index, 0)?;
        Ok(true)
    }

    /// Ends the call of a task that cannot have what it has waited for.
    pub fn end_attempt(&mut self, index: usize, errno: c_int) -> Result<(), Halt> {
        let result = -i64::from(errno);
        let stopped = self.tasks[index].stopped()?;
        stopped.poke(Register::Result, result as u64)?;
        self.reports.complete(index, result, false);
        Ok(())
    }

    /// Tells whether waiting for a record lock would close a cycle of processes that wait
    /// for each other's locks. The kernel answers EDEADLK then (fcntl(2), F_SETLKW), and
    /// cannot detect it here because no task waits inside the kernel.
    fn closes_lock_cycle(&self, index: usize) -> bool {
        let mut at = index;
        for _ in 0..self.tasks.len() {
            let Some(holder) = self.record_lock_holder(at) else {
                return false;
            };
            if holder == self.tasks[index].process {
                return true;
            }
            let waits = |t: &&Task| t.process == holder && matches!(t.state, State::Parked(_));
            match self.tasks.iter().find(waits) {
                Some(task) => at = task.id.index(),
                None => return false,
            }
        }
        false
    }

    /// Returns the process whose record lock a task waits for.
    fn record_lock_holder(&self, index: usize) -> Option<usize> {
        let task = &self.tasks[index];
        let [number, command, request, ..] = task.entering.args;
        if task.entering.row().does != Does::Control || command != F_SETLKW as u64 {
            return None;
        }
        let pid = self.processes[task.process].pid;
        let holder = descriptor::record_lock_holder(pid, task.tid, number as i32, request)?;
        self.processes
            .iter()
            .position(|process| process.pid == holder)
    }

    /// A signal reaches a task that is held before a lock.
    pub fn disturb_lock(&mut self, index: usize) -> Result<(), Halt> {
        self.tasks[index].signal_waits = false;
        self.tasks[index].waits_at = None;
        // Undoes what `park` did: the task stands at the end of its call again.
        let stopped = self.tasks[index].stopped()?;
        let mut registers = stopped.registers()?;
        registers.pass_syscall();
        stopped.set_registers(&registers)?;
        self.end_as_interrupted(index)
    }

    /// A held task tries again.
    pub fn retry_lock(&mut self, index: usize) -> Result<(), Halt> {
        // It stands just before its call, and stops at its entry at once.
        let call = self.tasks[index].entering.call;
        self.run_code(index, 0)?;
        let is_at_entry = matches!(self.tasks[index].state, State::Ready(At::Entry, _));
        if is_at_entry && self.queue(index)? {
            return Ok(());
        }
        if is_at_entry && self.tasks[index].entering.call == call {
            if self.lock_closed(index)? {
                return Ok(());
            }
            self.emulate(index)?;
            return self.enter(index);
        }
        Ok(())
    }

    /// Holds a task that is about to wait at a socket or eventfd at which another one
    /// waits already.
    pub fn queue(&mut self, index: usize) -> Result<bool, Halt> {
        let row = self.tasks[index].entering.row();
        let Some(direction) = direction(row).filter(|_| !self.turn.is_last_resort()) else {
            return Ok(false);
        };
        let waits = |task: &Task| {
            matches!(task.state, State::Blocked)
                && self::direction(task.entering.row()) == Some(direction)
        };
        if !self.tasks.iter().any(waits) {
            return Ok(false);
        }
        let identity = |task: &Task| descriptor::queue_identity(task.tid, task.entering.args[0]);
        let Some(wanted) = identity(&self.tasks[index]) else {
            return Ok(false);
        };
        let taken = |task: &Task| waits(task) && identity(task).as_ref() == Some(&wanted);
        if !self.tasks.iter().any(taken) {
            return Ok(false);
        }
        self.repeat_call(index)?;
        self.hold(index)?;
        Ok(true)
    }

    fn hold(&mut self, index: usize) -> Result<(), Halt> {
        let task = &mut self.tasks[index];
        task.state = State::Parked(task.take_stopped()?);
        task.lock_seen = self.reports.locks_released();
        self.record_block(index);
        Ok(())
    }
}
