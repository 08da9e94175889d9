//! The tasks and processes of one run, as the engine sees them.

use crate::emulate::chance::Chance;
use crate::emulate::time::lent::Readings;
use crate::emulate::time::offsets::Offsets;
use crate::image::Making;
use crate::inside::vdso::Kernels;
use crate::loops::{Interval, Looping};
use crate::memory::{Action, Borrowed, Pending, Performing, StoreBuffer};
use crate::run::scheduling::Scheduling;
use crosswire_kernel::Tid;
use crosswire_kernel::arch::{Register, Registers};
use crosswire_kernel::probe::{self, Probe};
use crosswire_kernel::taken::Taken;
use crosswire_kernel::tracee::{Entering, Stopped};
use crosswire_model::{TaskId, Touch};
use std::io;
use std::rc::Rc;

/// Position of a stopped task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// It has never run.
    Start,
    /// About to perform `Task::entering`.
    Entry,
    /// About to access shared memory.
    Access,
    /// After a call that had blocked.
    Exit,
    /// A signal is about to be delivered.
    Signal(i32),
    /// Somewhere in its own code: continued after a stop, or taken off the CPU.
    Code,
}

/// Activity of a task.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Its creator has announced it; its first stop is still to come.
    Unborn,
    /// It has reported a stop, of which the engine still has to make something.
    Reported(Stopped),
    /// Stopped at a schedule point, ready to be chosen.
    Ready(At, Stopped),
    /// Resumed, and not yet seen to stop or sleep.
    Running,
    /// Asleep in a call, verified.
    Blocked,
    /// Held at the entry of a sleep until its deadline.
    Sleeping(Stopped),
    /// Held before a lock that another task has.
    Parked(Stopped),
    /// It works for the engine, which has its token; then it is stopped as before.
    Lent(StoppedAs),
    /// Stopped as by SIGSTOP.
    Frozen,
    /// The first thread has ended, others of its process live on.
    DeadLeader,
    /// It has ended.
    Gone,
}

/// State of a stopped task, without its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoppedAs {
    /// See [`State::Reported`].
    Reported,
    /// See [`State::Ready`].
    Ready(At),
    /// See [`State::Sleeping`].
    Sleeping,
    /// See [`State::Parked`].
    Parked,
}

/// Result of an expired wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimedWait {
    /// Virtual time at which it is over.
    pub deadline: u64,
    /// Result of the call.
    pub result: i64,
}

