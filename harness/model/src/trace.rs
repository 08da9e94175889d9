//! The record of one run: who did what in which step, and how it ended.

use super::{Access, Call, Limit, Place, SharedObject, Signal, Spinner, Task, TaskId};
use super::{DelayedStore, Deviation, FORMAT_VERSION, Fault, Footprint, Preemption, Switch};
use serde::{Deserialize, Serialize};

/// Something that one task did or underwent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The step in which it happened.
    pub step: u64,
    /// Task of the event.
    pub task: TaskId,
    /// Virtual time, in nanoseconds since the run began.
    pub time: u64,
    /// The event.
    pub what: What,
}

/// An event of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// It ran for the first time.
    Start,
    /// It made a call that came back in the same step.
    Call {
        /// The call.
        call: Call,
        /// The six argument registers.
        args: [u64; 6],
        /// The path or name among the arguments, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
        /// Result of the call; negative numbers are errors.
        result: i64,
    },
    /// It made a call that has not come back.
    Block {
        /// The call.
        call: Call,
        /// The six argument registers.
        args: [u64; 6],
        /// The path or name among the arguments, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    /// It read or wrote memory that it shares with other processes.
    Access(Access),
    /// It executed a store that waits in its store buffer: no other task sees it yet.
    Delay {
        /// Its number among the stores of the task that can wait.
        store: u64,
        /// The store, as the task sees it.
        access: Access,
    },
    /// A blocked call returned because of the task that takes the step.
    Wake {
        /// The call.
        call: Call,
        /// Result of the call.
        result: i64,
    },
    /// It resumed after a call that had blocked.
    Resume,
    /// A signal reached it.
    Signal(Signal),
    /// A fault of the plan was injected into it.
    Fault(Fault),
    /// Time advanced to its deadline: the sleep or wait is over.
    Timeout,
    /// It created another task.
    Spawn(TaskId),
    /// It became another program.
    Exec(String),
    /// It was found to go round in a loop of its own code, and lets others go first.
    Spin,
    /// It had computed for long without a schedule point while others could have gone on: it
    /// stopped in the midst of its own code.
    Preempt,
    /// It ended with this exit status.
    Exit(i32),
    /// A signal ended it.
    Killed(Signal),
    /// A process of a scenario panicked with this message.
    Panic(String),
    /// The program left a mark with this number and value.
    Mark(u64, u64),
}

/// End of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Every process that the harness started has ended. Others that are left can
    /// never run again, and are among the [`Trace::leftovers`].
    Finished,
    /// A process that the harness started is alive, and no task can ever run again.
    Deadlock(Vec<Blocked>),
    /// All tasks that could run go round in loops, of which every further round is proved
    /// to be like the one before; all others wait, none of them until some time.
    Livelock(Vec<Spinner>),
    /// All tasks that could run go round in loops, and no step has had an effect that another
    /// process could notice for the virtual time of
    /// [`Limits::stall_ns`](super::Limits::stall_ns). No proof: a loop might end by itself.
    Stalled(Vec<Spinner>),
    /// A limit was reached.
    Limit(Limit),
    /// The harness could not do its job, and says why.
    Invalid(String),
}

/// A task that can never run again, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// The waiting task.
    pub task: TaskId,
    /// The call it is in.
    pub call: Call,
    /// The kernel object it waits for, in words: `pipe:[3] (65536 of 65536 bytes)`.
    pub object: String,
    /// Tasks that could release it if they were not blocked themselves.
    pub released_by: Vec<TaskId>,
}

/// A kernel resource that outlived the run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leftover {
    /// A System V object.
    SystemV {
        /// `message queue`, `semaphore set` or `shared memory`.
        kind: String,
        /// Its id.
        id: i32,
        /// Its key; 0 is `IPC_PRIVATE`.
        key: i32,
    },
    /// A name in `/dev/shm`.
    SharedMemory(String),
    /// A name in `/dev/mqueue`.
    MessageQueue(String),
    /// A socket, FIFO, regular file, … that the run created.
    File {
        /// `socket`, `fifo`, `file`, `directory` or `symlink`.
        kind: String,
        /// Path of the file.
        path: String,
    },
    /// A process that was still alive.
    Process(TaskId),
    /// A process that ended and was never reaped by its living parent.
    Zombie(TaskId),
    /// A file lock still held by a process that was left.
    Lock {
        /// Task that holds it.
        task: TaskId,
        /// Path of the locked file.
        path: String,
    },
}

