//! Which loadings are to be trials, so that few runs are thrown away for them.

use std::collections::HashMap;
use std::hash::Hash;

/// The most trials with one program in the same surroundings.
const MOST_TRIALS: u32 = 8;

/// One run in so many may be thrown away.
const RUNS_PER_TRIAL: u64 = 4;

/// Which loadings are still to be tried.
#[derive(Debug)]
pub(super) struct Trials<Root> {
    /// By where they begin.
    programs: HashMap<Root, Program>,
    /// Runs so far, and how many of them were thrown away.
    runs: u64,
    thrown_away: u64,
    /// The most steps of a run.
    longest: u64,
    /// There are trials in this run.
    under_way: bool,
}

/// Trials with a program in the same surroundings.
#[derive(Debug, Default)]
struct Program {
    /// Images that are in doubt.
    doubtful: u32,
    trials: u32,
    /// The last of the runs in which there was one.
    last: Option<u64>,
}

impl<Root> Default for Trials<Root> {
    fn default() -> Trials<Root> {
        Trials {
            programs: HashMap::new(),
            runs: 0,
            thrown_away: 0,
            longest: 0,
            under_way: false,
        }
    }
}

impl Program {
    /// Tells whether there is to be a trial, as far as there was none in this run.
    fn waits(&self, run: u64) -> bool {
        self.doubtful > 0 && self.trials < MOST_TRIALS && self.last != Some(run)
    }
}

impl<Root: Eq + Hash> Trials<Root> {
    /// There is an image in doubt.
    pub fn doubt(&mut self, root: Root) {
        self.programs.entry(root).or_default().doubtful += 1;
    }

    /// An image is not in doubt any more.
    pub fn settle(&mut self, root: &Root) {
        if let Some(program) = self.programs.get_mut(root) {
            program.doubtful = program.doubtful.saturating_sub(1);
        }
    }

    /// Tells whether a loading that begins here is to be a trial, and takes note of that.
    pub fn begin(&mut self, root: &Root) -> bool {
        let may_begin = self.under_way || self.runs >= RUNS_PER_TRIAL * self.thrown_away;
        let (run, program) = (self.runs, self.programs.get_mut(root));
        let Some(program) = program.filter(|program| may_begin && program.waits(run)) else {
            return false;
        };
        program.trials += 1;
        program.last = Some(run);
        self.under_way = true;
        true
    }

    /// Tells whether no other program waits for a trial.
    pub fn are_over(&self) -> bool {
        !self.programs.values().any(|one| one.waits(self.runs))
    }

    /// Tells whether a run in which there were trials has taken more steps than runs do.
    pub fn take_too_long(&self, step: u64) -> bool {
        self.under_way && step > 2 * self.longest
    }

    /// A run is over after so many steps.
    pub fn end_run(&mut self, is_complete: bool, steps: u64) {
        self.runs += 1;
        self.thrown_away += u64::from(std::mem::take(&mut self.under_way));
        if is_complete {
            self.longest = self.longest.max(steps);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_tries_all_that_is_in_doubt_and_few_runs_do() {
        let mut trials = Trials::default();
        assert!(!trials.begin(&"a"));
        for program in ["a", "b", "b"] {
            trials.doubt(program);
        }
        trials.end_run(true, 10);
        assert!(trials.begin(&"a") && !trials.begin(&"a"));
        trials.settle(&"a");
        assert!(!trials.are_over() && !trials.take_too_long(20) && trials.take_too_long(21));
        assert!(trials.begin(&"b") && trials.are_over());
        trials.end_run(false, 7);
        // The second image of `b` is still in doubt.
        assert!(!trials.begin(&"b"));
        for _ in 2..RUNS_PER_TRIAL {
            trials.end_run(true, 10);
        }
        assert!(!trials.begin(&"a") && trials.begin(&"b"));
    }
}
