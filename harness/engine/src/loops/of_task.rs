//! What is known of one task's going round.

use super::effort::Effort;
use super::own_files::OwnFiles;
use super::path::Path;
use super::private::Private;
use super::rounds::Rounds;
use super::snapshot::Snapshot;
use crosswire_model::Touch;
use std::collections::BTreeSet;
use std::ops::{AddAssign, Sub};
use std::time::Duration;

/// Things that happened, by which a task that goes round could find something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Happened {
    /// Steps with an effect.
    pub effects: u64,
    /// Changes of shared memory.
    pub changes: u64,
    /// New steps of other threads in the same memory.
    pub others: u64,
}

/// Numbers of things that have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Total {
    /// Effects that any task could notice, those on shared memory included.
    pub effects: u64,
    /// Changes of shared memory.
    pub changes: u64,
}

impl Sub for Total {
    type Output = Total;

    fn sub(self, earlier: Total) -> Total {
        Total {
            effects: self.effects - earlier.effects,
            changes: self.changes - earlier.changes,
        }
    }
}

impl AddAssign for Total {
    fn add_assign(&mut self, further: Total) {
        self.effects += further.effects;
        self.changes += further.changes;
    }
}

/// What is known of a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Nature {
    /// Every round is like the one before until something else happens.
    Endless(Rounding),
    /// It goes on until enough time has passed.
    UntilTime,
    /// It may end by itself.
    Undecided,
}

/// What threads of one process could see of each other's rounds: bytes of their memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Rounding {
    pub reads: BTreeSet<u64>,
    pub writes: BTreeSet<u64>,
}

impl Rounding {
    /// Tells whether neither of two rounds can change the course of the other.
    pub fn is_apart_from(&self, other: &Rounding) -> bool {
        self.writes.is_disjoint(&other.reads) && other.writes.is_disjoint(&self.reads)
    }
}

/// A round that is followed instruction by instruction.
pub(super) struct Examination {
    pub before: Snapshot,
    /// What had happened when it began: what changes meanwhile is to be the task's own doing.
    pub seen: Happened,
    pub path: Path,
    /// The number of events, of readings of the time that are no calls for it, and of the
    /// task's own steps, all and those with files of its own, when it began.
    pub events: usize,
    pub further_readings: u64,
    pub steps: u64,
    pub own_steps: u64,
    /// Rounds that are left of it.
    pub rounds: usize,
}

/// What is known of one task's going round.
#[derive(Default)]
pub(crate) struct Looping {
    pub(super) rounds: Rounds,
    /// The time when the rounds began, and the CPU time that it had used.
    pub(super) began: Option<(u64, u64)>,
    /// What had happened when the rounds began.
    pub(super) since: Happened,
    /// Some of its latest steps were calls, not accesses to shared memory.
    pub(super) calls: bool,
    /// So many of its latest steps have but read a clock.
    pub(super) readings: usize,
    /// Its latest step touches nothing that another process has to do with, too.
    pub in_private: bool,
    /// Its latest effects, as far as they were private.
    pub(super) private: Private,
    /// There were some in its latest rounds.
    pub(super) has_effects: bool,
    /// It has come round since it last did something that could be noticed.
    pub(super) comes_round: bool,
    /// It had, and was not known to compute, when its latest step began.
    came_round: bool,
    /// What its steps have touched since its rounds began, and what others have done since the run
    /// began that has to do with nothing of it; both where loops are proved.
    pub(super) touched: Vec<Touch>,
    pub(super) unrelated: Total,
    /// It has come round, and waits until more has happened than that.
    pub(super) gate: Option<Happened>,
    /// It goes round in code without steps.
    pub(super) in_own_code: bool,
    /// The instructions in a round of the loop without steps that it was in last.
    pub(super) own_round: Option<usize>,
    /// It was preempted, and has come to no schedule point since.
    pub(super) preempted: bool,
    /// Virtual nanoseconds that it has computed and that have not passed yet, and what had happened
    /// when others last had their turn because of that.
    pub(super) ahead: u64,
    pub(super) ahead_since: Happened,
    /// Times that it was let go on although nothing had happened.
    pub(super) in_vain: u32,
    pub(super) nature: Option<Nature>,
    pub(super) effort: Effort,
    /// What had happened when that was found out.
    pub(super) proved_at: Option<Happened>,
    pub(super) examination: Option<Box<Examination>>,
    /// Files that it opens in each round, and its steps that concern no others.
    pub(super) own_files: OwnFiles,
    pub(super) own_steps: u64,
    /// Its steps that were unlike those before, and all its steps.
    pub(super) news: u64,
    pub(super) steps: u64,
}

