//! The scenario of a lock: some processes take it in turns, waiting for it or not.

use super::lock_judgement::{deaths_are_told, exclusion, refused_only_while_held};
use super::{Trial, faults, names, promising};
use crate::scenario::{Log, Named, Scenario, mark};
use crosswire_contract::{Contract, Error, Lock, Peril, Taken};

/// Number of times each process takes the lock.
const ROUNDS: u64 = 3;

/// Number of steps for which a stranger keeps it.
const KEPT: u64 = 12;

/// Returns the scenario of a trial, under a name made by [`scenario!`](crate::scenario!).
pub fn lock<L: Lock + 'static>(named: Named, trial: Trial) -> Scenario<'static, L> {
    lock_of(named, trial, L::CONTRACT, L::create)
}

/// Builds the same scenario for a lock that is created in another way.
pub(super) fn lock_of<L: Lock + 'static>(
    named: Named,
    trial: Trial,
    contract: &'static Contract,
    create: impl FnOnce() -> Result<L, Error> + 'static,
) -> Scenario<'static, L> {
    let holders = names("holder", trial.some);
    let mut scenario = named.setup(move || create().unwrap_or_else(|error| panic!("{error}")));
    for name in &holders {
        scenario = scenario.process(name, |lock: &mut L, log| take_turns(lock, log, ROUNDS, 1));
    }
    if trial.peril == Peril::Contend {
        scenario = scenario.process("stranger", |lock: &mut L, log| {
            take_turns(lock, log, 1, KEPT)
        });
    }
    let death = contract.traits.death;
    promising(scenario, contract, trial.peril)
        .check(exclusion(death))
        .check(deaths_are_told(death))
        .check(refused_only_while_held(death))
        .faults(faults(trial.peril, &[(Peril::KillHolder, "holder1")]))
}

/// Takes the lock a number of times, and keeps it for a number of steps each time.
fn take_turns<L: Lock>(lock: &mut L, log: &Log, rounds: u64, steps: u64) -> Result<(), Error> {
    lock.attach()?;
    for round in 0..rounds {
        let taken = match round % 2 {
            0 => wait_for(lock, log)?,
            _ => try_once(lock, log)?,
        };
        match taken {
            None => return Ok(()),
            Some(false) => {}
            Some(true) => {
                (0..steps).for_each(mark);
                log.unlock(|| lock.unlock())?;
            }
        }
    }
    Ok(())
}

/// Waits for the lock; `None` if that was in vain.
fn wait_for<L: Lock>(lock: &mut L, log: &Log) -> Result<Option<bool>, Error> {
    let begun = log.begin("lock", ());
    match lock.lock() {
        Ok(taken) => {
            begun.answer(taken == Taken::AfterDeath);
            Ok(Some(true))
        }
        Err(error) => {
            begun.fail();
            match error {
                Error::TimedOut { .. } => Ok(None),
                error => Err(error),
            }
        }
    }
}

/// Takes the lock if it is free; returns whether it did.
fn try_once<L: Lock>(lock: &mut L, log: &Log) -> Result<Option<bool>, Error> {
    let begun = log.begin("try-lock", ());
    match lock.try_lock() {
        Ok(Some(taken)) => {
            begun.answer(taken == Taken::AfterDeath);
            Ok(Some(true))
        }
        Ok(None) => {
            begun.answer(());
            Ok(Some(false))
        }
        Err(error) => {
            begun.fail();
            Err(error)
        }
    }
}
