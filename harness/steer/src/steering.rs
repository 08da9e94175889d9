//! A session: the decisions so far, and where the run stands by them.

use crate::machine::{Machine, Usual};
use crate::path::{Decision, Path};
use crate::place::Place;
use crate::view::{self, View};
use crate::{Command, Demo, HELP, SteerError, counts, files, test_lines};
use crosswire_explore::{Budget, Exploration, Found, expectations_of, target_of};
use crosswire_model::{Action, End, Event, Fault, Limit, Record, TaskId, Trace, Verdict, What};
use crosswire_report::escape;
use std::path::Path as FilePath;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A run that is steered. It must be used on the thread that started it, as an
/// [`Engine`](crosswire_engine::Engine).
pub struct Steering {
    exploration: Exploration,
    machine: Machine,
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

impl Steering {
    /// Starts the programs of an exploration, and learns from a few runs what they share. Its
    /// expectations, limits and faults count; the others of its settings have no meaning.
    ///
    /// # Errors
    /// If a program cannot be started or the machine forbids tracing.
    pub fn start(exploration: Exploration) -> Result<Steering, SteerError> {
        let machine = Machine::start(&exploration)?;
        Steering::with(exploration, machine)
    }

    /// Starts the programs of a recorded run, and puts its steps ahead. Target and expectations are
    /// the record's.
    ///
    /// # Errors
    /// As [`start`](Steering::start), and if the run does not come out as it was recorded.
    pub fn retrace(exploration: Exploration, record: &Record) -> Result<Steering, SteerError> {
        if record.scenario.is_some() {
            return Err(SteerError::Nothing(
                "the recording is of a scenario, whose processes only its test can start",
            ));
        }
        let exploration = Exploration {
            target: target_of(record)?,
            expectations: expectations_of(record)?,
            watches_threads: record.plan.watches_threads,
            ..exploration
        };
        let machine = Machine::of_record(&exploration, record)?;
        let mut steering = Steering::with(exploration, machine)?;
        let ahead = steering.machine.steps_of(record)?;
        steering.said = format!("{} recorded steps ahead: `forward` takes one", ahead.len());
        steering.path.propose(ahead);
        Ok(steering)
    }

    /// Starts the programs of a demo; the exploration's target is its own.
    ///
    /// # Errors
    /// As [`start`](Steering::start).
    pub fn demonstrate(exploration: Exploration, demo: Demo) -> Result<Steering, SteerError> {
        let mut steering = Steering::start(exploration)?;
        steering.demo = Some(demo);
        // What each process does up to its mark concerns nobody.
        for task in (0..steering.trace().tasks.len() as u32).map(TaskId) {
            let decision = steering.decision(task, None);
            let first = decision.step;
            let more = [decision.clone()];
            let Some(mark) = steering.machine.step_of_mark(&steering.path, decision)? else {
                continue;
            };
            let steps = (steering.machine).steps_after(&steering.path, first, &more)?;
            let count = (mark + 1 - first) as usize;
            steering.decide(steering.decisions(&steps[..count.min(steps.len())]))?;
        }
        steering.path.fix();
        Ok(steering)
    }

    fn with(exploration: Exploration, mut machine: Machine) -> Result<Steering, SteerError> {
        let mut path = Path::default();
        let (place, _) = machine.stand(&mut path)?;
        let verdict = place.is_over().then(|| machine.judge(&place.0.run));
        Ok(Steering {
            exploration,
            machine,
            path,
            place,
            verdict,
            found: None,
            demo: None,
            said: String::new(),
            refused: false,
        })
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
        let reached = self.machine.stand(&mut self.path);
        let reached = reached.and_then(|(place, are_lost)| match place.divergence() {
            Some(reason) => Err(SteerError::NotSo(format!(
                "the run went another way: {}",
                escape(reason)
            ))),
            None => Ok((place, are_lost)),
        });
        let (place, are_lost) = match reached {
            Ok(reached) => reached,
            Err(error) => {
                self.path = before;
                return Err(error);
            }
        };
        if are_lost {
            self.said = "the programs share more than was known while they start: these steps can \
                         be decided now, too, from the beginning"
                .to_owned();
        }
        self.verdict = place.is_over().then(|| self.machine.judge(&place.0.run));
        self.place = place;
        Ok(Said::Place)
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

    /// Returns the steps that follow in the usual order, after `more`.
    fn steps_after(&mut self, more: &[Decision]) -> Result<Vec<Usual>, SteerError> {
        self.machine
            .steps_after(&self.path, self.place.step(), more)
    }

    fn run(&mut self, name: &str) -> Result<Said, SteerError> {
        let task = self.place.task(name)?;
        self.place.ready(task)?;
        let steps = self.steps_after(&[self.decision(task, None)])?;
        // The first one is asked for; before another one that matters somebody decides.
        let further = steps.iter().skip(1);
        let further =
            further.take_while(|one| one.task == task && !(one.is_contested && one.is_choice));
        let count = 1 + further.count();
        self.decide(self.decisions(&steps[..count.min(steps.len())]))
    }

    fn go(&mut self, count: u64) -> Result<Said, SteerError> {
        if self.place.is_over() {
            return Err(SteerError::Over);
        }
        let steps = self.steps_after(&[])?;
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
        let struck = |event: &Event| event.what == What::Fault(fault.clone());
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
        let exploration = Exploration {
            budget: Budget::runs(u64::MAX).within(time),
            prefix: Some(self.machine.prefix(&self.path)),
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
        let ahead = self.machine.steps_of(&record.ok_or(nothing)?)?;
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

    fn save(&mut self, file: Option<&FilePath>) -> Result<Said, SteerError> {
        let record = self.machine.record(&self.path)?;
        if let Verdict::Invalid(reason) = &record.verdict {
            return Err(SteerError::NotSo(format!("not saved: {}", escape(reason))));
        }
        let path = files::save(&record, file)?;
        let path = escape(&path.display().to_string());
        let end = view::end(&record.trace, &record.verdict);
        Ok(Said::Text(format!(
            "saved: {path}; ended in the usual order after {} steps: {end}",
            record.trace.steps
        )))
    }

    fn test(&mut self, file: Option<&FilePath>) -> Result<Said, SteerError> {
        let record = self.machine.record(&self.path)?;
        if let End::Invalid(reason) = &record.trace.end {
            return Err(SteerError::NotSo(escape(reason)));
        }
        let text = test_lines::test(&record);
        let Some(path) = file else {
            return Ok(Said::Text(text));
        };
        files::write(path, &text)?;
        let path = escape(&path.display().to_string());
        Ok(Said::Text(format!("saved: {path}")))
    }
}

fn told(error: &SteerError) -> String {
    escape(&error.to_string())
}
