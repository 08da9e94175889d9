//! Runs in this process, whose traces can be compared.

use crosswire::engine::{Engine, Start, Target};
use crosswire::explore::{available_cpus, stay_on};
use crosswire::model::{Plan, Rule, Run, Schedule, What};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};

/// A program under test that is called `name`.
pub fn target(name: &str, command: &[&str], directory: &Path) -> Target {
    let program = Start {
        name: name.to_owned(),
        command: command.iter().map(|&word| word.to_owned()).collect(),
    };
    Target {
        environment: vec![("PATH".to_owned(), crate::command::PATH.to_owned())],
        ..Target::new(vec![program], directory)
    }
}

/// An engine on this CPU. The calling thread cannot leave that one any more.
pub fn engine(target: &Target, cpu: usize) -> Engine {
    Engine::start(target, Some(cpu)).unwrap_or_else(|error| panic!("{target:?}: {error}"))
}

/// The CPUs of this machine that tests may use.
pub fn cpus() -> &'static [usize] {
    static CPUS: OnceLock<Vec<usize>> = OnceLock::new();
    CPUS.get_or_init(available_cpus)
}

/// A CPU for a test of its own; the next test gets the next one.
pub fn next_cpu() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    cpus()[NEXT.fetch_add(1, Ordering::Relaxed) % cpus().len()]
}

/// A CPU that one test has to itself, among those that ask for one: the thread that took
/// it, and all that it starts, stay on it.
#[derive(Debug)]
#[must_use = "the CPU is given back when this is dropped"]
pub struct OwnCpu(Option<usize>);

static FREE: Mutex<Option<Vec<usize>>> = Mutex::new(None);
static GIVEN_BACK: Condvar = Condvar::new();

impl OwnCpu {
    /// Waits until a CPU is free. An exploration on it starts one program instead of one
    /// for each CPU, and its shrinking, which uses one CPU, leaves none idle.
    pub fn take() -> OwnCpu {
        if crate::is_performing() {
            return OwnCpu(None);
        }
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let cpu = free.get_or_insert_with(|| cpus().to_vec()).pop();
            if let Some(cpu) = cpu {
                stay_on(cpu);
                return OwnCpu(Some(cpu));
            }
            free = GIVEN_BACK
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for OwnCpu {
    fn drop(&mut self) {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        free.get_or_insert_default().extend(self.0);
        GIVEN_BACK.notify_one();
    }
}

/// Schedule 0 is the default order; all others are random, each strategy in turn.
pub fn schedule(number: u64) -> Plan {
    let rule = match number {
        0 => Rule::RunOn,
        seed if seed.is_multiple_of(2) => Rule::RandomWalk { seed },
        seed => Rule::Priorities {
            seed,
            changes: 3,
            horizon: 200,
            by_task: Vec::new(),
        },
    };
    Plan {
        schedule: Schedule::new(rule),
        ..Plan::default()
    }
}

/// The status with which the process of this name ended by itself.
pub fn exit_status(run: &Run, process: &str) -> Option<i32> {
    run.trace
        .events
        .iter()
        .rev()
        .find_map(|event| match event.what {
            What::Exit(status) if run.trace.tasks[event.task.index()].process == process => {
                Some(status)
            }
            _ => None,
        })
}

/// Does work on all items, one item at a time on each CPU, and returns what went
/// wrong.
pub fn on_every_cpu<T: Sync>(
    items: &[T],
    work: impl Fn(usize, &T) -> Result<(), String> + Sync,
) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for &cpu in cpus() {
            let (next, failures, work) = (&next, &failures, &work);
            scope.spawn(move || {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(failure) = work(cpu, item) {
                        failures
                            .lock()
                            .expect("nobody panics with the lock")
                            .push(failure);
                    }
                }
            });
        }
    });
    failures.into_inner().expect("nobody panics with the lock")
}
