//! Floor 1: one [`Plan`] in, one [`Run`] out, on real processes.

mod emulate;
mod error;
mod faults;
mod files;
mod finish;
mod footprint;
mod image;
mod inside;
mod loops;
mod measure;
mod memory;
mod observe;
mod proc;
mod run;
mod schedule;
mod start;

pub use crosswire_kernel::affinity::pin;
pub use crosswire_kernel::sandbox::{Capabilities, Capability, Feature, Loss};
pub use error::EngineError;
pub use files::listings::Listings;
pub use finish::hold::Held;
pub use finish::standing::Standing;
pub use finish::stands::{Doing, Stand};
pub use footprint::{EARLY_DRAIN, LOOP_IN_DOUBT, MANY_MAPPINGS, TIME_OUT, TIMES_OF};
pub use measure::{bare_fault, bare_stop};
pub use schedule::choose::{Choices, Chooser};
pub use start::target::{
    ExecutableError, FAILURES, Isolation, Start, Successor, Target, find_executable,
};

use crosswire_kernel::counter::CounterTrap;
use crosswire_kernel::lent;
use crosswire_kernel::oplog::OpLog;
use crosswire_kernel::sandbox::{self, Leftovers, Reset, Sandbox};
use crosswire_kernel::tick::Ticker;
use crosswire_kernel::tracee;
use crosswire_model::{End, History, Plan, Run, StartUp, Task, Trace};
use files::alone::Admission;
use files::places::Places;
use finish::outcome::Outcome;
use memory::{Contested, Knowledge};
use observe::logged;
use run::session::{Halt, Session};
use run::setup::Setup;
use start::copies::Namespaces;
use start::prepared::{Prepared, Startable};
use start::reads::EarlyReads;
use start::template::Template;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Milliseconds between two looks of the watchdog.
const TICK: i64 = 20;

/// Pids of the templates, and of the first process of each run. Fixed, so that
/// programs see the same ones in every run; apart, so that they never meet.
const TEMPLATE_PID: i32 = 20_001;
const RUN_PID: i32 = 101;

/// Number of attempts at a run that shows each time that more is contested: what that is has
/// no name that other runs know.
const MOST_ATTEMPTS: u32 = 24;

/// Number of attempts at a run whose pids differ from the expected ones: as many in which they
/// differ in the same way, and as many in all.
const ATTEMPTS: u32 = 4;
const ALL_ATTEMPTS: u32 = 32;

/// Runs plans on the processes of one target. One per worker thread: it must be
/// used on the thread that started it, because ptrace knows its tracer by thread.
pub struct Engine {
    children: Vec<String>,
    successors: Vec<Successor>,
    programs: Vec<Startable>,
    /// The programs, started: for each start-up that runs have had.
    prepared: Vec<Prepared>,
    working_dir: String,
    private_dirs: Vec<String>,
    bystanders: Vec<crosswire_kernel::Tid>,
    /// The templates' pids, as programs would see them.
    template_pids: Vec<i32>,
    /// Standard output and standard error.
    outputs: [File; 2],
    /// Log of the processes of a scenario.
    log: Option<OpLog>,
    /// Namespaces that every further run needs for itself, because a run has used
    /// the template's, as flags of clone(2).
    own_namespaces: i32,
    fresh_working_dir: bool,
    /// A run has executed a program that looked at files of the run first.
    executes: bool,
    watches: bool,
    stop: finish::stands::Stop,
    places: Places,
    listings: Listings,
    /// Knowledge of the programs' code.
    knowledge: std::cell::Cell<Knowledge>,
    sandbox: Sandbox,
    _ticker: Ticker,
}

