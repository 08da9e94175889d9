//! One run under way: the step loop.
//!
//! A step is what one task does from one schedule point to its next: the chosen
//! task performs the call it is about to make, everybody whom that wakes comes to
//! the end of their own call, and the chosen task goes on to its next call.

use super::choose::{CannotRun, Choices, Chooser};
use super::clock::Clock;
use super::emulate::Emulated;
use super::inject::{Armed, Strike};
use super::task::{At, Process, State, Task};
use super::timers::Timers;
use super::{EngineError, calls};
use crate::model::{Action, Call, End, Event, Leftover, Limit, Plan, Signal, TaskId, What};
use crate::sys::Tid;
use crate::sys::memory;
use crate::sys::regs::{self, Register};
use crate::sys::tracee::{self, Stop};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A call that has come back during the current step.
#[derive(Debug)]
pub(super) struct Completed {
    pub task: usize,
    pub result: i64,
}

/// Why a run ends before its processes do.
#[derive(Debug)]
pub(super) enum Halt {
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
pub(super) struct Session<'a> {
    pub plan: &'a Plan,
    /// Names of the first root's children, for scenarios.
    pub children: &'a [String],
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
    /// Time-outs by socket, as `/proc` names it.
    pub socket_time_outs: HashMap<std::path::PathBuf, super::sockets::SocketTimeOuts>,
    pub chooser: Chooser,
    pub faults: Vec<Armed>,
    pub events: Vec<Event>,
    pub deviations: Vec<crate::model::Deviation>,
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
    /// Signals that a fault delays.
    pub delayed: Vec<super::inject::Delayed>,
    /// Stopped tasks may have been killed.
    pub recheck: bool,
    /// Children that had ended and not been reaped when their parent ended.
    pub unreaped: Vec<TaskId>,
    /// Draws on the seed for getrandom.
    pub random_draws: u64,
    pub uses_system_v: bool,
    pub uses_message_queues: bool,
    pub uses_network: bool,
    /// The next port for a socket that asks for any.
    pub next_port: u16,
    /// The ipc namespace of the run, once it matters.
    pub ipc_namespace: Option<std::fs::File>,
    pub started: Instant,
    /// Steps taken since the last root ended.
    pub after_roots: u64,
    /// There is no pid namespace.
    pub pids_vary: bool,
    /// This session prepares a template: nothing may depend on who performs it.
    pub in_template: bool,
    pub output: &'a dyn Fn() -> u64,
}

/// Steps granted to processes that outlive all those the harness started, so that
/// they can notice and end.
const GRACE: u64 = 10_000;

impl<'a> Session<'a> {
    /// A run of `plan` in which nobody has been started.
    pub fn new(
        plan: &'a Plan,
        children: &'a [String],
        bystanders: &'a [Tid],
        private_dirs: &'a [String],
        output: &'a dyn Fn() -> u64,
    ) -> Session<'a> {
        Session {
            plan,
            children,
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
            delayed: Vec::new(),
            recheck: false,
            unreaped: Vec::new(),
            random_draws: 0,
            uses_system_v: false,
            uses_message_queues: false,
            uses_network: false,
            next_port: super::sockets::FIRST_PORT,
            ipc_namespace: None,
            started: Instant::now(),
            after_roots: 0,
            pids_vary: false,
            in_template: false,
            output,
        }
    }

    /// Adds a process that the harness has started.
    pub fn add_root(&mut self, name: &str, tid: Tid, tid_inside: i32) -> usize {
        let id = TaskId(self.tasks.len() as u32);
        let process = self.add_process(id, tid, None);
        self.processes[process].name = name.to_owned();
        let mut task = Task::new(id, tid, process, None);
        task.tid_inside = tid_inside;
        self.tasks.push(task);
        self.by_tid.insert(tid, id.index());
        id.index()
    }

    /// Adds a template's copy and brings it to its first call.
    pub fn adopt(
        &mut self,
        template: &super::template::Template,
        tid: Tid,
        tid_inside: i32,
    ) -> Result<(), EngineError> {
        let index = self.add_root(&template.name, tid, tid_inside);
        self.clock.advance_to(template.clock.now());
        self.random_draws = self.random_draws.max(template.random_draws);
        let stopped = tracee::Stopped::reported(tid);
        self.tasks[index].state = State::Ready(At::Code, stopped);
        self.current = Some(index);
        let brought = self.run_code(index, 0);
        self.current = None;
        match brought {
            Ok(()) => Ok(()),
            Err(Halt::Failed(error)) => Err(error),
            Err(Halt::End(end)) => Err(EngineError::Machine(format!("starting a run: {end:?}"))),
        }
    }
}

