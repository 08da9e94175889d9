//! Where a run stands: looked up, but not yet in words.

use crate::SteerError;
use crosswire_engine::{Doing, Stand, Standing};
use crosswire_explore::fault_at;
use crosswire_model::{Action, EVERYTHING, End, Fault, Signal, TaskId, Trace, What};

/// Where the run stands.
#[derive(Debug, Clone)]
pub(crate) struct Place(pub Standing);

impl Place {
    pub fn trace(&self) -> &Trace {
        &self.0.run.trace
    }

    /// The step that is to be decided, or the number of steps if the run is over.
    pub fn step(&self) -> u64 {
        self.trace().steps
    }

    /// Tells whether there is nothing left to decide.
    pub fn is_over(&self) -> bool {
        self.0.stands.is_empty()
    }

    /// Returns why the run did not get here as it was told, if it did not.
    pub fn divergence(&self) -> Option<&str> {
        match &self.trace().end {
            End::Invalid(reason) => Some(reason),
            _ => None,
        }
    }

    /// Returns where a task stands.
    pub fn stand(&self, task: TaskId) -> Option<&Stand> {
        self.0.stands.iter().find(|stand| stand.task == task)
    }

    /// Finds a task by its name, by the beginning of one name only, or by its number as `#2`.
    /// Ended tasks are meant only if their whole name is given.
    pub fn task(&self, name: &str) -> Result<TaskId, SteerError> {
        let trace = self.trace();
        let all = || (0..trace.tasks.len() as u32).map(TaskId);
        let number = name
            .strip_prefix('#')
            .and_then(|number| number.parse().ok());
        let numbered = number
            .map(TaskId)
            .filter(|task| all().any(|known| known == *task));
        let exact = || all().find(|task| trace.name(*task) == name);
        let begins = || {
            let alive = |task: &TaskId| {
                let stand = self.stand(*task);
                stand.is_some_and(|stand| stand.doing != Doing::Ended)
            };
            let mut fitting = all()
                .filter(alive)
                .filter(|task| trace.name(*task).starts_with(name));
            let first = fitting.next()?;
            fitting.next().is_none().then_some(first)
        };
        numbered.or_else(exact).or_else(begins).ok_or_else(|| {
            let known: Vec<String> = all().map(|task| trace.name(task)).collect();
            SteerError::NoTask {
                name: name.to_owned(),
                known: known.join(", "),
            }
        })
    }

    /// Returns where a task stands that can take the next step.
    pub fn ready(&self, task: TaskId) -> Result<&Stand, SteerError> {
        if self.is_over() {
            return Err(SteerError::Over);
        }
        let stand = self.stand(task).filter(|stand| stand.doing.can_go());
        stand.ok_or_else(|| SteerError::CannotGo {
            name: self.trace().name(task),
            why: match self.stand(task).map(|stand| stand.doing) {
                Some(Doing::Ended) => "it has ended",
                Some(Doing::Waits) => "it waits for what others do",
                Some(Doing::Loops) => "it goes round in a loop until others change something",
                _ => "it is paused, stopped, or has not begun",
            }
            .to_owned(),
        })
    }

    /// Tells whether the next step of a task touches something that two processes touch, and one
    /// of them changes.
    pub fn is_contested(&self, stand: &Stand) -> bool {
        let start_up = &self.0.run.plan.start_up;
        let mut touches = stand.touches.iter();
        touches.any(|touch| touch.object == EVERYTHING || start_up.is_contested(&touch.object))
    }

    /// Returns the other processes' tasks that can go and whose next steps do not commute with
    /// this one.
    pub fn rivals(&self, stand: &Stand) -> Vec<TaskId> {
        let leader = |task: TaskId| self.trace().tasks[task.index()].leader;
        let is_rival = |other: &&Stand| {
            leader(other.task) != leader(stand.task)
                && other.doing.can_go()
                && crosswire_model::conflict(&stand.touches, &other.touches)
        };
        let rivals = self.0.stands.iter().filter(is_rival);
        rivals.map(|other| other.task).collect()
    }

    /// Returns the fault that strikes in the next step of a task, if the action makes sense there.
    pub fn fault(&self, task: TaskId, action: Action, blocked: bool) -> Option<Fault> {
        let stand = self.stand(task).filter(|stand| stand.doing.can_go())?;
        let process = &self.trace().tasks.get(task.index())?.process;
        // A signal on its way is met before the call.
        let signal = What::Signal(Signal(0));
        let next = match stand.doing {
            Doing::Interrupted if action.concerns_signals() => &signal,
            _ => stand.next.as_ref()?,
        };
        fault_at(self.trace(), process, next, action, blocked)
    }
}
