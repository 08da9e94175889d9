//! The scenario of a channel: some processes send numbered messages, others receive
//! until the end.

use super::channel_judgement::{
    CLOSE, closed_only_without_receivers, end_after_last_sender, urgency, urgent_first,
    whole_messages,
};
use super::message::{message, value};
use super::{Trial, faults, is_reliable, names, promising};
use crate::scenario::{Log, Named, Scenario};
use crosswire_check as check;
use crosswire_contract::{Channel, Contract, Error, Order, Peril, Receiver, Sender, Shape};
use std::ops::Range;

/// Messages of each sender, where nothing needs to become full.
const FEW: i64 = 4;

/// Messages of each sender that together are more than a small channel holds.
const MANY: i64 = 12;

/// Process that competes with the senders for room.
const STRANGER: &str = "stranger";

/// Returns the scenario of a trial, under a name made by [`scenario!`](crate::scenario!).
pub fn channel<C: Channel + 'static>(named: Named, trial: Trial) -> Scenario<'static, C> {
    channel_of(named, trial, C::CONTRACT, C::create)
}

/// Builds the same scenario for a channel that is created in another way.
pub(super) fn channel_of<C: Channel + 'static>(
    named: Named,
    trial: Trial,
    contract: &'static Contract,
    create: impl FnOnce(Shape) -> Result<C, Error> + 'static,
) -> Scenario<'static, C> {
    let Trial {
        peril,
        some,
        others,
    } = trial;
    let mut senders = names("sender", some);
    let receivers = names("receiver", others);
    if peril == Peril::Contend {
        senders.push(STRANGER.to_owned());
    }
    let shape = Shape {
        senders: senders.len(),
        receivers: others,
        small: is_small(peril),
    };
    let messages = match peril {
        Peril::KillReceiver | Peril::Full | Peril::Contend => MANY,
        _ => FEW,
    };
    let mut scenario = named.setup(move || created(create(shape)));
    for (number, name) in senders.iter().enumerate() {
        let first = 100 * (number as i64 + 1);
        scenario = scenario.process(name, move |channel: &mut C, log| {
            send_all(
                channel,
                number,
                first..first + messages,
                contract.traits.order,
                log,
            )
        });
    }
    for name in &receivers {
        scenario = scenario.process(name, |channel: &mut C, log| receive_all(channel, log));
    }
    scenario = match contract.traits.order {
        Order::OneQueue if is_reliable(contract, peril) => scenario.check(check::fifo()),
        // What never comes out has no place in the queue.
        Order::OneQueue => scenario.check(check::per_sender_order()),
        Order::PerSender => scenario.check(check::per_sender_order()),
        Order::Urgency => scenario.check(urgent_first()),
        Order::None => scenario
            .check(check::no_duplication())
            .check(check::no_invention()),
    };
    scenario = match peril {
        _ if !is_reliable(contract, peril) => scenario,
        // A receiver that gave up leaves behind what it has not received.
        Peril::Errno => scenario.check(check::no_loss_of_acknowledged()),
        _ => scenario.check(check::everything_received()),
    };
    let killed = [
        (Peril::KillSender, "sender1"),
        (Peril::KillReceiver, "receiver1"),
    ];
    promising(scenario, contract, peril)
        .check(whole_messages())
        .check(end_after_last_sender(senders))
        .check(closed_only_without_receivers(receivers))
        .faults(faults(peril, &killed))
}

/// Tells whether a channel has little room under a peril.
pub(super) fn is_small(peril: Peril) -> bool {
    matches!(peril, Peril::KillReceiver | Peril::Full | Peril::Contend)
}

fn created<C>(result: Result<C, Error>) -> C {
    result.unwrap_or_else(|error| panic!("{error}"))
}

/// Sends all values, unless no receiver is left.
fn send_all<C: Channel>(
    channel: &mut C,
    number: usize,
    values: Range<i64>,
    order: Order,
    log: &Log,
) -> Result<(), Error> {
    let mut end = channel.sender(number)?;
    for value in values {
        let sent = log.send(value, || match order {
            Order::Urgency => end.send_urgent(urgency(value), &message(value)),
            _ => end.send(&message(value)),
        });
        match sent {
            Err(Error::Closed { .. } | Error::TimedOut { .. }) => break,
            result => result?,
        }
    }
    log.op(CLOSE, (), || drop(end));
    Ok(())
}

/// Receives until the end.
fn receive_all<C: Channel>(channel: &mut C, log: &Log) -> Result<(), Error> {
    let mut end = channel.receiver()?;
    while log
        .recv(|| end.recv().map(|m| m.map(|m| value(&m))))?
        .is_some()
    {}
    Ok(())
}
