//! Trials: whether what is different in every run makes a difference to how a program is loaded.

use super::{Image, Images, Known, Stage, Timepiece, Varying, WORD};
use crate::emulate::time::clock::SECOND;
use crate::run::session::Session;
use crosswire_calls::{Row, StatusForm};
use crosswire_kernel::memory;
use std::io;
use std::ops::Range;

/// By how much the time of a trial is later: every digit of a time differs, however coarse it is.
const LATER: i64 = 34_567_891 * SECOND as i64 + 234_567_891;

/// How often the time-stamp counter has been read besides: it is ahead of the clock by so much.
const MORE_READINGS: u64 = 7_654_321;

/// Bytes below the stack pointer that a function may use (System V AMD64 ABI, "red zone").
const RED_ZONE: u64 = 128;

/// The largest multiple of a time that programs note: sums of several.
const MOST_RATE: i64 = 16;

/// The most words in which two loadings may differ.
const MOST_WORDS: usize = 256;

/// Returns the parts of what a call has written that are different in every run: of the status
/// of a file its number, size and times (stat(3type), statx(2)).
pub(super) fn varying(row: &Row, result: i64) -> &'static [Range<usize>] {
    match row.status() {
        Some((StatusForm::Stat, _)) if result == 0 => &[8..16, 48..56, 64..120],
        Some((StatusForm::Statx, _)) if result == 0 => &[32..56, 64..128],
        _ => &[],
    }
}

impl Session<'_> {
    /// In a trial, before anything is loaded: it is later than it should be.
    pub(super) fn put_time_forward(&mut self) {
        self.clock.pretend(LATER);
        self.clock.count_readings(MORE_READINGS);
    }

    /// In a trial: makes the time right for a call whose answer is looked at, or wrong again
    /// behind it.
    pub(super) fn put_time_right(&mut self, right: bool) {
        self.clock.pretend(if right { -LATER } else { LATER });
    }

    /// In a trial: changes what a call has told that is different in every run.
    pub(super) fn tell_something_else(
        &self,
        index: usize,
        varying: &[Range<usize>],
    ) -> io::Result<()> {
        let task = &self.tasks[index];
        let Some((_, argument)) = task.entering.row().status() else {
            return Ok(());
        };
        let words = varying.iter().flat_map(|range| range.clone().step_by(WORD));
        for (number, at) in words.enumerate() {
            let at = task.entering.args[argument] + at as u64;
            // Each in another way. Nanoseconds stay below a second.
            let change = 0x02_0135 + 0x100 * number as u64;
            let word = memory::read_word(task.tid, at)? ^ change;
            memory::write(task.tid, at, &word.to_ne_bytes())?;
        }
        Ok(())
    }
}

impl Images {
    /// Tells whether the loading that begins here is to be a trial, and takes note of that.
    pub(super) fn begin_trial(&mut self, root: &Stage) -> bool {
        let begins = self.trials.begin(root);
        self.repeats_run |= begins;
        begins
    }

    /// Tells whether a run in which there were trials has taken more steps than runs do.
    pub fn give_up_trial(&self, step: u64) -> bool {
        self.trials.take_too_long(step)
    }

    /// In a trial, a program has come to the next place: what it is like there is compared with
    /// what it was like before.
    pub(super) fn compare(&mut self, stage: &Stage, other: Option<Image>) {
        let Some(known) = self.known.get_mut(stage) else {
            return;
        };
        if !matches!(known, Known::Doubtful(_)) {
            return;
        }
        let Known::Doubtful(first) = std::mem::replace(known, Known::Different) else {
            return;
        };
        let length = first.length();
        match other.and_then(|other| first.without_differences(&other)) {
            Some(image) => *known = Known::usable(image),
            None => self.bytes -= length,
        }
        self.trials.settle(&stage.root());
    }
}

impl Image {
    /// Returns the image as it is good for every run, if it differs from another one only in what
    /// a program has left on its stack, in words that follow the time, and in what it was told.
    fn without_differences(mut self, other: &Image) -> Option<Image> {
        if !self.is_of_same_form(other) {
            return None;
        }
        let follows = |difference: i64, timepiece| {
            let passed = other.known.began.since(self.known.began, timepiece);
            let rate = difference.checked_div(passed)?;
            let is_dated = rate.abs() <= MOST_RATE && rate * passed == difference;
            is_dated.then_some(Varying::Dated(timepiece, rate))
        };
        let told = || self.known.told.iter().zip(&other.known.told).enumerate();
        let left_over = self.state.registers.stack() - RED_ZONE;
        let mut varying = Vec::new();
        let runs = self.memory.contents.iter().zip(&other.memory.contents);
        for ((start, bytes), (_, others)) in runs {
            let words = bytes.chunks_exact(WORD).zip(others.chunks_exact(WORD));
            for (address, (one, another)) in (*start..).step_by(WORD).zip(words) {
                let is_left_over = self.memory.stack.contains(&address) && address < left_over;
                if one == another || is_left_over {
                    continue;
                }
                let word = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().expect("a word"));
                let (one, another) = (word(one), word(another));
                let difference = another.wrapping_sub(one) as i64;
                let is_told = |(_, told): &(_, (&u64, &u64))| *told == (&one, &another);
                let number = told().find(is_told).map(|(number, _)| number);
                let how = (number.map(Varying::Told))
                    .or_else(|| follows(difference, Timepiece::Clock))
                    .or_else(|| follows(difference, Timepiece::Counter))?;
                varying.push((address, how));
            }
        }
        if varying.len() > MOST_WORDS {
            return None;
        }
        self.memory.varying = varying;
        Some(self)
    }

    /// Tells whether all but contents is the same.
    fn is_of_same_form(&self, other: &Image) -> bool {
        let (state, others) = (&self.state, &other.state);
        let is_same_state = state.registers.0 == others.registers.0
            && state.mask == others.mask
            && state.actions == others.actions
            && state.robust_list == others.robust_list
            && state.sequences == others.sequences
            && state.id_cell == others.id_cell;
        let (known, of_other) = (&self.known, &other.known);
        let is_same_knowledge = known.opened == of_other.opened
            && known.ticks == of_other.ticks
            && known.counter_read == of_other.counter_read
            && known.seen == of_other.seen;
        let (memory, others) = (&self.memory, &other.memory);
        let runs = |contents: &[(u64, Vec<u8>)]| -> Vec<(u64, usize)> {
            (contents.iter().map(|(start, bytes)| (*start, bytes.len()))).collect()
        };
        let is_same_memory = memory.areas == others.areas
            && memory.stack == others.stack
            && memory.heap_end == others.heap_end
            && runs(&memory.contents) == runs(&others.contents);
        is_same_state && is_same_knowledge && is_same_memory
    }
}
