//! The table of all mechanisms and perils.

use crate::channel::{Trial, channel, shapes};
use crosswire::{Budget, Report};
use crosswire_mechanisms::Peril;
use crosswire_mechanisms::channel::{Channel, Fifo, Pipe, Shape, UnixStream};

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
    explore: fn(&Case, Budget, Way) -> Report,
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
    pub fn explore(&self, budget: Budget) -> Report {
        (self.explore)(self, budget, Way::Verb)
    }

    /// Explores the case in a test.
    pub fn explore_in_test(&self, budget: Budget) -> Report {
        (self.explore)(self, budget, Way::Test)
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
        case.explore(Budget::runs(0));
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
            })
        }));
    }
}

fn explore<C: Channel + 'static>(case: &Case, budget: Budget, way: Way) -> Report {
    let trial = Trial {
        peril: case.fault,
        shape: case.shape,
    };
    let scenario = channel::<C>(crosswire::scenario!(case.name.as_str()), trial);
    match way {
        Way::Verb => scenario
            .reenter_with([VERB, &case.name])
            .try_explore(budget),
        Way::Test => scenario.try_explore(budget),
    }
}
