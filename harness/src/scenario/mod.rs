//! Scenarios: tests whose processes are closures.

mod crash;
mod drawn;
mod explore;
mod failure;
mod faults;
mod log;
mod outcome;
mod perform;
mod place;
mod reentry;
mod regressions;
mod workload;

pub use crash::Crash;
pub use failure::replay_command;
pub use faults::Faults;
pub use log::{Begun, Log};
pub use outcome::{LogOutcome, LogValue, Logged};
pub(crate) use perform::{current_process, leave};
#[doc(hidden)]
pub use place::Place;
pub use workload::Workload;

use crosswire_check::{Check, Exit, Expectations};
use crosswire_engine::Successor;
use crosswire_explore::{Exhaust, Memory, Strategy};
use crosswire_model::{Limits, Suspect};
use reentry::Reentry;
use std::path::PathBuf;
use std::process::{ExitCode, Termination};
use std::sync::Arc;
use std::time::Duration;

/// A name for a scenario yet to be described; made by
/// [`scenario!`](crate::scenario!).
///
/// Continue with [`setup`](Named::setup), or with [`process`](Named::process) if
/// the processes need nothing in common.
#[must_use = "a scenario does nothing until it is explored"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    name: String,
    place: Place,
}

/// A scenario: set-up, processes, faults and checks.
///
/// # How it runs
///
/// Exploring starts the test's own program again under the engine, with arguments
/// that lead to this test alone. There the test's function runs once more, up to
/// this scenario, which is then performed instead of explored. Hence
///
/// * everything that the test does before the scenario is repeated, so it should be
///   the same every time;
/// * if a test has several scenarios, the earlier ones return an empty report: judge
///   the results of [`try_explore`](Scenario::try_explore) after the last.
///
/// In every run one process, named after the scenario, calls the set-up, then forks
/// the others in the order of their definition. Each has
/// its own copy of the set-up's value, with the descriptors it contains, and ends
/// when its closure returns, without running the value's destructor. The first
/// process closes every descriptor from 3 on (if it kept a pipe's write end, no
/// reader would ever see the end of the file), waits for the others, and drops the
/// value, or hands it to [`teardown`](Scenario::teardown). By then the
/// descriptors in it refer to `/dev/null`.
#[must_use = "a scenario does nothing until it is explored"]
pub struct Scenario<'a, Q> {
    name: String,
    place: Place,
    setup: Box<dyn FnOnce() -> Q + 'a>,
    teardown: Option<Box<dyn FnOnce(Q) + 'a>>,
    processes: Vec<Process<'a, Q>>,
    successors: Vec<Successor>,
    faults: Faults,
    checks: Vec<Arc<dyn Check>>,
    expectations: Expectations,
    limits: Limits,
    seed: u64,
    arguments: Option<Vec<String>>,
    jobs: Option<usize>,
    shrinking: Option<Duration>,
    passed_on: Vec<String>,
    strategy: Strategy,
    suspects: Vec<Suspect>,
    memory: Memory,
    watches_threads: bool,
    exhaust: Option<Exhaust>,
    fault_pairs: bool,
    regressions: Option<PathBuf>,
    /// The way here, if a workload has already determined it.
    reentry: Option<Reentry>,
}

/// The body of a process; returns its exit status.
type Body<'a, Q> = Box<dyn FnOnce(&mut Q, &Log) -> i32 + 'a>;

struct Process<'a, Q> {
    name: String,
    body: Body<'a, Q>,
}

/// Begins a scenario of this name, unique within the test.
///
/// ```no_run
/// use crosswire::{Budget, Faults, check};
/// # struct OrderQueue;
/// # impl OrderQueue {
/// #     fn create(_: &str) -> std::io::Result<OrderQueue> { Ok(OrderQueue) }
/// #     fn send(&self, _: i64) {}
/// #     fn recv(&self) -> Option<i64> { None }
/// # }
///
/// // #[test]
/// fn orders_survive_a_crashing_producer() {
///     crosswire::scenario!("orders")
///         .setup(|| OrderQueue::create("/orders").unwrap())
///         .process("producer", |q, log| for n in 0..5 { log.send(n, || q.send(n)) })
///         .process("consumer", |q, log| while let Some(_) = log.recv(|| q.recv()) {})
///         .faults(Faults::kill("producer"))
///         .check(check::fifo())
///         .check(check::no_loss_of_acknowledged())
///         .explore(Budget::runs(2_000));
/// }
/// ```
#[macro_export]
macro_rules! scenario {
    ($name:expr) => {{
        fn here() {}
        let place = $crate::scenario::Place {
            here: ::std::any::type_name_of_val(&here),
            file: ::std::file!(),
            package: ::std::option_env!("CARGO_MANIFEST_DIR"),
        };
        $crate::scenario::Named::new($name, place)
    }};
}

