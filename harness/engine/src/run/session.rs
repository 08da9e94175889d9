//! One run under way: its state. What happens to it is in the other files of this
//! folder: `turns` (who can go on), `step`, `settle`, `stops`, `record`, `aftermath`.

use crate::EngineError;
use crate::emulate::clock::Clock;
use crate::emulate::timers::Timers;
use crate::faults::Armed;
use crate::memory::{Knowledge, Objects, Space};
use crate::run::choose::{CannotRun, Chooser};
use crate::run::task::{At, Process, State, Task};
use crosswire_kernel::Tid;
use crosswire_kernel::counter::Moment;
use crosswire_kernel::tracee::{self, Stop};
use crosswire_model::{End, Event, Plan, Seen, TaskId, What};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::time::Duration;

/// A call that has come back during the current step.
#[derive(Debug)]
pub(crate) struct Completed {
    pub task: usize,
    pub result: i64,
}

/// Why a run ends before its processes do.
#[derive(Debug)]
pub(crate) enum Halt {
    /// It is over, in this way.
    End(End),
    /// The harness itself failed.
    Failed(EngineError),
}

impl From<std::io::Error> for Halt {
    fn from(error: std::io::Error) -> Halt {
        Halt::Failed(EngineError::Machine(format!("tracing: {error}")))
    }
}

impl From<CannotRun> for Halt {
    fn from(CannotRun { step, task }: CannotRun) -> Halt {
        Halt::End(End::Invalid(format!(
            "the plan lets task {task} take step {step}, but it cannot run then"
        )))
    }
}

/// The state of one run.
pub(crate) struct Session<'a> {
    pub plan: &'a Plan,
    /// Names of the first root's children, for scenarios.
    pub children: &'a [String],
    /// Processes that start only when another process has ended.
    pub successors: &'a [crate::Successor],
    pub tasks: Vec<Task>,
    pub by_tid: HashMap<Tid, usize>,
    pub processes: Vec<Process>,
    /// Stops of tasks whose creator has not announced them yet.
    pub unannounced: HashMap<Tid, Stop>,
    /// Processes of the sandbox itself.
    pub bystanders: &'a [Tid],
    /// Directories whose contents belong to the run.
    pub private_dirs: &'a [String],
    pub clock: Clock,
    pub timers: Timers,
    /// Timeouts by socket, as `/proc` names it.
    pub socket_time_outs: HashMap<std::path::PathBuf, crate::emulate::sockets::SocketTimeOuts>,
    pub chooser: Chooser,
    pub faults: Vec<Armed>,
    pub events: Vec<Event>,
    pub deviations: Vec<crosswire_model::Deviation>,
    pub switches: Vec<crosswire_model::Switch>,
    pub completed: Vec<Completed>,
    /// Tasks that have ended since the last settling, and how.
    pub ended: Vec<(usize, What)>,
    pub step: u64,
    /// The task whose step it is.
    pub current: Option<usize>,
    /// The current task began the call it is in during this step.
    pub calling: bool,
    pub yielded: bool,
    /// Tasks that were found spinning, in which step, and after how many signals.
    pub spinning: Vec<(usize, u64, u64)>,
    /// Grows whenever a signal may have been sent.
    pub signals_sent: u64,
    /// Grows whenever a file lock may have been given up.
    pub locks_released: u64,
    /// The number of events when every task that waits for a lock last tried.
    pub retried_at: usize,
    /// True if no task can continue otherwise: all waiting tasks are let into the kernel.
    pub last_resort: bool,
    /// Signals that a fault delays.
    pub delayed: Vec<crate::faults::Delayed>,
    /// Stopped tasks may have been killed.
    pub recheck: bool,
    /// Children that had ended and not been reaped when their parent ended.
    pub unreaped: Vec<TaskId>,
    /// Number of readings of the time-stamp counter.
    pub counter_readings: u64,
    /// Draws on the seed for getrandom.
    pub random_draws: u64,
    pub uses_system_v: bool,
    pub uses_message_queues: bool,
    pub uses_network: bool,
    /// Closing a socket may wait.
    pub sockets_linger: bool,
    /// The next port for a socket that asks for any.
    pub next_port: u16,
    /// The ipc namespace of the run, once it matters.
    pub ipc_namespace: Option<File>,
    pub started: Moment,
    /// Steps taken since the last root ended.
    pub after_roots: u64,
    /// There is no pid namespace.
    pub pids_vary: bool,
    /// This session prepares a template: nothing may depend on who performs it.
    pub in_template: bool,
    /// True if the data that calls read and write is wanted.
    pub watched: bool,
    /// Stacks of tasks at the time they died or got stuck.
    pub captures: Vec<crosswire_model::Capture>,
    /// Shared memory that is not watched, and why.
    pub unwatched: BTreeSet<String>,
    pub seen: Vec<Seen>,
    /// Files for standard output and standard error.
    pub outputs: &'a [File],
    /// Objects that each step touched, if the plan asks for them.
    pub footprints: Vec<crosswire_model::Footprint>,
    pub objects: crate::footprint::objects::Objects,
    /// Log of the processes of a scenario.
    pub log: Option<&'a crosswire_kernel::oplog::OpLog>,
    /// Operations of killed processes that had no effect.
    pub undone: Vec<crate::finish::undone::Undone>,
    /// Address spaces, of which a process has one, or shares one.
    pub spaces: Vec<Space>,
    pub memory: Objects,
    pub knowledge: Knowledge,
    /// Grows whenever shared memory may have changed.
    pub shared_changes: u64,
    /// Last writer of each place: object and offset.
    pub last_writers: HashMap<(u32, u64), TaskId>,
}