impl Engine {
    /// Starts the sandbox and the programs up to their first point of interest.
    /// The calling thread is pinned to `cpu`, where one is given, and scheduled in short slices.
    ///
    /// # Errors
    /// If a program cannot be started or the machine forbids tracing.
    pub fn start(target: &Target, cpu: Option<usize>) -> Result<Engine, EngineError> {
        let machine = |what: &'static str| {
            move |error: std::io::Error| EngineError::Machine(format!("{what}: {error}"))
        };
        crosswire_kernel::slice::shorten();
        let began = files::known::now();
        if let Some(cpu) = cpu {
            pin(cpu).map_err(|e| machine("pinning the worker")(e.into()))?;
        }
        let executables: Vec<PathBuf> = target
            .programs
            .iter()
            .map(|start| start.executable(target))
            .collect::<Result<_, _>>()?;
        let sandbox = Sandbox::start(&sandbox::Settings {
            working_dir: target.working_dir.clone(),
            hidden: FAILURES,
            isolation: match target.isolation {
                Isolation::Auto => sandbox::Isolation::Auto,
                Isolation::None => sandbox::Isolation::None,
            },
            executables: executables.clone(),
            disk_mib: target.disk_mib,
        })?;
        let init = sandbox.init_pid();
        tracee::seize(init).map_err(machine(
            "tracing a process of one's own (is ptrace forbidden here?)",
        ))?;
        let mut engine = Engine {
            children: target.children.clone(),
            successors: target.successors.clone(),
            programs: Vec::new(),
            prepared: Vec::new(),
            working_dir: target.working_dir.to_string_lossy().into_owned(),
            private_dirs: private_dirs(&target.working_dir),
            bystanders: vec![init],
            template_pids: Vec::new(),
            outputs: [
                lent::output_file("stdout").map_err(machine("making a file for output"))?,
                lent::output_file("stderr").map_err(machine("making a file for output"))?,
            ],
            log: match target.children.is_empty() {
                true => None,
                false => Some(OpLog::create(logged::MOST).map_err(machine("making the log"))?),
            },
            own_namespaces: 0,
            fresh_working_dir: false,
            executes: false,
            knowledge: std::cell::Cell::default(),
            watches: false,
            stop: finish::stands::Stop::default(),
            places: Places::default(),
            listings: target.listings.clone(),
            _ticker: Ticker::start(TICK).map_err(machine("starting the watchdog"))?,
            sandbox,
        };
        engine.places = Places::new(init, engine.sandbox.overlays(), &engine.outputs[0], began);
        for (start, executable) in target.programs.iter().zip(&executables) {
            let program = engine.startable(target, start, executable)?;
            engine.programs.push(program);
        }
        engine.prepare(&StartUp::default())?;
        Ok(engine)
    }

    /// What the sandbox has, and what it lacks on this machine.
    pub fn capabilities(&self) -> &sandbox::Capabilities {
        self.sandbox.capabilities()
    }

    /// Sets whether further runs are watched: [`Run::seen`] then holds the data that
    /// their calls read and write. Watching costs time, and changes nothing else.
    pub fn watch(&mut self, watches: bool) {
        self.watches = watches;
    }

    /// Returns how often programs that runs executed did not have to be loaded, because they had
    /// been before.
    pub fn programs_put_together(&mut self) -> u64 {
        self.knowledge.get_mut().images.uses()
    }

    /// Performs one run.
    ///
    /// # Errors
    /// If the harness itself fails; whatever the program does is in the run's trace.
    pub fn run(&mut self, plan: &Plan) -> Result<Run, EngineError> {
        let mut plan = plan.clone();
        if !self.is_start_up_free() {
            plan.start_up = plan.start_up.shortest();
        }
        let mut attempt = 0;
        loop {
            let executes = self.executes;
            let admission = Admission::wait();
            let Attempt {
                run,
                early,
                contested,
            } = self.run_with_usual_pids(&plan)?;
            if !admission.counts() {
                continue;
            }
            let steps = run.trace.steps;
            if self.knowledge.get_mut().images.end_run(steps) {
                continue;
            }
            attempt += 1;
            let is_complete = early.is_empty() && contested.is_empty();
            if is_complete && executes == self.executes {
                return Ok(run);
            }
            if !early.is_empty() {
                let (known, shortest) = (plan.start_up.clone(), plan.start_up.is_shortest());
                plan.start_up.contest(early.contested, early.sent);
                if shortest && plan.start_up == known && contested.is_empty() {
                    return Ok(run);
                }
            }
            contested.teach(&mut plan.start_up, attempt);
            plan.start_up.carries_on &= attempt < MOST_ATTEMPTS;
        }
    }

    /// Tells whether start-up may be longer than the shortest: every run finds the files as
    /// the templates did, and gets the same ids.
    fn is_start_up_free(&self) -> bool {
        self.sandbox.is_isolated() && self.children.is_empty()
    }

    /// Performs a run as its plan says.
    fn run_with_usual_pids(&mut self, plan: &Plan) -> Result<Attempt, EngineError> {
        let prepared = self.prepare(&plan.start_up)?;
        let _trap = CounterTrap::set();
        let mut attempt = self.run_once(plan, prepared)?;
        let mut alike = 1;
        for number in 1..ALL_ATTEMPTS {
            if alike == ATTEMPTS || self.has_usual_pids(&attempt.run.trace) {
                break;
            }
            // The kernel is late because the machine is busy.
            std::thread::sleep(Duration::from_millis(number.into()));
            let pids = |attempt: &Attempt| -> Vec<_> {
                let tasks = attempt.run.trace.tasks.iter();
                tasks.map(|task| task.tid).collect()
            };
            let before = pids(&attempt);
            attempt = self.run_once(plan, prepared)?;
            alike = match pids(&attempt) == before {
                true => alike + 1,
                false => 1,
            };
        }
        Ok(attempt)
    }

    /// Tells whether the run got the usual pids. The kernel releases a pid a moment after
    /// its process can no longer be found, without notice; a run that begins in that
    /// moment gets other pids, and is repeated. Programs whose forks fail have the same gaps in
    /// every run.
    fn has_usual_pids(&self, trace: &Trace) -> bool {
        // A task whose creator died before it learnt the pid has none.
        let usual = |(number, task): (usize, &Task)| {
            task.tid == 0 || task.tid == RUN_PID + i32::try_from(number).unwrap_or(i32::MAX)
        };
        !self.sandbox.is_isolated() || trace.tasks.iter().enumerate().all(usual)
    }

    fn run_once(&mut self, plan: &Plan, prepared: usize) -> Result<Attempt, EngineError> {
        let began = finish::sweep::now();
        let (mut session, outcome) = self.perform(plan, &self.prepared[prepared])?;
        let stood = session.stood(&outcome);
        let early = std::mem::take(&mut session.early);
        let contested = session.contested();
        let mattered = session
            .follows_contest()
            .then(|| session.turn.mattered().to_vec());
        let (choices, splittable) = (session.chooser.choices(), session.memory.splittable);
        let delayed = std::mem::take(&mut session.memory.delayed);
        let contention = std::mem::take(&mut session.contest.uses);
        let met = std::mem::take(&mut session.recorder.met);
        let mut leftovers = session.processes_left();
        session.kill_all()?;
        let end = outcome?;
        let used = session.namespaces_used();
        let ipc = std::mem::take(&mut session.ipc);
        let (system_v, queues) = (ipc.uses_system_v(), ipc.uses_message_queues());
        let (namespace, ids) = ipc.into_parts();
        let Outcome {
            mut trace,
            knowledge,
            captures,
            seen,
            unwatched,
            undone,
        } = Outcome::of(session, end);
        let templates = self.prepared.iter_mut().flat_map(|one| &mut one.templates);
        for template in templates {
            let written = (knowledge.stubs).write(template.tid, &mut template.stubs);
            written.map_err(|error| EngineError::Machine(format!("keeping stubs: {error}")))?;
        }
        self.executes |= early.missed;
        self.stop.stood = stood;
        self.knowledge.set(knowledge);
        let history = match &self.log {
            Some(log) => logged::history(log, &self.children, &mut trace, &undone),
            None => History::default(),
        };
        let left = self.reset(namespace.as_ref(), system_v, queues)?;
        let here = Path::new(&self.working_dir);
        if self.sandbox.is_isolated() {
            // Only where programs rule them they can be made anew.
            if self.capabilities().has(Feature::InnerNamespace) {
                self.own_namespaces |= used;
            }
            // Where a directory could not be overlaid: another file system is mounted in it, or
            // the kernel is too old.
            let own = [self.sandbox.overlays(), &["/dev/shm".into()]].concat();
            if let Some(began) = began {
                finish::sweep::sweep_files(&trace.events, &left, here, began, &own);
            }
        } else if began
            .is_some_and(|began| finish::sweep::sweep(&trace.events, &left, &ids, here, began))
        {
            // What is gone now is new if the next run creates it.
            self.reset(None, system_v, queues)?;
        }
        leftovers.extend(finish::leftovers::describe(left, &ids));
        let (stdout, stderr) = self
            .take_output()
            .map_err(|error| EngineError::Machine(format!("reading the output: {error}")))?;
        let run = Run {
            plan: plan.clone(),
            trace: Trace { leftovers, ..trace },
            history,
            seen,
            captures,
            unwatched,
            wrappers: self.prepared[prepared].wrappers(),
            mattered,
            choices,
            splittable,
            delayed,
            contention,
            met,
            stdout,
            stderr,
        };
        Ok(Attempt {
            run,
            early,
            contested,
        })
    }

    /// Takes the steps of one run, and leaves all tasks as they are at its end.
    fn perform<'a>(
        &'a self,
        plan: &'a Plan,
        prepared: &'a Prepared,
    ) -> Result<(Session<'a>, Result<End, EngineError>), EngineError> {
        if let Some(log) = &self.log {
            log.clear();
        }
        let setup = Setup {
            plan,
            children: &self.children,
            successors: &self.successors,
            sandbox: &self.sandbox,
            bystanders: &self.bystanders,
            strangers: &self.template_pids,
            private_dirs: &self.private_dirs,
            places: &self.places,
            listings: &self.listings,
            outputs: &self.outputs,
            log: self.log.as_ref(),
            pids_vary: !self.sandbox.is_isolated(),
            in_template: false,
            most_made: u32::MAX,
            until_executed: 0,
            stop_before: self.stop.before,
            early: &prepared.early,
            notes_changes: self.executes && plan.start_up.reads_own_files,
            start_id: 0,
            watched: self.watches,
        };
        let mut session = Session::new(setup, self.knowledge.take());
        let working_dir = self.fresh_working_dir.then_some(self.working_dir.as_str());
        let started = start_roots(
            &mut session,
            &prepared.templates,
            self.own_namespaces,
            working_dir,
        );
        let halt = match started {
            Ok(()) => session.perform(),
            Err(halt) => halt,
        };
        let outcome = match halt {
            Halt::End(end) => Ok(end),
            Halt::Failed(error) => Err(error),
        };
        Ok((session, outcome))
    }

    fn reset(
        &mut self,
        namespace: Option<&File>,
        sysv: bool,
        mqueue: bool,
    ) -> Result<Leftovers, EngineError> {
        let left = self.sandbox.reset(&Reset {
            next_pid: RUN_PID,
            ipc_namespace: namespace
                .filter(|_| self.own_namespaces & libc::CLONE_NEWIPC != 0)
                .map(AsFd::as_fd),
            sysv,
            mqueue,
            renew: false,
        })?;
        self.fresh_working_dir |= left.fresh_working_dir;
        if left.has_new_mounts {
            let sandbox = &self.sandbox;
            sandbox.show(|| {
                self.places
                    .look_again(sandbox.init_pid(), sandbox.overlays())
            })?;
        }
        Ok(left)
    }
}

