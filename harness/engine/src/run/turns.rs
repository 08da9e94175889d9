//! Between two steps: determines the tasks that can run, and handles the case that none
//! can.

use crate::emulate::time::clock::STEP;
use crate::run::session::{Halt, Session};
use crate::run::task::{Process, State, Task};
use crate::schedule::choose::CannotRun;
use crosswire_kernel::probe;
use crosswire_model::{End, Limit, TaskId};
use std::fs::File;
use std::time::Duration;

/// Steps granted to processes that outlive all those the harness started, so that
/// they can notice and end.
const GRACE: u64 = 10_000;

impl Session<'_> {
    pub fn check_limits(&mut self) -> Result<(), Halt> {
        let images = &self.memory.knowledge().images;
        if images.give_up_trial(self.turn.step) {
            return Err(Halt::End(End::Invalid("a trial".to_owned())));
        }
        let limits = &self.setup.plan.limits;
        let reached = if self.turn.step >= limits.steps {
            Limit::Steps
        } else if self.clock.now() > limits.virtual_ns {
            Limit::VirtualTime
        } else if self.tasks.len() > limits.tasks as usize {
            Limit::Tasks
        } else if self.turn.step % 64 == 63 && self.wall_time_is_up() {
            Limit::WallTime
        } else if self.turn.step % 64 == 63 && self.written() > limits.output_bytes {
            Limit::OutputBytes
        } else {
            return Ok(());
        };
        // Where the others end, tasks may be in the midst of their own code.
        if reached == Limit::Steps {
            self.capture_living();
        }
        Err(Halt::End(End::Limit(reached)))
    }

    /// Bytes of output so far.
    fn written(&self) -> u64 {
        let length = |file: &File| file.metadata().map_or(0, |data| data.len());
        self.setup.outputs.iter().map(length).sum()
    }

    /// Tasks that can run now, by number, then store buffers.
    pub fn ready(&self) -> Vec<TaskId> {
        let used = self.cpu_time_of_all();
        let is_ready = |task: &&Task| match &task.state {
            _ if self.is_dying(task) => self.takes_death(task),
            State::Ready(..) => !self.goes_round(task.id.index()),
            State::Sleeping(_) | State::Parked(_) if task.signal_waits => true,
            _ if task.sleeps() && self.is_outlasted(task, used) => true,
            State::Sleeping(_) | State::Blocked => task
                .timed_wait
                .is_some_and(|wait| wait.deadline <= self.clock.now()),
            State::Parked(_) => task.lock_seen != self.reports.locks_released(),
            _ => false,
        };
        let turn = |task: &&Task| {
            let process = &self.processes[task.process];
            process.paused_until <= self.turn.step && process.awaits.is_none()
        };
        let turn = |task: &&Task| turn(task) && !self.is_held_by_buffer(task);
        let tasks = self.tasks.iter().filter(is_ready);
        let tasks = tasks.filter(|task| self.is_dying(task) || turn(task));
        tasks.map(|t| t.id).chain(self.full_buffers()).collect()
    }

    /// Tasks that are held by the engine do not notice signals by themselves.
    pub fn notice_signals(&mut self) {
        let sent = self.reports.signals_sent();
        for task in self.tasks.iter_mut() {
            // Another thread of its process may have taken the signal that it saw.
            if task.signals_seen == sent && !task.signal_waits {
                continue;
            }
            match &task.state {
                State::Sleeping(stopped) | State::Parked(stopped) => {
                    task.signal_waits = stopped.has_deliverable_signal().unwrap_or(false);
                    task.signals_seen = sent;
                }
                // If one is for it, it goes on, and finds it there.
                State::Ready(_, stopped)
                    if task.looping.waits()
                        && !stopped.has_deliverable_signal().unwrap_or(true) =>
                {
                    task.signals_seen = sent;
                }
                _ => {}
            }
        }
    }

    /// Tasks in a sleep that may end early. Nobody is so slow that a long sleep is over: who
    /// sleeps for an hour means to be killed, and who waits for a minute means it.
    pub fn asleep(&self) -> Vec<TaskId> {
        let soon = self.clock.after(self.setup.plan.limits.early_sleep_ns);
        let (now, used) = (self.clock.now(), self.cpu_time_of_all());
        let asleep = |task: &&Task| {
            task.sleeps()
                && !self.is_dying(task)
                && (task.timed_wait).is_some_and(|w| w.deadline > now && w.deadline <= soon)
                && !self.is_outlasted(task, used)
        };
        self.tasks.iter().filter(asleep).map(|t| t.id).collect()
    }

    /// Tells whether a sleep that may end early has to, now that all processes have `used` so much
    /// CPU time: meanwhile as much as it is long, or others have taken very many steps. Who sleeps
    /// for a second while others are busy, and then tells them to end, would else have to be waited
    /// for a million steps.
    fn is_outlasted(&self, task: &Task, used: u64) -> bool {
        const MOST_STEPS: u64 = 20_000;
        let (step, cpu_time) = task.slept_since;
        let (length, _) = task.naps;
        let left = task.timed_wait.map_or(u64::MAX, |wait| {
            wait.deadline.saturating_sub(self.clock.now())
        });
        left <= self.setup.plan.limits.early_sleep_ns
            && (self.turn.step - step >= MOST_STEPS || used - cpu_time >= length)
    }

    /// Those of the sleeping tasks whose sleep may be there to order something: others sleep
    /// again and again, for as long each time, until something has happened.
    pub fn ordering(&self, asleep: &[TaskId]) -> Vec<TaskId> {
        /// So many sleeps of one length in a row are a polling loop's.
        const POLLS: u32 = 3;
        let orders = |task: &&TaskId| self.tasks[task.index()].naps.1 < POLLS;
        asleep.iter().filter(orders).copied().collect()
    }

    /// Handles the case that no task can run: a pause ends, time advances, or the run is
    /// over.
    pub fn nobody_ready(&mut self) -> Result<(), Halt> {
        if self.tasks.iter().all(Task::is_gone) {
            return Err(Halt::End(self.finished()));
        }
        if self.begin_unawaited() {
            return Ok(());
        }
        if self.let_pauses_pass() || self.send_delayed_signals(u64::MAX)? {
            return Ok(());
        }
        let next = self.next_deadline();
        // Who sleeps beyond the end of the run when all that matters has ended is left behind.
        let outlasts = next.is_some_and(|next| next > self.setup.plan.limits.virtual_ns);
        let is_over = self.turn.after_roots > GRACE || self.turn.after_roots > 0 && outlasts;
        if !is_over && self.let_loops_go_on()? {
            return Ok(());
        }
        if self.let_cpu_time_pass(next)? {
            return Ok(());
        }
        if let (Some(deadline), false) = (next, is_over) {
            self.clock.advance_to(deadline);
            // Someone who sleeps for ever in a loop counts as steps, too.
            self.turn.step += u64::from(self.turn.after_roots > 0);
            self.turn.after_roots += u64::from(self.turn.after_roots > 0);
            return Ok(());
        }
        if self.retry_parked() || self.stir()? {
            return Ok(());
        }
        if !is_over && !self.going_round().is_empty() {
            return self.end_in_loops();
        }
        Err(Halt::End(self.stuck()))
    }

    /// The virtual time at which something happens by itself: a sleep or wait is over, or a
    /// timer expires.
    pub fn next_deadline(&mut self) -> Option<u64> {
        self.next_deadline_beside(&[])
    }

    /// The same without the timers that tick for these processes.
    pub fn next_deadline_beside(&mut self, processes: &[usize]) -> Option<u64> {
        let wait = |task: &Task| match task.state {
            State::Sleeping(_) | State::Blocked => task.timed_wait.map(|wait| wait.deadline),
            _ => None,
        };
        let next = self.tasks.iter().filter_map(wait).min();
        next.into_iter().chain(self.next_expiry(processes)).min()
    }

    /// Returns whether all processes that the harness started have ended.
    pub fn roots_have_ended(&self) -> bool {
        let mut begun = self
            .processes
            .iter()
            .filter(|p| p.root && p.awaits.is_none());
        begun.all(|root| self.has_ended(root))
    }

    pub fn finished(&self) -> End {
        if self.written() > self.setup.plan.limits.output_bytes {
            return End::Limit(Limit::OutputBytes);
        }
        match self.chooser.unused_deviation() {
            Some(CannotRun { step, task }) => End::Invalid(format!(
                "the plan lets task {task} take step {step}, but the run was over at step {}",
                self.turn.step
            )),
            None => End::Finished,
        }
    }

    /// All tasks that are not paused wait: a pause is over, unless a time-out or a timer comes
    /// before its end. Returns whether there was one.
    fn let_pauses_pass(&mut self) -> bool {
        let step = self.turn.step;
        let paused = self.processes.iter().filter(|p| p.paused_until > step);
        let Some(end) = paused.map(|p| p.paused_until).min() else {
            return false;
        };
        let (now, left) = (self.clock.now(), end - step);
        let takes_time = self.setup.plan.pauses_take_time;
        let deadline = self.next_deadline().filter(|_| takes_time);
        let passed = deadline.map(|at| (at, at.saturating_sub(now).div_ceil(STEP).max(1)));
        let mut paused = self.processes.iter_mut().filter(|p| p.paused_until > step);
        match passed.filter(|(_, steps)| *steps <= left) {
            Some((deadline, steps)) => {
                paused.for_each(|process| process.paused_until -= steps);
                self.clock.advance_to(deadline);
            }
            None => {
                let first = paused.find(|process| process.paused_until == end);
                first
                    .into_iter()
                    .for_each(|process| process.paused_until = step);
            }
        }
        true
    }

    /// Before anything is called a deadlock, every task that waits for a lock has
    /// tried once more.
    pub fn retry_parked(&mut self) -> bool {
        let is_parked = |task: &Task| matches!(task.state, State::Parked(_));
        if self.turn.retried_at == self.recorder.len() || !self.tasks.iter().any(is_parked) {
            return false;
        }
        // Attempts that fail leave no event.
        self.turn.retried_at = self.recorder.len();
        self.reports.lock_released();
        self.turn.last_resort = true;
        true
    }

    /// Returns whether all threads of a process have ended.
    pub fn has_ended(&self, process: &Process) -> bool {
        self.tasks.have_ended(process)
    }

    /// Returns whether the limit on wall-clock time is reached.
    pub fn wall_time_is_up(&mut self) -> bool {
        let limit = Duration::from_millis(self.setup.plan.limits.wall_ms);
        let tasks = &self.tasks;
        let used = || {
            let alive = tasks.iter().filter(|task| !task.is_gone());
            alive.map(|task| probe::cpu_time(task.tid)).sum()
        };
        self.turn.allowance.is_over(limit, used)
    }
}
