//! A toy engine for the tests of the exploration: tasks that take locks and
//! print, run by the same rules and faults as real processes.

use crate::perform::runner::{Runner, Starter};
use crosswire_engine::{Choices, Chooser, EngineError, Start, Target};
use crosswire_model::{
    Action, Blocked, Call, Deviation, End, Event, Fault, Footprint, History, Plan, Run, Signal,
    Task, TaskId, Touch, Trace, What,
};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// Action of a toy task in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Lock(usize),
    Unlock(usize),
    Print(&'static str),
}

/// A toy program.
#[derive(Clone)]
pub struct Toy {
    pub scripts: Vec<(&'static str, Vec<Op>)>,
    /// Adds an event of its own to every run, so that no two are the same.
    pub unsteady: Option<Arc<std::sync::atomic::AtomicU64>>,
}

impl Toy {
    pub fn new(scripts: &[(&'static str, &[Op])]) -> Toy {
        let scripts = scripts
            .iter()
            .map(|(name, ops)| (*name, ops.to_vec()))
            .collect();
        Toy {
            scripts,
            unsteady: None,
        }
    }

    pub fn starter(&self) -> Starter {
        let toy = self.clone();
        Arc::new(move |_| Ok(Box::new(toy.clone())))
    }
}

/// Returns a target that exists; the toy does not look at it.
pub fn target() -> Target {
    let program = Start {
        name: "toy".to_owned(),
        command: vec!["/bin/sh".to_owned()],
    };
    Target::new(vec![program], Path::new("/"))
}

/// Returns a trace of one call a step.
pub fn trace(calls: &[(&str, &str)]) -> Trace {
    let mut names: Vec<&str> = calls.iter().map(|(process, _)| *process).collect();
    names.sort_unstable();
    names.dedup();
    let events = calls
        .iter()
        .enumerate()
        .map(|(step, (process, name))| Event {
            step: step as u64,
            task: TaskId(names.iter().position(|known| known == process).unwrap() as u32),
            time: 0,
            what: What::Call {
                call: call(name),
                args: [0; 6],
                path: None,
                result: 0,
            },
        });
    Trace {
        events: events.collect(),
        objects: Vec::new(),
        places: Vec::new(),
        steps: calls.len() as u64,
        ..empty(&names)
    }
}

fn call(name: &str) -> Call {
    name.parse().unwrap()
}

fn empty(names: &[&str]) -> Trace {
    let task = |(number, name): (usize, &&str)| Task {
        process: (*name).to_owned(),
        parent: None,
        leader: TaskId(number as u32),
        tid: number as i32 + 1,
    };
    Trace {
        tasks: names.iter().enumerate().map(task).collect(),
        ..Trace::default()
    }
}

struct ToyState<'a> {
    toy: &'a Toy,
    next: Vec<usize>,
    owner: [Option<usize>; 4],
    /// Tasks that have found their lock taken: like real ones, they try first.
    waiting: Vec<bool>,
    ended: Vec<bool>,
    calls: Vec<u32>,
    trace: Trace,
    stdout: Vec<u8>,
}

impl ToyState<'_> {
    fn can_run(&self, task: usize) -> bool {
        !self.ended[task]
            && match self.toy.scripts[task].1.get(self.next[task]) {
                Some(Op::Lock(lock)) => !self.waiting[task] || self.owner[*lock].is_none(),
                _ => true,
            }
    }

    fn note(&mut self, task: usize, what: What) {
        let (step, task) = (self.trace.steps, TaskId(task as u32));
        self.trace.events.push(Event {
            step,
            task,
            time: 0,
            what,
        });
    }

    /// Returns the objects that the next step of a task touches.
    fn touches(&self, task: TaskId) -> Vec<Touch> {
        let touch = match self.toy.scripts[task.index()]
            .1
            .get(self.next[task.index()])
        {
            Some(Op::Lock(lock) | Op::Unlock(lock)) => Some(format!("lock {lock}")),
            Some(Op::Print(_)) => Some("output".to_owned()),
            None => None,
        };
        touch.map(Touch::write).into_iter().collect()
    }

