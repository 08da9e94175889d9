//! The table of all mechanisms and perils.

use crate::channel::{Trial, channel, shapes};
use crosswire::explore::{Changes, Progress, ReduceError, Reduced, Replay, ReplayError};
use crosswire::model::Record;
use crosswire::scenario::Scenario;
use crosswire::{Budget, Report};
use crosswire_mechanisms::channel::{Channel, Fifo, Pipe, Shape, UnixStream};
use crosswire_mechanisms::{Contract, Peril};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// One field of the table.
#[derive(Debug, Clone)]
pub enum Cell {
    /// A peril that the mechanism promises something about.
    Case(Case),
    /// A peril that has no meaning for it.
    Exempt {
        /// The mechanism's name.
        mechanism: &'static str,
        /// The peril.
        fault: Peril,
        /// Why, in a sentence.
        because: &'static str,
    },
}

/// One mechanism in one shape under one peril.
#[derive(Debug, Clone)]
pub struct Case {
    /// `MECHANISM/PERIL/SENDERS-RECEIVERS`, unique among all cases.
    pub name: String,
    /// The mechanism's name.
    pub mechanism: &'static str,
    /// What goes wrong.
    pub fault: Peril,
    /// What holds nevertheless.
    pub promise: &'static str,
    /// The manual page that says so.
    pub source: &'static str,
    /// Who takes part.
    pub shape: Shape,
    explore: fn(&Case, Way, Settings, Watch<'_>) -> Report,
    replay: fn(&Case, &Record, Changes) -> Result<Replay, ReplayError>,
    shrink: fn(&Case, &Record, Duration, &AtomicBool) -> Result<Reduced, ReduceError>,
}

/// How a case is explored.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// When to stop.
    pub budget: Budget,
    /// Determines every plan.
    pub seed: u64,
    /// Runs at a time; one a CPU unless said otherwise.
    pub jobs: Option<usize>,
}

impl From<Budget> for Settings {
    fn from(budget: Budget) -> Settings {
        Settings {
            budget,
            seed: 0,
            jobs: None,
        }
    }
}

/// Who may stop an exploration, and who wants to know how far it is.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Ends it when it becomes true.
    pub stop: &'a AtomicBool,
    /// Called about ten times a second.
    pub progress: &'a dyn Fn(&Progress),
}

static NEVER: AtomicBool = AtomicBool::new(false);

impl Watch<'_> {
    /// Nobody.
    pub const NOBODY: Watch<'static> = Watch {
        stop: &NEVER,
        progress: &|_| {},
    };
}

/// How the program, started again, comes back to a case.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// By the verb that calls [`reenter`].
    Verb,
    /// As to any scenario of a test.
    Test,
}

/// The hidden verb of the command; its argument is the case's name.
const VERB: &str = "__scenario";

impl Case {
    /// Explores the case, in a program that calls [`reenter`] with `NAME` when it is
    /// started as `PROGRAM __scenario NAME`.
    pub fn explore(&self, settings: impl Into<Settings>, watch: Watch<'_>) -> Report {
        (self.explore)(self, Way::Verb, settings.into(), watch)
    }

    /// Explores the case in a test.
    pub fn explore_in_test(&self, settings: impl Into<Settings>) -> Report {
        (self.explore)(self, Way::Test, settings.into(), Watch::NOBODY)
    }

    /// Performs a run again that [`explore`](Case::explore) has recorded.
    ///
    /// # Errors
    /// If the program or its surroundings are not those of the recording, or the
    /// engine cannot work here.
    pub fn replay(&self, record: &Record, changes: Changes) -> Result<Replay, ReplayError> {
        (self.replay)(self, record, changes)
    }
}

impl Case {
    /// Shrinks a failure that [`explore`](Case::explore) has recorded, for so much real
    /// time at most.
    ///
    /// # Errors
    /// If it is a record of no violation, or cannot be replayed with the same trace.
    pub fn shrink(
        &self,
        record: &Record,
        time: Duration,
        stop: &AtomicBool,
    ) -> Result<Reduced, ReduceError> {
        (self.shrink)(self, record, time, stop)
    }
}

