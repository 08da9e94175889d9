//! The workers of an exploration and the runs they share: who performs which run, who
//! waits, when it ends, and what went wrong. What runs there are, and what is made of
//! them, is the agenda's affair. A run takes hundreds of microseconds, so one lock is
//! good enough.

use crate::found::report::Progress;
use crate::found::tally::Tally;
use crate::perform::runner::{Runner, Starter};
use crate::{ExploreError, LostCapability, available_cpus};
use crosswire_engine::EngineError;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// How long the runs under way may go on once somebody wants to stop.
const GRACE: Duration = Duration::from_millis(600);

/// The runs to perform, and what they came to.
pub(crate) trait Agenda: Send + 'static {
    /// A run to perform.
    type Job;
    /// What a run came to.
    type Performed;

    /// Chooses what a worker does next. Asked again after each run that was taken in.
    fn next(&mut self, elapsed: Duration) -> Next<Self::Job>;

    /// Takes in what a run came to.
    ///
    /// # Errors
    /// If it shows that the exploration is of no use.
    fn take_in(&mut self, job: Self::Job, performed: Self::Performed) -> Result<(), ExploreError>;

    /// Tells whether no further run is of any use.
    fn is_closed(&self) -> bool;

    /// Makes what stands for a run that an engine has failed to perform.
    fn invalid(reason: String) -> Self::Performed;

    /// Gives the sums over all runs.
    fn tally(&mut self) -> &mut Tally;

    /// Tells how far it has come.
    fn progress(&self) -> Progress;
}

/// What a worker does next.
pub(crate) enum Next<Job> {
    /// Performs a run.
    Perform(Job),
    /// Waits until another run was taken in.
    Wait,
    /// Ends.
    End,
}

/// The workers of one exploration, and their agenda.
pub(crate) struct Pool<A> {
    began: Instant,
    workers: usize,
    state: Mutex<Shared<A>>,
    /// Waited for by workers: there may be something to do, or the end has come.
    changed: Condvar,
    /// Waited for by the coordinator: a worker has ended.
    ended: Condvar,
}

struct Shared<A> {
    agenda: A,
    working: usize,
    closed: bool,
    error: Option<ExploreError>,
}

