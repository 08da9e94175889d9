//! ObjectNames touched by the end of a process, and by the causes of that end.

use crate::footprint::objects;
use crate::run::session::Session;
use crate::run::task::Process;
use crosswire_kernel::{Tid, descriptor, probe};
use crosswire_model::{EVERYTHING, TaskId, Touch, What};
use libc::*;

/// Returns the touch of executing a file no more: it may be opened for writing again.
pub(super) fn executable(tid: Tid) -> Option<Touch> {
    let path = descriptor::executable(tid)?;
    let file = objects::file(&path.to_string_lossy());
    Some(Touch::read(objects::writers(&file)))
}

impl Session<'_> {
    /// A process that ends closes its files, gives up its locks, and is mourned.
    pub(crate) fn of_exit(&mut self, index: usize, touches: &mut Vec<Touch>) {
        let process = self.tasks[index].process;
        // The kernel gives up robust locks in shared memory (robust_list(2)).
        let regions = self.space(index).regions();
        for region in regions.filter(|region| !region.own) {
            let file = objects::file(self.memory.name(region.object));
            // It counts as open as long as it is mapped.
            touches.push(Touch::add(objects::writers(&file)));
            touches.push(Touch::write(file));
        }
        self.of_closing_all(self.tasks[index].tid, touches);
        touches.extend(executable(self.tasks[index].tid));
        let undone = &self.footprints.objects.undone;
        touches.extend(
            undone
                .iter()
                .filter(|(who, _)| *who == process)
                .map(|(_, what)| what.clone()),
        );
        touches.push(self.mourners(process));
        if let Some(parent) = self.processes[process].parent {
            touches.push(self.mourners(parent));
            let Process { leader, pid, .. } = self.processes[parent];
            touches.push(self.arrivals(parent));
            // Else the signal is dropped.
            let [blocked, _, handled] = probe::decided(pid);
            if (blocked | handled) >> (SIGCHLD - 1) & 1 == 1 {
                touches.push(self.process_of(leader));
            }
        }
    }

    pub(crate) fn of_closing_all(&mut self, tid: Tid, touches: &mut Vec<Touch>) {
        for number in descriptor::numbers(tid) {
            // Of what concerns everything, closing does not.
            let file = self.descriptor(tid, number);
            let file = file.filter(|file| file.name != EVERYTHING);
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
            touches.push(self.arrivals(parent));
        }
    }

    /// Returns the touch of what decides about the signal that tells a process of its
    /// children: whether it waits, reaches a handler, or is thrown away.
    pub(crate) fn arrivals(&self, process: usize) -> Touch {
        Touch::write(format!("SIGCHLD to {}", self.processes[process].leader))
    }

    /// Tells whether a process has ended since this event, other than by the task's own
    /// pending action. The files that it had open are then no longer known.
    pub(crate) fn has_killed(&self, since: usize, task: TaskId) -> bool {
        let process = self.tasks[task.index()].process;
        let ends_itself = |event: &crosswire_model::Event| match event.what {
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
