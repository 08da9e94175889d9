//! What happens when only tasks that go round can run.

use super::Looping;
use super::of_task::Nature;
use super::rounds::PATIENCE_WITH_PATHS;
use crate::emulate::time::clock::STEP;
use crate::run::session::{Halt, Session};
use crate::run::task::State;

/// Steps in vain before a loop is examined. Then it is examined ever more rarely.
const PATIENCE: usize = 8;

/// Readings of clocks in vain before a loop of nothing else is examined. Programs read them
/// in rows that come to an end by themselves, as a collector of garbage does.
const PATIENCE_WITH_CLOCKS: usize = 256;

/// Rounds in vain from which on virtual time passes faster for a loop that only time ends.
const USUAL: u32 = 8;

/// Steps without any effect after which a loop that may end by itself is taken to be one
/// that only time ends. One without calls may compute, and one of calls that do not wait may
/// count them: a hundred thousand take a few milliseconds.
const LONG: u64 = 100_000;
const LONG_WITHOUT_CALLS: u64 = 200_000;
const LONG_WITHOUT_WAITS: u64 = 500_000;

/// The same for a loop that waits in its rounds, and has waited for a minute by itself; after an
/// hour steps are not counted. What it does for itself alone is no effect here.
const LONG_WITH_WAITS: u64 = 20_000;
const MINUTE: u64 = 60_000_000_000;
const HOUR: u64 = 60 * MINUTE;

/// By how much a round takes longer than the one before, in percent, and how long the first
/// one takes, in nanoseconds.
const FASTER: u64 = 25;
const FIRST: u64 = 1_000;

/// Duration of a round that has more instructions than are followed, in nanoseconds: as long as on
/// a slow processor.
const BEYOND: u64 = 200_000;

/// What is left of the time before a deadline for a loop that waits by itself, in nanoseconds.
const MARGIN: u64 = 1_000_000;

/// How long a round takes at most if it may be a computation that reads clocks for no reason: no
/// hours are to pass for it.
const FASTEST: u64 = 1_000_000;

impl Looping {
    /// Tells whether the loop is to be examined, now that it has come round in vain once more.
    fn is_due(&self, some_are_endless: bool) -> bool {
        if self.has_effects {
            return false;
        }
        let period = self.rounds.period();
        let patience = match self.only_reads_clocks() {
            true => PATIENCE_WITH_CLOCKS,
            false if self.rounds.varies() => PATIENCE_WITH_PATHS,
            false => PATIENCE,
        };
        let is_another = self.effort.is_another(period);
        let was_endless = matches!(self.nature, Some(Nature::Endless(_)));
        self.in_vain as usize * period >= patience && self.effort.is_due(period, self.in_vain)
            || some_are_endless && (is_another || was_endless)
    }
}

