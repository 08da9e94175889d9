//! Programs that speak the line protocol of [`crosswire::conformance::adapter`], held
//! to the contract of a mechanism in the table.

use crate::case::{Case, Cell, Way};
use crate::catalogue::contracts;
use crosswire::conformance::adapter::{Adapted, adapted};
use crosswire::conformance::trials;
use crosswire::contract::{Contract, Facility};
use crosswire::scenario::Scenario;

/// What there is to try of a program, if there is a mechanism of this name whose
/// contract an adapter can be held to.
pub fn adapter_cells(mechanism: &str, command: &[String]) -> Option<Vec<Cell>> {
    let contract = held_to(mechanism)?;
    let mut cells = Vec::new();
    for &fault in contract.facility.perils() {
        match contract.under(fault) {
            Err(because) => cells.push(Cell::Exempt {
                mechanism: contract.name,
                fault,
                because,
            }),
            Ok(promise) => {
                let most = (usize::MAX, usize::MAX);
                cells.extend(trials(contract, most, fault).into_iter().map(|trial| {
                    Cell::Case(Case {
                        name: format!("{}/{fault}/{}-{}", contract.name, trial.some, trial.others),
                        mechanism: contract.name,
                        fault,
                        promise: promise.text,
                        source: promise.source,
                        trial,
                        command: command.to_vec(),
                        explore: |case, way, settings, watch| {
                            case.explored(scenario(case), way, settings, watch)
                        },
                        replay: |case, record, changes| {
                            case.reached(scenario(case), Way::Verb)
                                .replay(record, changes)
                        },
                        shrink: |case, record, time, stop| {
                            case.reached(scenario(case), Way::Verb)
                                .shrink(record, time, stop)
                        },
                        crash: |case, schedules| case.crashed(scenario(case), schedules),
                    })
                }));
            }
        }
    }
    Some(cells)
}

fn held_to(mechanism: &str) -> Option<&'static Contract> {
    let speaks = |contract: &&Contract| contract.facility != Facility::Rpc;
    contracts()
        .into_iter()
        .find(|contract| contract.name == mechanism)
        .filter(speaks)
}

fn scenario(case: &Case) -> Scenario<'static, Adapted> {
    let named = crosswire::scenario!(case.name.as_str());
    let contract = held_to(case.mechanism).expect("the case was made with it");
    adapted(named, case.trial, contract, &case.command).expect("the case was made so")
}
