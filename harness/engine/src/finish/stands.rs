//! Where each task stands before a step: for a reader who wants to decide who takes it.

use crate::error::EngineError;
use crate::run::session::Session;
use crate::run::task::{At, State, Task};
use crosswire_model::{Call, Content, End, Limit, Signal, TaskId, Touch, What};

/// Where one task stands before a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// The task.
    pub task: TaskId,
    /// Its activity.
    pub doing: Doing,
    /// What it does in its next step, as far as that is known before: a call is told as one that
    /// has not come back, an access without the value that it leaves.
    pub next: Option<What>,
    /// The data that this call is given, by argument.
    pub given: Vec<(u8, Content)>,
    /// Objects that its next step touches, under the names of
    /// [`StartUp::contested`](crosswire_model::StartUp::contested).
    pub touches: Vec<Touch>,
}

/// Activity of a task that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It can take the next step.
    Ready,
    /// It can take the next step; a signal reaches it before it does what is
    /// [next](Stand::next).
    Interrupted,
    /// It sleeps, and wakes early if it is chosen.
    Sleeps,
    /// It waits in a call.
    Waits,
    /// It goes round in a loop, and lets others go first until something happens that it could
    /// notice.
    Loops,
    /// It cannot take a step for another reason: it is stopped, paused, or not yet started.
    Held,
    /// It has ended.
    Ended,
}

impl Doing {
    /// Tells whether a plan may let the task take the next step.
    pub fn can_go(self) -> bool {
        matches!(self, Doing::Ready | Doing::Interrupted | Doing::Sleeps)
    }
}

/// What a session tells of its tasks when it stops.
#[derive(Debug, Default)]
pub(crate) struct Stood {
    pub stands: Vec<Stand>,
    pub usual: Option<TaskId>,
}

/// The step before which runs stop, if they do, and where the tasks of the last one stood.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    pub before: Option<u64>,
    pub stood: Stood,
}

impl Session<'_> {
    /// Tells whether the run was asked to stop before the step that is about to be taken.
    pub fn is_to_stop(&self) -> bool {
        let before = self.setup.stop_before;
        before.is_some_and(|step| self.turn.step() >= step)
    }

    /// Describes where all tasks stand, if this is the end of a run that was asked to stop.
    pub fn stood(&mut self, end: &Result<End, EngineError>) -> Stood {
        let stopped = matches!(end, Ok(End::Limit(Limit::Steps))) && self.is_to_stop();
        let ready = match stopped {
            true => self.ready(),
            false => Vec::new(),
        };
        if ready.is_empty() {
            return Stood::default();
        }
        let asleep = self.asleep();
        let usual = self.chooser.usual(&ready, self.turn.has_yielded());
        let all = 0..self.tasks.len();
        Stood {
            stands: all
                .map(|index| self.stand_of(index, &ready, &asleep))
                .collect(),
            usual: Some(usual),
        }
    }

    fn stand_of(&mut self, index: usize, ready: &[TaskId], asleep: &[TaskId]) -> Stand {
        let task = TaskId(index as u32);
        let doing = self.doing(&self.tasks[index], ready, asleep);
        let next = match doing.can_go() {
            true => self.next_of(index),
            false => None,
        };
        let is_call = matches!(next, Some(What::Block { .. }));
        Stand {
            task,
            doing,
            given: match is_call {
                true => self.given(index),
                false => Vec::new(),
            },
            touches: match next {
                Some(_) => self.concern(index).to_vec(),
                None => Vec::new(),
            },
            next,
        }
    }

    fn doing(&self, task: &Task, ready: &[TaskId], asleep: &[TaskId]) -> Doing {
        let is_interrupted = || match &task.state {
            State::Ready(At::Entry | At::Access, stopped) => {
                task.signals_seen != self.reports.signals_sent()
                    && stopped.has_deliverable_signal().unwrap_or(false)
            }
            _ => task.signal_waits,
        };
        match &task.state {
            State::Gone | State::DeadLeader => Doing::Ended,
            _ if ready.contains(&task.id) && is_interrupted() => Doing::Interrupted,
            _ if ready.contains(&task.id) => Doing::Ready,
            _ if asleep.contains(&task.id) => Doing::Sleeps,
            State::Sleeping(_) | State::Parked(_) | State::Blocked => Doing::Waits,
            State::Ready(..) if self.goes_round(task.id.index()) => Doing::Loops,
            _ => Doing::Held,
        }
    }

    /// What a task that can go does next.
    fn next_of(&mut self, index: usize) -> Option<What> {
        match self.tasks[index].state {
            State::Ready(At::Start, _) => Some(What::Start),
            State::Ready(At::Exit | At::Code, _) => Some(What::Resume),
            State::Ready(At::Signal(signal), _) => Some(What::Signal(Signal(signal))),
            State::Ready(At::Access, _) => self.next_access(index).map(What::Access),
            State::Ready(At::Entry, _) => {
                self.decode_path(index);
                Some(self.next_call(index))
            }
            State::Parked(_) => Some(self.next_call(index)),
            State::Sleeping(_) | State::Blocked => Some(What::Timeout),
            _ => None,
        }
    }

    fn next_call(&self, index: usize) -> What {
        let task = &self.tasks[index];
        What::Block {
            call: Call(task.entering.call),
            args: self.stable_args(index),
            path: task.path.clone(),
        }
    }
}