impl Session<'_> {
    /// Lets tasks that go round go on, unless their loops are endless. Returns whether one
    /// can run now, or the run is over.
    pub fn let_loops_go_on(&mut self) -> Result<bool, Halt> {
        if self.some_examined_sleeps() {
            return Ok(false);
        }
        let round = self.going_round();
        for &index in &round {
            let examination = self.tasks[index].looping.examination.as_ref();
            match examination.map(|one| one.rounds) {
                Some(0) => {
                    self.end_examination(index)?;
                    self.tasks[index].looping.since = self.happened(index);
                }
                Some(_) => {
                    self.tasks[index].looping.gate = None;
                    return Ok(true);
                }
                None => {}
            }
        }
        let all = round.len();
        let mut open: Vec<usize> = round;
        open.retain(|index| !self.is_endless(*index));
        let some_are_endless = open.len() < all;
        if open.is_empty() {
            return Ok(false);
        }
        for &index in &open {
            self.tasks[index].looping.in_vain += 1;
        }
        let is_due = |i: &usize| self.tasks[*i].looping.is_due(some_are_endless);
        if let Some(index) = open.iter().copied().find(is_due) {
            // Alone, so that what it finds changed is its own doing.
            self.begin_examination(index)?;
            self.tasks[index].looping.gate = None;
            return Ok(true);
        }
        self.pass_time(&open)?;
        self.hold_back_own_code(&mut open);
        for index in open {
            self.tasks[index].looping.gate = None;
        }
        Ok(true)
    }

    /// To see that a loop without steps has not come to its end takes as long as many steps, so
    /// that others go first, and twice as often each time: what they do may end it.
    fn hold_back_own_code(&self, open: &mut Vec<usize>) {
        let looping = |index: &usize| &self.tasks[*index].looping;
        let others = || open.iter().filter(|index| !looping(index).in_own_code);
        let are_due = || others().any(|index| looping(index).in_vain.is_power_of_two());
        if others().next().is_some() && !are_due() {
            open.retain(|index| !looping(index).in_own_code);
        }
    }

    /// Tasks that go round.
    pub fn going_round(&self) -> Vec<usize> {
        (0..self.tasks.len())
            .filter(|index| self.goes_round(*index))
            .collect()
    }

    /// Tells whether a task goes round in an endless loop.
    fn is_endless(&self, index: usize) -> bool {
        let looping = &self.tasks[index].looping;
        matches!(looping.nature, Some(Nature::Endless(_)))
            && looping.proved_at == Some(self.seen_by(index))
    }

    /// Tells whether a task that is being examined sleeps until some time, in its round.
    fn some_examined_sleeps(&self) -> bool {
        self.tasks.iter().any(|task| {
            self.is_examined(task.id.index())
                && task.timed_wait.is_some()
                && matches!(task.state, State::Sleeping(_) | State::Blocked)
        })
    }

    /// Lets virtual time pass faster if nothing but time can end these loops.
    fn pass_time(&mut self, open: &[usize]) -> Result<(), Halt> {
        let (since, step) = self.loops.quiet_since;
        let only_time = open.iter().all(|index| {
            let looping = &self.tasks[*index].looping;
            let steps = self.turn.step() - step;
            let waited = self.clock.now() - since - self.loops.beyond;
            let has_waited = waited > 2 * STEP * steps;
            match looping.nature {
                Some(Nature::UntilTime) => looping.in_vain >= USUAL,
                _ if looping.calls && waited >= HOUR => true,
                _ if looping.calls && waited >= MINUTE => steps >= LONG_WITH_WAITS,
                _ if looping.has_effects => false,
                _ if looping.calls && has_waited => steps >= LONG,
                _ if looping.calls => steps >= LONG_WITHOUT_WAITS,
                _ => steps >= LONG_WITHOUT_CALLS,
            }
        });
        let now = self.clock.now();
        if !only_time {
            let is_beyond = |index: &usize| self.tasks[*index].looping.effort.is_beyond();
            if open.iter().all(is_beyond) {
                let passes = self.let_pass(open, BEYOND);
                self.loops.beyond += passes;
            }
            return Ok(());
        }
        if now - since >= self.setup.plan.limits.stall_ns {
            return Err(Halt::End(self.stalled()));
        }
        let pace = self.loops.pace;
        let fastest = match open
            .iter()
            .any(|index| self.tasks[*index].looping.may_compute())
        {
            true => FASTEST,
            false => u64::MAX,
        };
        let pace = (pace + pace * FASTER / 100).clamp(FIRST, fastest);
        self.loops.pace = pace;
        self.let_pass(open, pace);
        Ok(())
    }

    /// Lets so much time pass while these tasks go round, at most until the next deadline; returns
    /// how much has passed.
    fn let_pass(&mut self, open: &[usize], time: u64) -> u64 {
        let now = self.clock.now();
        let processes: Vec<usize> = (open.iter().map(|index| self.tasks[*index].process)).collect();
        // Whoever is slow finds that a clock has ticked meanwhile.
        let next = self.next_deadline_beside(&processes).unwrap_or(u64::MAX);
        let is_until_time = |index: &usize| {
            let nature = self.tasks[*index].looping.nature.as_ref();
            matches!(nature, Some(Nature::UntilTime))
        };
        let room = match open.iter().any(is_until_time) {
            true => next.saturating_sub(now),
            // It may have set an alarm that shall find it waiting.
            false => next.saturating_sub(now).saturating_sub(MARGIN),
        };
        let passes = self.use_cpu_meanwhile(open, time.min(room));
        self.clock.advance_to(now.saturating_add(passes));
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loops::rounds::ALIKE;

    /// The times that a loop has come round in vain when it is examined first. `others`: steps
    /// of a round that are no readings of clocks. `varies`: each round names another path.
    fn examined_after(readings: usize, others: usize, varies: bool) -> usize {
        let mut looping = Looping::default();
        for round in 0..3 {
            let path = if varies { round } else { 0 };
            for step in 0..readings + others {
                looping.rounds.push(step as u64, path, ALIKE);
                looping.note_reading(step < readings);
            }
        }
        let mut goes_on = || {
            looping.in_vain += 1;
            looping.is_due(false)
        };
        1 + (0..1000).take_while(|_| !goes_on()).count()
    }

    #[test]
    fn readings_of_clocks_alone_are_examined_late() {
        assert_eq!(examined_after(0, 1, false), 8);
        assert_eq!(examined_after(3, 1, false), 2);
        assert_eq!(examined_after(1, 0, false), 256);
        assert_eq!(examined_after(3, 0, false), 86);
    }

    #[test]
    fn who_goes_through_a_list_is_examined_late() {
        assert_eq!(examined_after(0, 1, true), 512);
        assert_eq!(examined_after(0, 4, true), 128);
    }
}
