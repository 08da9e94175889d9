//! The runs of one exploration by number, and what is learned between them.

use crate::found::collector::Collector;
use crate::found::outcome::Outcome;
use crate::found::tally::Tally;
use crate::perform::pool::{Agenda, Next};
use crate::plan::planner::Lessons;
use crate::plan::points::FaultSpace;
use crate::{Budget, Exploration, ExploreError, Progress, Report};
use crosswire_model::{FaultKind, StartUp, Suspect};
use std::sync::Arc;
use std::time::Duration;

/// A run to perform, and what its plan is made from.
pub(crate) struct NumberedRun {
    pub run: u64,
    pub lessons: Arc<Lessons>,
    /// What it must print, if that is checked.
    pub reference: Option<Arc<[u8]>>,
}

/// What comparing outputs comes to where there is nothing to compare with.
const NO_REFERENCE: &str = "outputs were not compared: run 0, whose output is what the others \
    must print, did not pass itself, so --check-output had no effect";

/// Runs in which each suspect must have been met: a misspelt name shall be noticed soon, and
/// what some schedules never come to may be suspected, too. It is a power of two, at which
/// further runs wait.
const ENOUGH_FOR_SUSPECTS: u64 = 16;

/// What watching threads comes to where there are none.
const NO_THREADS: &str = "no process has created a thread, so --threads had no effect";

/// Numbered runs, up to a budget.
pub(crate) struct Sampling {
    budget: Budget,
    kinds: Vec<FaultKind>,
    /// Steps at which schedules are directed.
    suspects: Vec<Suspect>,
    /// The next run to hand out.
    next: u64,
    collector: Collector,
    lessons: Arc<Lessons>,
    reference: Option<Arc<[u8]>>,
}

impl Sampling {
    pub fn new(budget: Budget, kinds: Vec<FaultKind>, stop_at_first: bool) -> Sampling {
        Sampling {
            budget,
            kinds,
            suspects: Vec::new(),
            next: 0,
            collector: Collector::new(stop_at_first),
            lessons: Arc::default(),
            reference: None,
        }
    }

    /// Begins with what is known of the programs' start-up.
    pub fn starting(mut self, start_up: Option<StartUp>) -> Sampling {
        self.collector.start_up.clone_from(&start_up);
        self.lessons = Arc::new(Lessons {
            start_up,
            ..Lessons::default()
        });
        self
    }

    /// Directs schedules at these steps.
    pub fn suspecting(mut self, suspects: &[Suspect]) -> Sampling {
        self.suspects = suspects.to_vec();
        self
    }

    /// Returns the start-up that runs have now.
    pub fn start_up(&self) -> Option<StartUp> {
        self.lessons.start_up.clone()
    }

    /// Returns the number of runs, besides run 0, whose outcomes are in the report.
    pub fn performed(&self) -> u64 {
        self.collector.taken().saturating_sub(1)
    }

    /// Makes the report of an exploration that is under way.
    pub fn so_far(&self, elapsed: Duration, seed: u64) -> Report {
        self.collector.report(seed, elapsed, &self.kinds, true)
    }

    /// Takes up what the runs before a barrier have shown.
    fn learn(&mut self) {
        let collector = &mut self.collector;
        if self.next == 1 {
            self.reference = collector.reference.take().map(Arc::from);
        }
        let points_grown = std::mem::take(&mut collector.points_grown) || self.next == 1;
        self.lessons = Arc::new(Lessons {
            space: FaultSpace::new(&self.kinds, &collector.points),
            since: match points_grown {
                true => self.next,
                false => self.lessons.since,
            },
            profile: (collector.profiles.mean()).with_pairs(collector.orders.in_one_order()),
            mix: Some(collector.mix.proportions()),
            beginnings: collector.beginnings.rarest(collector.start_up.as_ref()),
            begun_one_in: collector.beginnings.one_in(),
            start_up: collector.start_up.clone(),
            after_start: (collector.is_start_long).then(|| collector.after_start.mean()),
            has_wrappers: !collector.wrappers.is_empty(),
            splittable: collector.splittable,
        });
    }

