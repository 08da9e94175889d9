//! A session: the decisions so far, and where the run stands by them.

use crate::path::{Decision, Path};
use crate::place::Place;
use crate::view::{self, View};
use crate::{Command, Demo, HELP, SteerError, counts, test_lines};
use crosswire_engine::{Engine, FAILURES};
use crosswire_explore::{self as explore, Budget, Examiner, Exploration, Found};
use crosswire_model::{
    Action, Call, End, Fault, Limit, Plan, Record, Rule, Schedule, StartUp, TaskId, Trace, Verdict,
    What,
};
use crosswire_report::escape;
use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Runs from which it is learnt what processes share. Always as many: the steps of a session must
/// not depend on how busy the machine is.
const LESSONS: u64 = 8;

/// A run that is steered. It must be used on the thread that started it, as an [`Engine`].
pub struct Steering {
    exploration: Exploration,
    engine: Engine,
    examiner: Examiner,
    /// What every plan has in common.
    usual: Plan,
    start_up: StartUp,
    path: Path,
    place: Place,
    verdict: Option<Verdict>,
    found: Option<Found>,
    demo: Option<Demo>,
    said: String,
    refused: bool,
}

/// What a command has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The run stands somewhere else, or where it stood: the view tells.
    Place,
    /// Something besides.
    Text(String),
    /// The session is over.
    Quit,
}

/// What a run by the usual order has shown of a step: who took it, and whether it matters when.
struct Usual {
    task: TaskId,
    contested: bool,
    choices: bool,
}

impl Steering {
    /// Starts the programs of an exploration, and learns from a few runs what they share. Its
    /// expectations, limits and faults count; the others of its settings have no meaning.
    ///
    /// # Errors
    /// If a program cannot be started or the machine forbids tracing.
    pub fn start(exploration: Exploration) -> Result<Steering, SteerError> {
        let examiner = Examiner::of(&exploration)?;
        let cpu = explore::available_cpus().first().copied();
        let mut engine = Engine::start(&exploration.target, cpu)?;
        let usual = Plan {
            seed: exploration.seed,
            footprints: true,
            limits: exploration.limits.clone(),
            ..Plan::default()
        };
        let start_up = learn(&mut engine, &usual, exploration.every_step)?;
        let path = Path::default();
        let standing = engine.stand(&path.plan(&usual, &start_up, &[]), 0)?;
        let mut steering = Steering {
            exploration,
            engine,
            examiner,
            usual,
            start_up,
            path,
            place: Place(standing),
            verdict: None,
            found: None,
            demo: None,
            said: String::new(),
            refused: false,
        };
        steering.stay()?;
        Ok(steering)
    }

    /// Starts the programs of a demo; the exploration's target is its own.
    ///
    /// # Errors
    /// As [`start`](Steering::start).
    pub fn demonstrate(exploration: Exploration, demo: Demo) -> Result<Steering, SteerError> {
        let mut steering = Steering::start(exploration)?;
        steering.demo = Some(demo);
        steering.pass_start_up()?;
        Ok(steering)
    }

    /// Lets each process go to its mark: what comes before concerns nobody.
    fn pass_start_up(&mut self) -> Result<(), SteerError> {
        for task in (0..self.trace().tasks.len() as u32).map(TaskId) {
            let plan = self
                .path
                .plan(&self.usual, &self.start_up, &[self.decision(task, None)]);
            let run = self.engine.run(&plan)?;
            let mut events = run.trace.events.iter();
            let marked = events.find(|event| event.task == task && is_mark(&event.what));
            let Some(marked) = marked else { continue };
            let decisions = (self.place.step()..=marked.step)
                .zip(run.trace.footprints.iter().skip(self.place.step() as usize))
                .map(|(step, taken)| Decision {
                    step,
                    task: taken.task,
                    fault: None,
                });
            self.decide(decisions.collect())?;
        }
        self.path.fix();
        Ok(())
    }

    /// Carries out a command. If that fails, the run stands where it stood.
    ///
    /// # Errors
    /// If it makes no sense here, or the harness fails.
    pub fn perform(&mut self, command: &Command) -> Result<Said, SteerError> {
        let said = self.try_perform(command);
        (self.said, self.refused) = match &said {
            Ok(Said::Text(text)) => (text.clone(), false),
            Ok(_) => (std::mem::take(&mut self.said), false),
            Err(error) => (told(error), true),
        };
        said
    }

    /// Reads a line and carries it out. The name of a task alone lets it take a step.
    ///
    /// # Errors
    /// As [`perform`](Steering::perform), and if it is no command.
    pub fn obey(&mut self, line: &str) -> Result<Said, SteerError> {
        let command = line.parse::<Command>().or_else(|error| {
            let name = line.trim();
            let is_name = self.place.task(name).is_ok();
            is_name.then(|| Command::Step(name.to_owned())).ok_or(error)
        });
        match command {
            Ok(command) => self.perform(&command),
            Err(error) => {
                let error = SteerError::from(error);
                (self.said, self.refused) = (told(&error), true);
                Err(error)
            }
        }
    }

