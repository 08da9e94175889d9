//! What performs runs for a session: an engine, and what all plans have in common.

use crate::SteerError;
use crate::path::{Decision, Path};
use crate::place::Place;
use crosswire_engine::Engine;
use crosswire_explore::{self as explore, Examiner, Exploration};
use crosswire_model::{
    Call, EVERYTHING, Plan, Record, Rule, Run, Schedule, StartUp, TaskId, Verdict, What,
};

/// Runs from which it is learnt what processes share. Always as many: the steps of a session must
/// not depend on how busy the machine is.
const LESSONS: u64 = 8;

/// Performs the runs of a session, on the thread that started it.
pub(crate) struct Machine {
    engine: Engine,
    examiner: Examiner,
    /// What every plan has in common.
    usual: Plan,
    start_up: StartUp,
}

/// A step of the usual order.
pub(crate) struct Usual {
    pub task: TaskId,
    /// It touches what two processes touch, and one of them changes.
    pub is_contested: bool,
    /// Another task could have taken it.
    pub is_choice: bool,
}

impl Machine {
    /// Starts the programs of an exploration, and learns from a few runs what they share.
    pub fn start(exploration: &Exploration) -> Result<Machine, SteerError> {
        let usual = Plan {
            seed: exploration.seed,
            footprints: true,
            watches_threads: exploration.watches_threads,
            pauses_take_time: true,
            limits: exploration.limits.clone(),
            ..Plan::default()
        };
        let mut machine = Machine::with(exploration, usual, StartUp::default())?;
        if !exploration.every_step {
            machine.start_up = machine.learn()?;
        }
        Ok(machine)
    }

    /// Starts the programs of a recorded run, whose steps are counted as they were then.
    pub fn of_record(exploration: &Exploration, record: &Record) -> Result<Machine, SteerError> {
        let usual = Plan {
            schedule: Schedule::default(),
            faults: Vec::new(),
            footprints: true,
            ..record.plan.clone()
        };
        Machine::with(exploration, usual, record.plan.start_up.clone())
    }

    fn with(
        exploration: &Exploration,
        usual: Plan,
        start_up: StartUp,
    ) -> Result<Machine, SteerError> {
        let examiner = Examiner::of(exploration)?;
        let cpu = explore::available_cpus().first().copied();
        let engine = Engine::start(&exploration.target, cpu)?;
        Ok(Machine {
            engine,
            examiner,
            usual,
            start_up,
        })
    }

    fn learn(&mut self) -> Result<StartUp, SteerError> {
        let mut start_up = StartUp::longest();
        for run in 0..LESSONS {
            let rule = match run {
                0 => Rule::RunOn,
                seed => Rule::RandomWalk { seed },
            };
            let plan = Plan {
                schedule: Schedule::new(rule),
                start_up: start_up.clone(),
                ..self.usual.clone()
            };
            let run = self.engine.run(&plan)?;
            start_up.learn(&run.plan.start_up);
        }
        start_up.carries_on = false;
        start_up.leaves_pages = false;
        start_up.leaves_shared_pages = false;
        Ok(start_up)
    }

    /// Performs the run up to the step that is to be decided; tells whether decisions were lost.
    /// Once a run shows that more of what processes do while they start can matter, steps are
    /// counted anew, and the decisions before mean nothing any more.
    pub fn stand(&mut self, path: &mut Path) -> Result<(Place, bool), SteerError> {
        self.engine.watch(true);
        let result = self.stand_watched(path);
        self.engine.watch(false);
        result
    }

    fn stand_watched(&mut self, path: &mut Path) -> Result<(Place, bool), SteerError> {
        let mut are_lost = false;
        loop {
            let plan = path.plan(&self.usual, &self.start_up, &[]);
            let standing = self.engine.stand(&plan, path.step())?;
            let shown = &standing.run.plan.start_up;
            if *shown == self.start_up {
                return Ok((Place(standing), are_lost));
            }
            self.start_up.clone_from(shown);
            are_lost |= !path.done().is_empty();
            path.clear();
        }
    }

    /// Returns the verdict on a run.
    pub fn judge(&self, run: &Run) -> Verdict {
        self.examiner.judge(run)
    }

    /// Returns the plan with which the runs of a search begin.
    pub fn prefix(&self, path: &Path) -> Plan {
        Plan {
            footprints: false,
            ..path.plan(&self.usual, &self.start_up, &[])
        }
    }

    /// Performs the run to its end: the decisions of a path and `more`, then the usual order.
    /// Returns its steps from `first` on.
    pub fn steps_after(
        &mut self,
        path: &Path,
        first: u64,
        more: &[Decision],
    ) -> Result<Vec<Usual>, SteerError> {
        let run = self
            .engine
            .run(&path.plan(&self.usual, &self.start_up, more))?;
        let start_up = &self.start_up;
        let is_contested = |object: &String| *object == EVERYTHING || start_up.is_contested(object);
        let steps = run.trace.footprints.iter().skip(first as usize);
        let usual = steps.map(|step| Usual {
            task: step.task,
            is_contested: step.touches.iter().any(|touch| is_contested(&touch.object)),
            is_choice: step.choices.len() > 1,
        });
        Ok(usual.collect())
    }

    /// Returns the step in which a task leaves its first mark, if it takes the next step and goes
    /// on.
    pub fn step_of_mark(
        &mut self,
        path: &Path,
        decision: Decision,
    ) -> Result<Option<u64>, SteerError> {
        let task = decision.task;
        let plan = path.plan(&self.usual, &self.start_up, &[decision]);
        let run = self.engine.run(&plan)?;
        let mut events = run.trace.events.iter();
        let marked = events.find(|event| event.task == task && is_mark(&event.what));
        Ok(marked.map(|event| event.step))
    }

    /// Returns every step of a recorded run as a decision.
    pub fn steps_of(&mut self, record: &Record) -> Result<Vec<Decision>, SteerError> {
        let plan = Plan {
            footprints: true,
            ..record.plan.clone()
        };
        let run = self.engine.run(&plan)?;
        if let Some(difference) = record.trace.first_difference_elsewhere(&run.trace) {
            return Err(SteerError::NotSo(format!(
                "the recorded run comes out differently now, {difference}; have its programs \
                 changed?"
            )));
        }
        let fault_in = |step: u64| {
            let mut events = run.trace.events.iter().filter(|event| event.step == step);
            events.find_map(|event| match &event.what {
                What::Fault(fault) => Some(fault.clone()),
                _ => None,
            })
        };
        let steps = (0..).zip(&run.trace.footprints);
        Ok(steps
            .map(|(step, taken)| Decision {
                step,
                task: taken.task,
                fault: fault_in(step),
            })
            .collect())
    }

    /// Performs the run to its end, twice, and returns its record.
    pub fn record(&mut self, path: &Path) -> Result<Record, SteerError> {
        let run = self.engine.run(&self.prefix(path))?;
        Ok(self.examiner.record(&mut self.engine, &run)?)
    }
}

/// Tells whether an event is a mark of a program, whether or not that is a scenario's.
fn is_mark(what: &What) -> bool {
    match what {
        What::Mark(..) => true,
        What::Call { call, .. } => *call == Call::MARK,
        _ => false,
    }
}
