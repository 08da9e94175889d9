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
use crosswire_explore::{Exhaust, Strategy};
use crosswire_model::Limits;
use reentry::Reentry;
use std::path::PathBuf;
use std::process::Termination;
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
/// this scenario, whose description is then performed instead of explored. Hence
///
/// * whatever the test does before the scenario is done again, so it should do the
///   same every time;
/// * where a test has several scenarios, those before pass by with an empty
///   report: judge what [`try_explore`](Scenario::try_explore) returned after the
///   last.
///
/// Every run goes like this. One process, named after the scenario, calls the
/// set-up, then forks the others in the order in which they were given. Each has
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
    exhaust: Option<Exhaust>,
    fault_pairs: bool,
    regressions: Option<PathBuf>,
    /// The way here, where a workload has found it out already.
    reentry: Option<Reentry>,
}

/// The body of a process: what it does, and the status it ends with.
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

/// A schedule point of your own: here another process may take over, and a fault
/// may strike. `number` stands in the trace. Outside a scenario nothing happens.
pub fn mark(number: u64) {
    crosswire_kernel::process::mark(crosswire_kernel::process::MARK_USER, number, 0);
}

impl Named {
    #[doc(hidden)]
    pub fn new(name: impl Into<String>, place: Place) -> Named {
        let name = name.into();
        check_name("scenario", &name);
        Named { name, place }
    }

    /// What is done first, once in each run: its value is what the processes share.
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
            exhaust: None,
            fault_pairs: false,
            reentry: None,
        }
    }

    /// The first process of a scenario that needs no set-up.
    pub fn process<'a, R: Termination>(
        self,
        name: &str,
        body: impl FnOnce(&mut (), &Log) -> R + 'a,
    ) -> Scenario<'a, ()> {
        self.setup(|| ()).process(name, body)
    }
}

impl<'a, Q> Scenario<'a, Q> {
    /// A process. It may return whatever a `main` function may, and ends
    /// accordingly; if it panics, that is a violation of its own kind.
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
            "scenario `{}`: there is a process `{name}` already (the scenario's own name is \
             that of the process which performs the set-up)",
            self.name
        );
        self.processes.push(Process {
            name: name.to_owned(),
            body: Box::new(move |value, log| perform::status_of(body(value, log))),
        });
        self
    }

    /// A process that begins only when another one has ended, in whatever way: one that
    /// repairs what a crash has left, for example.
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
            "scenario `{}`: `{name}` is to begin after `{predecessor}`, but no such process has \
             been given yet",
            self.name
        );
        self.successors.push(Successor {
            process: name.to_owned(),
            of: predecessor.to_owned(),
        });
        self.process(name, body)
    }

    /// What is done with the set-up's value at the end, instead of dropping it: in
    /// the process that performed the set-up, after the last process has ended.
    pub fn teardown(mut self, teardown: impl FnOnce(Q) + 'a) -> Self {
        self.teardown = Some(Box::new(teardown));
        self
    }

    /// The faults that may be injected, besides those given before.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = self.faults.and(faults);
        self
    }

    /// Something that must hold in every run, besides what is always checked: that
    /// nobody waits for ever, dies, panics, or leaves something behind.
    pub fn check(mut self, check: Arc<dyn Check>) -> Self {
        self.checks.push(check);
        self
    }

    /// What is always checked, changed. Unless said otherwise every process must end
    /// with status 0, except after a fault that it may answer by giving up.
    pub fn expect(mut self, expectations: Expectations) -> Self {
        self.expectations = expectations;
        self
    }

    /// What a contract promises, in its words: reports say it beneath each violation.
    pub fn promised(mut self, promise: impl Into<String>) -> Self {
        self.expectations.promised = Some(promise.into());
        self
    }

    /// The same faults for other processes: `of` says for which, given the process
    /// that was named (`None` for every one).
    pub(crate) fn with_faults_for(mut self, of: impl Fn(Option<&str>) -> Vec<String>) -> Self {
        self.faults = self.faults.redirected(of);
        self
    }

    /// The same checks, each within another.
    pub(crate) fn with_checks(mut self, within: impl Fn(Arc<dyn Check>) -> Arc<dyn Check>) -> Self {
        self.checks = self.checks.into_iter().map(within).collect();
        self
    }

    /// When one run is given up.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Seed of the exploration and of everything random in the runs.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How schedules are chosen; a mix of all strategies unless said otherwise.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Instead of a choice of schedules: every order of the steps that can matter, until
    /// none is left or the budget is used up. If it is used up before, exploring says so
    /// and is no failure; [`Report::exhaustion`](crate::Report::exhaustion) tells.
    pub fn exhaust(mut self, how: Exhaust) -> Self {
        self.exhaust = Some(how);
        self
    }

    /// Lets two faults strike in one run, once each was tried alone. What is promised
    /// for one fault is seldom promised for two.
    pub fn fault_pairs(mut self) -> Self {
        self.fault_pairs = true;
        self
    }

    /// Where failures are kept and looked for by [`explore`](Scenario::explore), which
    /// runs them first: `crosswire-regressions` next to the source file, unless said
    /// otherwise. The files are meant to be committed.
    pub fn regressions(mut self, directory: impl Into<PathBuf>) -> Self {
        self.regressions = Some(directory.into());
        self
    }

    /// Keeps no failures, and runs none of those kept.
    pub fn without_regressions(mut self) -> Self {
        self.regressions = None;
        self
    }

    /// How many runs go on at a time; one a CPU unless said otherwise.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = Some(jobs);
        self
    }

    /// Real time for making what was found simpler; five seconds unless said otherwise,
    /// and nothing is tried in none.
    pub fn shrinking(mut self, time: Duration) -> Self {
        self.shrinking = Some(time);
        self
    }

    /// Gives the processes a variable of the environment that they would not get
    /// because its name sounds secret (`TOKEN`, `PASSW`, …): replay files hold the
    /// environment.
    pub fn pass_env(mut self, name: impl Into<String>) -> Self {
        self.passed_on.push(name.into());
        self
    }

    /// Arguments with which this program, started again, reaches this very scenario
    /// first. Needed only where there is no test to lead to it and the program's
    /// own arguments do not either.
    pub fn reenter_with<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments = Some(arguments.into_iter().map(Into::into).collect());
        self
    }

    /// Process names in the order of the processes.
    pub(crate) fn names(&self) -> Vec<String> {
        self.processes
            .iter()
            .map(|process| process.name.clone())
            .collect()
    }

    /// Says what is wrong with a finished description.
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
