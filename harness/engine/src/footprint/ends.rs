//! Objects touched by the end of a process, and by the causes of that end.

use super::groups;
use crate::footprint::objects;
use crate::memory::mappings::SYSTEM_V_SEGMENT;
use crate::memory::quiet::LIBRARY;
use crate::run::session::Session;
use crate::run::task::{Process, State, Task};
use crosswire_kernel::{Tid, probe};
use crosswire_model::{TaskId, Touch, What};
use libc::*;

/// Object of the System V memory that is attached.
pub(super) const ATTACHED: &str = "System V memory";

impl Session<'_> {
    /// A process that ends closes its files, gives up its locks, and is mourned.
    pub(crate) fn of_exit(&mut self, index: usize, touches: &mut Vec<Touch>) {
        let process = self.tasks[index].process;
        self.of_leaving_memory(index, touches);
        self.of_closing_all(self.tasks[index].tid, touches);
        let undone = &self.footprints.objects.undone;
        touches.extend(
            undone
                .iter()
                .filter(|(who, _)| *who == process)
                .map(|(_, what)| what.clone()),
        );
        for child in self.tied_to(process) {
            touches.push(self.process_of(self.processes[child].leader));
        }
        // A stopped child may belong to a group that nobody cares for from now on, and continue
        // (setpgid(2), "orphaned process group").
        let is_child = |task: &&Task| self.processes[task.process].parent == Some(process);
        let children = self.tasks.iter().filter(is_child);
        let frozen = children.filter(|task| task.state == State::Frozen);
        touches.extend(frozen.map(|task| self.process_of(task.id)));
        // It may be reaped at once.
        touches.push(groups::member());
        touches.push(self.mourners(process));
        if let Some(parent) = self.processes[process].parent {
            touches.push(self.mourners(parent));
            touches.extend(self.of_telling(parent));
        }
    }

    /// Returns the touches of the signal that tells a process of its children: it comes before the
    /// next step of the process, if it is noticed.
    fn of_telling(&self, process: usize) -> Vec<Touch> {
        let Process { leader, pid, .. } = self.processes[process];
        let mut touches = vec![self.arrivals(process)];
        if self.would_notice_children(pid, process) {
            touches.push(self.process_of(leader));
        }
        touches
    }

    /// Tells whether the signal that tells a process of its children would be noticed. Else it is
    /// dropped.
    fn would_notice_children(&self, pid: Tid, process: usize) -> bool {
        let [mut blocked, _, handled] = probe::decided(pid);
        // The library's own moments are over before anybody can tell.
        if blocked & LIBRARY != 0 {
            blocked = 0;
        }
        // Each thread may block it.
        let mut threads = self.tasks.iter().filter(|task| task.process == process);
        let has_threads = threads.nth(1).is_some();
        has_threads || (blocked | handled) >> (SIGCHLD - 1) & 1 == 1
    }

    /// Returns the processes that are sent a signal when a thread of their parent ends
    /// (PR_SET_PDEATHSIG(2const)).
    pub(super) fn tied_to(&self, parent: usize) -> Vec<usize> {
        let tied = self.footprints.tied.iter().copied();
        tied.filter(|child| self.processes[*child].parent == Some(parent))
            .filter(|child| !self.has_ended(&self.processes[*child]))
            .collect()
    }

    /// A process that executes a program closes what is marked close-on-exec, and begins with
    /// memory of its own.
    pub(super) fn of_execution(&mut self, index: usize, touches: &mut Vec<Touch>) {
        self.of_leaving_memory(index, touches);
        self.of_closing_all(self.tasks[index].tid, touches);
        // Its parent can move it to another group no more.
        touches.push(groups::member());
    }

    /// The memory of a process is given up, its program included.
    fn of_leaving_memory(&mut self, index: usize, touches: &mut Vec<Touch>) {
        // The kernel gives up robust locks in shared memory (robust_list(2)).
        let regions = self.space(index).regions();
        for region in regions.filter(|region| !region.own) {
            let file = objects::file(self.memory.name(region.object));
            // It counts as open as long as it is mapped.
            touches.push(Touch::add(objects::writers(&file)));
            touches.push(Touch::write(file));
        }
        touches.extend(self.attached(index));
        touches.extend(self.of_leaving_program(self.tasks[index].tid));
    }

    /// Returns the touch of executing a file no more: it may be opened for writing again.
    pub(super) fn of_leaving_program(&mut self, tid: Tid) -> Option<Touch> {
        let file = self.footprints.objects.executable(tid)?;
        Some(Touch::read(objects::writers(&file)))
    }

    /// Returns the touch of attaching once more the System V memory that a process has attached,
    /// or of detaching it: it is counted how often that is (shmctl(2)).
    pub(super) fn attached(&self, index: usize) -> Option<Touch> {
        let mut regions = self.space(index).regions();
        let is_system_v = regions.any(|region| {
            self.memory
                .name(region.object)
                .starts_with(SYSTEM_V_SEGMENT)
        });
        is_system_v.then(|| Touch::add(ATTACHED))
    }

    pub(crate) fn of_closing_all(&mut self, tid: Tid, touches: &mut Vec<Touch>) {
        for number in self.footprints.objects.numbers(tid).clone() {
            let file = self.descriptor(tid, number);
            touches.extend(file.into_iter().flat_map(|file| file.closed()));
        }
    }

    pub(crate) fn of_kill(&self, target: i32, touches: &mut Vec<Touch>) {
        let found = self.tasks.inside(target);
        let Some(task) = found.filter(|_| target > 0) else {
            return touches.push(Touch::everything());
        };
        touches.push(self.process_of(task.id));
        // Whether it has been reaped.
        let parent = self.processes[task.process].parent;
        touches.extend(parent.map(|parent| self.mourners(parent)));
    }

    /// Touches of a signal that is about to be delivered to a task. The kernel notifies
    /// the parent if the task stops or continues.
    pub(crate) fn of_signal(&self, index: usize, signal: i32, touches: &mut Vec<Touch>) {
        let stops = [SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT];
        let parent = self.processes[self.tasks[index].process].parent;
        if let (true, Some(parent)) = (stops.contains(&signal), parent) {
            touches.push(self.mourners(parent));
            touches.extend(self.of_telling(parent));
        }
    }

    /// Returns the touch of what decides about the signal that tells a process of its
    /// children: whether it waits, reaches a handler, or is thrown away.
    pub(crate) fn arrivals(&self, process: usize) -> Touch {
        Touch::write(format!("SIGCHLD to {}", self.processes[process].leader))
    }

    /// Returns the touch of a call that waits: if a child ends meanwhile, it begins once more,
    /// since the kernel shows a tracer also signals that are ignored (ptrace(2),
    /// "Signal-delivery-stop").
    pub(super) fn interruptions(&self, index: usize) -> Touch {
        let Touch { object, .. } = self.arrivals(self.tasks[index].process);
        Touch::read(object)
    }

    /// Tells whether a process has ended since this event, other than by the task's own
    /// pending action. The files that it had open are then no longer known.
    pub(crate) fn has_killed(&self, since: usize, task: TaskId) -> bool {
        let process = self.tasks[task.index()].process;
        // It was killed by another, whose step has touched it, and whose it is to name its files.
        let dies = self.processes[process].is_dying;
        let ends_itself = |event: &crosswire_model::Event| match event.what {
            What::Killed(_) => dies && event.task == task,
            What::Call { call, .. } => event.task == task && call.row().never_returns(),
            _ => false,
        };
        let events = &self.recorder.events()[since..];
        let expected = events.iter().any(ends_itself);
        events.iter().any(|event| {
            let ended = matches!(event.what, What::Exit(_) | What::Killed(_));
            ended && !(expected && self.tasks[event.task.index()].process == process)
        })
    }
}
