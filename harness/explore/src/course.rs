//! The course of an exploration: failures of before, the runs, the shrinking of what was
//! found.

use super::{Exploration, ExploreError, Found, Progress, Report};
use crate::again::recheck::recheck_all;
use crate::again::reduce::reduce_all;
use crate::keep::notebook::Notebook;
use crate::keep::part::Position;
use crate::perform::explored::Explored;
use crate::perform::pool::{Pool, message};
use crate::perform::runner::{Starter, engine_starter};
use crate::perform::sampling::Sampling;
use crate::perform::worker::{Work, perform_job};
use crosswire_model::{Limit, Suspect, Verdict};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

impl Exploration {
    /// Explores. `progress` is called about ten times a second. When `stop`
    /// becomes true, it ends within a second and reports what it has.
    ///
    /// # Errors
    /// If no run could be performed. What goes wrong in a run is in the report.
    pub fn explore(
        &self,
        stop: &AtomicBool,
        progress: &dyn Fn(&Progress),
    ) -> Result<Report, ExploreError> {
        self.explore_with(engine_starter(&self.target), stop, progress)
    }

    /// Performs the exploration with another engine.
    ///
    /// # Errors
    /// As [`explore`](Exploration::explore).
    pub fn explore_with(
        &self,
        starter: Starter,
        stop: &AtomicBool,
        progress: &dyn Fn(&Progress),
    ) -> Result<Report, ExploreError> {
        if let Some(part) = &self.resumed
            && self.stop_at_first
            && part.report.verdict.is_violation()
        {
            // Nothing is left to be done.
            return Ok(part.report.clone());
        }
        let notebook = self.keep.as_ref();
        let notebook = notebook.map(|keep| Notebook::of(self, keep)).transpose()?;
        let notebook = notebook.map(Arc::new);
        let (still_failing, notes) = self.recheck(&starter)?;
        if self.stop_at_first && !still_failing.is_empty() {
            let violations = still_failing.iter().map(|found| found.violation.clone());
            let verdict = Verdict::Violation(violations.collect());
            let report = Report {
                found: still_failing,
                notes,
                ..Report::without_runs(verdict, self.seed)
            };
            if let Some(notebook) = notebook {
                notebook.close(&report, Position::Runs(self.performed()), false)?;
            }
            return Ok(report);
        }
        let with = (starter, notebook.as_ref());
        let explored = match self.exhaust {
            Some(exhaust) => self.exhaust_with(exhaust, with, stop, progress)?,
            None => self.sample_with(with, stop, progress)?,
        };
        let mut report = self.concluded(explored.report, &explored.work, stop)?;
        report.notes.splice(0..0, notes);
        report.found.splice(0..0, still_failing);
        if !report.found.is_empty() {
            let found = report.found.iter().map(|found| found.violation.clone());
            report.verdict = Verdict::Violation(found.collect());
        }
        if let Some(notebook) = notebook {
            report = notebook.in_all(report);
            if let Some(position) = explored.position {
                notebook.close(&report, position, self.has_left(&report))?;
            }
        }
        Ok(report)
    }

    /// Judges what was asked for and did not come about, and shrinks what was found.
    fn concluded(
        &self,
        mut report: Report,
        work: &Work,
        stop: &AtomicBool,
    ) -> Result<Report, ExploreError> {
        // Passing would mean nothing, unless all that was asked for is what cannot happen.
        let in_vain = !self.faults.is_empty() && report.faults.struck == 0 && report.runs > 0;
        let idle = &report.idle_faults;
        let cannot_happen = !idle.is_empty() && idle.iter().all(|idle| idle.cannot_happen);
        if in_vain && !cannot_happen && !self.faults_where_possible {
            report.verdict = report.verdict.and(Verdict::Inconclusive(Limit::Faults));
        }
        if !report.found.is_empty() && !self.shrink.is_zero() {
            // An engine cannot change threads, and pins the one it is started on.
            let notes = std::thread::scope(|scope| {
                let found = &mut report.found;
                let reduce = || reduce_all(found, &work.starter, &work.judge, self.shrink, stop);
                scope.spawn(reduce).join()
            });
            let notes = notes.map_err(|panic| ExploreError::Panic(message(panic.as_ref())))?;
            report.notes.extend(notes);
        }
        Ok(report)
    }

    /// Tells whether an exploration with this report can be resumed: it was interrupted, its
    /// time was up, or something is left of an exhaustive one.
    pub fn has_left(&self, report: &Report) -> bool {
        let is_over = self.stop_at_first && !report.found.is_empty();
        let is_cut = match &report.exhaustion {
            Some(exhaustion) => {
                exhaustion.left > 0 || exhaustion.fault_plans_done < exhaustion.fault_plans
            }
            None => self.budget.time.is_some(),
        };
        report.runs > 0 && (report.interrupted || is_cut && !is_over)
    }

    /// Runs the failures of before.
    fn recheck(&self, starter: &Starter) -> Result<(Vec<Found>, Vec<String>), ExploreError> {
        if self.regressions.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let work = Work::of(self, starter.clone())?;
        // An engine cannot change threads, and pins the one it is started on.
        std::thread::scope(|scope| {
            let recheck = || recheck_all(&work, &self.regressions);
            let joined = scope.spawn(recheck).join();
            joined.unwrap_or_else(|panic| Err(ExploreError::Panic(message(panic.as_ref()))))
        })
    }

    /// Returns a choice of the orders, made by the strategy.
    fn sample_with(
        &self,
        (starter, notebook): (Starter, Option<&Arc<Notebook>>),
        stop: &AtomicBool,
        progress: &dyn Fn(&Progress),
    ) -> Result<Explored, ExploreError> {
        let work = Arc::new(Work::of(self, starter)?);
        if self.suspects.len() > Suspect::MOST {
            return Err(ExploreError::TooManySuspects(self.suspects.len()));
        }
        let sampling = Sampling::new(self.budget, self.faults.clone(), self.stop_at_first)
            .suspecting(&self.suspects);
        let pool = Pool::new(self.jobs, sampling);
        let shared = work.clone();
        let worker = move |pool: &Pool<Sampling>, place| {
            pool.work_through(&shared.starter, place, |runner, job| {
                perform_job(&shared, runner, job)
            })
        };
        let position = |runs: u64| Position::Runs(self.performed() + runs);
        let unkept = Mutex::new(None);
        let stopped = pool.perform(worker, stop, &|so_far| {
            progress(so_far);
            let due = notebook.filter(|notebook| notebook.is_due());
            let noted = due.map_or(Ok(()), |notebook| {
                let (report, runs) = pool.with(|sampling, elapsed| {
                    (sampling.so_far(elapsed, self.seed), sampling.performed())
                });
                notebook.note(notebook.in_all(report), position(runs))
            });
            if let Err(error) = noted {
                let mut unkept = unkept.lock().unwrap_or_else(PoisonError::into_inner);
                unkept.get_or_insert(error);
            }
        });
        if let Some(error) = unkept.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error.into());
        }
        let runs = pool.with(|sampling, _| sampling.performed());
        let report =
            pool.finish(|sampling, elapsed| Ok(sampling.report(self, elapsed, stopped)))?;
        Ok(Explored {
            report,
            work,
            position: Some(position(runs)),
        })
    }
}