impl<A: Agenda> Pool<A> {
    /// Gives so many workers, at least one, an agenda.
    pub fn new(workers: usize, agenda: A) -> Arc<Pool<A>> {
        let workers = workers.max(1);
        Arc::new(Pool {
            began: Instant::now(),
            workers,
            state: Mutex::new(Shared {
                agenda,
                working: workers,
                closed: false,
                error: None,
            }),
            changed: Condvar::new(),
            ended: Condvar::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, Shared<A>> {
        // A panic elsewhere is reported by `end`; the counts stay usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands out the next run to perform; `None` when there is nothing more to do.
    pub fn take(&self) -> Option<A::Job> {
        let mut state = self.state();
        loop {
            if state.closed {
                return None;
            }
            match state.agenda.next(self.began.elapsed()) {
                Next::Perform(job) => return Some(job),
                Next::End => return None,
                Next::Wait => {}
            }
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes in what a run came to.
    pub fn deliver(&self, job: A::Job, performed: A::Performed) {
        let mut state = self.state();
        if let Err(error) = state.agenda.take_in(job, performed) {
            state.error.get_or_insert(error);
        }
        state.closed |= state.agenda.is_closed() || state.error.is_some();
        drop(state);
        self.changed.notify_all();
    }

    /// Notes what a worker's engine lacks.
    pub fn lacks(&self, capabilities: Vec<LostCapability>) {
        self.state().agenda.tally().capabilities_lost = capabilities;
    }

    /// Performs runs until there are no more: one worker, on its CPU. `perform` is given
    /// an engine for each.
    pub fn work_through(
        &self,
        starter: &Starter,
        (worker, cpu): (usize, Option<usize>),
        perform: impl Fn(&mut dyn Runner, &A::Job) -> Result<A::Performed, EngineError>,
    ) -> Result<(), ExploreError> {
        let mut runner = starter(cpu)?;
        self.lacks(runner.capabilities_lost());
        if worker > 0 && !runner.is_apart() {
            // Two runs at a time would get in each other's way.
            return Ok(());
        }
        while let Some(job) = self.take() {
            let performed = match perform(runner.as_mut(), &job) {
                Ok(performed) => performed,
                Err(error) => {
                    // An engine that has failed once is not trusted with another run.
                    drop(runner);
                    runner = starter(cpu)?;
                    A::invalid(error.to_string())
                }
            };
            self.deliver(job, performed);
        }
        Ok(())
    }

    /// Starts the workers, each with its number and a CPU, and watches them until all
    /// are done, or until stopping takes too long; tells whether somebody stopped them.
    pub fn perform(
        self: &Arc<Self>,
        worker: impl Fn(&Self, (usize, Option<usize>)) -> Result<(), ExploreError>
        + Send
        + Sync
        + 'static,
        stop: &AtomicBool,
        progress: &dyn Fn(&Progress),
    ) -> bool {
        let (cpus, worker) = (available_cpus(), Arc::new(worker));
        let mut threads = Vec::new();
        for number in 0..self.workers {
            let (pool, worker) = (self.clone(), worker.clone());
            let cpu = cpus.get(number % cpus.len().max(1)).copied();
            threads.push(std::thread::spawn(move || {
                pool.end(caught(|| worker(&pool, (number, cpu))));
            }));
        }
        let stopped = self.supervise(stop, progress);
        if self.wait(Duration::ZERO) {
            for thread in threads {
                // Panics have been caught and reported by the worker itself.
                let _ = thread.join();
            }
        }
        // Else a run does not end in time. Its thread and its processes are left
        // to themselves; they die with this process at the latest.
        stopped
    }

    /// Notes that a worker is done, or has failed.
    fn end(&self, result: Result<(), ExploreError>) {
        let mut state = self.state();
        state.working -= 1;
        if let Err(error) = result {
            state.error.get_or_insert(error);
            state.closed = true;
        }
        drop(state);
        self.changed.notify_all();
        self.ended.notify_all();
    }

    fn supervise(&self, stop: &AtomicBool, progress: &dyn Fn(&Progress)) -> bool {
        let mut stopped_at = None;
        while !self.wait(PROGRESS_INTERVAL) {
            progress(&self.progress());
            if stop.load(Ordering::Relaxed) {
                self.close();
                let since: &mut Instant = stopped_at.get_or_insert_with(Instant::now);
                if since.elapsed() >= GRACE {
                    break;
                }
            }
        }
        progress(&self.progress());
        stopped_at.is_some() || stop.load(Ordering::Relaxed)
    }

    /// Waits for the workers, but not longer than this; tells whether all are done.
    fn wait(&self, time: Duration) -> bool {
        let state = self.state();
        let wait = self
            .ended
            .wait_timeout_while(state, time, |state| state.working > 0);
        wait.unwrap_or_else(PoisonError::into_inner).0.working == 0
    }

    /// Hands out no more runs.
    fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    fn progress(&self) -> Progress {
        let elapsed = self.began.elapsed();
        Progress {
            elapsed,
            ..self.state().agenda.progress()
        }
    }

    /// Looks at the agenda while runs are under way.
    pub fn with<T>(&self, look: impl FnOnce(&A, Duration) -> T) -> T {
        look(&self.state().agenda, self.began.elapsed())
    }

    /// Makes the report, once nothing more is awaited.
    ///
    /// # Errors
    /// If a worker has failed, or the agenda.
    pub fn finish<Report>(
        &self,
        report: impl FnOnce(&mut A, Duration) -> Result<Report, ExploreError>,
    ) -> Result<Report, ExploreError> {
        let mut state = self.state();
        match state.error.take() {
            Some(error) => Err(error),
            None => report(&mut state.agenda, self.began.elapsed()),
        }
    }
}

/// Does what a worker does, and makes an error of its panic.
fn caught(worker: impl FnOnce() -> Result<(), ExploreError>) -> Result<(), ExploreError> {
    let result = catch_unwind(AssertUnwindSafe(worker));
    result.unwrap_or_else(|panic| Err(ExploreError::Panic(message(panic.as_ref()))))
}

/// The text of a panic.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "for a reason that is not text".to_owned(),
    }
}
