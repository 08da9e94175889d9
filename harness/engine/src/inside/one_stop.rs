//! Calls that nobody else can notice yet have one stop instead of two.
//!
//! Of a call that neither waits nor wakes anybody the engine needs the result, but not
//! before the task's next stop, because nobody else runs until then. So the task makes
//! its call and comes back by a stub: code of the engine's in its memory, which keeps
//! the result where the engine finds it and goes on to where the program made the call.

use super::stubs::{AREA, CODE, Glance, Installed, PAGE, RESULT, Stubs, TOLD};
use crate::inside::remote::{self, Remote, made};
use crate::inside::vdso;
use crate::run::session::{Halt, Session};
use crate::run::task::{State, Task};
use crosswire_calls::StatusForm;
use crosswire_kernel::arch::Register;
use crosswire_kernel::memory;
use crosswire_kernel::tracee::{self, Entering, Stop};
use std::io;

/// A program makes at least so many such calls before it is worth giving it stubs.
const WORTHWHILE: u32 = 8;

/// Makes room for stubs in the memory of a borrowed task.
pub(crate) fn install(remote: &mut Remote) -> io::Result<Installed> {
    let args = remote::code_area(CODE, AREA + PAGE);
    // It fails where a program limits its memory, or may not execute what it has written.
    Ok(match remote.call(made::MMAP, args)? as u64 {
        CODE => Installed::Bytes(0),
        _ => Installed::Impossible,
    })
}

/// What a task has left on the engine's pages.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Left {
    /// How many of the readings that it was lent, if it was lent any.
    readings: Option<u64>,
    /// The result of a call that has one stop, if that has certainly come back.
    result: Option<u64>,
}

