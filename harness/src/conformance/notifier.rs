//! The scenario of a notifier: some notify, one waits until nothing more comes.

use super::history::{end, had_error, lost_signal, of, was_killed};
use super::{Trial, faults, names, promising};
use crate::scenario::{Log, Named, Scenario};
use crosswire_check::{Check, promise};
use crosswire_contract::{Contract, Error, Notifier, Peril, Role};
use std::ops::Range;
use std::sync::Arc;

/// Number of times each of them notifies.
const TIMES: u32 = 3;

/// Number of times a stranger does, besides.
const OFTEN: u32 = 8;

/// Returns the scenario of a trial, under a name made by [`scenario!`](crate::scenario!).
pub fn notifier<N: Notifier + 'static>(named: Named, trial: Trial) -> Scenario<'static, N> {
    notifier_of(named, trial, N::CONTRACT, N::create)
}

/// Builds the same scenario for a notifier that is created in another way.
pub(super) fn notifier_of<N: Notifier + 'static>(
    named: Named,
    trial: Trial,
    contract: &'static Contract,
    create: impl FnOnce(usize) -> Result<N, Error> + 'static,
) -> Scenario<'static, N> {
    let mut notifiers = names("notifier", trial.some);
    if trial.peril == Peril::Contend {
        notifiers.push("stranger".to_owned());
    }
    let count = notifiers.len();
    let mut scenario = named.setup(move || create(count).unwrap_or_else(|error| panic!("{error}")));
    for (number, name) in notifiers.iter().enumerate() {
        let first = 100 * (number as u32 + 1);
        let times = match name.as_str() {
            "stranger" => OFTEN,
            _ => TIMES,
        };
        scenario = scenario.process(name, move |notifier: &mut N, log| {
            notify_all(notifier, first..first + times, log)
        });
    }
    scenario = scenario.process("waiter", |notifier: &mut N, log| wait_all(notifier, log));
    let killed = [
        (Peril::KillNotifier, "notifier1"),
        (Peril::KillWaiter, "waiter"),
    ];
    promising(scenario, contract, trial.peril)
        .check(no_lost_notification(contract.traits.merges))
        .check(no_invented_notification())
        .check(values_in_order())
        .faults(faults(trial.peril, &killed))
}

fn notify_all<N: Notifier>(notifier: &mut N, values: Range<u32>, log: &Log) -> Result<(), Error> {
    match notifier.attach(Role::Notifier) {
        Err(Error::Closed { .. }) => return Ok(()),
        result => result?,
    }
    for value in values {
        match log.op("notify", value, || notifier.notify(value)) {
            Err(Error::Closed { .. }) => return Ok(()),
            result => result?,
        }
    }
    Ok(())
}

fn wait_all<N: Notifier>(notifier: &mut N, log: &Log) -> Result<(), Error> {
    notifier.attach(Role::Waiter)?;
    loop {
        let begun = log.begin("wait", ());
        match notifier.wait() {
            Ok(None) => {
                begun.answer(());
                return Ok(());
            }
            Ok(Some(wakeup)) => {
                begun.answer(i64::from(wakeup.count) << 32 | i64::from(wakeup.value.unwrap_or(0)));
            }
            Err(error) => {
                begun.fail();
                return Err(error);
            }
        }
    }
}

fn count(answer: i64) -> i64 {
    answer >> 32
}

fn value(answer: i64) -> Option<i64> {
    Some(answer & 0xffff_ffff).filter(|value| *value != 0)
}

/// Checks that a notified process learns of each notification or, if they merge, of one
/// that came no earlier.
fn no_lost_notification(merges: bool) -> Arc<dyn Check> {
    promise("no-lost-notification", move |run| {
        if was_killed(run, "waiter") || had_error(run) || lost_signal(run) {
            return Ok(());
        }
        let wakeups: Vec<_> = of(run, "wait")
            .filter_map(|w| Some((w.answer()?, w)))
            .collect();
        let told: i64 = wakeups.iter().map(|(answer, _)| count(*answer)).sum();
        let notified = of(run, "notify").filter(|notify| notify.answered().is_some());
        if !merges && (notified.clone().count() as i64) > told {
            return Err(format!(
                "{} notifications were sent, but the waiter received {told}",
                notified.count()
            ));
        }
        for notify in notified {
            if wakeups.iter().all(|(_, wait)| end(wait) < notify.called) {
                return Err(format!(
                    "{} notified, but the waiter was not woken afterwards",
                    notify.process
                ));
            }
        }
        Ok(())
    })
}

/// Checks that no process receives more notifications than were sent.
fn no_invented_notification() -> Arc<dyn Check> {
    promise("no-invented-notification", |run| {
        let mut told = 0;
        for wait in of(run, "wait") {
            let Some(answer) = wait.answer() else {
                continue;
            };
            told += count(answer);
            let begun = of(run, "notify").filter(|notify| notify.called < end(wait));
            if told > begun.clone().count() as i64 {
                return Err(format!(
                    "the waiter received {told} notifications when only {} had been sent",
                    begun.count()
                ));
            }
            let known = |value| begun.clone().any(|notify| notify.value == Some(value));
            if let Some(value) = value(answer).filter(|value| !known(*value)) {
                return Err(format!(
                    "the waiter received {value}, which no process had sent"
                ));
            }
        }
        Ok(())
    })
}

/// Checks that the values of one process arrive in the order in which it sent them, each
/// once.
fn values_in_order() -> Arc<dyn Check> {
    promise("values-in-order", |run| {
        let values: Vec<i64> = of(run, "wait")
            .filter_map(|wait| value(wait.answer()?))
            .collect();
        for (at, value) in values.iter().enumerate() {
            let same_sender = |other: &&i64| **other / 100 == value / 100;
            if let Some(late) = values[..at]
                .iter()
                .filter(same_sender)
                .find(|v| *v >= value)
            {
                return Err(format!("the waiter got {late}, and then {value}"));
            }
        }
        Ok(())
    })
}