/// One thread.
pub(crate) struct Task {
    pub id: TaskId,
    pub tid: Tid,
    /// Index into the run's processes.
    pub process: usize,
    /// Task that created it.
    pub parent: Option<TaskId>,
    pub state: State,
    /// The call it is in, or was in last.
    pub entering: Entering,
    pub path: Option<String>,
    pub probe: Probe,
    /// The call it is in ends at this time at the latest.
    pub timed_wait: Option<TimedWait>,
    /// Its wait has expired; the result takes the place of the interrupted call's.
    pub expired: bool,
    /// Its call is made, and comes back with this result nevertheless.
    pub fails_with: Option<i64>,
    /// An argument register that was changed, and the program's own value.
    pub restore: Option<(Register, u64)>,
    /// Places in its memory that were changed for the call, and the program's own
    /// bytes.
    pub restore_memory: Vec<(u64, Vec<u8>)>,
    /// What it has asked for in the call that it waits in, where the answer overwrites that:
    /// places in its memory and what stood there.
    pub asked: Vec<(u64, Vec<u8>)>,
    /// Deadline, if its next call is a wait that continues after a signal without a
    /// handler.
    pub waits_until: Option<u64>,
    /// Its call was cut short by an ignored signal, and is about to be made again.
    pub begins_again: bool,
    /// It counts as blocked, but is stopped behind its call, which has come back with this result:
    /// a signal that another thread takes has cut it short.
    pub cut_short: Option<(Stopped, i64)>,
    /// That is so because it waits for children, and is about to inherit some.
    pub is_heir: bool,
    /// The version of what descriptors mean when its call began.
    pub files_version: u64,
    /// Its latest stops were for reading the time-stamp counter, so many.
    pub counter_readings: u32,
    /// It asked for SIGSEGV when it reads the time-stamp counter.
    pub counter_faults: bool,
    /// It asked that programs which it executes have no more privileges than it has (prctl(2),
    /// `PR_SET_NO_NEW_PRIVS`).
    pub no_new_privs: bool,
    /// The length of its last sleep, and how many of this length it has had in a row.
    pub naps: (u64, u32),
    /// The step, and the CPU time of all processes, when its last sleep began.
    pub slept_since: (u64, u64),
    /// A signal waits to be delivered to it while it is held by the engine.
    pub signal_waits: bool,
    /// It is being created by vfork's parent, who sleeps uninterruptibly.
    pub in_vfork: bool,
    /// It has ended, but threads of its process live on.
    pub dead_leader: bool,
    /// The number of signals sent when it was last asked for pending signals.
    pub signals_seen: u64,
    /// The number of locks released when it last found its lock taken.
    pub lock_seen: u64,
    /// The engine turned its waiting lock request into an immediate one.
    pub lock_attempt: bool,
    /// The processes that the call which it makes kills, if they are to die later.
    pub kills: Vec<usize>,
    /// It was refused before, and has been held since.
    pub has_waited: bool,
    /// The file that it waits to lock: another thread may close its descriptor.
    pub waits_at: Option<Taken>,
    /// Its `Block` event stands in the trace.
    pub block_recorded: bool,
    /// The end of the call it is in is no event: the call is the engine's own, or
    /// belongs to the program's start-up.
    pub unobserved: bool,
    /// The fault plan has counted the call it is about to make.
    pub counted: bool,
    /// Signals that would cut the call short that it is in, if the plan may interrupt it.
    pub interrupters: Vec<i32>,
    /// The task that the call it is in has created.
    pub child: Option<usize>,
    /// Its thread id as the program sees it.
    pub tid_inside: i32,
    /// The access that it is about to make.
    pub access: Option<Pending>,
    /// The accesses of the instruction that it performs.
    pub performing: Vec<Performing>,
    /// Its stores that no other task sees yet.
    pub buffer: StoreBuffer,
    /// CPU time that it has used, in nanoseconds of virtual time.
    pub cpu_time: u64,
    /// How it asked to be scheduled.
    pub scheduling: Scheduling,
    /// What is known of its going round.
    pub looping: Looping,
    /// Changes for the call it is in.
    pub borrowed: Borrowed,
    /// Its GS segment leads to aliases.
    pub segment_set: bool,
    /// Its call failed for a pointer into shared memory, and is made again.
    pub reached_memory: bool,
    /// Objects that its next step is about to touch, once computed.
    pub ahead: Option<Rc<[Touch]>>,
    /// The number of events when they were.
    pub ahead_since: usize,
    /// The suspects that its next step is one of, a bit each, once computed.
    pub suspected: Option<u8>,
    /// It makes its call on the way to its next stop.
    pub in_one_stop_call: bool,
    /// It is executing a program, whose vDSO is there.
    pub executed: Option<Kernels>,
    /// The registers with which it entered the call, if the run is watched.
    pub entered_with: Option<Registers>,
}

impl Task {
    pub fn new(id: TaskId, tid: Tid, process: usize, parent: Option<TaskId>) -> Task {
        Task {
            id,
            tid,
            process,
            parent,
            state: State::Unborn,
            entering: Entering::default(),
            path: None,
            probe: Probe::new(tid),
            timed_wait: None,
            cut_short: None,
            is_heir: false,
            files_version: 0,
            expired: false,
            fails_with: None,
            restore: None,
            restore_memory: Vec::new(),
            asked: Vec::new(),
            waits_until: None,
            counter_readings: 0,
            counter_faults: false,
            no_new_privs: false,
            naps: (0, 0),
            slept_since: (0, 0),
            begins_again: false,
            signal_waits: false,
            in_vfork: false,
            dead_leader: false,
            signals_seen: 0,
            lock_seen: 0,
            lock_attempt: false,
            kills: Vec::new(),
            has_waited: false,
            waits_at: None,
            block_recorded: false,
            unobserved: false,
            counted: false,
            interrupters: Vec::new(),
            child: None,
            tid_inside: 0,
            access: None,
            performing: Vec::new(),
            buffer: StoreBuffer::default(),
            cpu_time: 0,
            scheduling: Scheduling::default(),
            looping: Looping::default(),
            borrowed: Borrowed::default(),
            segment_set: false,
            reached_memory: false,
            ahead: None,
            ahead_since: 0,
            suspected: None,
            in_one_stop_call: false,
            executed: None,
            entered_with: None,
        }
    }