impl Session<'_> {
    /// The stub that the task can take for the call it is about to make.
    pub fn find_stub(&mut self, index: usize) -> Result<Option<u64>, Halt> {
        if !self.may_take_stub(index) {
            return Ok(None);
        }
        let space = self.processes[self.tasks[index].process].space;
        let (_, installed) = self.memory.stubs(space);
        if let Installed::Nothing(count) = installed {
            *count += 1;
            if *count < WORTHWHILE {
                return Ok(None);
            }
            let task = &mut self.tasks[index];
            let mut remote = Remote::at_entry(task.lend()?, task.entering.call)?;
            *installed = install(&mut remote)?;
            task.give_back(remote.end()?);
        }
        if *installed == Installed::Impossible {
            return Ok(None);
        }
        let look = self.look_at(index);
        let task = &self.tasks[index];
        let (stubs, installed) = self.memory.stubs(space);
        let found = stubs.find(task.entering.next, look);
        stubs.write(task.tid, installed)?;
        // Whoever wants to see what a call gave must look before its caller goes on.
        Ok(found.filter(|_| !self.setup.watched))
    }

    fn may_take_stub(&mut self, index: usize) -> bool {
        let waits = |task: &Task| matches!(task.state, State::Blocked | State::Frozen);
        let somebody_waits = self.tasks.iter().any(waits);
        let (row, args) = {
            let entering = &self.tasks[index].entering;
            (entering.row(), entering.args)
        };
        let is_left_alone = row.can_be_left_alone(&args, somebody_waits, self.network.lingers())
            || !somebody_waits && self.moves_plainly(index);
        let task = &self.tasks[index];
        // A pointer that the kernel cannot follow would have to be seen at once, and so would a
        // text that is not for the program.
        is_left_alone
            && !(row.reads_bytes() && self.processes[task.process].reads_of_tasks)
            && (!self.is_watched(index) || row.has_no_pointer() && !self.space(index).open)
            && !self.processes[task.process].filters_calls
            && task.makes_own_call()
            && (!row.tells_of_files() || self.look_at(index) != Glance::Nothing)
            && !(row.link_text().is_some() && self.may_name_object(index))
    }

    /// What the stub has to look at. Of files on the machine's own devices, the engine has to see
    /// the status only once the run has made or changed some.
    fn look_at(&self, index: usize) -> Glance {
        let status = self.tasks[index].entering.row().status();
        match status.filter(|_| !self.setup.pids_vary && !self.files.has_made()) {
            Some((StatusForm::Stat, argument)) => Glance::Stat { argument },
            Some((StatusForm::Statx, argument)) => Glance::Statx { argument },
            None => Glance::Nothing,
        }
    }

    /// A stub wants the engine to see what its call has told. Returns whether that is what the
    /// task has stopped for.
    pub fn look_at_told(&mut self, index: usize, entering: &Entering) -> Result<bool, Halt> {
        let tid = self.tasks[index].tid;
        if !self.tasks[index].in_one_stop_call || entering.call != TOLD {
            return Ok(false);
        }
        let target = self.memory.knowledge().stubs.target(entering.next - 1);
        let next = target.ok_or_else(|| io::Error::other("a stub that is not known"))?;
        let result = memory::read_word(tid, RESULT)?;
        self.tasks[index].in_one_stop_call = false;
        let stopped = self.tasks[index].stopped()?;
        let mut registers = stopped.registers()?;
        registers.return_from_call(next, result);
        stopped.set_registers(&registers)?;
        self.correct_status(index, result as i64)?;
        self.record_call(index, result as i64);
        self.tasks[index].take_stopped()?.resume(0)?;
        Ok(true)
    }

    /// Lets the task make its call, and go on to its next stop by a stub.
    pub fn take_stub(&mut self, index: usize, stub: u64) -> Result<(), Halt> {
        let task = &mut self.tasks[index];
        task.stopped()?.poke(Register::Position, stub)?;
        task.in_one_stop_call = true;
        self.run_code(index, 0)
    }

    /// A run ends while the current task computes: the call that it made before is to be in
    /// the trace.
    pub fn stop_behind_one_stop_call(&mut self) -> Result<(), Halt> {
        let current = self.turn.current().map(|index| &self.tasks[index]);
        if let Some(task) = current.filter(|task| task.in_one_stop_call) {
            let tid = task.tid;
            tracee::interrupt(tid)?;
            self.on_report(remote::next(tid)?)?;
        }
        Ok(())
    }

    /// Reads what a task has left on the engine's pages on its way to a stop.
    pub fn left_on_pages(&self, index: usize, stop: Stop) -> Left {
        let task = &self.tasks[index];
        let (tid, has_come_back) = (task.tid, task.in_one_stop_call && stop == Stop::Entry);
        if !self.has_readings(index, stop) {
            return Left::default();
        }
        if has_come_back {
            let (mut left, mut result) = ([0; 8], [0; 8]);
            let parts = [(vdso::LENT, &mut left[..]), (RESULT, &mut result[..])];
            if memory::read_each(tid, parts).is_ok() {
                return Left {
                    readings: Some(u64::from_ne_bytes(left)),
                    result: Some(u64::from_ne_bytes(result)),
                };
            }
        }
        Left {
            readings: Some(vdso::left(tid).unwrap_or(0)),
            result: None,
        }
    }

    /// Readings of clocks that a task has made on its way to a stop have taken time: after the
    /// call that it has made first, if that has one stop.
    pub fn take_left(&mut self, index: usize, left: Left) {
        if let Some(readings) = left.readings {
            self.take_readings(index, readings);
        }
    }

    /// Before anything else is made of a stop: the call that the task has made on its way
    /// there has ended.
    pub fn end_one_stop_call(&mut self, index: usize, stop: Stop, left: Left) -> Result<(), Halt> {
        if !std::mem::take(&mut self.tasks[index].in_one_stop_call) {
            return Ok(());
        }
        let tid = self.tasks[index].tid;
        if let Some(result) = left.result {
            self.record_call(index, result as i64);
            return Ok(());
        }
        let position = match stop {
            Stop::Entry => 0,
            _ => self.tasks[index].stopped()?.peek(Register::Position)?,
        };
        let target = self.memory.knowledge().stubs.target(position);
        let result = match target {
            None => memory::read_word(tid, RESULT)?,
            // Stopped on its way: it shall be found in its program.
            Some(next) => {
                let stopped = self.tasks[index].stopped()?;
                let result = match Stubs::has_kept_result(position) {
                    true => memory::read_word(tid, RESULT)?,
                    false => stopped.peek(Register::Result)?,
                };
                let mut registers = stopped.registers()?;
                registers.return_from_call(next, result);
                stopped.set_registers(&registers)?;
                self.correct_status(index, result as i64)?;
                result
            }
        };
        self.record_call(index, result as i64);
        Ok(())
    }
}
