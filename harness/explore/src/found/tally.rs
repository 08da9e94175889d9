//! Counts what runs came to.

use crate::found::given_up::GivenUp;
use crate::found::lost::LostCapability;
use crate::found::outcome::Outcome;
use crate::found::report::{MOST_DISTINCT, NO_RUN, Progress};
use crosswire_model::{Limit, Verdict, Violation};
use std::collections::{BTreeMap, HashSet};

/// After so many runs that the harness could not perform, going on only repeats
/// its failure.
const MOST_INVALID: u64 = 10;

/// The sums over all runs that count.
#[derive(Default, Clone)]
pub(crate) struct Tally {
    pub runs: u64,
    pub steps: u64,
    pub distinct: HashSet<u64>,
    /// Runs given up, by the limit they reached.
    pub inconclusive: Vec<(Limit, u64)>,
    /// How the first run stood that reached each limit.
    pub given_up: Vec<GivenUp>,
    /// Unexpected ends that were not judged, by the fault after which a process may give up.
    pub excused: BTreeMap<String, u64>,
    /// Accepted violations, by kind.
    pub allowed: BTreeMap<String, u64>,
    pub invalid: u64,
    pub invalid_reason: Option<String>,
    /// What the engines of the workers lack: the same for all.
    pub capabilities_lost: Vec<LostCapability>,
}

impl Tally {
    /// Counts a run. `of` names it, should it be the first that could not be performed.
    pub fn count(&mut self, outcome: &Outcome, of: impl FnOnce() -> String) {
        self.runs += 1;
        self.steps += outcome.steps;
        for action in &outcome.excused {
            *self.excused.entry(action.to_string()).or_default() += 1;
        }
        for kind in &outcome.allowed {
            *self.allowed.entry(kind.to_string()).or_default() += 1;
        }
        match &outcome.verdict {
            Verdict::Pass | Verdict::Violation(_) => {}
            Verdict::Inconclusive(limit) => {
                if let Some(given_up) = &outcome.given_up {
                    self.given_up.push(GivenUp {
                        run: of(),
                        ..GivenUp::clone(given_up)
                    });
                }
                let mut known = self.inconclusive.iter_mut();
                match known.find(|(known, _)| known == limit) {
                    Some((_, count)) => *count += 1,
                    None => self.inconclusive.push((*limit, 1)),
                }
            }
            Verdict::Invalid(reason) => {
                self.invalid += 1;
                self.invalid_reason
                    .get_or_insert_with(|| format!("{}: {reason}", of()));
                return;
            }
        }
        if self.distinct.len() < MOST_DISTINCT {
            self.distinct.insert(outcome.fingerprint);
        }
    }

    /// Tells whether so many runs could not be performed that further ones are of no use.
    pub fn is_hopeless(&self) -> bool {
        self.invalid >= MOST_INVALID
    }

    /// Counts the different traces.
    pub fn distinct_traces(&self) -> u64 {
        self.distinct.len() as u64
    }

    /// Judges all runs together, given what was found in them.
    pub fn verdict<'a>(&self, found: impl Iterator<Item = &'a Violation>) -> Verdict {
        let found: Vec<Violation> = found.cloned().collect();
        let runs = [
            (!found.is_empty()).then_some(Verdict::Violation(found)),
            self.invalid_reason.clone().map(Verdict::Invalid),
            (self.runs == 0).then(|| Verdict::Invalid(NO_RUN.into())),
            self.inconclusive
                .first()
                .map(|(limit, _)| Verdict::Inconclusive(*limit)),
        ];
        runs.into_iter().flatten().fold(Verdict::Pass, Verdict::and)
    }

    /// Tells how far the runs have come, to somebody who knows the budget.
    pub fn progress(&self) -> Progress {
        Progress {
            runs: self.runs,
            steps: self.steps,
            distinct_traces: self.distinct_traces(),
            ..Progress::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(verdict: Verdict, fingerprint: u64) -> Outcome {
        Outcome {
            verdict,
            fingerprint,
            steps: 2,
            ..Outcome::invalid(String::new())
        }
    }

    #[test]
    fn each_run_is_counted_by_its_verdict() {
        let mut tally = Tally::default();
        assert!(matches!(tally.verdict([].iter()), Verdict::Invalid(_)));
        tally.count(&of(Verdict::Pass, 1), String::new);
        tally.count(&of(Verdict::Pass, 1), String::new);
        assert_eq!(tally.verdict([].iter()), Verdict::Pass);
        for limit in [Limit::Steps, Limit::Search, Limit::Steps] {
            tally.count(&of(Verdict::Inconclusive(limit), 2), String::new);
        }
        let first = Verdict::Inconclusive(Limit::Steps);
        assert_eq!(tally.verdict([].iter()), first);
        assert_eq!(tally.inconclusive, [(Limit::Steps, 2), (Limit::Search, 1)]);
        assert_eq!(
            (tally.runs, tally.steps, tally.distinct_traces()),
            (5, 10, 2)
        );
    }

    #[test]
    fn the_first_run_that_could_not_be_performed_is_named() {
        let mut tally = Tally::default();
        for run in 3..13 {
            assert!(!tally.is_hopeless());
            let invalid = Verdict::Invalid(format!("no. {run}"));
            tally.count(&of(invalid, run), || format!("run {run}"));
        }
        assert!(tally.is_hopeless());
        let named = Verdict::Invalid("run 3: no. 3".to_owned());
        assert_eq!(tally.verdict([].iter()), named);
        assert_eq!(tally.distinct_traces(), 0);
    }
}