    /// Tells whether a state letter of proc_pid_stat(5) is that of a task which waits for what
    /// others do. The parent of a vfork sleeps uninterruptibly; any other such sleep is passing
    /// (page-in, fsync, a lock of the kernel's).
    pub fn waits_as(&self, letter: u8) -> bool {
        letter == b'S' || letter == b'D' && self.in_vfork
    }

    /// Takes over another thread id (execve(2)).
    pub fn take_over(&mut self, tid: Tid) {
        self.tid = tid;
        self.probe = Probe::new(tid);
    }

    /// Remembers the program's own bytes at a place that is about to be changed for
    /// the call it is about to make.
    pub fn put_back(&mut self, address: u64, bytes: &[u8]) {
        self.restore_memory.push((address, bytes.to_vec()));
    }

    /// Tells whether it makes its call exactly as the program does, so that nothing has
    /// to be restored when the call ends.
    pub fn makes_own_call(&self) -> bool {
        self.restore.is_none()
            && self.fails_with.is_none()
            && self.restore_memory.is_empty()
            && self.borrowed.is_empty()
            && self.timed_wait.is_none()
            && !self.lock_attempt
    }

    /// Tells whether a signal waits to be delivered to it that its program does not ignore. The
    /// kernel sends ignored ones only to tasks that are traced (ptrace(2),
    /// "Signal-delivery-stop").
    pub fn has_signal_to_notice(&self) -> bool {
        let signals = self.stopped().and_then(Stopped::deliverable_signals);
        let mut signals = signals.unwrap_or_default().into_iter();
        signals.any(|signal| !probe::ignores(self.tid, signal))
    }

    /// Tells whether it sleeps, and waits for nothing else.
    pub fn sleeps(&self) -> bool {
        match self.state {
            State::Sleeping(_) => true,
            State::Blocked => {
                let is_timed = self.timed_wait.is_some();
                is_timed && self.entering.row().only_sleeps(&self.entering.args)
            }
            _ => false,
        }
    }

    /// Tells whether it sleeps in its call, where the kernel can disturb it.
    pub fn sleeps_in_call(&self) -> bool {
        self.state == State::Blocked && self.cut_short.is_none()
    }

    pub fn is_gone(&self) -> bool {
        matches!(self.state, State::Gone)
    }

    /// Tells whether it is stopped, and its token is here.
    pub fn is_stopped(&self) -> bool {
        self.token().is_some()
    }

    /// Returns the token of a stopped task.
    ///
    /// # Errors
    /// If it is not stopped: it has been killed, or the engine is wrong about it.
    pub fn stopped(&self) -> io::Result<&Stopped> {
        self.token().ok_or_else(|| self.not_stopped())
    }

    fn token(&self) -> Option<&Stopped> {
        match &self.state {
            State::Reported(stopped)
            | State::Ready(_, stopped)
            | State::Sleeping(stopped)
            | State::Parked(stopped) => Some(stopped),
            _ => None,
        }
    }

    fn not_stopped(&self) -> io::Error {
        io::Error::other(format!(
            "task {} is not stopped: {:?}",
            self.tid, self.state
        ))
    }

    /// Takes the token of a stopped task, which counts as running from now on.
    ///
    /// # Errors
    /// As [`Task::stopped`].
    pub fn take_stopped(&mut self) -> io::Result<Stopped> {
        let stopped = self.lend()?;
        self.state = State::Running;
        Ok(stopped)
    }

