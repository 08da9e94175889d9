//! The scenario of a shared cell: one process stores growing numbers, others load.

use super::history::{end, failed, had_death, had_error, of};
use super::{Trial, faults, names, promising};
use crate::scenario::{Log, Named, Scenario};
use crosswire_check::{Check, promise};
use crosswire_contract::{Contract, Error, Peril, SharedCell, VALUE_BYTES};
use std::sync::Arc;

/// Number of values stored.
const STORES: u64 = 3;

/// Number of loads by each reader.
const LOADS: u64 = 3;

/// Value that no writer stores: the value of data whose parts disagree.
const TORN: i64 = -1;

/// Returns the scenario of a trial, under a name made by [`scenario!`](crate::scenario!).
pub fn cell<C: SharedCell + 'static>(named: Named, trial: Trial) -> Scenario<'static, C> {
    cell_of(named, trial, C::CONTRACT, C::create)
}

/// Builds the same scenario for a cell that is created in another way.
pub(super) fn cell_of<C: SharedCell + 'static>(
    named: Named,
    trial: Trial,
    contract: &'static Contract,
    create: impl FnOnce() -> Result<C, Error> + 'static,
) -> Scenario<'static, C> {
    let mut scenario = named.setup(move || create().unwrap_or_else(|error| panic!("{error}")));
    for name in names("writer", trial.others) {
        scenario = scenario.process(&name, |cell: &mut C, log| store_all(cell, log));
    }
    let mut readers = names("reader", trial.some);
    if trial.peril == Peril::Contend {
        readers.push("stranger".to_owned());
    }
    for name in readers {
        let loads = LOADS * if name == "stranger" { 3 } else { 1 };
        scenario = scenario.process(&name, move |cell: &mut C, log| load_all(cell, log, loads));
    }
    let killed = [
        (Peril::KillReader, "reader1"),
        (Peril::KillWriter, "writer1"),
    ];
    promising(scenario, contract, trial.peril)
        .check(register())
        .check(refused_only_after_death())
        .faults(faults(trial.peril, &killed))
}

/// Returns a value that holds its number many times over.
pub(super) fn pattern(number: u64) -> [u8; VALUE_BYTES] {
    let mut value = [0; VALUE_BYTES];
    for part in value.chunks_exact_mut(8) {
        part.copy_from_slice(&number.to_le_bytes());
    }
    value
}

pub(super) fn number(value: &[u8; VALUE_BYTES]) -> i64 {
    let first = u64::from_le_bytes(value[..8].try_into().expect("eight bytes"));
    match pattern(first) == *value {
        true => first as i64,
        false => TORN,
    }
}

fn store_all<C: SharedCell>(cell: &mut C, log: &Log) -> Result<(), Error> {
    cell.attach()?;
    for value in 1..=STORES {
        match log.op("store", value, || cell.store(&pattern(value))) {
            Err(Error::TimedOut { .. }) => return Ok(()),
            result => result?,
        }
    }
    Ok(())
}

fn load_all<C: SharedCell>(cell: &mut C, log: &Log, loads: u64) -> Result<(), Error> {
    cell.attach()?;
    for _ in 0..loads {
        match log.op("load", (), || cell.load().map(|value| number(&value))) {
            Err(Error::TimedOut { .. }) => return Ok(()),
            result => result.map(drop)?,
        }
    }
    Ok(())
}

/// Checks that the cell is an atomic register (Lamport 1986): each load returns the value
/// of the last store, or of a store that overlaps it, whole; and no load returns a value
/// older than one that another load had returned before it began. Values grow, so that
/// bounds suffice.
fn register() -> Arc<dyn Check> {
    promise("atomic-register", |run| {
        for load in of(run, "load") {
            let Some(value) = load.answer() else { continue };
            if value == TORN {
                return Err(format!(
                    "{} loaded a torn value, made up of several",
                    load.process
                ));
            }
            let stored =
                of(run, "store").filter(|store| !failed(store) && end(store) < load.called);
            let loaded = of(run, "load").filter(|other| end(other) < load.called);
            let least = stored
                .filter_map(|store| store.value)
                .chain(loaded.filter_map(|load| load.answer()))
                .max()
                .unwrap_or(0);
            let most = of(run, "store").filter(|store| store.called < end(load));
            let most = most.filter_map(|store| store.value).max().unwrap_or(0);
            if value < least {
                return Err(format!(
                    "{} loaded {value} when {least} was stored already",
                    load.process
                ));
            }
            if value > most {
                return Err(format!(
                    "{} loaded {value}, which no process had stored",
                    load.process
                ));
            }
        }
        Ok(())
    })
}

/// Checks that no process gives up unless a process died.
fn refused_only_after_death() -> Arc<dyn Check> {
    promise("refused-only-after-death", |run| {
        let mut operations = run.history.operations.iter();
        match operations.find(|operation| failed(operation)) {
            Some(refused) if !had_death(run) && !had_error(run) => Err(format!(
                "{} could not {} although no process had died",
                refused.process, refused.name
            )),
            _ => Ok(()),
        }
    })
}
