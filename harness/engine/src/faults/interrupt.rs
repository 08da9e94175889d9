//! Interrupted calls.
//!
//! A call fails with EINTR only where it would wait, and only if a signal arrives whose
//! handler runs (signal(7)). So the engine sends such a signal and lets Linux decide: a call
//! that has nothing to wait for is made, and `SA_RESTART` makes the call again. A process
//! without a handler cannot be interrupted, except in the few calls that SIGSTOP and SIGCONT
//! cut short.

use crate::faults::armed::Strike;
use crate::inside::remote::{self, Remote, made};
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crosswire_calls::Fact;
use crosswire_kernel::{memory, probe, tracee};
use crosswire_model::{Action, Fault, What};
use libc::*;

/// Signals that may be sent to interrupt a call, the most harmless first: those that reach
/// programs unasked, those without a fixed meaning, those of timers. Signals that ask a
/// program to end are no mere interruptions, and faults are the processor's.
const ORDER: [i32; 10] = [
    SIGCHLD, SIGWINCH, SIGURG, SIGCONT, SIGIO, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF,
];

/// Real-time signals that the C library leaves to programs (signal(7)).
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;

/// `struct sigaction` of the kernel: handler, flags, restorer, mask.
const ACTION: usize = 32;

impl Session<'_> {
    /// Before a call that the plan may interrupt: takes note of the signals with which that
    /// is possible, since a task that waits cannot be asked.
    pub fn note_interrupters(&mut self, index: usize) -> Result<(), Halt> {
        let process = &self.processes[self.tasks[index].process].name;
        let entering = self.tasks[index].entering;
        let is_call = matches!(self.tasks[index].state, State::Ready(At::Entry, _));
        if !is_call || !self.faults.may_interrupt(process, entering.call) {
            return Ok(());
        }
        let tid = self.tasks[index].tid;
        let handled = probe::handled(tid);
        let signals = ORDER.into_iter().chain(REAL_TIME);
        let caught: Vec<i32> = signals.filter(|s| handled >> (s - 1) & 1 == 1).collect();
        let mut cutting = Vec::new();
        if !caught.is_empty() {
            let stopped = self.tasks[index].lend()?;
            let place = remote::room_below_stack(&stopped)?;
            let own = memory::read_exact::<ACTION>(tid, place);
            let mut remote = Remote::at_entry(stopped, entering.call)?;
            for signal in caught {
                let args = [signal as u64, 0, place, 8, 0, 0];
                let is_known = own.is_ok() && remote.call(made::SIGACTION, args)? == 0;
                let flags = memory::read_word(tid, place + 8).unwrap_or(0);
                let restarts = is_known && flags & SA_RESTART as u64 != 0;
                if !restarts || entering.row().ends_with_any_handler() {
                    cutting.push(signal);
                }
            }
            self.tasks[index].give_back(remote.end()?);
            if let Ok(bytes) = own {
                memory::write(tid, place, &bytes)?;
            }
        }
        self.tasks[index].interrupters = cutting;
        Ok(())
    }

    /// Interrupts a call that is about to begin, or that has blocked.
    pub fn strike_interrupt(
        &mut self,
        index: usize,
        fault: Fault,
        blocked: bool,
    ) -> Result<Strike, Halt> {
        debug_assert_eq!(fault.action, Action::Interrupt);
        let task = &self.tasks[index];
        let (pid, tid) = (self.processes[task.process].pid, task.tid);
        let cutting = &task.interrupters;
        let signal = cutting.iter().find(|signal| !probe::blocks(tid, **signal));
        let (signal, stops) = (
            signal.copied(),
            task.entering.row().is(Fact::EndsWithStop) && blocked,
        );
        if signal.is_none() && !stops {
            self.faults.spend(fault);
            return Ok(Strike::None);
        }
        self.record(index, What::Fault(fault));
        let Some(signal) = signal else {
            self.interrupt_wait(index)?;
            return Ok(Strike::None);
        };
        tracee::kill_thread(pid, tid, signal);
        self.reports.signal_sent();
        let task = &mut self.tasks[index];
        if task.sleeps_in_call() {
            task.state = State::Running;
            self.settle(false)?;
        }
        Ok(Strike::None)
    }
}