    /// Lends the token of a stopped task, for calls of the engine's own.
    ///
    /// # Errors
    /// As [`Task::stopped`].
    pub fn lend(&mut self) -> io::Result<Stopped> {
        let (stopped, before) = match std::mem::replace(&mut self.state, State::Running) {
            State::Reported(stopped) => (stopped, StoppedAs::Reported),
            State::Ready(at, stopped) => (stopped, StoppedAs::Ready(at)),
            State::Sleeping(stopped) => (stopped, StoppedAs::Sleeping),
            State::Parked(stopped) => (stopped, StoppedAs::Parked),
            other => {
                self.state = other;
                return Err(self.not_stopped());
            }
        };
        self.state = State::Lent(before);
        Ok(stopped)
    }

    /// Gets back the token that it has lent.
    pub fn give_back(&mut self, stopped: Stopped) {
        self.state = match self.state {
            State::Lent(StoppedAs::Ready(at)) => State::Ready(at, stopped),
            State::Lent(StoppedAs::Sleeping) => State::Sleeping(stopped),
            State::Lent(StoppedAs::Parked) => State::Parked(stopped),
            _ => State::Reported(stopped),
        };
    }

    /// A task that has reported a stop, or that stands elsewhere, stands here now.
    ///
    /// # Errors
    /// As [`Task::stopped`].
    pub fn stand(&mut self, at: At) -> io::Result<()> {
        self.state = State::Ready(at, self.take_stopped()?);
        Ok(())
    }
}

/// What a program has done since its exec, as long as it loads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loading {
    /// Descriptors that it has opened for that.
    pub opened: Vec<u64>,
    /// Its calls so far.
    pub calls: u32,
    /// So many of its latest calls have but asked for the time.
    pub readings: u32,
    /// Its latest call, made so often in a row.
    pub latest: (Entering, u32),
}

/// One process: what its threads share.
#[derive(Debug)]
pub(crate) struct Process {
    pub name: String,
    pub leader: TaskId,
    pub pid: Tid,
    /// The harness started it.
    pub root: bool,
    pub children: u32,
    /// It still loads: only calls of start-up have been seen since its exec.
    pub loading: Option<Loading>,
    /// What becomes of its loading.
    pub making: Making,
    /// The random bytes that it gets while it is loaded, if those are the same in every run.
    pub loading_chance: Chance,
    /// It gets no turn before this step.
    pub paused_until: u64,
    /// It was sent SIGKILL, and dies in its next step.
    pub is_dying: bool,
    /// Details of signals that were delayed, for when they arrive.
    pub delayed_signals: Vec<libc::siginfo_t>,
    /// It begins when the process of this name has ended.
    pub awaits: Option<String>,
    pub parent: Option<usize>,
    /// CPU time that it has used, in nanoseconds of virtual time.
    pub cpu_time: u64,
    /// It may have opened a file that tells about tasks.
    pub reads_of_tasks: bool,
    /// Virtual time at which it was created.
    pub born: u64,
    /// Its address space, by index.
    pub space: usize,
    /// A number for the program it executes, once it matters.
    pub executable: Option<u32>,
    /// It decides about system calls by a filter of its own.
    pub filters_calls: bool,
    /// Filters of system calls that the engine has added to that with which programs start.
    pub added_filters: u64,
    /// Others may look into it, as far as it knows.
    pub dumpable: bool,
    /// What its time namespace adds to clocks.
    pub time_offsets: Offsets,
    /// It, or who created it, has made or entered a time namespace.
    pub makes_time_namespaces: bool,
    /// It would leave a core file, were one written.
    pub dumps_core: bool,
    /// Its action for SIGSEGV, unless that is the default.
    pub fault_action: Option<Action>,
    /// Length of the log when its last steps began.
    pub logged: crate::observe::logged::Logged,
    /// How it reads clocks.
    pub readings: Readings,
    /// After how much computing others have their turn.
    pub interval: Interval,
}
