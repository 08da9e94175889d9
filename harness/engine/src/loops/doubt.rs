//! Loops in runs that are to miss no order: whoever repeats itself is left out only once it is proved
//! that further rounds would change nothing. A loop that counts its rounds, to give up after some,
//! goes on beside the others.

use super::of_task::{Nature, Total};
use super::rounds::{ALIKE, ALIKE_FOR_LONG};
use crate::footprint::TIME_OUT;
use crate::run::session::{Halt, Session};
use crosswire_model::{TaskId, Touch, conflict};

/// Rounds after which a loop in doubt is left out all the same, so that runs come to their end.
const PATIENCE: u32 = (ALIKE_FOR_LONG - ALIKE) as u32;

impl Session<'_> {
    /// Returns what has happened so far.
    pub fn happened_in_all(&self) -> Total {
        let changes = self.memory.changes();
        Total {
            effects: self.loops.effects + changes,
            changes,
        }
    }

    /// Takes note of what a step has touched. Its effects, those since `before`, are no news for
    /// loops that touch nothing of it: whether they go on must not depend on when it was taken.
    pub fn note_touched(&mut self, task: TaskId, before: Total, touches: &[Touch]) {
        if !self.setup.plan.proves_loops {
            return;
        }
        let news = self.happened_in_all() - before;
        if news != Total::default() {
            for other in self.tasks.iter_mut().filter(|other| other.id != task) {
                let looping = &mut other.looping;
                if !conflict(&looping.touched, touches) {
                    looping.unrelated += news;
                }
            }
        }
        if !task.is_buffer() && !self.tasks[task.index()].looping.rounds.is_empty() {
            // Threads of one process are told of each other's steps otherwise.
            let own = self.process_of(task);
            let touched = touches.iter().filter(|touch| touch.object != own.object);
            let known = &mut self.tasks[task.index()].looping.touched;
            for touch in touched {
                if !known.contains(touch) {
                    known.push(touch.clone());
                }
            }
        }
    }

    /// Examines loops that have come round, a round or more each, before their tasks are left out.
    pub fn doubt_loops(&mut self) -> Result<(), Halt> {
        if !self.setup.plan.proves_loops {
            return Ok(());
        }
        for index in self.going_round() {
            if self.leaves_out(index)? {
                continue;
            }
            let looping = &mut self.tasks[index].looping;
            looping.gate = None;
            looping.in_vain += 1;
        }
        Ok(())
    }

    /// Tells whether a task that goes round has to wait for others now. If that is in doubt, it is
    /// examined in its next round.
    fn leaves_out(&mut self, index: usize) -> Result<bool, Halt> {
        let looping = &self.tasks[index].looping;
        if looping.in_own_code {
            return Ok(true);
        }
        match looping.examination.as_ref().map(|one| one.rounds) {
            Some(0) => self.end_examination(index)?,
            Some(_) => return Ok(false),
            None => {}
        }
        if self.is_decided(index) {
            if self.tasks[index].looping.nature == Some(Nature::UntilTime) {
                self.footprints.add_to_last(Touch::read(TIME_OUT));
            }
            return Ok(true);
        }
        let looping = &self.tasks[index].looping;
        if looping.in_vain >= PATIENCE {
            return Ok(true);
        }
        let period = looping.rounds.period();
        let effort = &looping.effort;
        let is_due = effort.is_small() && effort.is_due(period, looping.in_vain);
        if !looping.has_effects && is_due {
            self.begin_examination(index)?;
        }
        Ok(false)
    }

    /// Tells whether it is known what can end a task's loop: others, or time.
    fn is_decided(&self, index: usize) -> bool {
        let looping = &self.tasks[index].looping;
        let is_known = matches!(looping.nature, Some(Nature::Endless(_) | Nature::UntilTime));
        is_known && looping.proved_at == Some(self.seen_by(index))
    }

    /// Tells whether a task is left out although its loop may end by itself.
    pub fn is_left_in_doubt(&self, index: usize) -> bool {
        let looping = &self.tasks[index].looping;
        self.setup.plan.proves_loops && looping.in_vain >= PATIENCE && !self.is_decided(index)
    }
}
