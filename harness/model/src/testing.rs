//! Short ways to write down runs and histories for the tests of checks.

use crate::*;

/// Builds a [`Run`] event by event.
pub struct RunBuilder {
    trace: Trace,
}

impl RunBuilder {
    /// A run of processes that the harness started.
    pub fn new(roots: &[&str]) -> Self {
        let trace = Trace::default();
        roots
            .iter()
            .fold(RunBuilder { trace }, |run, name| run.task(name, None, None))
    }

    fn task(mut self, name: &str, parent: Option<u32>, leader: Option<u32>) -> Self {
        let id = self.trace.tasks.len() as u32;
        self.trace.tasks.push(Task {
            process: name.into(),
            parent: parent.map(TaskId),
            leader: TaskId(leader.unwrap_or(id)),
            tid: 100 + id as i32,
        });
        self
    }

    /// A process forked by task `parent`.
    pub fn child(self, parent: u32, name: &str) -> Self {
        self.task(name, Some(parent), None)
    }

    /// A further thread of the process of task `leader`.
    pub fn thread(self, leader: u32) -> Self {
        let name = self.trace.tasks[leader as usize].process.clone();
        self.task(&name, Some(leader), Some(leader))
    }

    /// Something that happens to a task in a step.
    pub fn event(mut self, task: u32, step: u64, what: What) -> Self {
        self.trace.steps = self.trace.steps.max(step + 1);
        self.trace.events.push(Event {
            step,
            task: TaskId(task),
            time: 0,
            what,
        });
        self
    }

    /// The task exits with this status.
    pub fn exits(self, task: u32, step: u64, status: i32) -> Self {
        self.event(task, step, What::Exit(status))
    }

    /// The fault strikes; if it kills, the task dies of it.
    pub fn fault(self, task: u32, step: u64, fault: &str) -> Self {
        let fault: Fault = fault.parse().unwrap();
        let kills = fault.action == Action::Kill;
        let run = self.event(task, step, What::Fault(fault));
        match kills {
            true => run.event(task, step, What::Killed(Signal(9))),
            false => run,
        }
    }

    /// A call with its arguments and result.
    pub fn call(
        self,
        (task, step): (u32, u64),
        call: &str,
        args: &[u64],
        path: Option<&str>,
        result: i64,
    ) -> Self {
        let mut registers = [0; 6];
        registers[..args.len()].copy_from_slice(args);
        let what = What::Call {
            call: call.parse().unwrap(),
            args: registers,
            path: path.map(Into::into),
            result,
        };
        self.event(task, step, what)
    }

    /// Something is there after the run.
    pub fn left(mut self, leftover: Leftover) -> Self {
        self.trace.leftovers.push(leftover);
        self
    }

    /// The run, with nothing known but its trace.
    pub fn end(&self, end: End) -> Run {
        Run {
            plan: Plan::default(),
            trace: Trace {
                end,
                ..self.trace.clone()
            },
            history: History::default(),
            seen: Vec::new(),
            captures: Vec::new(),
            unwatched: Default::default(),
            wrappers: Vec::new(),
            mattered: None,
            choices: 0,
            splittable: false,
            delayed: Vec::new(),
            contention: crate::Contention::new(),
            met: crate::Met::default(),
            stdout: Vec::new(),
            stderr: Vec::new(),
        }
    }
}

/// A history from lines such as `p: send(1) 1-2, recv=1 3-4, recv=none 5-6,
/// recv 7, send(2) 8-9!`: name, argument or answer, call and answer times; no
/// answer time while pending, `!` where the operation failed. Without `p:` each
/// operation has a process of its own.
pub fn history(text: &str) -> History {
    let mut operations = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for (i, item) in text.split(',').map(str::trim).enumerate() {
        let (process, rest) = match item.split_once(": ") {
            Some((process, rest)) => (process.to_owned(), rest),
            None => (format!("p{i}"), item),
        };
        let (what, when) = rest.split_once(' ').unwrap();
        let (failed, when) = match when.strip_suffix('!') {
            Some(when) => (true, when),
            None => (false, when),
        };
        let (called, at) = match when.split_once('-') {
            Some((called, at)) => (called, Some(at.parse().unwrap())),
            None => (when, None),
        };
        let (name, value, answer) = match (what.split_once('('), what.split_once('=')) {
            (Some((name, value)), _) => (name, value.trim_end_matches(')').parse().ok(), None),
            (None, Some((name, answer))) => (name, None, answer.parse().ok()),
            (None, None) => (what, None, None),
        };
        let task = names.iter().position(|n| *n == process).unwrap_or_else(|| {
            names.push(process.clone());
            names.len() - 1
        });
        operations.push(Operation {
            task: TaskId(task as u32),
            process,
            name: name.into(),
            value,
            called: called.parse().unwrap(),
            outcome: match at {
                None => Outcome::Pending,
                Some(at) if failed => Outcome::Failed { at },
                Some(at) => Outcome::Answered { at, value: answer },
            },
        });
    }
    operations.sort_by_key(|operation| operation.called);
    History { operations }
}
