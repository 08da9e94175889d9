//! All tasks and processes of a run.

use super::task::{Process, Task};
use crosswire_kernel::Tid;
use crosswire_model::TaskId;
use std::collections::HashMap;
use std::ops::{Index, IndexMut};
use std::slice;

/// The tasks of a run, by number, in the order of their creation.
#[derive(Default)]
pub(crate) struct Tasks {
    list: Vec<Task>,
    by_tid: HashMap<Tid, usize>,
}

impl Tasks {
    /// Adds a task, which is known by its thread id from now on.
    pub fn push(&mut self, task: Task) {
        self.by_tid.insert(task.tid, task.id.index());
        self.list.push(task);
    }

    /// The number of the task that has this thread id now.
    pub fn of_tid(&self, tid: Tid) -> Option<usize> {
        self.by_tid.get(&tid).copied()
    }

    /// The task that has this thread id inside its namespace, or had it last: numbers are
    /// given away again.
    pub fn inside(&self, tid: Tid) -> Option<&Task> {
        let mut known = self.list.iter().rev().filter(|task| task.tid_inside == tid);
        let last = known.clone().next();
        known.find(|task| !task.is_gone()).or(last)
    }

    /// A task has ended: its thread id may be another's.
    pub fn forget_tid(&mut self, tid: Tid) {
        self.by_tid.remove(&tid);
    }

    /// A task has taken over the thread id of its process's leader (execve(2)).
    pub fn take_over(&mut self, index: usize, former: Tid, tid: Tid) {
        self.by_tid.remove(&former);
        self.by_tid.insert(tid, index);
        self.list[index].take_over(tid);
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn iter(&self) -> slice::Iter<'_, Task> {
        self.list.iter()
    }

    pub fn iter_mut(&mut self) -> slice::IterMut<'_, Task> {
        self.list.iter_mut()
    }

    /// Returns the other threads of a task's process, which take further steps unless it ends.
    pub fn other_threads(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        let process = self.list[index].process;
        let is_other = move |(other, task): &(usize, &Task)| {
            *other != index && task.process == process && !task.is_gone()
        };
        let all = self.list.iter().enumerate();
        all.filter(is_other).map(|(other, _)| other)
    }

    /// Returns whether all threads of a process have ended.
    pub fn have_ended(&self, process: &Process) -> bool {
        let index = self.list[process.leader.index()].process;
        let mut threads = self.list.iter().filter(|task| task.process == index);
        threads.all(Task::is_gone)
    }
}

impl Index<usize> for Tasks {
    type Output = Task;

    fn index(&self, index: usize) -> &Task {
        &self.list[index]
    }
}

impl IndexMut<usize> for Tasks {
    fn index_mut(&mut self, index: usize) -> &mut Task {
        &mut self.list[index]
    }
}

/// The processes of a run, by number, in the order of their creation.
#[derive(Default)]
pub(crate) struct Processes {
    list: Vec<Process>,
    unreaped: Vec<TaskId>,
    /// There may be processes that inherit the children of others.
    pub has_heirs: bool,
    /// Their waits are being cut short.
    pub holds_heirs: bool,
}

impl Processes {
    /// Adds a process and returns its number.
    pub fn push(&mut self, process: Process) -> usize {
        self.list.push(process);
        self.list.len() - 1
    }

    /// A child had ended and not been reaped when its parent ended.
    pub fn note_unreaped(&mut self, leader: TaskId) {
        if !self.unreaped.contains(&leader) {
            self.unreaped.push(leader);
        }
    }

    /// The leaders of the processes that nobody has reaped.
    pub fn unreaped(&self) -> &[TaskId] {
        &self.unreaped
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn iter(&self) -> slice::Iter<'_, Process> {
        self.list.iter()
    }

    pub fn iter_mut(&mut self) -> slice::IterMut<'_, Process> {
        self.list.iter_mut()
    }
}

impl Index<usize> for Processes {
    type Output = Process;

    fn index(&self, index: usize) -> &Process {
        &self.list[index]
    }
}

impl IndexMut<usize> for Processes {
    fn index_mut(&mut self, index: usize) -> &mut Process {
        &mut self.list[index]
    }
}
