//! Faults: striking at the points that the plan names.

pub(crate) mod transfer;

use crate::run::session::{Halt, Session};
use crate::run::task::{State, TimedWait};
use crosswire_kernel::tracee;
use crosswire_model::{Action, Fault, Moment, What};
use libc::EINTR;

/// A fault of the plan, and how many of its points have passed.
#[derive(Debug)]
pub(crate) struct Armed {
    pub fault: Fault,
    pub seen: u32,
    pub struck: bool,
}

/// A signal held back until a step.
pub(crate) struct Delayed {
    task: usize,
    signal: i32,
    info: Option<libc::siginfo_t>,
    until: u64,
}

/// Effect of a fault on a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Strike {
    /// Nothing: the call goes its way, possibly with changed arguments.
    None,
    /// The step ends here.
    StepOver,
    /// The call is skipped with this result.
    Answer(i64),
}

impl Armed {
    pub fn new(fault: &Fault) -> Armed {
        Armed {
            fault: fault.clone(),
            seen: 0,
            struck: false,
        }
    }

    /// Returns a fault whose point has passed without there being anything to strike at.
    pub fn spent(fault: Fault) -> Armed {
        Armed {
            fault,
            seen: u32::MAX,
            struck: false,
        }
    }

    /// Counts a point; whether it is the one.
    fn passes(&mut self, process: &str, call: Option<u32>, blocked: bool) -> bool {
        let Fault {
            action,
            process: victim,
            point,
        } = &self.fault;
        let matches = !self.struck
            && self.seen < point.nth
            && victim == process
            && point.blocked == blocked
            && action.concerns_signals() == call.is_none()
            && point.call.is_none_or(|wanted| call == Some(wanted.0));
        self.seen += u32::from(matches);
        self.struck |= matches && self.seen == point.nth;
        matches && self.seen == self.fault.point.nth
    }
}

impl Session<'_> {
    /// Returns the first fault that strikes at this point, if one does.
    fn struck(&mut self, index: usize, call: Option<u32>, blocked: bool) -> Option<Fault> {
        if self.faults.is_empty() {
            return None;
        }
        let process = &self.processes[self.tasks[index].process].name;
        let entering = self.tasks[index].entering;
        let waits = !is_wake(entering.call, entering.args);
        let mut first = None;
        for armed in &mut self.faults {
            if armed.fault.action == Action::Interrupt && call.is_some() && !waits {
                continue;
            }
            if armed.passes(process, call, blocked) && first.is_none() {
                first = Some(armed.fault.clone());
            }
        }
        first
    }

    /// Applies the fault that strikes before a call begins.
    pub fn strike(&mut self, index: usize) -> Result<Strike, Halt> {
        let task = &mut self.tasks[index];
        // A paused task comes to the same point again.
        if std::mem::replace(&mut task.counted, true) {
            return Ok(Strike::None);
        }
        let call = task.entering.call;
        let Some(fault) = self.struck(index, Some(call), false) else {
            return Ok(Strike::None);
        };
        let action = fault.action;
        if matches!(action, Action::ShortIo(_) | Action::Full) {
            return self.strike_transfer(index, fault);
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
                self.processes[process].paused_until = self.step + 1 + steps;
                Ok(Strike::StepOver)
            }
            Action::Interrupt => Ok(Strike::Answer(-i64::from(EINTR))),
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
        self.record(index, What::Fault(fault));
        match action {
            Action::Kill => {
                if self.waits_untouched(index) {
                    self.note_undone(index);
                }
                self.kill_process(index)
            }
            Action::Interrupt => self.interrupt_wait(index),
            Action::Pause(steps) => {
                let process = self.tasks[index].process;
                self.processes[process].paused_until = self.step + 1 + steps;
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
        self.open_before_death(process)?;
        tracee::kill(self.processes[process].pid, libc::SIGKILL);
        self.recheck = true;
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
        if let Some(info) = task.delayed_signal.take() {
            task.stopped()
                .expect("at a signal stop")
                .set_signal_info(&info)?;
            return Ok(None);
        }
        let Some(fault) = self.struck(index, None, false) else {
            return Ok(None);
        };
        let action = fault.action;
        self.record(index, What::Fault(fault));
        if let Action::DelaySignal(steps) = action {
            let stopped = self.tasks[index].stopped().expect("at a signal stop");
            self.delayed.push(Delayed {
                task: index,
                signal,
                info: stopped.signal_info().ok(),
                until: self.step + steps,
            });
        }
        Ok(Some(action))
    }

    /// Sends the signals whose delay ends by `step`; whether there were any.
    pub fn send_delayed_signals(&mut self, step: u64) -> Result<bool, Halt> {
        let due = |delayed: &Delayed| delayed.until <= step;
        if !self.delayed.iter().any(due) {
            return Ok(false);
        }
        let (due, later) = std::mem::take(&mut self.delayed).into_iter().partition(due);
        self.delayed = later;
        let due: Vec<Delayed> = due;
        for delayed in due {
            let task = &mut self.tasks[delayed.task];
            if !task.is_gone() {
                task.delayed_signal = delayed.info;
                let pid = self.processes[task.process].pid;
                tracee::kill_thread(pid, task.tid, delayed.signal);
                self.signals_sent += 1;
            }
        }
        self.settle(false)?;
        Ok(true)
    }
}

/// Tells whether a call is the half of futex(2) that never waits, and so is never
/// interrupted.
fn is_wake(call: u32, args: [u64; 6]) -> bool {
    let operation = args[1] as i32 & libc::FUTEX_CMD_MASK;
    i64::from(call) == libc::SYS_futex
        && !matches!(
            operation,
            libc::FUTEX_WAIT
                | libc::FUTEX_WAIT_BITSET
                | libc::FUTEX_LOCK_PI
                | libc::FUTEX_WAIT_REQUEUE_PI
        )
}
