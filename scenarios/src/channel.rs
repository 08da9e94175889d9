//! The scenario of a channel: some processes send numbered messages, others receive
//! until the end.

use crate::judgement::{
    CLOSE, closed_only_without_receivers, end_after_last_sender, whole_messages,
};
use crate::message::{message, value};
use crosswire::scenario::{Named, Scenario};
use crosswire::{Faults, Log, check};
use crosswire_mechanisms::Peril;
use crosswire_mechanisms::channel::{Channel, ChannelError, Receiver, Sender, Shape};

/// One way of trying a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// What goes wrong.
    pub peril: Peril,
    /// Who takes part.
    pub shape: Shape,
}

/// Messages of each sender, where nothing needs to become full.
const FEW: i64 = 4;

/// Messages of each sender that together are more than a small channel holds.
const MANY: i64 = 12;

/// Steps of others that a paused process misses.
const PAUSE: u64 = 15;

/// Bytes that a transfer is cut down to: less than a frame, no divisor of it.
const SHORT: u64 = 100;

/// The shapes in which a channel is tried under a peril; none if the peril has no
/// meaning for it.
pub fn shapes<C: Channel>(peril: Peril) -> Vec<Shape> {
    if C::CONTRACT.under(peril).is_err() {
        return Vec::new();
    }
    let small = peril == Peril::KillReceiver;
    let shape = |senders, receivers| Shape {
        senders,
        receivers,
        small,
    };
    let mut shapes = vec![shape(1, 1), shape(2, 1)];
    // A read that is cut short leaves the rest of its message to whoever reads
    // next, so receivers share a channel only where that cannot happen.
    if C::RECEIVERS > 1 && peril != Peril::ShortIo {
        shapes.push(shape(2, 2));
    }
    shapes
}

/// The scenario of a trial, under a name made by [`scenario!`](crosswire::scenario!).
pub fn channel<C: Channel + 'static>(named: Named, trial: Trial) -> Scenario<'static, C> {
    let Trial { peril, shape } = trial;
    let senders = names("sender", shape.senders);
    let receivers = names("receiver", shape.receivers);
    let messages = match peril {
        Peril::KillReceiver | Peril::Full => MANY,
        _ => FEW,
    };
    let mut scenario = named.setup(move || created(C::create(shape)));
    for (number, name) in senders.iter().enumerate() {
        let first = 100 * (number as i64 + 1);
        scenario = scenario.process(name, move |channel: &mut C, log| {
            send_all(channel, number, first..first + messages, log)
        });
    }
    for name in &receivers {
        scenario = scenario.process(name, |channel: &mut C, log| receive_all(channel, log));
    }
    scenario = match C::CONTRACT.one_queue {
        true => scenario.check(check::fifo()),
        false => scenario.check(check::per_sender_order()),
    };
    scenario = match peril {
        // A receiver that gave up leaves behind what it has not received.
        Peril::Errno => scenario.check(check::no_loss_of_acknowledged()),
        _ => scenario.check(check::everything_received()),
    };
    scenario
        .check(whole_messages())
        .check(end_after_last_sender(senders))
        .check(closed_only_without_receivers(receivers))
        .faults(faults(peril))
}

fn names(role: &str, count: usize) -> Vec<String> {
    (1..=count)
        .map(|number| format!("{role}{number}"))
        .collect()
}

fn created<C>(result: Result<C, ChannelError>) -> C {
    result.unwrap_or_else(|error| panic!("{error}"))
}

fn faults(peril: Peril) -> Faults {
    match peril {
        // Nobody but SIGPIPE could be lost, which is no part of any scenario.
        Peril::None | Peril::LoseSignal => Faults::none(),
        Peril::KillSender => Faults::kill("sender1"),
        Peril::KillReceiver => Faults::kill("receiver1"),
        Peril::Pause => Faults::pause("*", PAUSE),
        Peril::Interrupt => Faults::interrupt("*"),
        // A pipe takes a frame whole or not at all (pipe(7), PIPE_BUF), so only
        // reads can come back short.
        Peril::ShortIo => Faults::short_io("receiver1", SHORT),
        Peril::Errno => {
            Faults::errno("sender1", "EMFILE").and(Faults::errno("receiver1", "EMFILE"))
        }
        Peril::Full => Faults::full("*"),
    }
}

/// Sends all values, unless nobody is left to receive them.
fn send_all<C: Channel>(
    channel: &mut C,
    number: usize,
    values: std::ops::Range<i64>,
    log: &Log,
) -> Result<(), ChannelError> {
    let mut end = channel.sender(number)?;
    for value in values {
        match log.send(value, || end.send(&message(value))) {
            Err(ChannelError::Closed { .. }) => break,
            result => result?,
        }
    }
    log.op(CLOSE, (), || drop(end));
    Ok(())
}

/// Receives until the end.
fn receive_all<C: Channel>(channel: &mut C, log: &Log) -> Result<(), ChannelError> {
    let mut end = channel.receiver()?;
    while log
        .recv(|| end.recv().map(|m| m.map(|m| value(&m))))?
        .is_some()
    {}
    Ok(())
}