/// The versioned record of the steps of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Version of this format.
    pub format_version: u32,
    /// Every task, by number.
    pub tasks: Vec<Task>,
    /// Events, in order.
    pub events: Vec<Event>,
    /// The shared memory that [`What::Access`] speaks of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<SharedObject>,
    /// The instructions that [`What::Access`] speaks of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
    /// The number of steps taken.
    pub steps: u64,
    /// Deviations of the schedule from [`Rule::RunOn`](super::Rule::RunOn): replaying
    /// these gives this trace.
    pub deviations: Vec<Deviation>,
    /// The same decisions, told by what tasks had done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub switches: Vec<Switch>,
    /// Computations in the midst of which another task had its turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preemptions: Vec<Preemption>,
    /// Objects that each step touched, if the plan asked for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub footprints: Vec<Footprint>,
    /// Faults of the plan that were not injected, for lack of a matching point.
    pub unused_faults: Vec<Fault>,
    /// End of the run.
    pub end: End,
    /// Resources left behind.
    pub leftovers: Vec<Leftover>,
}

impl Default for Trace {
    /// Builds a run without processes, in which nothing happened.
    fn default() -> Self {
        Trace {
            format_version: FORMAT_VERSION,
            tasks: Vec::new(),
            events: Vec::new(),
            objects: Vec::new(),
            places: Vec::new(),
            steps: 0,
            deviations: Vec::new(),
            switches: Vec::new(),
            preemptions: Vec::new(),
            footprints: Vec::new(),
            unused_faults: Vec::new(),
            end: End::Finished,
            leftovers: Vec::new(),
        }
    }
}

impl Trace {
    /// Returns the name of a task's process, with the thread's number where it has
    /// several.
    pub fn name(&self, task: TaskId) -> String {
        match self.tasks.get(task.index()) {
            None => task.to_string(),
            Some(t) if t.leader == task => t.process.clone(),
            Some(t) => format!("{}:t{}", t.process, task.0 - t.leader.0),
        }
    }

    /// Returns the first task of the process with this name.
    pub fn process(&self, name: &str) -> Option<TaskId> {
        self.tasks
            .iter()
            .find(|task| task.process == name)
            .map(|task| task.leader)
    }

    /// Returns the names of all processes, sorted.
    pub fn process_names(&self) -> Vec<String> {
        let names = self.tasks.iter().map(|task| task.process.clone());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names.dedup();
        names
    }

    /// Returns the stores that have waited in store buffers, in the order of their execution.
    pub fn delays(&self) -> Vec<DelayedStore> {
        let delayed = |event: &Event| match event.what {
            What::Delay { store, .. } => Some(DelayedStore {
                task: event.task,
                number: store,
            }),
            _ => None,
        };
        self.events.iter().filter_map(delayed).collect()
    }

    /// Tells whether an event is a store that became visible later and whose instruction has
    /// loaded, too: it takes two steps, since it is not locked.
    pub fn is_split(&self, event: usize) -> bool {
        let Some((before, own)) = event.checked_sub(1).zip(self.events.get(event)) else {
            return false;
        };
        let before = &self.events[before];
        match (&before.what, &own.what) {
            (What::Access(load), What::Delay { access, .. }) => {
                (before.task, before.step) == (own.task, own.step)
                    && (load.place, load.object, load.offset)
                        == (access.place, access.object, access.offset)
            }
            _ => false,
        }
    }

    /// Processes that a fault of the plan killed.
    pub fn killed_by_fault(&self) -> impl Iterator<Item = TaskId> + '_ {
        self.events.iter().filter_map(|event| match &event.what {
            What::Fault(fault) if fault.action == super::Action::Kill => {
                Some(self.tasks[event.task.index()].leader)
            }
            _ => None,
        })
    }
}