/// A run, which is repeated if its plan turns out to know too little.
struct Attempt {
    run: Run,
    /// What came too early in it.
    early: EarlyReads,
    /// What is contested beyond what its plan knows.
    contested: Contested,
}

/// Copies every template and brings each copy to its first call.
fn start_roots(
    session: &mut Session<'_>,
    templates: &[Template],
    own_namespaces: i32,
    working_dir: Option<&str>,
) -> Result<(), Halt> {
    let mut first = None;
    for template in templates {
        let namespaces = match first {
            None => Namespaces::New(own_namespaces),
            Some(first) => Namespaces::Of(first, own_namespaces),
        };
        let (stopped, inside) = template
            .copy(namespaces, working_dir)
            .map_err(Halt::Failed)?;
        first = first.or(Some(inside));
        template.adopt(session, stopped, inside)?;
    }
    Ok(())
}

/// Directories whose contents belong to the run.
fn private_dirs(working_dir: &Path) -> Vec<String> {
    let mut dirs: Vec<String> = ["/tmp/", "/var/tmp/", "/dev/shm/", "/dev/mqueue/"]
        .map(str::to_owned)
        .to_vec();
    dirs.push(working_dir.to_string_lossy().into_owned());
    dirs
}

/// Describes the first difference between two runs: in events, end or output; `None` if
/// they are the same.
pub fn first_difference(a: &Run, b: &Run) -> Option<String> {
    let output = || {
        let differs = (&a.stdout, &a.stderr) != (&b.stdout, &b.stderr);
        differs.then(|| "the output".to_owned())
    };
    a.trace.first_difference(&b.trace).or_else(output)
}