impl<'a> Session<'a> {
    /// Builds a run of `plan` in which no task has been started.
    pub fn new(
        plan: &'a Plan,
        children: &'a [String],
        bystanders: &'a [Tid],
        private_dirs: &'a [String],
        outputs: &'a [File],
    ) -> Session<'a> {
        Session {
            plan,
            children,
            successors: &[],
            tasks: Vec::new(),
            by_tid: HashMap::new(),
            processes: Vec::new(),
            unannounced: HashMap::new(),
            bystanders,
            private_dirs,
            clock: Clock::default(),
            timers: Timers::default(),
            socket_time_outs: HashMap::new(),
            chooser: Chooser::new(&plan.schedule),
            faults: plan.faults.iter().map(Armed::new).collect(),
            events: Vec::new(),
            deviations: Vec::new(),
            switches: Vec::new(),
            completed: Vec::new(),
            ended: Vec::new(),
            step: 0,
            current: None,
            calling: false,
            yielded: false,
            spinning: Vec::new(),
            signals_sent: 0,
            locks_released: 0,
            retried_at: usize::MAX,
            last_resort: false,
            delayed: Vec::new(),
            recheck: false,
            unreaped: Vec::new(),
            counter_readings: 0,
            random_draws: 0,
            uses_system_v: false,
            uses_message_queues: false,
            uses_network: false,
            sockets_linger: false,
            next_port: crate::emulate::sockets::FIRST_PORT,
            ipc_namespace: None,
            started: Moment::now(),
            after_roots: 0,
            pids_vary: false,
            in_template: false,
            watched: false,
            captures: Vec::new(),
            unwatched: BTreeSet::new(),
            seen: Vec::new(),
            outputs,
            footprints: Vec::new(),
            objects: crate::footprint::objects::Objects::default(),
            log: None,
            undone: Vec::new(),
            spaces: Vec::new(),
            memory: Objects::default(),
            knowledge: Knowledge::default(),
            shared_changes: 0,
            last_writers: HashMap::new(),
        }
    }

    /// Adds a process that the harness has started.
    pub fn add_root(&mut self, name: &str, tid: Tid, tid_inside: i32) -> usize {
        let id = TaskId(self.tasks.len() as u32);
        let process = self.add_process(id, tid, None);
        self.processes[process].name = name.to_owned();
        self.processes[process].awaits = self.awaited_by(name);
        let mut task = Task::new(id, tid, process, None);
        task.tid_inside = tid_inside;
        self.tasks.push(task);
        self.by_tid.insert(tid, id.index());
        id.index()
    }

    /// Adds a template's copy and brings it to its first call, unless the run ends
    /// before.
    pub fn adopt(
        &mut self,
        template: &crate::start::template::Template,
        tid: Tid,
        tid_inside: i32,
    ) -> Result<(), Halt> {
        let index = self.add_root(&template.name, tid, tid_inside);
        self.processes[self.tasks[index].process].loading = template.is_unloaded().then(Vec::new);
        let space = self.processes[self.tasks[index].process].space;
        self.spaces[space].detours = template.detours;
        self.clock.advance_to(template.clock.now());
        self.random_draws = self.random_draws.max(template.random_draws);
        let stopped = tracee::Stopped::reported(tid);
        self.tasks[index].state = State::Ready(At::Code, stopped);
        self.current = Some(index);
        let brought = self.run_code(index, 0);
        self.current = None;
        brought
    }
}

impl Session<'_> {
    /// Takes steps until the run is over.
    pub fn perform(&mut self) -> Halt {
        loop {
            if let Err(halt) = self.take_step() {
                return halt;
            }
        }
    }

    /// Tells whether all threads of a process have ended.
    pub fn has_ended(&self, process: &Process) -> bool {
        let index = self.tasks[process.leader.index()].process;
        let mut threads = self.tasks.iter().filter(|t| t.process == index);
        threads.all(Task::is_gone)
    }

    pub fn wall_time_is_up(&self) -> bool {
        self.started.elapsed() > Duration::from_millis(self.plan.limits.wall_ms)
    }
}
