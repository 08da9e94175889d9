//! Floor 5: tests of anything that implements a trait of [`contract`](crosswire_contract)
//! against what its contract promises. One generic scenario a trait; implement the
//! trait and write [`conformance!`](crate::conformance!).

pub mod adapter;
mod cell;
mod channel;
mod channel_judgement;
mod generated;
mod history;
mod lock;
mod lock_judgement;
mod message;
mod notifier;
mod rpc;
mod rwlock;
mod semaphore;

pub use cell::cell;
pub use channel::channel;
#[doc(hidden)]
pub use generated::{complete, trials_of};
pub use lock::lock;
pub use notifier::notifier;
pub use rpc::rpc;
pub use rwlock::rwlock;
pub use semaphore::semaphore;

use crate::scenario::{Faults, Scenario};
use crosswire_contract::{Contract, Delivery, Facility, Peril};

/// One way of trying an implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// The peril.
    pub peril: Peril,
    /// Number of participants on one side: senders, holders of a lock or of permits,
    /// readers of a lock or a cell, notifiers, clients.
    pub some: usize,
    /// Number on the other side: receivers, writers, servers; the permits of a semaphore.
    /// Locks have no other side, notifiers one waiter.
    pub others: usize,
}

/// Returns the trials of an implementation under a peril; none if its contract exempts
/// it. `most` are the senders and receivers that a channel can have.
///
/// ```
/// use crosswire::conformance::trials;
/// use crosswire::contract::{Contract, Facility, Peril, Traits, promise};
/// const LOCK: Contract = Contract {
///     name: "lock", facility: Facility::Lock, specification: "one at a time",
///     traits: Traits::USUAL, capacity: "one holder", blocking: "until it is free",
///     linux: "", promises: &[promise(Peril::None, "one at a time", "flock(2)")],
///     exemptions: &[],
/// };
/// assert_eq!(trials(&LOCK, (0, 0), Peril::None).len(), 2);
/// assert!(trials(&LOCK, (0, 0), Peril::ShortIo).is_empty());
/// ```
pub fn trials(contract: &Contract, most: (usize, usize), peril: Peril) -> Vec<Trial> {
    if contract.under(peril).is_err() {
        return Vec::new();
    }
    let numbers: &[(usize, usize)] = match (contract.facility, peril) {
        // A read that is cut short leaves the rest of its message to the process that reads
        // next, so receivers share a channel only where that cannot happen.
        (Facility::Channel, Peril::None | Peril::KillSender | Peril::KillReceiver) => {
            &[(1, 1), (2, 1), (2, 2)]
        }
        (Facility::Channel, Peril::ShortIo | Peril::Contend) => &[(1, 1)],
        (Facility::Channel, _) => &[(2, 2), (2, 1), (1, 1)],
        (Facility::Lock, Peril::None | Peril::KillHolder) => &[(2, 0), (3, 0)],
        (Facility::Lock, _) => &[(2, 0)],
        (Facility::Semaphore, Peril::None | Peril::KillHolder) => &[(2, 1), (3, 2)],
        (Facility::Semaphore, _) => &[(3, 2)],
        (Facility::RwLock, Peril::None) => &[(2, 1), (1, 2)],
        (Facility::RwLock, _) => &[(2, 1)],
        (Facility::Notifier, Peril::None) => &[(1, 1), (2, 1)],
        (Facility::Notifier, _) => &[(2, 1)],
        (Facility::SharedCell, _) => &[(2, 1)],
        (Facility::Rpc, _) => &[(2, 2)],
    };
    let is_channel = contract.facility == Facility::Channel;
    // A stranger sends, too.
    let strangers = usize::from(peril == Peril::Contend);
    let fits = |&&(some, others): &&(usize, usize)| {
        !is_channel || (some + strangers <= most.0 && others <= most.1)
    };
    // The first that it can have; all of them where most depends on who is there.
    let few = matches!(peril, Peril::None | Peril::KillSender | Peril::KillReceiver);
    let count = if few || !is_channel { numbers.len() } else { 1 };
    numbers
        .iter()
        .filter(fits)
        .take(count)
        .map(|&(some, others)| Trial {
            peril,
            some,
            others,
        })
        .collect()
}

/// Steps of others that a paused process misses.
const PAUSE: u64 = 15;

/// Steps of others by which a signal is late.
const DELAY: u64 = 15;

/// Bytes that a transfer is cut down to: less than any frame, and no divisor of it.
const SHORT: u64 = 7;

/// Seconds by which the wall clock is set forward: more than any timeout.
const JUMP: i64 = 3600;

/// Returns the faults for the processes under a peril. `killed` names the victim under
/// each peril that kills; no peril kills a process that is not named there.
fn faults(peril: Peril, killed: &[(Peril, &str)]) -> Faults {
    if let Some((_, process)) = killed.iter().find(|(kill, _)| *kill == peril) {
        return Faults::kill(process);
    }
    let faults = match peril {
        Peril::Pause => Faults::pause("*", PAUSE),
        Peril::LoseSignal => Faults::lose_signal("*"),
        Peril::DelaySignal => Faults::delay_signal("*", DELAY),
        Peril::Interrupt => Faults::interrupt("*"),
        Peril::ShortIo => Faults::short_io("*", SHORT),
        Peril::Errno => ["EMFILE", "ENOMEM", "ENOSPC"]
            .iter()
            .map(|error| Faults::errno("*", error))
            .fold(Faults::none(), Faults::and),
        Peril::Full => Faults::full("*"),
        Peril::ClockJump => Faults::clock_jump("*", JUMP).and(Faults::clock_jump("*", -JUMP)),
        // A stranger contends by being there.
        _ => Faults::none(),
    };
    // Not every mechanism has a point for every peril.
    faults.where_possible()
}

/// Tells whether a peril consists of faults that the exploration injects, so that a trial
/// in which none was injected has shown nothing.
pub fn injects(peril: Peril) -> bool {
    // Channels are small under `Full`, whether or not a call can be struck.
    !matches!(peril, Peril::None | Peril::Full | Peril::Contend)
}

/// `ROLE1`, `ROLE2`, …
fn names(role: &str, count: usize) -> Vec<String> {
    (1..=count)
        .map(|number| format!("{role}{number}"))
        .collect()
}

/// Adds what the contract promises, in its words, to whatever is found. Participants may give
/// up with an error after another one was killed: the checks tell whether what they were told
/// is right.
fn promising<'a, Q>(
    scenario: Scenario<'a, Q>,
    contract: &Contract,
    peril: Peril,
) -> Scenario<'a, Q> {
    let scenario = scenario.may_give_up();
    match contract.under(peril) {
        Ok(promise) => scenario.promised(format!(
            "{} promises under {peril}: {} [{}]",
            contract.name, promise.text, promise.source
        )),
        Err(_) => scenario,
    }
}

/// Tells whether each acknowledged message arrives.
fn is_reliable(contract: &Contract, peril: Peril) -> bool {
    match contract.traits.delivery {
        Delivery::Reliable => true,
        Delivery::UnlessSenderDies => peril != Peril::KillSender,
        Delivery::AtMostOnce => false,
    }
}
