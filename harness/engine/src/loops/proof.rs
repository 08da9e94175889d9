//! Examines one round of a loop: is every further round the same?

use super::dataflow::{self, Mark, Sharing};
use super::of_task::{Examination, Happened, Nature, Rounding};
use super::path::{Path, Performed};
use super::snapshot::{Changed, Snapshot};
use crate::inside::remote::next;
use crate::memory::{Space, is_engines_own, known_in};
use crate::run::session::{Halt, Session};
use crate::run::task::State;
use crosswire_kernel::tracee::{Report, Stop, Stopped};
use crosswire_kernel::{Tid, memory};
use crosswire_model::What;
use std::collections::{BTreeSet, HashMap};

/// Bytes of a string that a call is given at most, a path (limits.h(0p), "PATH_MAX").
const MOST_TEXT: usize = 4096;

/// The memory that a task sees.
pub(super) struct Seen<'a> {
    space: &'a Space,
    tid: Tid,
}

impl Sharing for Seen<'_> {
    fn known_as(&self, address: u64) -> u64 {
        self.space.known_as(address)
    }

    fn length_of_text(&self, address: u64) -> u64 {
        let text = memory::read_string(self.tid, address, MOST_TEXT);
        text.map_or(0, |text| text.len() as u64 + 1)
    }
}

impl Rounding {
    /// The memory that a round reads and writes.
    pub(super) fn of(steps: &[Performed], changed: &Changed, seen: &Seen) -> Rounding {
        let (mut reads, mut writes) = dataflow::memory(steps, seen);
        writes.extend(changed.bytes.iter().map(|at| seen.known_as(*at)));
        // What a trampoline keeps there for a moment, no other thread sees.
        for bytes in [&mut reads, &mut writes] {
            bytes.retain(|at| !is_engines_own(*at));
        }
        Rounding { reads, writes }
    }
}

