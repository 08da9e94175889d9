//! Killing one process at every point: which crashes do the others survive?
//!
//! A run without a crash shows the points that the victim passes. Each is then the
//! place of a crash in a run of its own, in which the survivors continue and are judged
//! as ever. All of that is done under several schedules, because under a single one
//! the survivors may simply have finished before. Up to the crash a run takes the
//! same way as the one that showed the point, so it never misses it.
//!
//! Between two of its points a process touches nothing that others can see, so
//! killing it there has the effect of killing it at the next one. Of points at which a crash
//! comes to the same one is tried, unless every one is asked for.

mod groups;
mod queue;
mod report;
mod settings;

pub use report::{CrashGroup, CrashReport, CrashTally, FailingPoint};
pub use settings::CrashSearch;

use super::{ExploreError, Progress};
use crate::perform::pool::Pool;
use crate::perform::runner::{Runner, Starter, engine_starter};
use crate::perform::worker::{Work, perform};
use crate::plan::effects::classes::{KillClass, classes};
use crate::plan::planner::Lessons;
use crate::plan::profile::Profile;
use crosswire_engine::EngineError;
use crosswire_model::{Action, Plan, Run, StartUp, Trace, Verdict, What};
use queue::{CrashOutcome, CrashRun, Queue};
use std::sync::atomic::AtomicBool;

/// State shared by the workers.
struct Common {
    work: Work,
    search: CrashSearch,
}

impl CrashSearch {
    /// Performs all runs. `progress` is called about ten times a second. When `stop`
    /// becomes true, it ends within a second and reports what it has.
    ///
    /// # Errors
    /// If no run could be performed, or there is no process of the victim's name.
    /// What goes wrong in a run is in the report.
    pub fn perform(
        &self,
        stop: &AtomicBool,
        progress: &dyn Fn(&Progress),
    ) -> Result<CrashReport, ExploreError> {
        self.perform_with(engine_starter(&self.exploration.target), stop, progress)
    }

    /// Performs the search with another engine.
    ///
    /// # Errors
    /// As [`perform`](CrashSearch::perform).
    pub fn perform_with(
        &self,
        starter: Starter,
        stop: &AtomicBool,
        progress: &dyn Fn(&Progress),
    ) -> Result<CrashReport, ExploreError> {
        let common = Common {
            work: Work::of(&self.exploration, starter)?,
            search: self.clone(),
        };
        let pool = Pool::new(self.exploration.jobs, Queue::new(self.clone()));
        let worker = move |pool: &Pool<Queue>, place| {
            pool.work_through(&common.work.starter, place, |runner, job| {
                common.try_job(runner, job)
            })
        };
        let stopped = pool.perform(worker, stop, progress);
        pool.finish(|queue, elapsed| queue.report(elapsed, stopped))
    }
}

impl Common {
    fn try_job(
        &self,
        runner: &mut dyn Runner,
        job: &CrashRun,
    ) -> Result<CrashOutcome, EngineError> {
        let (run, mut outcome) = perform(&self.work, runner, &self.plan(job), None)?;
        if let (Some(missed), Verdict::Pass) = (run.trace.unused_faults.first(), &outcome.verdict) {
            // The way to the point is the same as in the run that showed it.
            outcome.verdict = Verdict::Invalid(format!(
                "{missed} was reached without a crash but not with one"
            ));
        }
        outcome.wrappers.clone_from(&run.wrappers);
        let next = match outcome.verdict {
            Verdict::Invalid(_) => Vec::new(),
            _ => self.next_crashes(&run, job),
        };
        Ok(CrashOutcome {
            processes: match job.is_first() {
                true => run.trace.process_names(),
                false => Vec::new(),
            },
            outcome,
            next,
        })
    }

    fn plan(&self, job: &CrashRun) -> Plan {
        let lessons = Lessons {
            profile: Profile::of_length(job.horizon),
            start_up: job.start_up.clone(),
            ..Lessons::default()
        };
        let plan = self.work.planner.plan(job.schedule.into(), &lessons);
        Plan {
            faults: job.crashes.clone(),
            // They tell which of the crashes that may follow are alike.
            footprints: !self.search.every_point
                && job.crashes.len() < self.search.crashes_per_run(),
            // Its points are counted in all of them alike.
            clocks_are_free: false,
            ignores_clock_order: true,
            start_up: StartUp {
                comes_first: false,
                // Any access may be the last.
                leaves_shared_pages: false,
                skips_wrappers: plan.start_up.skips_wrappers && !self.search.every_point,
                ..plan.start_up
            },
            ..plan
        }
    }

    /// Returns the crashes that can follow those of this run, in classes of which one is tried.
    fn next_crashes(&self, run: &Run, job: &CrashRun) -> Vec<KillClass> {
        let search = &self.search;
        let successors = &search.exploration.target.successors;
        let victims: Vec<String> = match (job.crashes.len(), &search.victim, &search.second) {
            (0, Some(victim), _) => vec![victim.clone()],
            (0, None, _) => {
                let is_successor = |name: &String| successors.iter().any(|s| s.process == *name);
                let roots = run.trace.tasks.iter().filter(|task| task.parent.is_none());
                let mut names: Vec<String> = roots.map(|task| task.process.clone()).collect();
                names.retain(|name| !is_successor(name));
                names.dedup();
                names
            }
            (1, _, Some(second)) => vec![second.clone()],
            _ => return Vec::new(),
        };
        let since = last_crash(&run.trace).map_or(0, |event| event + 1);
        let of_victim = |victim: &String| classes(run, successors, victim, since);
        let found = victims.iter().flat_map(of_victim);
        match search.every_point {
            true => found.flat_map(KillClass::into_points).collect(),
            false => found.collect(),
        }
    }
}

/// Returns the index of the event of the last crash.
fn last_crash(trace: &Trace) -> Option<usize> {
    let is_crash = |what: &What| matches!(what, What::Fault(fault) if fault.action == Action::Kill);
    trace.events.iter().rposition(|event| is_crash(&event.what))
}

#[cfg(test)]
mod tests;