/// Adds a schedule point: here another process may take over, and a fault may be
/// injected. The trace records `number`. Has no effect outside a scenario.
pub fn mark(number: u64) {
    crosswire_kernel::process::mark(crosswire_kernel::process::MARK_USER, number, 0);
}

/// Returns the status that a process ends with, as if `result` were its main function's.
fn status_of(result: impl Termination) -> i32 {
    i32::from(result.report() != ExitCode::SUCCESS)
}

impl Named {
    #[doc(hidden)]
    pub fn new(name: impl Into<String>, place: Place) -> Named {
        let name = name.into();
        check_name("scenario", &name);
        Named { name, place }
    }

    /// Sets the set-up, performed first, once in each run: its value is shared by the
    /// processes.
    pub fn setup<'a, Q>(self, setup: impl FnOnce() -> Q + 'a) -> Scenario<'a, Q> {
        Scenario {
            name: self.name,
            regressions: self.place.regressions(),
            place: self.place,
            setup: Box::new(setup),
            teardown: None,
            processes: Vec::new(),
            successors: Vec::new(),
            faults: Faults::none(),
            checks: Vec::new(),
            expectations: Expectations {
                exit: Exit::All,
                ..Expectations::default()
            },
            limits: Limits::default(),
            seed: 0,
            arguments: None,
            jobs: None,
            shrinking: None,
            passed_on: Vec::new(),
            strategy: Strategy::default(),
            suspects: Vec::new(),
            memory: Memory::default(),
            watches_threads: false,
            exhaust: None,
            fault_pairs: false,
            reentry: None,
        }
    }

    /// Adds the first process of a scenario that needs no set-up.
    pub fn process<'a, R: Termination>(
        self,
        name: &str,
        body: impl FnOnce(&mut (), &Log) -> R + 'a,
    ) -> Scenario<'a, ()> {
        self.setup(|| ()).process(name, body)
    }
}

impl<'a, Q> Scenario<'a, Q> {
    /// Adds a process. It may return whatever a `main` function may, and exits
    /// accordingly; a panic is a violation of its own kind.
    ///
    /// # Panics
    /// If the name is taken, empty, or has one of the characters `:@#*` or a space,
    /// which the text form of faults uses.
    pub fn process<R: Termination>(
        mut self,
        name: &str,
        body: impl FnOnce(&mut Q, &Log) -> R + 'a,
    ) -> Self {
        check_name("process", name);
        let taken = name == self.name || self.processes.iter().any(|process| process.name == name);
        assert!(
            !taken,
            "scenario `{}`: the process name `{name}` is taken (the process that performs the \
             set-up has the scenario's own name)",
            self.name
        );
        self.processes.push(Process {
            name: name.to_owned(),
            body: Box::new(move |value, log| status_of(body(value, log))),
        });
        self
    }

    /// Adds a process that starts only when another one has ended, in any way: for
    /// example one that repairs what a crash has left behind.
    ///
    /// # Panics
    /// As [`process`](Scenario::process), and if there is no process `predecessor` yet.
    pub fn process_after<R: Termination>(
        mut self,
        predecessor: &str,
        name: &str,
        body: impl FnOnce(&mut Q, &Log) -> R + 'a,
    ) -> Self {
        assert!(
            self.names().iter().any(|known| known == predecessor),
            "scenario `{}`: `{name}` cannot start after `{predecessor}`, which is not defined \
             yet",
            self.name
        );
        self.successors.push(Successor {
            process: name.to_owned(),
            of: predecessor.to_owned(),
        });
        self.process(name, body)
    }

    /// Sets the tear-down, which gets the set-up's value at the end, instead of dropping
    /// it: in the process that performed the set-up, after the last process has ended.
    pub fn teardown(mut self, teardown: impl FnOnce(Q) + 'a) -> Self {
        self.teardown = Some(Box::new(teardown));
        self
    }

