//! State shared by the workers of one exploration: the assignment of runs, and the
//! results. A run takes hundreds of microseconds, so one lock suffices.

use super::ExploreError;
use super::collector::Collector;
use super::exploration::Supervised;
use super::outcome::Outcome;
use super::planner::Lessons;
use super::points::FaultSpace;
use super::report::LostCapability;
use super::{Budget, Progress};
use crosswire_model::FaultKind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A run to perform, and what its plan is made from.
pub(super) struct Job {
    pub run: u64,
    pub lessons: Arc<Lessons>,
    /// Output required of the run, if that is checked.
    pub reference: Option<Arc<[u8]>>,
}

/// Note for an exploration without an output to compare with.
const NO_REFERENCE: &str = "outputs were not compared: run 0, the reference for --check-output, \
    did not pass";

pub(super) struct Shared {
    budget: Budget,
    kinds: Vec<FaultKind>,
    began: Instant,
    state: Mutex<State>,
    /// Waited for by workers: the outcomes before a barrier are complete.
    complete: Condvar,
    /// Waited for by the coordinator: a worker has ended.
    ended: Condvar,
}

struct State {
    /// The next run to hand out.
    next: u64,
    closed: bool,
    working: usize,
    collector: Collector,
    lessons: Arc<Lessons>,
    reference: Option<Arc<[u8]>>,
    error: Option<ExploreError>,
}

impl Shared {
    pub fn new(
        budget: Budget,
        kinds: Vec<FaultKind>,
        workers: usize,
        stop_at_first: bool,
    ) -> Shared {
        Shared {
            budget,
            kinds,
            began: Instant::now(),
            state: Mutex::new(State {
                next: 0,
                closed: false,
                working: workers,
                collector: Collector::new(stop_at_first),
                lessons: Arc::default(),
                reference: None,
                error: None,
            }),
            complete: Condvar::new(),
            ended: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere is reported by `end`; the counts stay usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the next run to perform; `None` when there is nothing more to do.
    ///
    /// What plans are made from changes at barriers only: after run 0 and, where
    /// faults are injected, whenever the number of runs has doubled. There every
    /// earlier run is waited for, so that the plans do not depend on who was fast.
    pub fn take(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            let run = state.next;
            let late = self
                .budget
                .time
                .is_some_and(|time| self.began.elapsed() >= time);
            if state.closed || run >= self.budget.runs.max(1) || (late && run > 0) {
                return None;
            }
            let barrier = run == 1 || (run.is_power_of_two() && !self.kinds.is_empty());
            if !barrier || state.collector.taken() == run {
                break;
            }
            state = self
                .complete
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let run = state.next;
        if run.is_power_of_two() {
            self.learn(&mut state);
        }
        state.next += 1;
        Some(Job {
            run,
            lessons: state.lessons.clone(),
            reference: state.reference.clone(),
        })
    }

    /// Takes up what the runs before a barrier have shown.
    fn learn(&self, state: &mut State) {
        let State {
            collector,
            lessons,
            reference,
            next,
            ..
        } = state;
        if *next == 1 {
            *reference = collector.reference.take().map(Arc::from);
        }
        if *next == 1 || collector.points_grown {
            collector.points_grown = false;
            *lessons = Arc::new(Lessons {
                space: FaultSpace::new(&self.kinds, &collector.points),
                since: *next,
                profile: collector.profile.clone(),
            });
        }
    }

    /// Tells what a worker's engine lacks.
    pub fn lacks(&self, capabilities: Vec<LostCapability>) {
        self.state().collector.capabilities_lost = capabilities;
    }

    /// Hands in the outcome of a run.
    pub fn deliver(&self, run: u64, outcome: Outcome) {
        let mut state = self.state();
        state.collector.offer(run, outcome);
        if run == 0 {
            state.error = self.unknown_process(&state.collector.processes);
        }
        state.closed |= state.collector.is_closed() || state.error.is_some();
        drop(state);
        self.complete.notify_all();
    }

    fn unknown_process(&self, seen: &[String]) -> Option<ExploreError> {
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

    /// Records that a worker is done, or has failed.
    pub fn end(&self, result: Result<(), ExploreError>) {
        let mut state = self.state();
        state.working -= 1;
        if let Err(error) = result {
            state.error.get_or_insert(error);
            state.closed = true;
        }
        drop(state);
        self.complete.notify_all();
        self.ended.notify_all();
    }

    /// Returns the report, once nothing more is awaited. Needs to know whether outputs
    /// were to be compared, to say if they were not.
    pub fn finish(
        &self,
        seed: u64,
        stopped: bool,
        check_output: bool,
    ) -> Result<super::Report, ExploreError> {
        let mut state = self.state();
        if let Some(error) = state.error.take() {
            return Err(error);
        }
        let mut collector = std::mem::take(&mut state.collector);
        collector.flush();
        let stopped = stopped && state.next < self.budget.runs;
        let has_reference = state.reference.is_some() || collector.reference.is_some();
        let mut report = collector.into_report(
            seed,
            self.began.elapsed(),
            state.lessons.space.len(),
            stopped,
        );
        if check_output && !has_reference && report.runs > 0 {
            report.notes.push(NO_REFERENCE.to_owned());
        }
        Ok(report)
    }
}

impl Supervised for Shared {
    fn wait(&self, time: Duration) -> bool {
        let state = self.state();
        let wait = self
            .ended
            .wait_timeout_while(state, time, |state| state.working > 0);
        wait.unwrap_or_else(PoisonError::into_inner).0.working == 0
    }

    fn progress(&self) -> Progress {
        Progress {
            of: (self.budget.runs != u64::MAX).then_some(self.budget.runs),
            elapsed: self.began.elapsed(),
            time: self.budget.time,
            ..self.state().collector.so_far()
        }
    }

    fn close(&self) {
        self.state().closed = true;
        self.complete.notify_all();
    }
}
