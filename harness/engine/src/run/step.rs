//! One step: from one schedule point of a task to its next. The chosen task performs the
//! call it is about to make, every task that it wakes reaches the end of its own call,
//! and the chosen task continues to its next call.

use crate::emulate::Emulated;
use crate::emulate::time::clock::STEP;
use crate::faults::armed::Strike;
use crate::run::session::{Halt, Session};
use crate::run::settle::Outlook;
use crate::run::task::{At, State};
use crate::schedule::choose::Choices;
use crosswire_calls::{Does, Fact};
use crosswire_kernel::arch::Register;
use crosswire_kernel::memory;
use crosswire_kernel::probe;
use crosswire_model::{Action, Deviation, End, Limit, Moment, Signal, TaskId, What};
use libc::CLONE_NEWIPC;

impl Session<'_> {
    /// Takes steps until the run is over.
    pub fn perform(&mut self) -> Halt {
        loop {
            if let Err(halt) = self.take_step() {
                return halt;
            }
        }
    }

    pub fn take_step(&mut self) -> Result<(), Halt> {
        self.check_limits()?;
        self.fire_due_timers()?;
        self.send_delayed_signals(self.turn.step)?;
        self.notice_signals();
        self.begin_successors();
        self.turn.last_resort &= self.recorder.len() == self.turn.retried_at;
        self.doubt_loops()?;
        let ready = self.ready();
        if ready.is_empty() {
            return self.nobody_ready();
        }
        if self.is_to_stop() {
            return Err(Halt::End(End::Limit(Limit::Steps)));
        }
        let asleep = self.asleep();
        let task = match self.carries_on(&ready) {
            Some(task) => {
                self.chooser.goes_on(task);
                task
            }
            None => self.choose(&ready, &asleep)?,
        };
        if task.is_buffer() {
            return self.take_step_of_buffer(task, &ready, &asleep);
        }
        self.note_touches(task.index());
        self.turn.yielded = false;
        self.turn.current = Some(task.index());
        self.tasks[task.index()].ahead = None;
        self.tasks[task.index()].suspected = None;
        self.tasks[task.index()].looping.begin_step();
        self.note_log(task.index());
        let before = self.look_before(task, &ready, &asleep);
        self.begin_step_with_buffer(task.index());
        self.advance(task.index())?;
        if let Some(before) = before {
            self.look_after(before);
        }
        self.finish_step();
        Ok(())
    }

    /// The oldest store in a buffer becomes visible.
    fn take_step_of_buffer(
        &mut self,
        buffer: TaskId,
        ready: &[TaskId],
        asleep: &[TaskId],
    ) -> Result<(), Halt> {
        let before = self.look_before(buffer, ready, asleep);
        self.note_drain(buffer.index());
        self.drain_step(buffer.index())?;
        if let Some(before) = before {
            self.look_after(before);
        }
        self.finish_step();
        Ok(())
    }

    /// Somebody decides who takes the next step.
    fn choose(&mut self, ready: &[TaskId], asleep: &[TaskId]) -> Result<TaskId, Halt> {
        let candidates = self.chooser.candidates(ready, &self.ordering(asleep));
        let next = self.look_ahead(&candidates);
        let choices = Choices {
            ready,
            asleep,
            suspected: &self.approach(&candidates, &next),
            next: &next,
            candidates: &candidates,
        };
        let (task, switch) = self
            .chooser
            .choose(self.turn.step, &choices, self.turn.yielded)?;
        if let Some(switch) = switch {
            let step = self.turn.step;
            self.recorder
                .note_decision(Deviation { step, task }, switch);
        }
        Ok(task)
    }

    /// The current step is over.
    pub fn finish_step(&mut self) {
        if let Some(index) = self.turn.current.take() {
            self.note_step(index);
            self.use_cpu(index, STEP);
        }
        self.turn.end_step();
        self.clock.step();
        if self
            .processes
            .iter()
            .filter(|p| p.root)
            .all(|p| self.has_ended(p))
        {
            self.turn.after_roots += 1;
        }
    }

    /// Performs the step of one task.
    pub fn advance(&mut self, index: usize) -> Result<(), Halt> {
        if self.is_dying(&self.tasks[index]) {
            return self.die(self.tasks[index].process);
        }
        if self.is_ahead(index) {
            self.let_others_catch_up(index);
            return Ok(());
        }
        let task = &mut self.tasks[index];
        match &task.state {
            State::Ready(At::Entry, _) => self.call(index),
            State::Ready(At::Access, _) => self.perform_access(index),
            State::Ready(At::Start, _) => {
                self.record(index, What::Start);
                self.run_code(index, 0)
            }
            State::Ready(at @ (At::Exit | At::Code), _) => {
                if *at == At::Code {
                    // It may have been stopped, and its parent is told (waitpid(2)).
                    self.reports.signal_sent();
                }
                self.tasks[index].looping.go_on();
                self.record(index, What::Resume);
                self.run_code(index, 0)
            }
            State::Ready(At::Signal(signal), _) => {
                let signal = *signal;
                self.deliver(index, signal)
            }
            State::Sleeping(_) if task.signal_waits => self.disturb_sleeper(index),
            State::Parked(_) if task.signal_waits => self.disturb_lock(index),
            State::Sleeping(_) => self.wake_sleeper(index),
            State::Blocked => self.expire_wait(index),
            State::Parked(_) => self.retry_lock(index),
            state => unreachable!("a task in state {state:?} was chosen"),
        }
    }

    /// The chosen task performs the call that it is about to make.
    pub fn call(&mut self, index: usize) -> Result<(), Halt> {
        if self.deliver_first(index)? {
            return Ok(());
        }
        self.decode_path(index);
        self.note_sent(index);
        match self.strike(index)? {
            Strike::None => {}
            Strike::StepOver => return Ok(()),
            Strike::Answer(result) => return self.answer(index, result),
        }
        if self.queue(index)? {
            return self.strike_blocked(index);
        }
        match self.emulate(index)? {
            Emulated::Answer(result) => self.answer(index, result),
            Emulated::Sleep { deadline } => {
                self.sleep(index, deadline)?;
                self.strike_blocked(index)
            }
            Emulated::Proceed => self.enter(index),
        }
    }

    /// Skips the call: the program sees `result`.
    pub fn answer(&mut self, index: usize, result: i64) -> Result<(), Halt> {
        self.record_call(index, result);
        self.skip(index, result)?;
        self.run_code(index, 0)
    }

    /// Arranges that the call which is about to begin does nothing but return.
    pub fn skip(&mut self, index: usize, result: i64) -> Result<(), Halt> {
        self.return_pointers(index)?;
        let stopped = self.tasks[index].stopped()?;
        stopped.poke(Register::Call, u64::MAX)?;
        stopped.poke(Register::Result, result as u64)?;
        Ok(())
    }

    /// Lets the kernel perform the call, and the task continue to its next one.
    pub fn enter(&mut self, index: usize) -> Result<(), Halt> {
        let entering = self.tasks[index].entering;
        let row = entering.row();
        self.turn.yielded = row.is(Fact::Yields);
        self.turn.calling = true;
        let leaves = row.is(Fact::Relocates)
            || row.does == Does::Fork
                && self.creation_flags(index, false) & CLONE_NEWIPC as u64 != 0;
        self.ipc.note_call(row, leaves, self.tasks[index].tid);
        self.note_settings(index);
        self.note_heirs(index, row);
        self.note_contest(index);
        self.keep_in_reach(index)?;
        self.note_opening(index);
        self.note_removal(index);
        self.place_mapping(index)?;
        self.watch_before_thread(index)?;
        self.share_before_fork(index)?;
        self.drain_before_call(index)?;
        self.open_before_end(index)?;
        let disturbed = self.open_before_kill(index)?;
        self.kill_one_by_one(index)?;
        if row.never_returns() {
            self.hold_heirs(self.tasks[index].process)?;
        }
        self.open_for_call(index)?;
        let carries = self.is_carried_by_terminals(row);
        if !carries && let Some(stub) = self.find_stub(index)? {
            self.turn.calling = false;
            self.reports.recheck = false;
            self.take_stub(index, stub)?;
            self.note_release(row.may_release_lock());
            return Ok(());
        }
        let outlook = self.outlook(index);
        if outlook != Outlook::Alone && self.space(index).own.is_some() {
            // It may wake others with the same memory.
            self.take_back_pages(index)?;
        }
        self.terminals.are_to_carry = carries;
        let stopped = self.tasks[index].take_stopped()?;
        match row.never_returns() {
            true => {
                self.note_unreaped(index);
                if row.does == (Does::Exit { process: true }) && entering.args[0] & 0xff != 0 {
                    self.capture(index, Moment::Exit);
                }
                self.record_call(index, 0);
                stopped.resume(0)?;
            }
            false => stopped.resume_to_exit()?,
        }
        self.reports.recheck = row.may_end_tasks();
        self.settle_as(outlook)?;
        self.part_child(index)?;
        self.check_disturbed(&disturbed)?;
        if row.sends_signal() {
            self.reports.signal_sent();
        }
        let refused = matches!(self.tasks[index].state, State::Parked(_));
        self.note_release(row.may_release_lock() && !refused);
        match self.tasks[index].state {
            State::Ready(At::Exit, _) if self.is_kept_at_exec(index) => Ok(()),
            State::Ready(At::Exit, _) => {
                self.turn.calling = false;
                self.follow_mapping(index)?;
                self.run_code(index, 0)
            }
            State::Blocked => {
                self.memory.note_wait(row);
                self.note_asked(index);
                self.record_block(index);
                self.strike_blocked(index)
            }
            State::Parked(_) => self.strike_blocked(index),
            // Stopped by a signal, or gone.
            _ => Ok(()),
        }
    }

    /// What is expected of the call that the kernel is about to perform.
    fn outlook(&mut self, index: usize) -> Outlook {
        let (row, args) = {
            let entering = &self.tasks[index].entering;
            (entering.row(), entering.args)
        };
        if row.is_instant(&args) {
            return Outlook::Alone;
        }
        let returns = match row.does {
            Does::Open => !self.memory.knowledge().opens_wait,
            Does::Close => !self.network.lingers(),
            Does::Futex => row.only_wakes_futex(&args),
            _ => row.is(Fact::WakesWatchers) || self.moves_plainly(index),
        };
        match returns {
            true => Outlook::Returns,
            false => Outlook::Open,
        }
    }

    fn note_release(&mut self, released: bool) {
        if released {
            self.reports.lock_released();
        }
    }

    /// Takes note of what makes later calls other than they seem.
    fn note_settings(&mut self, index: usize) {
        let entering = self.tasks[index].entering;
        let (row, args) = (entering.row(), entering.args);
        let process = self.tasks[index].process;
        self.processes[process].filters_calls |= crosswire_calls::filters_calls(row.does, &args);
        self.faults.packets |= row.makes_packets(&args);
        self.note_reservation(index);
        self.network
            .note_linger(crosswire_calls::lingers(row.does, &args));
    }

    /// The task runs its own code up to its next schedule point, after receiving
    /// `signal` if that is not 0.
    pub fn run_code(&mut self, index: usize, mut signal: i32) -> Result<(), Halt> {
        if signal == 0 {
            self.close_shared(index)?;
            self.follow_loading(index)?;
        }
        loop {
            if !self.tasks[index].is_stopped() {
                // Killed under way, by a fault.
                return Ok(());
            }
            let stopped = self.tasks[index].take_stopped()?;
            self.reports.recheck |= signal != 0;
            self.lend_readings(index);
            if signal == 0 && self.is_examined(index) {
                self.follow(index, stopped)?;
            } else if signal == 0 && self.is_followed(index) {
                self.run_unfollowed(index);
                self.pass(index, stopped)?;
            } else {
                self.run_unfollowed(index);
                self.begin_stretch(index);
                stopped.resume(signal)?;
                self.settle(signal == 0)?;
            }
            signal = 0;
            if self.pass_linkage(index)? {
                continue;
            }
            self.decide_delay(index);
            if self.leave_page(index)? {
                continue;
            }
            let task = &self.tasks[index];
            if !matches!(task.state, State::Ready(At::Entry, _)) || !task.buffer.is_empty() {
                return Ok(());
            }
            // In this order: a quiet call does not end the start-up.
            if !self.pass_quiet_call(index)? && !self.pass_start_up_call(index)? {
                return Ok(());
            }
        }
    }

    /// The task delivers a signal to itself, or loses it to a fault.
    pub fn deliver(&mut self, index: usize, signal: i32) -> Result<(), Halt> {
        match self.strike_signal(index, signal)? {
            Some(Action::LoseSignal | Action::DelaySignal(_)) => self.run_code(index, 0),
            _ => {
                self.correct_overrun(index)?;
                self.correct_child_signal(index, signal)?;
                self.record(index, What::Signal(Signal(signal)));
                let tid = self.tasks[index].tid;
                if !probe::handles(tid, signal) {
                    self.note_end_touches(index);
                    self.drain_process(self.tasks[index].process)?;
                    self.withhold_core(self.tasks[index].process, signal);
                    self.hold_heirs(self.tasks[index].process)?;
                }
                self.drain(index)?;
                if is_fatal(signal) && !probe::handles(tid, signal) {
                    self.capture(index, Moment::Signal);
                }
                if self.is_watched(index) {
                    match probe::handles(tid, signal) {
                        true => self.close_shared(index)?,
                        false => self.open_before_signal(index)?,
                    }
                }
                if self.tasks[index].waits_until.is_some() && probe::handles(tid, signal) {
                    self.tasks[index].waits_until = None;
                }
                self.run_code(index, signal)
            }
        }
    }

    /// A signal that reached the task before it begins its call is delivered
    /// before it, as it would be to a task that is still in its own code. Without
    /// this, a signal could never fall between a test and the wait that follows:
    /// at a seccomp stop the task counts as being in the call already.
    pub fn deliver_first(&mut self, index: usize) -> Result<bool, Halt> {
        let sent = self.reports.signals_sent();
        let task = &mut self.tasks[index];
        if task.signals_seen == sent {
            return Ok(false);
        }
        task.signals_seen = sent;
        // A call would be cut short by an ignored signal, too; an access would not, and may be one
        // that is not watched any more once the task runs on.
        let is_disturbed = match task.access {
            Some(_) => task.has_signal_to_notice(),
            None => (task.stopped()?.has_deliverable_signal()).unwrap_or(false),
        };
        if !is_disturbed {
            return Ok(false);
        }
        if self.tasks[index].access.is_none() {
            // While it still stands at the call: a task whose call is cancelled makes none for
            // the engine.
            self.close_shared(index)?;
            self.repeat_call(index)?;
        }
        let access = self.tasks[index].access;
        self.tasks[index].buffer.repeats = access.is_some();
        self.run_code(index, 0)?;
        self.keep_decision(index, access);
        match self.tasks[index].state {
            State::Ready(At::Signal(signal), _) => self.deliver(index, signal)?,
            // They were ignored, and it stands where it stood. Nobody has seen anything,
            // so this is no step yet.
            State::Ready(At::Entry | At::Access, _) => return Ok(false),
            _ => {}
        }
        Ok(true)
    }

    /// Cancels the call the task is about to make and lets it make it again when
    /// it is next resumed.
    pub fn repeat_call(&mut self, index: usize) -> Result<(), Halt> {
        self.return_pointers(index)?;
        let task = &self.tasks[index];
        let stopped = task.stopped()?;
        let mut registers = stopped.registers()?;
        registers.enter(u64::from(task.entering.call), registers.args());
        Ok(stopped.set_registers(&registers)?)
    }

    /// Reads the path, name or address that the call is about to use.
    pub fn decode_path(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        task.block_recorded = false;
        let entering = task.entering;
        task.path = match entering.row().path() {
            Some(argument) => memory::read_string(task.tid, entering.args[argument], 4096),
            None => match entering.row().socket_address() {
                Some((address, length)) => crate::emulate::address::read(
                    task.tid,
                    entering.args[address],
                    entering.args[length] as usize,
                ),
                None => None,
            },
        };
    }
}

/// Returns whether the signal is one that a process causes itself, and dies of.
fn is_fatal(signal: i32) -> bool {
    matches!(
        signal,
        libc::SIGSEGV | libc::SIGABRT | libc::SIGBUS | libc::SIGILL | libc::SIGFPE | libc::SIGTRAP
    )
}