    /// Returns all that there is to show.
    pub fn view(&self) -> View {
        let sides = self.demo.iter().flat_map(|demo| &demo.sides);
        let sides = sides.map(|name| counts::side(&self.place.0.run, name, self.path.first_free()));
        View {
            sides: sides.collect(),
            data: self.demo.as_ref().map(|demo| escape(&demo.data)),
            said: self.said.clone(),
            refused: self.refused,
            ..view::view(&self.place, &self.path, self.verdict.as_ref())
        }
    }

    /// Returns the trace up to where the run stands.
    pub fn trace(&self) -> &Trace {
        self.place.trace()
    }

    /// Returns the failure that the last search has found.
    pub fn found(&self) -> Option<&Found> {
        self.found.as_ref()
    }

    /// Returns the verdict on the run, if it is over.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    fn try_perform(&mut self, command: &Command) -> Result<Said, SteerError> {
        self.said.clear();
        match command {
            Command::Step(name) => {
                let task = self.place.task(name)?;
                self.place.ready(task)?;
                self.decide(vec![self.decision(task, None)])
            }
            Command::Run(name) => self.run(name),
            Command::Go(count) => self.go(*count),
            Command::End => self.go(u64::MAX),
            Command::Fault {
                action,
                task,
                blocked,
            } => self.strike(*action, task, *blocked),
            Command::Back(count) => self.back(*count),
            Command::Forward(count) => self.forward(*count),
            Command::To(step) => self.to(*step),
            Command::Search(time) => self.search(*time),
            Command::Follow => self.follow(),
            Command::Save(file) => self.save(file.as_deref()),
            Command::Test(file) => self.test(file.as_deref()),
            Command::Data(text) => self.change_data(text),
            Command::Show => Ok(Said::Place),
            Command::Help => Ok(Said::Text(HELP.to_owned())),
            Command::Quit => Ok(Said::Quit),
        }
    }

    fn decision(&self, task: TaskId, fault: Option<Fault>) -> Decision {
        Decision {
            step: self.place.step(),
            task,
            fault,
        }
    }

    /// Adds decisions and goes there.
    fn decide(&mut self, decisions: Vec<Decision>) -> Result<Said, SteerError> {
        let before = self.path.clone();
        self.path.push(&decisions);
        self.settle(before)
    }

    /// Goes to where the decisions lead; if they lead nowhere, stays.
    fn settle(&mut self, before: Path) -> Result<Said, SteerError> {
        let reached = self.look().and_then(|place| match place.divergence() {
            Some(reason) => Err(SteerError::NotSo(format!(
                "the run went another way: {}",
                escape(reason)
            ))),
            None => Ok(place),
        });
        match reached {
            Ok(place) => {
                self.arrive(place);
                Ok(Said::Place)
            }
            Err(error) => {
                self.path = before;
                Err(error)
            }
        }
    }

    /// Goes to where the decisions lead at the very beginning.
    fn stay(&mut self) -> Result<(), SteerError> {
        let place = self.look()?;
        self.arrive(place);
        Ok(())
    }

    fn arrive(&mut self, place: Place) {
        self.verdict = place.is_over().then(|| self.examiner.judge(&place.0.run));
        self.place = place;
    }

    /// Performs the run up to the step that is to be decided. Once it shows that more of what
    /// processes do while they start can matter, steering begins anew with these steps.
    fn look(&mut self) -> Result<Place, SteerError> {
        self.engine.watch(true);
        let standing = loop {
            let plan = self.path.plan(&self.usual, &self.start_up, &[]);
            let standing = self.engine.stand(&plan, self.path.step())?;
            let shown = &standing.run.plan.start_up;
            if *shown == self.start_up {
                break standing;
            }
            self.start_up.clone_from(shown);
            if !self.path.done().is_empty() {
                self.path.clear();
                self.said = "the programs share more than was known while they start: these steps \
                             can be decided now, too, from the beginning"
                    .to_owned();
            }
        };
        self.engine.watch(false);
        Ok(Place(standing))
    }

    /// Performs the run to its end: the decisions so far and `more`, then the usual order.
    /// Returns who takes the steps that are not decided yet.
    fn usual_steps(&mut self, more: &[Decision]) -> Result<Vec<Usual>, SteerError> {
        let plan = self.path.plan(&self.usual, &self.start_up, more);
        let run = self.engine.run(&plan)?;
        let start_up = &self.start_up;
        let steps = run.trace.footprints.iter().skip(self.place.step() as usize);
        let usual = steps.map(|step| Usual {
            task: step.task,
            contested: step.touches.iter().any(|touch| {
                touch.object == crosswire_model::EVERYTHING || start_up.is_contested(&touch.object)
            }),
            choices: step.choices.len() > 1,
        });
        Ok(usual.collect())
    }

    /// Turns steps of the usual order into decisions.
    fn decisions(&self, steps: &[Usual]) -> Vec<Decision> {
        let numbered = (self.place.step()..).zip(steps);
        numbered
            .map(|(step, usual)| Decision {
                step,
                task: usual.task,
                fault: None,
            })
            .collect()
    }

    fn run(&mut self, name: &str) -> Result<Said, SteerError> {
        let task = self.place.task(name)?;
        self.place.ready(task)?;
        let steps = self.usual_steps(&[self.decision(task, None)])?;
        // The first one is asked for; before another one that matters somebody decides.
        let further = steps.iter().skip(1);
        let further = further.take_while(|one| one.task == task && !(one.contested && one.choices));
        let count = 1 + further.count();
        self.decide(self.decisions(&steps[..count.min(steps.len())]))
    }

    fn go(&mut self, count: u64) -> Result<Said, SteerError> {
        if self.place.is_over() {
            return Err(SteerError::Over);
        }
        let steps = self.usual_steps(&[])?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.decide(self.decisions(&steps[..count.min(steps.len())]))
    }

    fn strike(&mut self, action: Action, name: &str, blocked: bool) -> Result<Said, SteerError> {
        let task = self.place.task(name)?;
        self.place.ready(task)?;
        let Some(fault) = self.place.fault(task, action, blocked) else {
            let view = self.view();
            let next = view.tasks.iter().find(|one| one.number == task.0);
            return Err(SteerError::NoFault {
                action: action.to_string(),
                name: self.trace().name(task),
                next: next.map(|one| one.doing.clone()).unwrap_or_default(),
            });
        };
        let events = self.trace().events.clone();
        let before = self.path.clone();
        let back = self.place.clone();
        let said = self.decide(vec![self.decision(task, Some(fault.clone()))])?;
        let trace = self.trace();
        let same = trace.events.get(..events.len()) == Some(&events[..]);
        let struck = |event: &crosswire_model::Event| event.what == What::Fault(fault.clone());
        let struck = same && trace.events[events.len()..].iter().any(struck);
        if struck || action == Action::Interrupt && same && !trace.unused_faults.contains(&fault) {
            return Ok(said);
        }
        (self.path, self.place, self.verdict) = (before, back, None);
        Err(SteerError::NotSo(match same {
            true => format!("{fault} found nothing to strike at"),
            false => format!("{fault} cannot strike here: with it other calls are steps, too"),
        }))
    }

    fn back(&mut self, count: usize) -> Result<Said, SteerError> {
        let before = self.path.clone();
        match self.path.back(count) {
            0 => Err(SteerError::Nothing("nothing was decided yet")),
            _ => self.settle(before),
        }
    }

    fn forward(&mut self, count: usize) -> Result<Said, SteerError> {
        let before = self.path.clone();
        match self.path.forward(count) {
            0 => Err(SteerError::Nothing("no decision was taken back")),
            _ => self.settle(before),
        }
    }

    fn to(&mut self, step: u64) -> Result<Said, SteerError> {
        let before = self.path.clone();
        let place = |all: &[Decision]| all.iter().take_while(|one| one.step < step).count();
        let kept = place(self.path.done());
        if kept < self.path.done().len() {
            let more = self.path.done().len() - kept;
            self.path.back(more);
        } else {
            let count = place(self.path.ahead());
            self.path.forward(count);
        }
        self.settle(before)
    }

    fn search(&mut self, time: Duration) -> Result<Said, SteerError> {
        let plan = Plan {
            footprints: false,
            ..self.path.plan(&self.usual, &self.start_up, &[])
        };
        let exploration = Exploration {
            budget: Budget::runs(u64::MAX).within(time),
            prefix: Some(plan),
            faults_where_possible: true,
            stop_at_first: true,
            // What is shrunk does not begin with these decisions any more.
            shrink: Duration::ZERO,
            // An engine keeps its thread on one CPU.
            jobs: 1,
            ..self.exploration.clone()
        };
        let report = exploration.explore(&AtomicBool::new(false), &|_| {})?;
        let (runs, seconds) = (report.runs, report.elapsed.as_secs_f64());
        let tried = format!("{runs} runs in {seconds:.1} s");
        self.found = report.found.into_iter().next();
        let text = match (&self.found, &report.verdict) {
            (Some(found), _) => format!(
                "found in {tried}: {}; `follow` puts its steps ahead",
                view::sentence(&found.violation),
            ),
            (None, Verdict::Invalid(reason)) => format!("invalid: {}", escape(reason)),
            (None, Verdict::Inconclusive(limit)) if *limit != Limit::Budget => {
                format!("nothing found in {tried}; some reached the limit on {limit}")
            }
            _ => format!(
                "nothing found in {tried}, {} of them different",
                report.distinct_traces
            ),
        };
        Ok(Said::Text(text))
    }

    fn follow(&mut self) -> Result<Said, SteerError> {
        let nothing = SteerError::Nothing("no search has found a failure yet");
        let record = self.found.as_ref().map(|found| found.record.clone());
        let ahead = self.steps_of(&record.ok_or(nothing)?)?;
        let done = self.path.done();
        if ahead.get(..done.len()) != Some(done) {
            return Err(SteerError::Nothing(
                "the failure found does not begin with these decisions; go back to where it was \
                 searched for, or search again",
            ));
        }
        let rest = ahead[done.len()..].to_vec();
        let count = rest.len();
        self.path.propose(rest);
        Ok(Said::Text(format!(
            "{count} steps lead to the failure: `forward` takes one, `forward {count}` all"
        )))
    }

    /// Returns every step of a recorded run as a decision.
    fn steps_of(&mut self, record: &Record) -> Result<Vec<Decision>, SteerError> {
        let plan = Plan {
            footprints: true,
            ..record.plan.clone()
        };
        let run = self.engine.run(&plan)?;
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

    /// Starts the programs of a demo anew, with another text. The decisions stay as far as they
    /// can.
    fn change_data(&mut self, text: &str) -> Result<Said, SteerError> {
        let mut demo = self.demo.clone().ok_or(SteerError::Nothing(
            "only the programs of --demo take a text; others get theirs on the command line",
        ))?;
        demo.data = text.to_owned();
        let exploration = Exploration {
            target: demo.target(),
            ..self.exploration.clone()
        };
        let path = self.path.clone();
        *self = Steering::demonstrate(exploration, demo)?;
        let anew = std::mem::replace(&mut self.path, path);
        if self.settle(anew).is_err() {
            self.said = "with this text the steps are others: the run begins anew".to_owned();
        }
        Ok(Said::Place)
    }

    /// Performs the run to its end.
    fn whole(&mut self) -> Result<Record, SteerError> {
        let plan = Plan {
            footprints: false,
            ..self.path.plan(&self.usual, &self.start_up, &[])
        };
        let run = self.engine.run(&plan)?;
        Ok(self.examiner.record(&mut self.engine, &run)?)
    }

    fn save(&mut self, file: Option<&FilePath>) -> Result<Said, SteerError> {
        let record = self.whole()?;
        if let Verdict::Invalid(reason) = &record.verdict {
            return Err(SteerError::NotSo(format!("not saved: {}", escape(reason))));
        }
        let path = match file {
            Some(path) => write(path, &record.to_json()).map(|()| path.to_owned())?,
            None => {
                let directory = FilePath::new(FAILURES);
                let saved = explore::save_as(&record, "steered", directory);
                saved.map_err(|source| unwritten(directory, source))?
            }
        };
        let path = escape(&path.display().to_string());
        let end = view::end(&record.trace, &record.verdict);
        Ok(Said::Text(format!(
            "saved: {path}; ended in the usual order after {} steps: {end}",
            record.trace.steps
        )))
    }

    fn test(&mut self, file: Option<&FilePath>) -> Result<Said, SteerError> {
        let record = self.whole()?;
        if let End::Invalid(reason) = &record.trace.end {
            return Err(SteerError::NotSo(escape(reason)));
        }
        let text = test_lines::test(&record);
        match file {
            None => Ok(Said::Text(text)),
            Some(path) => {
                write(path, &text)?;
                let path = escape(&path.display().to_string());
                Ok(Said::Text(format!("saved: {path}")))
            }
        }
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

/// Learns from a few runs what processes share, so that what can matter is a step.
fn learn(engine: &mut Engine, usual: &Plan, every_step: bool) -> Result<StartUp, SteerError> {
    if every_step {
        return Ok(StartUp::default());
    }
    let mut start_up = StartUp::longest();
    for run in 0..LESSONS {
        let rule = match run {
            0 => Rule::RunOn,
            seed => Rule::RandomWalk { seed },
        };
        let plan = Plan {
            schedule: Schedule::new(rule),
            start_up: start_up.clone(),
            ..usual.clone()
        };
        let run = engine.run(&plan)?;
        start_up.learn(&run.plan.start_up);
    }
    start_up.carries_on = false;
    Ok(start_up)
}

fn told(error: &SteerError) -> String {
    escape(&error.to_string())
}

fn write(path: &FilePath, text: &str) -> Result<(), SteerError> {
    std::fs::write(path, text).map_err(|source| unwritten(path, source))
}

fn unwritten(path: &FilePath, source: std::io::Error) -> SteerError {
    SteerError::Write {
        path: PathBuf::from(path).display().to_string(),
        source,
    }
}
