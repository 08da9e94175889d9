//! The scenario of a reader–writer lock: some processes read, others write.

use super::lock_judgement::{exclusion, refused_only_while_held};
use super::{Trial, faults, names, promising};
use crate::scenario::{Log, Named, Scenario, mark};
use crosswire_check::Expectations;
use crosswire_contract::{Contract, Death, Error, Peril, RwLock};

/// Number of times each process takes the lock.
const ROUNDS: u64 = 2;

/// Number of steps for which a stranger keeps it.
const KEPT: u64 = 12;

/// Returns the scenario of a trial, under a name made by [`scenario!`](crate::scenario!).
pub fn rwlock<L: RwLock + 'static>(named: Named, trial: Trial) -> Scenario<'static, L> {
    rwlock_of(named, trial, L::CONTRACT, L::create)
}

/// Builds the same scenario for a lock that is created in another way.
pub(super) fn rwlock_of<L: RwLock + 'static>(
    named: Named,
    trial: Trial,
    contract: &'static Contract,
    create: impl FnOnce() -> Result<L, Error> + 'static,
) -> Scenario<'static, L> {
    let mut scenario = named.setup(move || create().unwrap_or_else(|error| panic!("{error}")));
    for name in names("reader", trial.some) {
        scenario = scenario.process(&name, |lock: &mut L, log| {
            take_turns(lock, log, "read", ROUNDS, 1)
        });
    }
    for name in names("writer", trial.others) {
        scenario = scenario.process(&name, |lock: &mut L, log| {
            take_turns(lock, log, "write", ROUNDS, 1)
        });
    }
    if trial.peril == Peril::Contend {
        scenario = scenario.process("stranger", |lock: &mut L, log| {
            take_turns(lock, log, "write", 1, KEPT)
        });
    }
    let death = contract.traits.death;
    scenario = scenario.expect(Expectations {
        livelocks_under_faults: death != Death::KeptAndStuck,
        ..Expectations::default()
    });
    let killed = [
        (Peril::KillReader, "reader1"),
        (Peril::KillWriter, "writer1"),
    ];
    promising(scenario, contract, trial.peril)
        .check(exclusion(death))
        .check(refused_only_while_held(death))
        .faults(faults(trial.peril, &killed))
}

fn take_turns<L: RwLock>(
    lock: &mut L,
    log: &Log,
    mode: &str,
    rounds: u64,
    steps: u64,
) -> Result<(), Error> {
    lock.attach()?;
    for _ in 0..rounds {
        let taken = log.op(mode, (), || match mode {
            "read" => lock.read(),
            _ => lock.write(),
        });
        match taken {
            Err(Error::TimedOut { .. }) => return Ok(()),
            result => result?,
        }
        (0..steps).for_each(mark);
        log.unlock(|| lock.unlock())?;
    }
    Ok(())
}