    fn unknown_process(&self) -> Option<ExploreError> {
        let seen = &self.collector.processes;
        let missing = |name: &&String| !seen.is_empty() && !seen.contains(name);
        let name = self
            .kinds
            .iter()
            .filter_map(|kind| kind.process.as_ref())
            .find(missing)?;
        Some(ExploreError::UnknownProcess {
            name: name.clone(),
            seen: seen.join(", "),
        })
    }

    /// Looks for a suspect that no run has met.
    fn unmet(&self) -> Option<ExploreError> {
        let met = &self.collector.met;
        let mut suspects = self.suspects.iter().enumerate();
        let (_, suspect) = suspects.find(|(side, _)| !met.sides.contains(side))?;
        let names: Vec<&str> = met.names.iter().map(String::as_str).collect();
        Some(ExploreError::UnknownSuspect {
            name: suspect.to_string(),
            runs: self.collector.taken(),
            seen: names.join(", "),
        })
    }

    /// Makes the report. What was asked for and could have no effect is said.
    pub fn report(
        &mut self,
        exploration: &Exploration,
        elapsed: Duration,
        stopped: bool,
    ) -> Report {
        self.collector.flush();
        let unmet = self.unmet();
        let collector = std::mem::take(&mut self.collector);
        let stopped = stopped && self.next < self.budget.runs;
        let has_reference = self.reference.is_some() || collector.reference.is_some();
        let mut report = collector.report(exploration.seed, elapsed, &self.kinds, stopped);
        let unmet = unmet.filter(|_| report.found.is_empty());
        report.notes.extend(unmet.map(|error| error.to_string()));
        if exploration.check_output && !has_reference && report.runs > 0 {
            report.notes.push(NO_REFERENCE.to_owned());
        }
        if exploration.watches_threads && !collector.has_threads && report.runs > 0 {
            report.notes.push(NO_THREADS.to_owned());
        }
        report
    }
}

/// Runs up to which many workers would have to wait for each other too often.
const FEW: u64 = 64;

/// Tells whether what earlier runs have shown is taken up before this one: when their number has
/// doubled, and four times until then where there are many.
fn is_barrier(run: u64) -> bool {
    let quarter = run
        .checked_ilog2()
        .map_or(0, |power| 1 << power.saturating_sub(2));
    run.is_power_of_two() || run > FEW && run.is_multiple_of(quarter)
}

impl Agenda for Sampling {
    type Job = NumberedRun;
    type Performed = Outcome;

    /// What plans are made from changes at barriers only: after run 0, and whenever the
    /// number of runs has grown by much. There every
    /// earlier run is waited for, so that the plans do not depend on who was fast.
    fn next(&mut self, elapsed: Duration) -> Next<NumberedRun> {
        let run = self.next;
        let late = self.budget.time.is_some_and(|time| elapsed >= time);
        if run >= self.budget.runs.max(1) || (late && run > 0) {
            return Next::End;
        }
        let barrier = is_barrier(run);
        if barrier && self.collector.taken() != run {
            return Next::Wait;
        }
        if barrier {
            self.learn();
        }
        self.next += 1;
        Next::Perform(NumberedRun {
            run,
            lessons: self.lessons.clone(),
            reference: self.reference.clone(),
        })
    }

    fn take_in(&mut self, job: NumberedRun, outcome: Outcome) -> Result<(), ExploreError> {
        self.collector.offer(job.run, outcome);
        if job.run == 0
            && let Some(error) = self.unknown_process()
        {
            return Err(error);
        }
        // Later runs begin when these have ended.
        let is_time = self.collector.taken() == ENOUGH_FOR_SUSPECTS && !self.is_closed();
        match self.unmet().filter(|_| is_time) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn is_closed(&self) -> bool {
        self.collector.is_closed()
    }

    fn invalid(reason: String) -> Outcome {
        Outcome::invalid(reason)
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.collector.tally
    }

    fn progress(&self) -> Progress {
        Progress {
            of: (self.budget.runs != u64::MAX).then_some(self.budget.runs),
            time: self.budget.time,
            ..self.collector.so_far()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn barriers_are_as_far_apart_as_there_are_runs() {
        let barriers: Vec<u64> = (0..300).filter(|run| is_barrier(*run)).collect();
        let expected = [1, 2, 4, 8, 16, 32, 64, 80, 96, 112, 128, 160, 192, 224, 256];
        assert_eq!(barriers, expected);
    }
}