impl Session<'_> {
    /// Takes steps until the run is over.
    pub fn perform(&mut self) -> Result<End, EngineError> {
        loop {
            match self.take_step() {
                Ok(()) => {}
                Err(Halt::End(end)) => return Ok(end),
                Err(Halt::Failed(error)) => return Err(error),
            }
        }
    }

    fn take_step(&mut self) -> Result<(), Halt> {
        self.check_limits()?;
        self.fire_due_timers()?;
        self.send_delayed_signals(self.step)?;
        let ready = self.ready();
        if ready.is_empty() {
            return self.nobody_ready();
        }
        let asleep = self.asleep();
        let choices = Choices {
            ready: &ready,
            asleep: &asleep,
        };
        let (task, deviates) = self.chooser.choose(self.step, &choices, self.yielded)?;
        if deviates {
            self.deviations.push(crate::model::Deviation {
                step: self.step,
                task,
            });
        }
        self.yielded = false;
        self.current = Some(task.index());
        self.advance(task.index())?;
        self.finish_step();
        Ok(())
    }

    /// The current step is over.
    pub fn finish_step(&mut self) {
        self.current = None;
        self.calling = false;
        self.step += 1;
        self.clock.step();
        if self.processes.iter().filter(|p| p.root).all(|p| self.has_ended(p)) {
            self.after_roots += 1;
        }
    }

    fn check_limits(&mut self) -> Result<(), Halt> {
        let limits = &self.plan.limits;
        let reached = if self.step >= limits.steps {
            Limit::Steps
        } else if self.clock.now() > limits.virtual_ns {
            Limit::VirtualTime
        } else if self.tasks.len() > limits.tasks as usize {
            Limit::Tasks
        } else if self.step % 64 == 63 && self.wall_time_is_up() {
            Limit::WallTime
        } else if self.step % 64 == 63 && (self.output)() > limits.output_bytes {
            Limit::OutputBytes
        } else {
            return Ok(());
        };
        Err(Halt::End(End::Limit(reached)))
    }

    pub fn wall_time_is_up(&self) -> bool {
        self.started.elapsed() > Duration::from_millis(self.plan.limits.wall_ms)
    }

    /// Whether all threads of a process have ended.
    pub fn has_ended(&self, process: &Process) -> bool {
        let index = self.tasks[process.leader.index()].process;
        let mut threads = self.tasks.iter().filter(|t| t.process == index);
        threads.all(Task::is_gone)
    }

    /// Tasks that can go on now, by number.
    fn ready(&self) -> Vec<TaskId> {
        let is_ready = |task: &&Task| match &task.state {
            State::Ready(At::Code, _) => self.may_leave_loop(task.id.index()),
            State::Ready(..) => true,
            State::Sleeping(_) | State::Blocked => task
                .timed_wait
                .is_some_and(|wait| wait.deadline <= self.clock.now()),
            State::Parked(_) => task.lock_seen != self.locks_released,
            _ => false,
        };
        let turn = |task: &&Task| self.processes[task.process].paused_until <= self.step;
        self.tasks.iter().filter(is_ready).filter(turn).map(|t| t.id).collect()
    }

    /// Whether anything has happened since the task was found spinning.
    pub fn may_leave_loop(&self, index: usize) -> bool {
        self.spinning.iter().all(|(task, step, signals)| {
            *task != index || self.step > step + 1 || self.signals_sent > *signals
        })
    }

    fn asleep(&self) -> Vec<TaskId> {
        let asleep = |task: &&Task| {
            matches!(task.state, State::Sleeping(_))
                && task.timed_wait.is_some_and(|wait| wait.deadline > self.clock.now())
        };
        self.tasks.iter().filter(asleep).map(|t| t.id).collect()
    }

    /// Nobody can go on: somebody's pause ends, time passes, or the run is over.
    fn nobody_ready(&mut self) -> Result<(), Halt> {
        if self.tasks.iter().all(Task::is_gone) {
            return Err(Halt::End(self.finished()));
        }
        if self.end_pauses() || self.send_delayed_signals(u64::MAX)? {
            return Ok(());
        }
        let wait = |task: &Task| match task.state {
            State::Sleeping(_) | State::Blocked => task.timed_wait.map(|wait| wait.deadline),
            _ => None,
        };
        let next = self.tasks.iter().filter_map(wait).min();
        let next = next.into_iter().chain(self.timers.next_deadline()).min();
        if let (Some(deadline), false) = (next, self.after_roots > GRACE) {
            self.clock.advance_to(deadline);
            // Someone who sleeps for ever in a loop counts as steps, too.
            self.step += u64::from(self.after_roots > 0);
            self.after_roots += u64::from(self.after_roots > 0);
            return Ok(());
        }
        if self.retry_parked() || self.stir()? {
            return Ok(());
        }
        Err(Halt::End(self.stuck()))
    }

    fn finished(&self) -> End {
        match self.chooser.unused_deviation() {
            Some(CannotRun { step, task }) => End::Invalid(format!(
                "the plan lets task {task} take step {step}, but the run was over at step {}",
                self.step
            )),
            None => End::Finished,
        }
    }

    /// Skips the rest of a pause that everybody else waits for.
    fn end_pauses(&mut self) -> bool {
        let step = self.step;
        let paused = self.processes.iter_mut().filter(|p| p.paused_until > step);
        let earliest = paused.min_by_key(|p| p.paused_until);
        earliest.map(|process| process.paused_until = step).is_some()
    }

    /// Before anything is called a deadlock, every task that waits for a lock has
    /// tried once more.
    fn retry_parked(&mut self) -> bool {
        let is_parked = |task: &Task| matches!(task.state, State::Parked(_));
        if self.retried_at == self.events.len() || !self.tasks.iter().any(is_parked) {
            return false;
        }
        // Attempts that fail leave no event.
        self.retried_at = self.events.len();
        self.locks_released += 1;
        true
    }

    /// Performs the step of one task.
    fn advance(&mut self, index: usize) -> Result<(), Halt> {
        let task = &mut self.tasks[index];
        match &task.state {
            State::Ready(At::Entry, _) => self.call(index),
            State::Ready(At::Start, _) => {
                self.record(index, What::Start);
                self.run_code(index, 0)
            }
            State::Ready(At::Exit | At::Code, _) => {
                self.spinning.retain(|(task, ..)| *task != index);
                self.record(index, What::Resume);
                self.run_code(index, 0)
            }
            State::Ready(At::Signal(signal), _) => {
                let signal = *signal;
                self.deliver(index, signal)
            }
            State::Sleeping(_) => self.wake_sleeper(index),
            State::Blocked => self.expire_wait(index),
            State::Parked(_) => self.retry_lock(index),
            state => unreachable!("a task in state {state:?} was chosen"),
        }
    }

    /// The chosen task performs the call that it is about to make.
    fn call(&mut self, index: usize) -> Result<(), Halt> {
        if self.deliver_first(index)? {
            return Ok(());
        }
        self.decode_path(index);
        match self.strike(index)? {
            Strike::None => {}
            Strike::StepOver => return Ok(()),
            Strike::Answer(result) => return self.answer(index, result),
        }
        match self.emulate(index)? {
            Emulated::Answer(result) => self.answer(index, result),
            Emulated::Sleep { deadline } => {
                self.sleep(index, deadline);
                self.strike_blocked(index)
            }
            Emulated::Proceed => self.enter(index),
        }
    }

    /// Skips the call: the program sees `result`.
    pub fn answer(&mut self, index: usize, result: i64) -> Result<(), Halt> {
        self.record_call(index, result);
        self.skip(index, result)?;
        self.run_code(index, 0)
    }

    /// Arranges that the call which is about to begin does nothing but return.
    pub fn skip(&mut self, index: usize, result: i64) -> Result<(), Halt> {
        let tid = self.tasks[index].tid;
        regs::poke(tid, Register::Call, u64::MAX)?;
        regs::poke(tid, Register::Result, result as u64)?;
        Ok(())
    }

    /// Lets the kernel perform the call, and the task go on to its next one.
    pub fn enter(&mut self, index: usize) -> Result<(), Halt> {
        let entering = self.tasks[index].entering;
        let call = entering.call;
        self.yielded = calls::yields(call);
        self.calling = true;
        self.note_ipc(index, call);
        let stopped = self.tasks[index].take_stopped().expect("it is at an entry");
        match calls::never_returns(call) {
            true => {
                self.note_unreaped(index);
                self.record_call(index, 0);
                stopped.resume(0);
            }
            false => stopped.resume_to_exit(),
        }
        self.recheck = calls::may_end_tasks(call);
        self.settle(calls::is_instant(call))?;
        self.signals_sent += u64::from(calls::sends_signal(call));
        let refused = matches!(self.tasks[index].state, State::Parked(_));
        self.locks_released += u64::from(calls::may_release_lock(call) && !refused);
        match self.tasks[index].state {
            State::Ready(At::Exit, _) => {
                self.calling = false;
                self.run_code(index, 0)
            }
            State::Blocked => {
                self.record_block(index);
                self.strike_blocked(index)
            }
            State::Parked(_) => self.strike_blocked(index),
            // Stopped by a signal, or gone.
            _ => Ok(()),
        }
    }

    /// A child that has ended stays a zombie until its parent asks for its status;
    /// when the parent ends, nobody sees it any more.
    fn note_unreaped(&mut self, index: usize) {
        let parent = self.tasks[index].process;
        for child in self.processes.iter().filter(|p| p.parent == Some(parent)) {
            let zombie = || crate::sys::probe::Probe::new(child.pid).state() == b'Z';
            let known = self.unreaped.contains(&child.leader);
            if !known && self.tasks[child.leader.index()].is_gone() && zombie() {
                self.unreaped.push(child.leader);
            }
        }
    }

    /// Keeps hold of the run's ipc namespace, so that it can be searched for what
    /// is left in it when all processes have ended.
    fn note_ipc(&mut self, index: usize, call: u32) {
        let (system_v, queues) = (calls::uses_system_v(call), calls::uses_message_queues(call));
        self.uses_system_v |= system_v;
        self.uses_message_queues |= queues;
        if (system_v || queues) && self.ipc_namespace.is_none() {
            let tid = self.tasks[index].tid;
            self.ipc_namespace = std::fs::File::open(format!("/proc/{tid}/ns/ipc")).ok();
        }
    }

    /// The task runs its own code up to its next schedule point, after receiving
    /// `signal` if that is not 0.
    pub fn run_code(&mut self, index: usize, mut signal: i32) -> Result<(), Halt> {
        loop {
            // Killed under way, by a fault.
            let Some(stopped) = self.tasks[index].take_stopped() else {
                return Ok(());
            };
            self.recheck |= signal != 0;
            stopped.resume(signal);
            self.settle(signal == 0)?;
            signal = 0;
            if !matches!(self.tasks[index].state, State::Ready(At::Entry, _)) {
                return Ok(());
            }
            if !self.pass_start_up_call(index)? {
                return Ok(());
            }
        }
    }

    /// The task delivers a signal to itself, or loses it to a fault.
    fn deliver(&mut self, index: usize, signal: i32) -> Result<(), Halt> {
        match self.strike_signal(index, signal)? {
            Some(Action::LoseSignal | Action::DelaySignal(_)) => self.run_code(index, 0),
            _ => {
                self.record(index, What::Signal(Signal(signal)));
                self.run_code(index, signal)
            }
        }
    }

    /// A signal that reached the task before it begins its call is delivered
    /// before it, as it would be to a task that is still in its own code. Without
    /// this, a signal could never fall between a test and the wait that follows:
    /// at a seccomp stop the task counts as being in the call already.
    fn deliver_first(&mut self, index: usize) -> Result<bool, Halt> {
        let sent = self.signals_sent;
        let task = &mut self.tasks[index];
        if task.signals_seen == sent {
            return Ok(false);
        }
        task.signals_seen = sent;
        let pending = task.stopped().expect("it is at an entry").has_deliverable_signal();
        if !pending.unwrap_or(false) {
            return Ok(false);
        }
        self.repeat_call(index)?;
        self.run_code(index, 0)?;
        if let State::Ready(At::Signal(signal), _) = self.tasks[index].state {
            self.deliver(index, signal)?;
        }
        Ok(true)
    }

    /// Cancels the call the task is about to make and lets it make it again when
    /// it is next resumed.
    pub fn repeat_call(&mut self, index: usize) -> Result<(), Halt> {
        let task = &self.tasks[index];
        let mut registers = regs::read(task.tid)?;
        registers.enter(u64::from(task.entering.call), task.entering.args);
        regs::write(task.tid, &registers)?;
        Ok(())
    }

    /// Adds an event of the current step.
    pub fn record(&mut self, index: usize, what: What) {
        self.events.push(Event {
            step: self.step,
            task: TaskId(index as u32),
            time: self.clock.now(),
            what,
        });
    }

    /// Adds the event of a call that has begun and ended.
    pub fn record_call(&mut self, index: usize, result: i64) {
        let result = self.stable_result(index, result);
        let task = &self.tasks[index];
        let what = What::Call {
            call: Call(task.entering.call),
            args: self.stable_args(index),
            path: task.path.clone(),
            result,
        };
        self.record(index, what);
    }

    /// The result as the trace holds it. Without a pid namespace the kernel hands
    /// out other pids in every run; the trace numbers them as a namespace would.
    pub fn stable_result(&self, index: usize, result: i64) -> i64 {
        match self.pids_vary && calls::returns_pid(self.tasks[index].entering.call) {
            true => self.stable_pid(result),
            false => result,
        }
    }

    fn stable_args(&self, index: usize) -> [u64; 6] {
        let args = self.tasks[index].entering.args;
        match self.pids_vary {
            true => args.map(|value| self.stable_pid(value as i64) as u64),
            false => args,
        }
    }

    /// See [`Session::stable_result`].
    pub fn stable_pid(&self, pid: i64) -> i64 {
        let known = self.tasks.iter().position(|t| i64::from(t.tid_inside) == pid);
        match known {
            Some(index) if self.pids_vary => i64::from(super::RUN_PID) + index as i64,
            _ => pid,
        }
    }

    /// Adds the event of a call that has begun only.
    pub fn record_block(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        if std::mem::replace(&mut task.block_recorded, true) {
            return;
        }
        let what = What::Block {
            call: Call(task.entering.call),
            path: task.path.clone(),
            args: self.stable_args(index),
        };
        self.record(index, what);
    }

    /// Reads the path, name or address that the call is about to use.
    fn decode_path(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        task.block_recorded = false;
        let entering = task.entering;
        task.path = match calls::path_argument(entering.call) {
            Some(argument) => memory::read_string(task.tid, entering.args[argument], 4096),
            None => match calls::address_argument(entering.call) {
                Some((address, length)) => super::address::read(
                    task.tid,
                    entering.args[address],
                    entering.args[length] as usize,
                ),
                None => None,
            },
        };
    }

    /// Processes that are alive after the run, and those that ended but were never
    /// reaped by a parent who could have.
    pub fn processes_left(&self) -> Vec<Leftover> {
        let mut left: Vec<Leftover> = Vec::new();
        for (index, process) in self.processes.iter().enumerate() {
            let mut threads = self.tasks.iter().filter(|t| t.process == index);
            if threads.any(|t| !matches!(t.state, State::Gone | State::DeadLeader)) {
                left.push(Leftover::Process(process.leader));
            }
        }
        left.extend(self.unreaped.iter().map(|leader| Leftover::Zombie(*leader)));
        left
    }

    /// The namespaces in which the run has left traces, as flags of clone(2): ids
    /// that count on, connections that linger.
    pub fn namespaces_used(&self) -> i32 {
        let ipc = self.uses_system_v || self.uses_message_queues;
        let flag = |used: bool, flag: i32| if used { flag } else { 0 };
        flag(ipc, libc::CLONE_NEWIPC) | flag(self.uses_network, libc::CLONE_NEWNET)
    }

    /// Ends everybody who is left.
    pub fn kill_all(&mut self) -> Result<(), EngineError> {
        for task in self.tasks.iter().filter(|t| !t.is_gone()) {
            tracee::kill(task.tid, libc::SIGKILL);
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.tasks.iter().any(|t| !t.is_gone()) {
            match tracee::wait(tracee::Wait::Block) {
                Ok(tracee::Waited::Event(tid, stop)) => self.bury(tid, stop),
                Ok(tracee::Waited::NoTasks) => break,
                Ok(_) => {}
                Err(error) => return Err(EngineError::Machine(format!("waiting: {error}"))),
            }
            if Instant::now() > deadline {
                let left = self.tasks.iter().filter(|t| !t.is_gone()).count();
                return Err(EngineError::Machine(format!(
                    "{left} tasks survive SIGKILL for 20 seconds"
                )));
            }
        }
        Ok(())
    }

    /// What [`Session::kill_all`] does about each stop.
    fn bury(&mut self, tid: Tid, stop: Stop) {
        let known = self.by_tid.get(&tid).copied();
        match stop {
            Stop::Exited(_) | Stop::Killed(_) => {
                if let Some(index) = known {
                    self.tasks[index].state = State::Gone;
                    self.by_tid.remove(&tid);
                }
            }
            Stop::Spawned { child, .. } => {
                tracee::kill(child, libc::SIGKILL);
                tracee::Stopped::reported(tid).resume(0);
            }
            _ if self.bystanders.contains(&tid) => tracee::Stopped::reported(tid).resume(0),
            _ => {
                tracee::kill(tid, libc::SIGKILL);
                tracee::Stopped::reported(tid).resume(0);
            }
        }
    }
}