impl Session<'_> {
    /// Begins to follow a task that goes round, from where it stands.
    pub(super) fn begin_examination(&mut self, index: usize) -> Result<(), Halt> {
        let before = Snapshot::take(self.tasks[index].stopped()?, &self.lent_memory(index))?;
        let further_readings = self.further_readings();
        let seen = self.seen_by(index);
        let looping = &mut self.tasks[index].looping;
        let followed = looping.effort.begin(looping.rounds.period());
        match before {
            Some(before) => {
                looping.examination = Some(Box::new(Examination {
                    before,
                    seen,
                    path: Path::new(followed),
                    events: self.recorder.len(),
                    further_readings,
                    steps: looping.steps,
                    own_steps: looping.own_steps,
                    rounds: looping.effort.rounds(),
                }));
            }
            None => looping.nature = Some(Nature::Undecided),
        }
        Ok(())
    }

    /// Ends the examination of a task that has come round; it stands where it began.
    pub(super) fn end_examination(&mut self, index: usize) -> Result<(), Halt> {
        let Some(examination) = self.tasks[index].looping.examination.take() else {
            return Ok(());
        };
        let after = Snapshot::take(self.tasks[index].stopped()?, &self.lent_memory(index))?;
        let changed = after.and_then(|after| examination.before.changed(&after));
        let path = &examination.path;
        let looping = &mut self.tasks[index].looping;
        let (followed, is_comparable) = (path.steps.len(), changed.is_some());
        (looping.effort).end(
            followed,
            is_comparable,
            path.was_too_long(),
            looping.in_vain,
        );
        let has_effects = looping.has_effects;
        let nature = match changed {
            _ if self.seen_by(index) != examination.seen => Nature::Undecided,
            _ if self.further_readings() != examination.further_readings => Nature::UntilTime,
            // Memory that is not watched may be another's.
            None => Nature::Undecided,
            Some(_) if has_effects => Nature::Undecided,
            Some(_) if examination.path.has_nothing() || self.recorder.has_unwatched() => {
                Nature::Undecided
            }
            Some(changed) => self.nature(index, &examination, changed),
        };
        if let Nature::Endless(_) = nature {
            // It has left everything as it was: what is known of other threads stays.
            let looping = &mut self.tasks[index].looping;
            let steps = looping.steps - examination.steps;
            looping.steps = examination.steps;
            self.loops.own_steps -= looping.own_steps - examination.own_steps;
            looping.own_steps = examination.own_steps;
            let space = self.space_number(index);
            self.loops.steps_in_mut(space).all -= steps;
        }
        let proved_at = self.seen_by(index);
        let looping = &mut self.tasks[index].looping;
        if nature == Nature::Undecided && is_comparable {
            looping.effort.in_doubt(followed);
        }
        looping.nature = Some(nature);
        looping.proved_at = Some(proved_at);
        Ok(())
    }

    /// What has happened that could make another round differ from the one examined: of
    /// threads in the same memory, every step.
    pub(super) fn seen_by(&self, index: usize) -> Happened {
        let looping = &self.tasks[index].looping;
        let all = self.loops.steps_in(self.space_number(index)).all;
        Happened {
            others: all.saturating_sub(looping.steps),
            ..self.happened(index)
        }
    }

    /// A task takes a step: threads in the same memory might see what it writes there.
    pub fn note_step(&mut self, index: usize) {
        let space = self.space_number(index);
        self.loops.steps_in_mut(space).all += 1;
        self.tasks[index].looping.steps += 1;
    }

    /// How often programs have read the time otherwise than by calls for it: the time-stamp
    /// counter, and files of proc(5).
    fn further_readings(&self) -> u64 {
        self.clock.counter_readings() + self.texts.that_tell_time()
    }

    fn nature(&self, index: usize, examination: &Examination, mut changed: Changed) -> Nature {
        changed
            .bytes
            .extend(self.changed_shared(index, examination.events));
        let seen = &self.seen_memory(index);
        let steps = &examination.path.steps;
        let decided = dataflow::deciding(steps, &changed, seen);
        match decided {
            Mark { earlier: true, .. } => Nature::Undecided,
            Mark { clock: true, .. } => Nature::UntilTime,
            _ => Nature::Endless(match self.has_threads(index) {
                true => Rounding::of(steps, &changed, seen),
                false => Rounding::default(),
            }),
        }
    }

    pub(super) fn seen_memory(&self, index: usize) -> Seen<'_> {
        Seen {
            space: self.space(index),
            tid: self.tasks[index].tid,
        }
    }

    /// Bytes of shared memory that are not what they were before the task's accesses since an
    /// event.
    fn changed_shared(&self, index: usize, since: usize) -> BTreeSet<u64> {
        let events = &self.recorder.events()[since.min(self.recorder.len())..];
        let mut first: HashMap<u64, u8> = HashMap::new();
        let mut changed = BTreeSet::new();
        for event in events.iter().filter(|event| event.task.index() == index) {
            let What::Access(access) = event.what else {
                continue;
            };
            let bytes =
                |value: Option<u64>| value.filter(|_| access.size <= 8).map(u64::to_le_bytes);
            let (before, after) = (bytes(access.before), bytes(access.after));
            for at in 0..u64::from(access.size) {
                let known = known_in(access.object, access.offset + at);
                let byte = |of: Option<[u8; 8]>| of.map(|bytes| bytes[at as usize]);
                let is_as_before = match (byte(before), byte(after)) {
                    (Some(before), Some(after)) => *first.entry(known).or_insert(before) == after,
                    _ => !access.kind.may_write(),
                };
                match is_as_before {
                    true => changed.remove(&known),
                    false => changed.insert(known),
                };
            }
        }
        changed
    }

    /// Tells whether other live tasks have the same memory.
    fn has_threads(&self, index: usize) -> bool {
        let own = self.space_number(index);
        let shares = |other: usize| {
            other != index && !self.tasks[other].is_gone() && self.space_number(other) == own
        };
        (0..self.tasks.len()).any(shares)
    }

    /// Lets a task run to its next stop one instruction at a time, noting each.
    pub fn follow(&mut self, index: usize, mut stopped: Stopped) -> Result<(), Halt> {
        let tid = stopped.tid();
        let unnoticed = stopped.steps_unnoticed();
        loop {
            let registers = stopped.registers()?;
            let examination = self.tasks[index].looping.examination.as_mut();
            let Some(examination) = examination.filter(|_| unnoticed) else {
                break;
            };
            if !examination.path.note(tid, registers) {
                break;
            }
            stopped.single_step()?;
            stopped = match next(tid)? {
                Report::Stopped(stopped, Stop::Signal(libc::SIGTRAP)) => stopped,
                report => {
                    self.on_report(report)?;
                    if matches!(self.tasks[index].state, State::Running) {
                        // It runs on after something that the engine saw to.
                        self.run_unfollowed(index);
                    }
                    return self.settle(true);
                }
            };
        }
        self.run_unfollowed(index);
        stopped.resume(0)?;
        self.settle(true)
    }

    /// A task runs without being followed.
    pub fn run_unfollowed(&mut self, index: usize) {
        if let Some(examination) = &mut self.tasks[index].looping.examination {
            examination.path.lose();
        }
    }

    /// Tells whether a task is to be followed.
    pub fn is_examined(&self, index: usize) -> bool {
        let examination = self.tasks[index].looping.examination.as_ref();
        examination.is_some_and(|one| !one.path.is_lost())
    }
}
