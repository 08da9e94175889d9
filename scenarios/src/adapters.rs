//! Programs that speak the line protocol of [`crosswire::conformance::adapter`], held
//! to the contract of a mechanism in the table.

use crate::case::{Case, Cell, Way};
use crate::catalogue::channel_ends;
use crosswire::conformance::adapter::{Adapted, adapted};
use crosswire::conformance::{Trial, trials};
use crosswire::contract::{Contract, Facility};
use crosswire::scenario::Scenario;

/// Returns the cells to test a program with, if there is a mechanism of this name with a
/// contract for adapters. `most` limits the senders and receivers of a channel to those
/// that the program supports; numbers that the mechanism does not support are not tried.
pub fn adapter_cells(
    mechanism: &str,
    most: (usize, usize),
    command: &[String],
) -> Option<Vec<Cell>> {
    let (contract, own) = held_to(mechanism)?;
    let most = (most.0.min(own.0), most.1.min(own.1));
    let mut cells = Vec::new();
    for &fault in contract.facility.perils() {
        if let Err(because) = contract.under(fault) {
            cells.push(Cell::Exempt {
                mechanism: contract.name,
                fault,
                because,
            });
        }
        let trials = trials(contract, most, fault).into_iter();
        cells.extend(trials.map(|trial| Cell::Case(case_of(contract, trial, command))));
    }
    Some(cells)
}

/// Returns the case of this name, which tells everything but the program.
pub(crate) fn adapter_case(name: &str, command: &[String]) -> Option<Case> {
    let mut parts = name.split('/');
    let (contract, _) = held_to(parts.next()?)?;
    let fault = parts.next()?;
    let (some, others) = parts.next()?.split_once('-')?;
    let perils = contract.facility.perils().iter();
    let trial = Trial {
        peril: perils
            .copied()
            .find(|peril| peril.to_string() == fault && contract.under(*peril).is_ok())?,
        some: some.parse().ok()?,
        others: others.parse().ok()?,
    };
    Some(case_of(contract, trial, command))
}

fn case_of(contract: &'static Contract, trial: Trial, command: &[String]) -> Case {
    let promise = contract.under(trial.peril);
    let promise = promise.expect("trials are of what is promised");
    Case {
        name: format!(
            "{}/{}/{}-{}",
            contract.name, trial.peril, trial.some, trial.others
        ),
        mechanism: contract.name,
        fault: trial.peril,
        promise: promise.text,
        source: promise.source,
        trial,
        command: command.to_vec(),
        explore: |case, way, settings, watch| case.explored(scenario(case), way, settings, watch),
        replay: |case, record, changes| {
            case.reached(scenario(case), Way::Verb)
                .replay(record, changes)
        },
        shrink: |case, record, time, stop| {
            case.reached(scenario(case), Way::Verb)
                .shrink(record, time, stop)
        },
        crash: |case, schedules| case.crashed(scenario(case), schedules),
    }
}

fn held_to(mechanism: &str) -> Option<(&'static Contract, (usize, usize))> {
    channel_ends()
        .into_iter()
        .find(|(contract, _)| contract.name == mechanism)
        .filter(|(contract, _)| contract.facility != Facility::Rpc)
}

fn scenario(case: &Case) -> Scenario<'static, Adapted> {
    let named = crosswire::scenario!(case.name.as_str());
    let (contract, _) = held_to(case.mechanism).expect("the case was made with it");
    adapted(named, case.trial, contract, &case.command).expect("the case was made so")
}
