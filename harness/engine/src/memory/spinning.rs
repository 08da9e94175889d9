//! Loops that wait for shared memory to change. A task that reads the same places and
//! finds the same values repeatedly lets others go first, until another task has changed
//! something. If none can, and the loop is provably endless, that is a livelock.

use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crosswire_model::{Access, End, Spinner, What};

/// Rounds without any possible change before a loop is examined.
const PATIENCE: u32 = 16;

impl Session<'_> {
    /// Tells whether the access that a task is about to make, to a place that begins with
    /// this word, belongs to a loop that waits. If so, it is not made yet.
    pub fn goes_round(&mut self, index: usize, word: Option<u64>) -> bool {
        let now = (self.memory.changes, self.clock.counter_readings());
        let task = &mut self.tasks[index];
        let pending = task.access.expect("it is at an access");
        if task.looks.since != now {
            task.looks.forget();
            task.looks.since = now;
        }
        let look = (pending.trampoline, pending.address, word);
        if !task.looks.comes_round(look) {
            return false;
        }
        task.looks.recent.clear();
        task.looks.waits = Some(self.memory.changes);
        self.record(index, What::Spin);
        self.turn.yields();
        true
    }

    /// Tells whether a task waits in a loop for shared memory that no task has changed.
    pub fn waits_for_change(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        matches!(task.state, State::Ready(At::Access, _))
            && task.looks.waits == Some(self.memory.changes)
            && task.signals_seen == self.reports.signals_sent()
    }

    /// Lets tasks that wait in loops run when no other task can, or ends the run.
    pub fn let_loops_go_on(&mut self) -> Result<bool, Halt> {
        let waiting: Vec<usize> = (0..self.tasks.len())
            .filter(|i| self.waits_for_change(*i))
            .collect();
        if waiting.is_empty() {
            return Ok(false);
        }
        let in_vain = waiting.iter().map(|i| self.tasks[*i].looks.in_vain).min();
        // Ever more rarely, if it goes on.
        if in_vain.is_some_and(|rounds| rounds >= PATIENCE && rounds.is_power_of_two()) {
            self.check_endless(&waiting)?;
        }
        for &index in &waiting {
            let looks = &mut self.tasks[index].looks;
            looks.waits = None;
            looks.in_vain += 1;
        }
        Ok(true)
    }

    /// Ends the run if all these loops are without end.
    fn check_endless(&mut self, waiting: &[usize]) -> Result<(), Halt> {
        for &index in waiting {
            if !self.is_endless(index)? {
                return Ok(());
            }
        }
        let spinners = waiting.iter().map(|&index| self.spinner(index)).collect();
        Err(Halt::End(End::Livelock(spinners)))
    }

    fn spinner(&mut self, index: usize) -> Spinner {
        let task = &self.tasks[index];
        let (id, address) = (task.id, task.access.map_or(0, |access| access.address));
        let last = self
            .recorder
            .events()
            .iter()
            .rev()
            .find_map(|event| match event.what {
                What::Access(access) if event.task == id => Some(access),
                _ => None,
            });
        let object = self
            .space(index)
            .at(address)
            .map(|r| (r.object, r.position(address)));
        let last_of = |(object, offset)| {
            let mut events = self.recorder.events().iter().rev();
            events.find_map(|event| match event.what {
                What::Access(access)
                    if event.task == id && (access.object, access.offset) == (object, offset) =>
                {
                    Some(access)
                }
                _ => None,
            })
        };
        let access: Access = object
            .and_then(last_of)
            .or(last)
            .expect("it looks at something");
        let mut writers = self.memory.last_writers.iter();
        let covers = |(object, offset): (u32, u64)| {
            object == access.object
                && offset < access.offset + u64::from(access.size)
                && access.offset < offset + 8
        };
        Spinner {
            task: id,
            access,
            last_writer: writers
                .find(|(word, _)| covers(**word))
                .map(|(_, task)| *task),
        }
    }
}
