//! Describes a deadlock: the waits of all tasks, and the tasks that could have released
//! them.

use crate::run::session::{Halt, Session};
use crate::run::task::{At, State, Task};
use crosswire_calls::{Does, SystemV, Wait};
use crosswire_kernel::taken::Taken;
use crosswire_kernel::{descriptor, memory};
use crosswire_model::{Blocked, Call, End, Moment, TaskId, What};
use libc::{O_RDONLY, O_WRONLY, POLLIN};
use std::time::Duration;

/// Direction in which tasks wait for an object behind a descriptor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// Until another task puts something in.
    ToReceive,
    /// Until another task takes something out.
    ToSend,
}

impl Session<'_> {
    /// Gives the kernel a moment for what it does on its own (a network packet on
    /// its way through loopback, a file's pages) before nothing is left to wait for.
    pub fn stir(&mut self) -> Result<bool, Halt> {
        for pause in [0, 200, 2_000] {
            std::thread::sleep(Duration::from_micros(pause));
            self.settle(false)?;
            let is_ready = |t: &Task| match t.state {
                State::Ready(..) => !self.goes_round(t.id.index()),
                _ => false,
            };
            if self.tasks.iter().any(is_ready) || self.tasks.iter().all(Task::is_gone) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Ends the run when no task can continue.
    pub fn stuck(&mut self) -> End {
        if self.roots_have_ended() {
            return End::Finished;
        }
        self.capture_living();
        let blocked = self
            .living()
            .into_iter()
            .map(|index| self.describe(index))
            .collect();
        End::Deadlock(blocked)
    }

    /// Returns the tasks that are left and have begun.
    fn living(&self) -> Vec<usize> {
        let is_left = |t: &&Task| {
            !matches!(t.state, State::Gone | State::DeadLeader) && !self.has_yet_to_begin(t)
        };
        let left = self.tasks.iter().filter(is_left);
        left.map(|t| t.id.index()).collect()
    }

    /// Looks at all tasks that are left.
    pub fn capture_living(&mut self) {
        for index in self.living() {
            self.capture(index, Moment::Stuck);
        }
    }

    fn describe(&self, index: usize) -> Blocked {
        let task = &self.tasks[index];
        let args = task.entering.args;
        let (object, mut released_by) = match task.state {
            State::Frozen => ("SIGCONT (it is stopped)".to_owned(), Vec::new()),
            State::Ready(At::Code, _) => (
                "a change in memory, in a loop of its own code".to_owned(),
                Vec::new(),
            ),
            _ => match task.entering.row().waits_for() {
                Some(Wait::Receive) => self.behind(index, args[0], Waits::ToReceive),
                Some(Wait::Send) => self.behind(index, args[0], Waits::ToSend),
                Some(Wait::FileLock) => self.file_lock(index, args[0]),
                Some(Wait::Child) => self.children_of(index),
                Some(Wait::Futex) => self.futex(index, args[0]),
                Some(Wait::QueuedMessage) => {
                    self.system_v(index, SystemV::Queue, Does::SystemVSend)
                }
                Some(Wait::QueueRoom) => self.system_v(index, SystemV::Queue, Does::SystemVReceive),
                Some(Wait::Semaphores) => {
                    self.system_v(index, SystemV::Semaphores, Does::SemaphoreOperation)
                }
                Some(Wait::Poll) => self.polled(index, args[0], args[1]),
                Some(Wait::OtherEnd) => {
                    let path = task.path.clone().unwrap_or_default();
                    (
                        format!("somebody to open the other end of {path}"),
                        Vec::new(),
                    )
                }
                Some(Wait::Signal) => ("a signal".to_owned(), Vec::new()),
                None => (String::new(), Vec::new()),
            },
        };
        released_by.sort_unstable();
        released_by.dedup();
        Blocked {
            task: task.id,
            call: Call(task.entering.call),
            object,
            released_by,
        }
    }

    /// Live tasks other than those of `index`'s own process.
    fn others(&self, index: usize) -> impl Iterator<Item = &Task> {
        let process = self.tasks[index].process;
        let alive = move |t: &&Task| {
            t.process != process && !matches!(t.state, State::Gone | State::DeadLeader)
        };
        self.tasks.iter().filter(alive)
    }

    /// Returns a pipe, socket or queue behind a descriptor.
    fn behind(&self, index: usize, number: u64, waits: Waits) -> (String, Vec<TaskId>) {
        let tid = self.tasks[index].tid;
        let Some(target) = descriptor::target(tid, number) else {
            return (format!("descriptor {number}"), Vec::new());
        };
        let pid = self.processes[self.tasks[index].process].pid;
        let taken = Taken::from(pid, number as i32).ok();
        let file = taken.as_deref();
        let target = target.to_string_lossy().into_owned();
        let is_pipe = target.starts_with("pipe:");
        if target.starts_with("socket:") {
            let what = file.map_or("socket".to_owned(), descriptor::describe_socket);
            let peer = file.and_then(descriptor::peer_process);
            let holders = self
                .others(index)
                .filter(|t| Some(self.processes[t.process].pid) == peer);
            return (what, holders.map(|t| t.id).collect());
        }
        let fill = file.and_then(descriptor::pipe_fill);
        let name = match is_pipe {
            true => "pipe".to_owned(),
            false => target.clone(),
        };
        let object = match fill {
            Some((held, capacity)) => format!("{name} ({held} of {capacity} bytes)"),
            None => name,
        };
        let wanted = match waits {
            Waits::ToReceive => O_WRONLY,
            Waits::ToSend => O_RDONLY,
        };
        let opens = |t: &Task| descriptor::holds(t.tid, &target, Some(wanted));
        let holders: Vec<TaskId> = self
            .others(index)
            .filter(|t| opens(t))
            .map(|t| t.id)
            .collect();
        let own = opens(&self.tasks[index]);
        let object = match (own, waits) {
            (true, Waits::ToReceive) if holders.is_empty() => {
                format!("{object}, whose write end it holds open itself")
            }
            _ => object,
        };
        (object, holders)
    }

    fn file_lock(&self, index: usize, number: u64) -> (String, Vec<TaskId>) {
        let Some(target) = descriptor::target(self.tasks[index].tid, number) else {
            return (format!("the lock of descriptor {number}"), Vec::new());
        };
        let target = target.to_string_lossy().into_owned();
        let holders = self
            .others(index)
            .filter(|t| descriptor::holds_lock(t.tid, &target));
        let holders = holders.map(|t| t.id).collect();
        (format!("the lock on {target}"), holders)
    }

    fn children_of(&self, index: usize) -> (String, Vec<TaskId>) {
        let process = self.tasks[index].process;
        let is_child = |t: &&Task| self.processes[t.process].parent == Some(process);
        let children: Vec<&Task> = self.others(index).filter(is_child).collect();
        let mut names: Vec<&str> = children
            .iter()
            .map(|t| self.processes[t.process].name.as_str())
            .collect();
        names.dedup();
        (
            format!("the end of a child ({})", names.join(", ")),
            children.iter().map(|t| t.id).collect(),
        )
    }

    /// A futex whose word holds a thread id is a mutex, and that thread holds it
    /// (futex(2), robust and priority-inheriting futexes; glibc's own mutexes keep
    /// the owner eight bytes further on).
    fn futex(&self, index: usize, address: u64) -> (String, Vec<TaskId>) {
        let tid = self.tasks[index].tid;
        let word = |at: u64| {
            memory::read_exact(tid, at)
                .map(u32::from_ne_bytes)
                .unwrap_or(0)
        };
        let owners = [word(address) & 0x3fff_ffff, word(address + 8)];
        let is_owner = |t: &&Task| {
            t.id.index() != index && !t.is_gone() && owners.contains(&(t.tid_inside as u32))
        };
        let owner = self.tasks.iter().find(is_owner);
        let name = match self.space(index).behind(address) {
            Some((region, own)) => (self.memory).place_name(region.object, region.position(own)),
            None => format!("{address:#x}"),
        };
        let object = format!("futex {name} (value {:#x})", word(address));
        (object, owner.map(|t| t.id).into_iter().collect())
    }

    /// A System V object, and the others that have made calls which could release it.
    fn system_v(&self, index: usize, kind: SystemV, release: Does) -> (String, Vec<TaskId>) {
        let [id, ..] = self.stable_args(index);
        let uses = |t: &&Task| {
            self.recorder.events.iter().any(|event| match &event.what {
                What::Call { call, args, .. } | What::Block { call, args, .. } => {
                    event.task == t.id && args[0] == id && call.row().does == release
                }
                _ => false,
            })
        };
        let users = self.others(index).filter(uses).map(|t| t.id).collect();
        (format!("System V {} {id}", kind.name()), users)
    }

    fn polled(&self, index: usize, address: u64, count: u64) -> (String, Vec<TaskId>) {
        let (mut objects, mut holders) = (Vec::new(), Vec::new());
        for entry in 0..count.min(16) {
            let tid = self.tasks[index].tid;
            let Ok(entry) = memory::read_word(tid, address + 8 * entry) else {
                break;
            };
            let (number, events) = (entry as i32, (entry >> 32) as i16);
            if number < 0 {
                continue;
            }
            let waits = match events & POLLIN {
                0 => Waits::ToSend,
                _ => Waits::ToReceive,
            };
            let (object, releasers) = self.behind(index, number as u64, waits);
            objects.push(object);
            holders.extend(releasers);
        }
        (objects.join(" or "), holders)
    }
}
