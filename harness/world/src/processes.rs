//! Processes, their children, and the signals on their way to them.

use super::object::{Kind, State};
use super::{Done, Follower, Key, Use};
use crosswire_model::{Action, Fault, Signal, TaskId};

/// By descriptor.
pub const STANDARD_STREAMS: [&str; 3] = ["standard input", "standard output", "standard error"];

impl<'a> Follower<'a> {
    /// Returns the process as an object: what it does, and that it ends.
    pub(super) fn process_object(&mut self, process: TaskId) -> usize {
        let name = self.name(process);
        let state = State::Process(String::new());
        self.object(Key::Process(process), Kind::Process, &name, state)
    }

    /// Opens the standard streams that the processes started by the harness have from the
    /// beginning.
    pub(super) fn opens_standard_streams(&mut self) {
        for (number, name) in STANDARD_STREAMS.into_iter().enumerate() {
            let key = Key::New(usize::MAX, number as u8);
            let object = self.object(key, Kind::Output, name, State::Process(String::new()));
            let tasks = self.trace.tasks.iter();
            let roots = tasks.enumerate().filter(|(_, task)| task.parent.is_none());
            let roots: Vec<TaskId> = roots.map(|(root, _)| TaskId(root as u32)).collect();
            for root in roots {
                let open = super::descriptors::Open {
                    object,
                    readable: number == 0,
                    writable: number > 0,
                    side: 0,
                    position: None,
                    users: 0,
                };
                self.descriptors.open(root, number as i32, open, false);
            }
        }
        self.dirty.clear();
    }

    /// Shows the current activity of a task at its process.
    pub(super) fn says(&mut self, task: TaskId, doing: String) {
        let process = self.process(task);
        let object = self.process_object(process);
        let doing = match task == process {
            true => doing,
            // Of several threads, the one that did something last.
            false => format!("thread {}: {doing}", task.0 - process.0),
        };
        self.states[object] = State::Process(doing);
        self.dirty.insert(object);
    }

    pub(super) fn signals(&mut self, process: TaskId) -> usize {
        let name = format!("signals of {}", self.name(process));
        let state = State::Signals(Vec::new());
        self.object(Key::Signals(process), Kind::Signals, &name, state)
    }

    pub(super) fn spawns(&mut self, task: TaskId, child: TaskId) {
        let process = self.process(task);
        if self.process(child) == child {
            self.descriptors.fork(process, child);
            self.says(child, "starts".to_owned());
            let used: Vec<i32> = self.descriptors.all_of(child);
            for number in used {
                // Who holds what has changed.
                if let Some(file) = self.descriptors.find(child, number) {
                    self.dirty.insert(self.descriptors.files[file].object);
                }
            }
        }
    }

    pub(super) fn executes(&mut self, task: TaskId, path: &str) {
        let process = self.process(task);
        for number in self.descriptors.closed_by_exec(process) {
            self.closes(process, number);
        }
        self.says(task, format!("became {path}"));
    }

    /// Ends a task; with the last one, its process.
    pub(super) fn ends(&mut self, task: TaskId, how: String) {
        self.no_longer_waits(task);
        self.ended.insert(task);
        let process = self.process(task);
        self.says(process, how);
        let mut threads = (0..self.trace.tasks.len() as u32).map(TaskId);
        if threads.any(|other| self.process(other) == process && !self.ended.contains(&other)) {
            return;
        }
        for number in self.descriptors.all_of(process) {
            self.closes(process, number);
        }
        self.descriptors.table(process).mappings.clear();
        self.undoes(process);
        if let Some(&signals) = self.keys.get(&Key::Signals(process)) {
            self.states[signals] = State::Signals(Vec::new());
            self.dirty.insert(signals);
        }
        let object = self.process_object(process);
        self.touch(object, Use::Changes);
    }

    /// Returns the children that a call may wait for.
    pub(super) fn children(&mut self, process: TaskId, which: u64) -> Vec<usize> {
        let wanted = which as u32 as i32;
        let children: Vec<TaskId> = (0..self.trace.tasks.len() as u32)
            .map(TaskId)
            .filter(|child| {
                let task = &self.trace.tasks[child.index()];
                let parent = task.parent.map(|parent| self.process(parent));
                task.leader == *child
                    && parent == Some(process)
                    && (wanted <= 0 || wanted == task.tid)
                    && (!self.ended.contains(child) || wanted > 0)
            })
            .collect();
        let objects = children.into_iter().map(|child| self.process_object(child));
        objects.collect()
    }

    pub(super) fn reaps(&mut self, done: &Done<'a>) {
        let is_child = |task: &crosswire_model::Task| i64::from(task.tid) == done.result;
        let child = self.trace.tasks.iter().position(is_child);
        if let Some(child) = child {
            let object = self.process_object(TaskId(child as u32));
            self.touch(object, Use::Looks);
        }
    }

    /// Returns the task with this thread id, as the programs see it.
    fn with_id(&self, id: u64) -> Option<TaskId> {
        let id = id as u32 as i32;
        let known = |task: &crosswire_model::Task| task.tid == id && id > 0;
        let index = self.trace.tasks.iter().rposition(known)?;
        Some(self.process(TaskId(index as u32)))
    }

    pub(super) fn sends_signal(&mut self, done: &Done<'a>) {
        let Some(number) = done.row.signal().map(|at| done.args[at]) else {
            return;
        };
        let Some(target) = self.with_id(done.args[0]) else {
            return;
        };
        // Signal 0 only asks whether the process is there (kill(2)).
        if number as i32 == 0 {
            return;
        }
        let object = self.signals(target);
        if let State::Signals(pending) = &mut self.states[object]
            && !self.ended.contains(&target)
        {
            pending.push((Signal(number as i32), done.task));
        }
        self.touch(object, Use::Changes);
    }

    pub(super) fn receives(&mut self, task: TaskId, signal: Signal) {
        let process = self.process(task);
        let object = self.signals(process);
        if let State::Signals(pending) = &mut self.states[object]
            && let Some(at) = pending.iter().position(|(sent, _)| *sent == signal)
        {
            pending.remove(at);
        }
        self.touch(object, Use::Changes);
    }

    /// A fault strikes. Of several signals on their way the trace does not tell which one is lost.
    pub(super) fn suffers(&mut self, task: TaskId, fault: &Fault) {
        if fault.action != Action::LoseSignal {
            return;
        }
        let process = self.process(task);
        let object = self.signals(process);
        if let State::Signals(pending) = &mut self.states[object]
            && pending.len() == 1
        {
            pending.clear();
            self.touch(object, Use::Changes);
        }
    }
}