    fn step(&mut self, task: usize, faults: &[Fault]) {
        let (name, script) = &self.toy.scripts[task];
        let Some(op) = script.get(self.next[task]) else {
            self.ended[task] = true;
            return self.note(task, What::Exit(0));
        };
        let tries_again = std::mem::take(&mut self.waiting[task]);
        self.calls[task] += u32::from(!tries_again);
        let strikes =
            |fault: &&Fault| fault.process == *name && fault.point.nth == self.calls[task];
        if let Some(fault) = faults.iter().find(strikes).filter(|_| !tries_again) {
            self.note(task, What::Fault(fault.clone()));
            self.trace.unused_faults.retain(|unused| unused != fault);
            if fault.action == Action::Kill {
                self.ended[task] = true;
                return self.note(task, What::Killed(Signal(9)));
            }
        }
        if matches!(op, Op::Lock(lock) if self.owner[*lock].is_some()) {
            self.waiting[task] = true;
            return self.note(task, What::Spin);
        }
        self.next[task] += 1;
        match op {
            Op::Lock(lock) => self.owner[*lock] = Some(task),
            Op::Unlock(lock) => self.owner[*lock] = None,
            Op::Print(text) => self.stdout.extend_from_slice(text.as_bytes()),
        }
        let args = [0; 6];
        self.note(
            task,
            What::Call {
                call: call("write"),
                args,
                path: None,
                result: 0,
            },
        );
    }

    fn blocked(&self) -> Vec<Blocked> {
        let waiting = (0..self.ended.len()).filter(|&task| !self.ended[task]);
        waiting
            .map(|task| Blocked {
                task: TaskId(task as u32),
                call: call("futex"),
                object: "lock".to_owned(),
                released_by: Vec::new(),
            })
            .collect()
    }
}

impl Runner for Toy {
    fn run(&mut self, plan: &Plan) -> Result<Run, EngineError> {
        let names: Vec<&str> = self.scripts.iter().map(|(name, _)| *name).collect();
        let mut chooser = Chooser::new(&plan.schedule);
        let mut state = ToyState {
            toy: self,
            next: vec![0; names.len()],
            owner: [None; 4],
            waiting: vec![false; names.len()],
            ended: vec![false; names.len()],
            calls: vec![0; names.len()],
            trace: empty(&names),
            stdout: Vec::new(),
        };
        state.trace.unused_faults = plan.faults.clone();
        loop {
            let able = (0..names.len()).filter(|&task| state.can_run(task));
            let able: Vec<TaskId> = able.map(|task| TaskId(task as u32)).collect();
            if able.is_empty() {
                break;
            }
            let step = state.trace.steps;
            let next = able.iter().map(|task| state.touches(*task).into());
            let next: Vec<Rc<[Touch]>> = next.collect();
            let choices = Choices {
                ready: &able,
                candidates: &able,
                asleep: &[],
                next: &next,
                suspected: &[],
            };
            let Ok((task, switch)) = chooser.choose(step, &choices, false) else {
                state.trace.end = End::Invalid("the plan cannot be followed".to_owned());
                break;
            };
            if let Some(switch) = switch {
                state.trace.deviations.push(Deviation { step, task });
                state.trace.switches.push(switch);
            }
            if plan.footprints {
                state.trace.footprints.push(Footprint {
                    task,
                    touches: state.touches(task),
                    choices: able,
                });
            }
            state.step(task.index(), &plan.faults);
            state.trace.steps += 1;
        }
        if let Some(counter) = &self.unsteady {
            let number = counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            state.note(0, What::Mark(number, 0));
        }
        if state.trace.end == End::Finished && state.ended.contains(&false) {
            state.trace.end = End::Deadlock(state.blocked());
        }
        let (trace, stdout) = (state.trace, state.stdout);
        let plan = plan.clone();
        Ok(Run {
            plan,
            trace,
            history: History::default(),
            seen: Vec::new(),
            captures: Vec::new(),
            unwatched: Default::default(),
            wrappers: Vec::new(),
            mattered: None,
            choices: 0,
            splittable: false,
            delayed: Vec::new(),
            contention: crosswire_model::Contention::new(),
            met: crosswire_model::Met::default(),
            stdout,
            stderr: Vec::new(),
        })
    }
}