impl Looping {
    /// The task has done something that can be noticed, or something has happened.
    pub(super) fn forget(&mut self) {
        self.rounds.forget();
        self.touched.clear();
        self.began = None;
        (self.calls, self.has_effects) = (false, false);
        self.comes_round = false;
        self.leave();
    }

    /// It has taken a step, which only reads a clock or not.
    pub(super) fn note_reading(&mut self, reads_clock: bool) {
        self.readings = match reads_clock {
            true => self.readings + 1,
            false => 0,
        };
    }

    /// Tells whether its rounds are nothing but readings of clocks.
    pub(super) fn only_reads_clocks(&self) -> bool {
        self.readings >= self.rounds.period()
    }

    /// Tells whether it may be a computation that reads clocks, as one does whose allocator reads
    /// them: an examination has come to nothing, and it asks for nothing else.
    pub(super) fn may_compute(&self) -> bool {
        self.calls && self.only_reads_clocks() && self.nature == Some(Nature::Undecided)
    }

    /// It begins a step. What that step is for its rounds is known before its code continues in some
    /// runs, and behind it in others.
    pub fn begin_step(&mut self) {
        self.came_round = self.comes_round && !self.may_compute();
    }

    /// Tells whether it has to make calls for reading clocks, because they are looked at.
    pub fn reads_by_calls(&self) -> bool {
        self.examination.is_some() || self.came_round
    }

    /// Tells whether it has come round, and waits until something happens.
    pub fn waits(&self) -> bool {
        self.gate.is_some()
    }

    /// Tells whether it waits in a loop that makes calls.
    pub(super) fn asks(&self) -> bool {
        self.waits() && !self.computes()
    }

    /// Tells whether its latest steps repeat earlier ones, for some rounds already.
    pub fn repeats(&self) -> bool {
        self.rounds.repeats()
    }

    /// Tells whether it goes round without making calls.
    pub fn computes(&self) -> bool {
        self.in_own_code || !self.calls
    }

    /// Returns how much CPU time the loop uses in a span of time, as in its rounds until now, when
    /// it has used so much.
    pub fn cpu_time_in(&self, span: u64, now: u64, used: u64) -> u64 {
        if self.in_own_code {
            return span;
        }
        let Some((time, before)) = self.began else {
            return 0;
        };
        match u128::from(now - time) {
            0 => 0,
            elapsed => (u128::from(span) * u128::from(used - before) / elapsed) as u64,
        }
    }

    /// It is let go on in its own code.
    pub fn go_on(&mut self) {
        self.ahead = 0;
        if self.in_own_code {
            self.leave();
        }
    }

    /// It is known to go round no more.
    pub(super) fn leave(&mut self) {
        self.gate = None;
        self.in_own_code = false;
        self.in_vain = 0;
        self.nature = None;
        self.effort.forget();
        self.examination = None;
    }
}

/// Time on the processor after which a computation is preempted: long, because most end.
const FIRST: Duration = Duration::from_secs(1);

/// The same in a process of which one was. It doubles as long as that helps none of its tasks to
/// come to a schedule point.
const SHORT: Duration = Duration::from_millis(40);

/// After how much computing a process is preempted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interval(Duration);

impl Default for Interval {
    fn default() -> Interval {
        Interval(FIRST)
    }
}

impl Interval {
    pub(super) fn get(self) -> Duration {
        self.0
    }

    /// Tells whether the process was preempted before.
    pub(super) fn is_known(self) -> bool {
        self.0 != FIRST
    }

    /// A task is preempted, `again` if it has come to no schedule point since it last was.
    pub(super) fn pass(&mut self, again: bool) {
        self.0 = match again {
            true => self.0 * 2,
            false => SHORT,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_preempted_in_vain_computes_longer() {
        let mut interval = Interval::default();
        let mut pass = |again| {
            interval.pass(again);
            interval.get()
        };
        assert_eq!(pass(false), SHORT);
        assert_eq!([pass(true), pass(true)], [2 * SHORT, 4 * SHORT]);
        assert_eq!(pass(false), SHORT);
    }
}