/// The case of which a program that calls [`reenter`] has recorded this run.
pub fn recorded(record: &Record) -> Option<Case> {
    match record.programs.first()?.command.as_slice() {
        [_, verb, name] if verb == VERB => cases().into_iter().find(|case| case.name == *name),
        _ => None,
    }
}

/// Becomes the processes of the case with this name, if the program has been
/// started for that; does not return then.
///
/// # Errors
/// If there is no case of that name, or the program was started by hand.
pub fn reenter(name: &str) -> Result<(), String> {
    let case = cases()
        .into_iter()
        .find(|case| case.name == name)
        .ok_or_else(|| format!("there is no scenario `{name}`"))?;
    if std::env::var_os("CROSSWIRE_SCENARIO").is_some() {
        case.explore(Budget::runs(0), Watch::NOBODY);
    }
    Err(format!(
        "scenario `{name}` is performed by the harness only"
    ))
}

/// Every case, in the order of the table.
pub fn cases() -> Vec<Case> {
    let cases = cells().into_iter().filter_map(|cell| match cell {
        Cell::Case(case) => Some(case),
        Cell::Exempt { .. } => None,
    });
    cases.collect()
}

/// The whole table: mechanism by mechanism, peril by peril.
pub fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    add::<Pipe>(&mut cells);
    add::<Fifo>(&mut cells);
    add::<UnixStream>(&mut cells);
    cells
}

/// The contracts of all mechanisms in the table.
pub fn contracts() -> Vec<Contract> {
    vec![*Pipe::CONTRACT, *Fifo::CONTRACT, *UnixStream::CONTRACT]
}

fn add<C: Channel + 'static>(cells: &mut Vec<Cell>) {
    let mechanism = C::CONTRACT.name;
    for fault in Peril::ALL {
        let promise = match C::CONTRACT.under(fault) {
            Ok(promise) => promise,
            Err(because) => {
                cells.push(Cell::Exempt {
                    mechanism,
                    fault,
                    because,
                });
                continue;
            }
        };
        cells.extend(shapes::<C>(fault).into_iter().map(|shape| {
            Cell::Case(Case {
                name: format!("{mechanism}/{fault}/{}-{}", shape.senders, shape.receivers),
                mechanism,
                fault,
                promise: promise.text,
                source: promise.source,
                shape,
                explore: explore::<C>,
                replay: replay::<C>,
                shrink: shrink::<C>,
            })
        }));
    }
}

fn explore<C: Channel + 'static>(
    case: &Case,
    way: Way,
    settings: Settings,
    watch: Watch<'_>,
) -> Report {
    let mut scenario = scenario::<C>(case, way).seed(settings.seed);
    if let Some(jobs) = settings.jobs {
        scenario = scenario.jobs(jobs);
    }
    scenario.try_explore_until(settings.budget, watch.stop, watch.progress)
}

fn replay<C: Channel + 'static>(
    case: &Case,
    record: &Record,
    changes: Changes,
) -> Result<Replay, ReplayError> {
    scenario::<C>(case, Way::Verb).replay(record, changes)
}

fn shrink<C: Channel + 'static>(
    case: &Case,
    record: &Record,
    time: Duration,
    stop: &AtomicBool,
) -> Result<Reduced, ReduceError> {
    scenario::<C>(case, Way::Verb).shrink(record, time, stop)
}

fn scenario<C: Channel + 'static>(case: &Case, way: Way) -> Scenario<'static, C> {
    let trial = Trial {
        peril: case.fault,
        shape: case.shape,
    };
    let scenario = channel::<C>(crosswire::scenario!(case.name.as_str()), trial);
    match way {
        Way::Verb => scenario.reenter_with([VERB, &case.name]),
        Way::Test => scenario,
    }
}
