//! Faults: striking at the points that the plan names.

pub(crate) mod armed;
mod edges;
mod errors;
mod interrupt;
mod reuse;
pub(crate) mod transfer;

use crate::inside::remote::FORCED;
use crate::run::session::{Halt, Session};
use crate::run::task::{State, Task, TimedWait};
use armed::{Delayed, Strike};
use crosswire_calls::{Does, Mapping};
use crosswire_kernel::arch::Register;
use crosswire_kernel::tracee;
use crosswire_model::{Action, Fault, Moment, What};
use libc::{EAGAIN, EINTR, SI_TKILL, siginfo_t};

/// The first of the real-time signals, as the kernel counts (signal(7)).
const FIRST_REAL_TIME: i32 = 32;

/// Tells whether a signal was sent by the engine, which no program sees as a process.
fn is_sent_again(info: &siginfo_t) -> bool {
    let own = i32::try_from(std::process::id()).ok();
    tracee::sender_of(info).is_some_and(|sender| sender == 0 || Some(sender) == own)
}

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
        if let Action::Errno(errno) = action
            && !self.can_fail_with(index, errno.0)
        {
            self.faults.spend(fault);
            return Ok(Strike::None);
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
            Action::Errno(errno) => {
                if errno.0 == EAGAIN {
                    self.bring_edges(index)?;
                }
                Ok(Strike::Answer(-i64::from(errno.0)))
            }
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
        self.die(process)
    }

    /// Ends a call that has blocked with EINTR.
    fn interrupt_wait(&mut self, index: usize) -> Result<(), Halt> {
        let task = &mut self.tasks[index];
        let result = -i64::from(EINTR);
        match task.state {
            State::Blocked if task.cut_short.is_none() => {
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
        let process = self.tasks[index].process;
        let stopped = self.tasks[index].stopped()?;
        let info = stopped.signal_info().ok();
        let waiting = &mut self.processes[process].delayed_signals;
        let own = waiting.iter().position(|info| info.si_signo == signal);
        if let Some(own) = own {
            let first = waiting.remove(own);
            // One that was sent meanwhile, and was faster than what was sent once more.
            let other = info.filter(|info| signal >= FIRST_REAL_TIME && !is_sent_again(info));
            waiting.extend(other);
            stopped.set_signal_info(&first)?;
            return Ok(None);
        }
        if info.is_some_and(|info| self.comes_at_once(index, &info)) {
            return Ok(None);
        }
        // Real-time signals of one number keep their order (signal(7)).
        let is_queued = signal >= FIRST_REAL_TIME;
        if let Some(until) = self
            .faults
            .held_until(process, signal)
            .filter(|_| is_queued)
        {
            self.hold_signal(index, signal, info, until);
            return Ok(Some(Action::DelaySignal(until - self.turn.step())));
        }
        let Some(fault) = self.struck(index, None, false) else {
            return Ok(None);
        };
        let action = fault.action;
        self.record(index, What::Fault(fault));
        if let Action::DelaySignal(steps) = action {
            self.hold_signal(index, signal, info, self.turn.step() + steps);
        }
        Ok(Some(action))
    }

    fn hold_signal(&mut self, task: usize, signal: i32, info: Option<siginfo_t>, until: u64) {
        let process = self.tasks[task].process;
        // Any thread may take what was not sent to one (signal(7)).
        let to_thread = info.is_none_or(|info| info.si_code == SI_TKILL);
        self.faults.delay(Delayed {
            process,
            thread: to_thread.then_some(task),
            signal,
            info,
            until,
        });
    }

    /// Tells whether a signal comes before the next instruction, whatever happens: an instruction
    /// has caused it, or the process has sent it to itself (kill(2), "Notes").
    fn comes_at_once(&self, index: usize, info: &siginfo_t) -> bool {
        let signal = info.si_signo;
        let by_instruction = signal == libc::SIGSYS || FORCED.contains(&signal);
        let leader = self.processes[self.tasks[index].process].leader;
        let own = self.tasks[leader.index()].tid_inside;
        info.si_code > 0 && by_instruction || tracee::sender_of(info) == Some(own)
    }

    /// Sends the signals whose delay ends by `step`; whether there were any.
    pub fn send_delayed_signals(&mut self, step: u64) -> Result<bool, Halt> {
        let due = self.faults.due(step);
        if due.is_empty() {
            return Ok(false);
        }
        for delayed in due {
            let number = delayed.process;
            let is_there = |task: &Task| task.process == number && !task.is_gone();
            let aimed_at = delayed.thread.map(|thread| &self.tasks[thread]);
            if !aimed_at.map_or_else(|| self.tasks.iter().any(is_there), is_there) {
                continue;
            }
            let process = &mut self.processes[number];
            match aimed_at {
                Some(task) => tracee::kill_thread(process.pid, task.tid, delayed.signal),
                // It is not gone: see above.
                None => drop(tracee::kill(process.pid, delayed.signal)),
            }
            process.delayed_signals.extend(delayed.info);
            self.reports.signal_sent();
        }
        self.settle(false)?;
        Ok(true)
    }
}
