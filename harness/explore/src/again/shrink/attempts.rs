//! Candidates for a simpler run, and the simplest so far.

use crate::found::findings::Identity;
use crate::keep::criteria::Judge;
use crate::perform::runner::Runner;
use crosswire_engine::EngineError;
use crosswire_model::{DelayedStore, Fault, Plan, Run, Schedule, StartUp, Switch, Verdict};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time for shrinking one failure, and the flag that stops it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience<'a> {
    pub time: Duration,
    pub stop: &'a AtomicBool,
}

/// Size of a failure; smaller is better: faults, decisions, their positions, steps.
type Size = (usize, usize, u64, u64, u64);

pub(crate) struct Shrinker<'a> {
    pub runner: &'a mut dyn Runner,
    pub judge: &'a Judge,
    pub reference: Option<&'a [u8]>,
    /// Failure that a candidate must still show.
    pub failure: Identity,
    pub patience: Patience<'a>,
}

/// A shrinker at work.
pub(super) struct Attempts<'a> {
    pub with: Shrinker<'a>,
    pub until: Instant,
    pub best: Run,
    pub verdict: Verdict,
    pub tried: u64,
}

impl Attempts<'_> {
    pub(super) fn may_go_on(&self) -> bool {
        Instant::now() < self.until && !self.with.patience.stop.load(Ordering::Relaxed)
    }

    pub(super) fn switches(&self) -> &[Switch] {
        &self.best.trace.switches
    }

    pub(super) fn faults(&self) -> &[Fault] {
        &self.best.plan.faults
    }

    pub(super) fn delays(&self) -> Vec<DelayedStore> {
        self.best.delayed.clone()
    }

    /// Makes steps of what comes before the first one otherwise, if the failure shows with as few
    /// decisions then: what a program looks at when it starts can be what it came too early for.
    pub(super) fn start_up_in_steps(&mut self) -> Result<(), EngineError> {
        if !self.best.plan.start_up.comes_first || !self.may_go_on() {
            return Ok(());
        }
        let plan = Plan {
            schedule: Schedule::switching(self.switches().to_vec()),
            start_up: StartUp {
                comes_first: false,
                ..self.best.plan.start_up.clone()
            },
            ..self.best.plan.clone()
        };
        self.tried += 1;
        let run = self.with.runner.run(&plan)?;
        let verdict = self.with.judge.judge(&run, self.with.reference);
        let same = self.with.failure.find(&verdict, &run.trace).is_some();
        let decisions = |run: &Run| run.trace.deviations.len();
        if same && run.trace.unused_faults.is_empty() && decisions(&run) <= decisions(&self.best) {
            self.best = run;
            self.verdict = verdict;
        }
        Ok(())
    }

    /// Performs a candidate and takes it up if it fails as well and is simpler.
    pub(super) fn attempt(
        &mut self,
        faults: Vec<Fault>,
        switches: Vec<Switch>,
    ) -> Result<bool, EngineError> {
        self.attempt_with(self.delays(), faults, switches)
    }

    /// The same with these stores delayed.
    pub(super) fn attempt_with(
        &mut self,
        delays: Vec<DelayedStore>,
        faults: Vec<Fault>,
        switches: Vec<Switch>,
    ) -> Result<bool, EngineError> {
        let memory = self.best.plan.memory.delaying(delays);
        let plan = Plan {
            schedule: Schedule::switching(switches),
            faults,
            memory,
            ..self.best.plan.clone()
        };
        self.tried += 1;
        let mut run = self.with.runner.run(&plan)?;
        let verdict = self.with.judge.judge(&run, self.with.reference);
        let same = self.with.failure.find(&verdict, &run.trace).is_some();
        // A fault that did not strike is none.
        run.plan
            .faults
            .retain(|fault| !run.trace.unused_faults.contains(fault));
        run.trace.unused_faults.clear();
        if !same || size(&run) >= size(&self.best) {
            return Ok(false);
        }
        self.best = run;
        self.verdict = verdict;
        Ok(true)
    }
}

pub(super) fn size(run: &Run) -> Size {
    let trace = &run.trace;
    let points = run
        .plan
        .faults
        .iter()
        .map(|fault| u64::from(fault.point.nth));
    (
        run.plan.faults.len(),
        trace.deviations.len() + run.delayed.len(),
        trace.steps,
        points.sum(),
        trace.deviations.iter().map(|one| one.step).sum(),
    )
}
