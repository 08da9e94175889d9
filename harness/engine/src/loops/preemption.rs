//! Computations in the midst of which others have their turn.
//!
//! A thread that computes comes to no schedule point, and may compute until another thread tells
//! it to stop: an interpreter's does that with the lock that all threads need, a worker until its
//! parent has waited for it long enough. Unless its loop is proved endless (`own_code`), whether it
//! would end by itself is not known. So it is stopped where it is once it has computed for long
//! while others could go on, and as much time has passed as it has computed.
//!
//! Where that is in the program differs from run to run, without counters of the processor's. What
//! the others see of it is mostly the same, and a violation counts only if a run that stops the
//! computations after the same steps comes to the same.

use crate::run::session::Session;
use crate::run::task::{At, State, Task};
use crosswire_model::{Preemption, TaskId, What};
use std::time::Duration;

/// Virtual nanoseconds that pass at most while others ask for something again and again: they may
/// be about to wait until some time.
const ASKED: u64 = 1_000_000;

/// A run that repeats another one preempts its computations after this part of the time that they
/// took there: on a slower machine they may come less far.
const SOONER: u32 = 4;

/// What will end a stretch of the current task's own code if it does not come to an end by itself.
pub(super) struct Due {
    pub preemption: Preemption,
    /// Time on the processor until then.
    pub after: Duration,
    /// It would be no surprise, so that there is no need to look for a loop before.
    pub is_expected: bool,
}

impl Session<'_> {
    /// What ends the stretch that the current task is about to begin.
    pub(super) fn next_preemption(&self) -> Option<Due> {
        let index = self.turn.current()?;
        let (task, after) = self.chooser.done()?;
        let here = (TaskId(index as u32), self.turn.stretch());
        if task != here.0 {
            return None;
        }
        match &self.setup.plan.preemptions {
            Some(listed) => {
                let mut listed = listed.iter();
                let preemption =
                    *listed.find(|one| (one.task, one.stretch) == here && one.after == after)?;
                let time = Duration::from_nanos(preemption.time_ns);
                Some(Due {
                    preemption,
                    after: time / SOONER,
                    is_expected: true,
                })
            }
            None => {
                let interval = self.processes[self.tasks[index].process].interval;
                let preemption = Preemption {
                    task,
                    after,
                    stretch: here.1,
                    time_ns: interval.get().as_nanos() as u64,
                };
                Some(Due {
                    preemption,
                    after: interval.get(),
                    is_expected: interval.is_known(),
                })
            }
        }
    }

    /// The current task begins a stretch of its own code. How a program is loaded differs from run
    /// to run (`image/`).
    pub fn begin_stretch(&mut self, index: usize) {
        if self.processes[self.tasks[index].process].loading.is_none() {
            self.turn.begin_stretch();
        }
    }

    /// Tells whether others could go on if a task stopped computing: some can run, or will when
    /// time has passed, or ask for something again and again.
    pub(super) fn others_could_go_on(&mut self, index: usize) -> bool {
        self.notice_signals();
        let own = TaskId(index as u32);
        let most = self.setup.plan.limits.virtual_ns;
        let asks = |task: &Task| task.id != own && task.looping.asks();
        self.ready().iter().any(|task| *task != own)
            || self.tasks.iter().any(asks)
            || self
                .next_deadline()
                .is_some_and(|deadline| deadline <= most)
    }

    /// A task stops computing, and the time passes that it has taken.
    pub(super) fn preempt(&mut self, index: usize, preemption: Preemption) {
        self.recorder.note_preemption(preemption);
        let looping = &mut self.tasks[index].looping;
        let again = std::mem::replace(&mut looping.preempted, true);
        looping.ahead = preemption.time_ns;
        let process = self.tasks[index].process;
        self.processes[process].interval.pass(again);
        // Threads that wait for its memory to change look again.
        self.note_news(index);
        // It has run code since: of the signals sent so far, none waits to be delivered.
        self.tasks[index].signals_seen = self.reports.signals_sent();
        self.let_others_catch_up(index);
    }

    /// Of the time for which a task has computed, as much passes as there is until something is
    /// due: nothing comes late because of it.
    pub fn let_others_catch_up(&mut self, index: usize) {
        self.record(index, What::Preempt);
        let now = self.clock.now();
        let left = self.next_deadline().map(|at| at.saturating_sub(now));
        let ahead = self.tasks[index].looping.ahead;
        let most = match self.tasks.iter().any(|task| task.looping.asks()) {
            true => ASKED,
            false => u64::MAX,
        };
        let time = left.unwrap_or(u64::MAX).min(ahead).min(most);
        self.clock.advance_to(self.clock.after(time));
        self.use_cpu(index, time);
        self.tasks[index].looping.ahead = ahead - time;
        self.tasks[index].looping.ahead_since = self.happened(index);
        // Time has passed.
        for task in self.tasks.iter_mut().filter(|task| task.looping.asks()) {
            task.looping.leave();
        }
        self.turn.yields();
    }

    /// Tells whether a task has computed for longer than time has passed, and nothing has happened
    /// since that it might notice in its code.
    pub fn is_ahead(&mut self, index: usize) -> bool {
        let task = &self.tasks[index];
        if task.looping.ahead == 0 || !matches!(task.state, State::Ready(At::Code, _)) {
            return false;
        }
        let happened = self.happened(index);
        let task = &self.tasks[index];
        task.looping.ahead_since == happened
            && task.signals_seen == self.reports.signals_sent()
            && self.others_could_go_on(index)
    }
}