    /// Adds faults that may be injected.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = self.faults.and(faults);
        self
    }

    /// Adds a check that must hold in every run, besides the built-in ones: no process
    /// waits forever, dies, panics, or leaves something behind.
    pub fn check(mut self, check: Arc<dyn Check>) -> Self {
        self.checks.push(check);
        self
    }

    /// Changes the built-in checks. By default every process must exit with status 0,
    /// except after `errno` and `lose-signal`, which entitle it to give up.
    pub fn expect(mut self, expectations: Expectations) -> Self {
        self.expectations = expectations;
        self
    }

    /// Accepts any exit status of a survivor after another process was killed by a fault.
    pub fn may_give_up(mut self) -> Self {
        self.expectations.statuses_under_faults = false;
        self
    }

    /// Sets the promise of a contract, in its words: reports print it below each
    /// violation.
    pub fn promised(mut self, promise: impl Into<String>) -> Self {
        self.expectations.promised = Some(promise.into());
        self
    }

    /// Redirects the faults to other processes: `of` returns them, given the process
    /// that was named (`None` for every process).
    pub(crate) fn with_faults_for(mut self, of: impl Fn(Option<&str>) -> Vec<String>) -> Self {
        self.faults = self.faults.redirected(of);
        self
    }

    /// Wraps each check in another one.
    pub(crate) fn with_checks(mut self, within: impl Fn(Arc<dyn Check>) -> Arc<dyn Check>) -> Self {
        self.checks = self.checks.into_iter().map(within).collect();
        self
    }

    /// Sets the limits of one run.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the seed of the exploration and of everything random in the runs.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the scheduling strategy; by default a mix of all strategies.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Directs three of four schedules at these steps: functions, lines, calls or objects, by name.
    /// See [`manual::suspects`](crate::manual::suspects).
    ///
    /// Exploring ends with an error if no step has one of the names, or if they are too many.
    pub fn suspects<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.suspects = names.into_iter().map(Suspect::named).collect();
        self
    }

    /// Sets the memory model; by default every store is visible at once. See
    /// [`manual::memory`](crate::manual::memory).
    pub fn memory(mut self, memory: Memory) -> Self {
        self.memory = memory;
        self
    }

    /// Watches the memory that threads of a process could share as shared mappings are watched:
    /// each access is a schedule point. By default threads switch only at calls and at accesses
    /// to shared mappings. See [`manual::memory`](crate::manual::memory).
    pub fn threads(mut self) -> Self {
        self.watches_threads = true;
        self
    }

    /// Explores every distinguishable interleaving, until none is left or the budget is
    /// used up. An exhausted budget is reported but is no failure; see
    /// [`Report::exhaustion`](crate::Report::exhaustion).
    pub fn exhaust(mut self, how: Exhaust) -> Self {
        self.exhaust = Some(how);
        self
    }

    /// Injects two faults in some runs, once each was tried alone. Promises for one fault
    /// seldom hold for two.
    pub fn fault_pairs(mut self) -> Self {
        self.fault_pairs = true;
        self
    }

    /// Sets the directory in which [`explore`](Scenario::explore) saves failures and from
    /// which it reruns them first: by default `crosswire-regressions` next to the source
    /// file. Commit the files.
    pub fn regressions(mut self, directory: impl Into<PathBuf>) -> Self {
        self.regressions = Some(directory.into());
        self
    }

    /// Saves no failures, and reruns no saved ones.
    pub fn without_regressions(mut self) -> Self {
        self.regressions = None;
        self
    }

    /// Sets the number of runs performed in parallel; by default one per CPU.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = Some(jobs);
        self
    }

    /// Sets the real time for shrinking findings and testing their causes; by default ten
    /// seconds, and zero disables both.
    pub fn shrinking(mut self, time: Duration) -> Self {
        self.shrinking = Some(time);
        self
    }

    /// Passes on an environment variable that is withheld because its name suggests a
    /// secret (`TOKEN`, `PASSW`, …): replay files contain the environment.
    pub fn pass_env(mut self, name: impl Into<String>) -> Self {
        self.passed_on.push(name.into());
        self
    }

    /// Sets the arguments with which this program, started again, reaches this scenario
    /// first. Needed only where there is no test to lead to it and the program's
    /// own arguments do not either.
    pub fn reenter_with<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments = Some(arguments.into_iter().map(Into::into).collect());
        self
    }

    /// Returns the process names, in the order of the processes.
    pub(crate) fn names(&self) -> Vec<String> {
        self.processes
            .iter()
            .map(|process| process.name.clone())
            .collect()
    }

    /// Panics if the finished description has an error.
    fn check_description(&self) {
        let names = self.names();
        assert!(
            !names.is_empty(),
            "scenario `{}` has no process; add one with `.process(name, |value, log| …)`",
            self.name
        );
        if let Some(unknown) = self.faults.unknown(&names) {
            panic!(
                "scenario `{}` has a fault for `{unknown}`, but its processes are {}",
                self.name,
                names.join(", ")
            );
        }
    }
}

fn check_name(what: &str, name: &str) {
    let reserved = |c: char| c.is_whitespace() || c.is_control() || ":@#*".contains(c);
    assert!(
        !name.is_empty() && !name.contains(reserved),
        "`{name}` cannot be the name of a {what}: it is empty or has a space or one of `:@#*`"
    );
}
