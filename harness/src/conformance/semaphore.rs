//! The scenario of a semaphore: more processes than permits.

use super::history::{end, failed, had_error, last_seen, of, was_killed};
use super::{Trial, faults, names, promising};
use crate::scenario::{Log, Named, Scenario, mark};
use crosswire_check::{Check, promise};
use crosswire_contract::{Contract, Death, Error, Peril, Semaphore};
use crosswire_model::{Operation, Run};
use std::sync::Arc;

/// Number of times each process takes a permit.
const ROUNDS: u64 = 3;

/// Number of steps for which a stranger keeps it.
const KEPT: u64 = 12;

/// Returns the scenario of a trial, under a name made by [`scenario!`](crate::scenario!).
pub fn semaphore<S: Semaphore + 'static>(named: Named, trial: Trial) -> Scenario<'static, S> {
    semaphore_of(named, trial, S::CONTRACT, S::create)
}

/// Builds the same scenario for a semaphore that is created in another way.
pub(super) fn semaphore_of<S: Semaphore + 'static>(
    named: Named,
    trial: Trial,
    contract: &'static Contract,
    create: impl FnOnce(u32) -> Result<S, Error> + 'static,
) -> Scenario<'static, S> {
    let permits = trial.others;
    let count = u32::try_from(permits).expect("few permits");
    let mut scenario = named.setup(move || create(count).unwrap_or_else(|error| panic!("{error}")));
    for name in names("holder", trial.some) {
        scenario = scenario.process(&name, |semaphore: &mut S, log| {
            take_turns(semaphore, log, ROUNDS, 1)
        });
    }
    if trial.peril == Peril::Contend {
        scenario = scenario.process("stranger", |semaphore: &mut S, log| {
            take_turns(semaphore, log, 1, KEPT)
        });
    }
    let death = contract.traits.death;
    promising(scenario, contract, trial.peril)
        .check(no_more_than(permits, death))
        .check(refused_only_when_taken(permits, death))
        .faults(faults(trial.peril, &[(Peril::KillHolder, "holder1")]))
}

fn take_turns<S: Semaphore>(
    semaphore: &mut S,
    log: &Log,
    rounds: u64,
    steps: u64,
) -> Result<(), Error> {
    semaphore.attach()?;
    for round in 0..rounds {
        let taken = match round % 2 {
            0 => log.op("wait", (), || semaphore.wait()).map(|()| true),
            _ => log.op("try-wait", (), || semaphore.try_wait()),
        };
        match taken {
            Err(Error::TimedOut { .. }) => return Ok(()),
            Err(error) => return Err(error),
            Ok(false) => {}
            Ok(true) => {
                (0..steps).for_each(mark);
                log.op("post", (), || semaphore.post())?;
            }
        }
    }
    Ok(())
}

fn is_taking(operation: &Operation) -> bool {
    matches!(operation.name.as_str(), "wait" | "try-wait")
}

fn has_taken(operation: &Operation) -> bool {
    let answered = operation.answered().is_some() && !failed(operation);
    is_taking(operation) && answered && (operation.name == "wait" || operation.answer() == Some(1))
}

/// Returns the post by which the permit of this operation was given back.
fn giving_back<'a>(run: &'a Run, taking: &Operation) -> Option<&'a Operation> {
    of(run, "post").find(|post| post.process == taking.process && post.called > taking.called)
}

/// Checks that there are never more holders than permits. A process certainly holds one
/// from the answer of the wait to the call of the post.
fn no_more_than(permits: usize, death: Death) -> Arc<dyn Check> {
    promise("no-more-than-its-permits", move |run| {
        let taking = run.history.operations.iter().filter(|o| has_taken(o));
        let holds: Vec<(u64, u64, &str)> = taking
            .map(|taking| {
                let to = match giving_back(run, taking) {
                    Some(post) => post.called,
                    None if death.keeps() && was_killed(run, &taking.process) => u64::MAX,
                    None => last_seen(run, &taking.process),
                };
                (end(taking), to, taking.process.as_str())
            })
            .collect();
        for (from, _, process) in &holds {
            let at_once = holds.iter().filter(|(f, to, _)| f <= from && from <= to);
            let names: Vec<&str> = at_once.map(|(_, _, name)| *name).collect();
            if names.len() > permits {
                return Err(format!(
                    "{process} got a permit when {} had {} of {permits}",
                    names.join(", "),
                    names.len()
                ));
            }
        }
        Ok(())
    })
}

/// Checks that no process is refused or gives up while a permit is certainly available.
fn refused_only_when_taken(permits: usize, death: Death) -> Arc<dyn Check> {
    promise("refused-only-when-taken", move |run| {
        let operations = &run.history.operations;
        for refused in operations.iter().filter(|o| is_taking(o) && !has_taken(o)) {
            if refused.answered().is_none() || had_error(run) {
                continue;
            }
            let may_hold = operations.iter().filter(|taking| {
                let missed = failed(taking) || (taking.answered().is_some() && !has_taken(taking));
                let back = giving_back(run, taking);
                is_taking(taking)
                    && !missed
                    && taking.called < end(refused)
                    && back.is_none_or(|post| end(post) > refused.called)
            });
            let dead = may_hold.clone().filter(|o| was_killed(run, &o.process));
            let gave_up = failed(refused);
            let excuse = match (gave_up, death) {
                (false, _) => may_hold.count(),
                (true, Death::Kept | Death::KeptAndStuck) => dead.count(),
                (true, _) => 0,
            };
            if excuse < permits {
                return Err(format!(
                    "{} {} while a permit was available",
                    refused.process,
                    match gave_up {
                        true => "gave up waiting",
                        false => "was refused",
                    }
                ));
            }
        }
        Ok(())
    })
}
