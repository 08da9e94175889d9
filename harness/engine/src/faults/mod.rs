//! Faults: striking at the points that the plan names.

pub(crate) mod armed;
mod interrupt;
mod reuse;
pub(crate) mod transfer;

use crate::inside::remote::FORCED;
use crate::run::session::{Halt, Session};
use crate::run::task::{State, TimedWait};
use armed::{Delayed, Strike};
use crosswire_calls::{Does, Mapping};
use crosswire_kernel::arch::Register;
use crosswire_kernel::tracee;
use crosswire_model::{Action, Fault, Moment, What};
use libc::EINTR;

/// What brk(2) does.
const HEAP: Does = Does::Map(Mapping::Break);

impl Session<'_> {
    /// Returns the first fault that strikes at this point, if one does.
    fn struck(&mut self, index: usize, call: Option<u32>, blocked: bool) -> Option<Fault> {
        if self.faults.is_empty() {
            return None;
        }
        let process = &self.processes[self.tasks[index].process].name;
        let entering = self.tasks[index].entering;
        let waits = !entering.row().only_wakes_futex(&entering.args);
        self.faults.strike(process, call, blocked, waits)
    }

    /// Applies the fault that strikes before a call begins.
    pub fn strike(&mut self, index: usize) -> Result<Strike, Halt> {
        let task = &mut self.tasks[index];
        // A paused task comes to the same point again.
        if std::mem::replace(&mut task.counted, true) {
            return Ok(Strike::None);
        }
        let call = task.entering.call;
        self.note_interrupters(index)?;
        let Some(fault) = self.struck(index, Some(call), false) else {
            return Ok(Strike::None);
        };
        let action = fault.action;
        if action == Action::Interrupt {
            return self.strike_interrupt(index, fault, false);
        }
        if matches!(action, Action::ShortIo(_) | Action::Full) {
            return self.strike_transfer(index, fault);
        }
        if action == Action::ReusePid {
            return self.strike_reuse(index, fault);
        }
        if action == Action::NoMemory {
            return self.strike_no_memory(index, fault);
        }
        self.record(index, What::Fault(fault));
        match action {
            Action::Kill => {
                self.note_undone(index);
                self.kill_process(index)?;
                Ok(Strike::StepOver)
            }
            Action::Pause(steps) => {
                let process = self.tasks[index].process;
                self.processes[process].paused_until = self.turn.step() + 1 + steps;
                Ok(Strike::StepOver)
            }
            // The descriptor is free even after an error (close(2), "Dealing with error
            // returns from close()").
            Action::Errno(errno) if self.tasks[index].entering.row().does == Does::Close => {
                self.tasks[index].fails_with = Some(-i64::from(errno.0));
                Ok(Strike::None)
            }
            // Where there is no memory, brk(2) returns the end that it could not change, as it does
            // for an end that makes no sense.
            Action::Errno(_) if self.tasks[index].entering.row().does == HEAP => {
                let end = Register::Arg(0);
                let task = &mut self.tasks[index];
                task.stopped()?.poke(end, 0)?;
                task.restore = Some((end, task.entering.args[0]));
                Ok(Strike::None)
            }
            Action::Errno(errno) => Ok(Strike::Answer(-i64::from(errno.0))),
            Action::ClockJump(seconds) => {
                self.set_calendar(seconds);
                Ok(Strike::None)
            }
            _ => Ok(Strike::None),
        }
    }

    /// Applies the fault that strikes once a call has blocked.
    pub fn strike_blocked(&mut self, index: usize) -> Result<(), Halt> {
        let call = self.tasks[index].entering.call;
        let Some(fault) = self.struck(index, Some(call), true) else {
            return Ok(());
        };
        let action = fault.action;
        if action == Action::Interrupt {
            return self.strike_interrupt(index, fault, true).map(drop);
        }
        self.record(index, What::Fault(fault));
        match action {
            Action::Kill => {
                if self.waits_untouched(index) {
                    self.note_undone(index);
                }
                self.kill_process(index)
            }
            Action::Pause(steps) => {
                let process = self.tasks[index].process;
                self.processes[process].paused_until = self.turn.step() + 1 + steps;
                Ok(())
            }
            Action::ClockJump(seconds) => {
                self.set_calendar(seconds);
                Ok(())
            }
            // The others change a call before it begins.
            _ => Ok(()),
        }
    }

    fn kill_process(&mut self, index: usize) -> Result<(), Halt> {
        self.capture(index, Moment::Killed);
        let process = self.tasks[index].process;
        self.note_end_touches(index);
        self.drain_process(process)?;
        self.open_before_death(process)?;
        tracee::kill(self.processes[process].pid, libc::SIGKILL);
        self.reports.expect_deaths();
        self.settle(false)
    }

    /// Ends a call that has blocked with EINTR.
    fn interrupt_wait(&mut self, index: usize) -> Result<(), Halt> {
        let task = &mut self.tasks[index];
        let result = -i64::from(EINTR);
        match task.state {
            State::Blocked => {
                task.timed_wait = Some(TimedWait {
                    deadline: self.clock.now(),
                    result,
                });
                task.expired = true;
                task.state = State::Running;
                tracee::interrupt(task.tid)?;
                self.settle(false)
            }
            State::Sleeping(_) | State::Parked(_) => {
                let is_parked = matches!(task.state, State::Parked(_));
                task.timed_wait = None;
                if is_parked {
                    // It stands before its call; let it come to the entry.
                    self.run_code(index, 0)?;
                }
                self.skip(index, result)?;
                self.run_code(index, 0)
            }
            _ => Ok(()),
        }
    }

    /// Returns the fault that befalls a signal about to be delivered.
    pub fn strike_signal(&mut self, index: usize, signal: i32) -> Result<Option<Action>, Halt> {
        let task = &mut self.tasks[index];
        if let Some(info) = task.delayed_signal.take_if(|info| info.si_signo == signal) {
            task.stopped()?.set_signal_info(&info)?;
            return Ok(None);
        }
        // What an instruction causes comes before the next one, whatever happens.
        let by_instruction = signal == libc::SIGSYS || FORCED.contains(&signal);
        let is_caused = |info: libc::siginfo_t| info.si_code > 0 && by_instruction;
        if task.stopped()?.signal_info().is_ok_and(is_caused) {
            return Ok(None);
        }
        let Some(fault) = self.struck(index, None, false) else {
            return Ok(None);
        };
        let action = fault.action;
        self.record(index, What::Fault(fault));
        if let Action::DelaySignal(steps) = action {
            let stopped = self.tasks[index].stopped()?;
            self.faults.delay(Delayed {
                task: index,
                signal,
                info: stopped.signal_info().ok(),
                until: self.turn.step() + steps,
            });
        }
        Ok(Some(action))
    }

    /// Sends the signals whose delay ends by `step`; whether there were any.
    pub fn send_delayed_signals(&mut self, step: u64) -> Result<bool, Halt> {
        let due = self.faults.due(step);
        if due.is_empty() {
            return Ok(false);
        }
        for delayed in due {
            let task = &mut self.tasks[delayed.task];
            if !task.is_gone() {
                task.delayed_signal = delayed.info;
                let pid = self.processes[task.process].pid;
                tracee::kill_thread(pid, task.tid, delayed.signal);
                self.reports.signal_sent();
            }
        }
        self.settle(false)?;
        Ok(true)
    }
}
