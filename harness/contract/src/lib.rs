//! Floor 1: the promises of means of communication, as data, and the traits that
//! define their use.
//!
//! One trait per facility: [`Channel`], [`Lock`], [`RwLock`], [`Semaphore`],
//! [`Notifier`], [`SharedCell`], [`Rpc`]. Each implementation has a [`Contract`],
//! consulted by checks and readers alike: operations, sequential specification,
//! capacity, the operations that block, and for each [`Peril`] a promise or the reason
//! why there is none.
//!
//! Time. Where an implementation cannot detect that no other process is left, a wait
//! ends after [`PATIENCE`]. Under the engine, time is virtual and passes only when no
//! task can run, so such a timeout means that nothing would ever have arrived.

mod cell;
mod channel;
mod error;
mod lock;
mod notifier;
mod peril;
mod rpc;
mod semaphore;

pub use cell::{SharedCell, VALUE_BYTES};
pub use channel::{Channel, MESSAGE_BYTES, Receiver, Sender, Shape};
pub use error::Error;
pub use lock::{Lock, RwLock, Taken};
pub use notifier::{Notifier, Role, Wakeup};
pub use peril::{Facility, Peril};
pub use rpc::{Client, Reply, Rpc, Server};
pub use semaphore::Semaphore;

use std::time::Duration;

/// Time limit of an operation that waits for something no process would announce.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Promises of an implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contract {
    /// The mechanism's name, unique among all.
    pub name: &'static str,
    /// Trait that it implements.
    pub facility: Facility,
    /// Description of it, and its sequential specification: its behaviour when used by
    /// one process after the other.
    pub specification: &'static str,
    /// Traits that the checkers test it against.
    pub traits: Traits,
    /// Capacity of it.
    pub capacity: &'static str,
    /// Operations that block, and the condition that each waits for.
    pub blocking: &'static str,
    /// Differences of Linux from POSIX; empty if there are none. The tests check the
    /// behaviour of Linux.
    pub linux: &'static str,
    /// Its promises. Each peril of its facility stands here or among the exemptions.
    pub promises: &'static [Promise],
    /// Perils that it cannot meet.
    pub exemptions: &'static [Exemption],
}

/// Traits that distinguish implementations of the same facility. A field that has no
/// meaning for a facility is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// Channels: in which order messages come out.
    pub order: Order,
    /// Channels: whether messages may be lost, or come twice.
    pub delivery: Delivery,
    /// Channels: whether receivers learn that no sender is left, and senders that
    /// no receiver is. Else they wait until [`PATIENCE`] is over.
    pub tells_end: bool,
    /// Locks and semaphores: what becomes of what a dead process held.
    pub death: Death,
    /// Notifiers: whether several notifications may come as one.
    pub merges: bool,
}

impl Traits {
    /// Traits of most implementations: first in, first out; no losses; ends are reported;
    /// what the dead held is released; no merging.
    pub const USUAL: Traits = Traits {
        order: Order::OneQueue,
        delivery: Delivery::Reliable,
        tells_end: true,
        death: Death::Released,
        merges: false,
    };
}

impl Death {
    /// Tells whether what a dead process held is lost for good.
    pub fn keeps(self) -> bool {
        matches!(self, Death::Kept | Death::KeptAndStuck)
    }
}

/// In which order messages come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// All pass through one queue, first in, first out.
    OneQueue,
    /// Each sender's come out in the order in which they went in.
    PerSender,
    /// The most urgent first; among equals, first in, first out.
    Urgency,
    /// In any order.
    None,
}

/// Messages that arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Each that was acknowledged arrives once.
    Reliable,
    /// Each arrives once or not at all.
    AtMostOnce,
    /// Each that was acknowledged arrives once, unless a sender dies.
    UnlessSenderDies,
}

/// Fate of a lock or permit whose holder died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// The kernel gives it back without notice.
    Released,
    /// The next process to take it learns that its holder died.
    Told,
    /// It is lost for good; a waiter gives up when [`PATIENCE`] is over.
    Kept,
    /// It is lost for good, and a waiter may wait forever, in a loop without a timeout.
    KeptAndStuck,
}

/// Promise of a mechanism under one peril.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// The peril.
    pub peril: Peril,
    /// Guarantee that holds nevertheless.
    pub text: &'static str,
    /// The manual page that says so.
    pub source: &'static str,
}

/// A peril that has no meaning for a mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exemption {
    /// The peril.
    pub peril: Peril,
    /// Reason, in a sentence.
    pub because: &'static str,
}

/// Builds a promise; short, for the tables of contracts.
pub const fn promise(peril: Peril, text: &'static str, source: &'static str) -> Promise {
    Promise {
        peril,
        text,
        source,
    }
}

/// Returns an exemption, in short.
pub const fn exempt(peril: Peril, because: &'static str) -> Exemption {
    Exemption { peril, because }
}

impl Contract {
    /// Returns the promise of the mechanism under this peril.
    ///
    /// # Errors
    /// The reason why the peril has no meaning for it.
    ///
    /// ```
    /// use crosswire_contract::{Contract, Facility, Peril, Traits, exempt, promise};
    /// const PIPE: Contract = Contract {
    ///     name: "pipe",
    ///     facility: Facility::Channel,
    ///     specification: "first in, first out",
    ///     traits: Traits::USUAL,
    ///     capacity: "65536 bytes (pipe(7))",
    ///     blocking: "senders for room, receivers for bytes",
    ///     linux: "",
    ///     promises: &[promise(Peril::Pause, "nothing but delay", "pipe(7)")],
    ///     exemptions: &[exempt(Peril::Errno, "a blocking pipe has no such error")],
    /// };
    /// assert_eq!(PIPE.under(Peril::Pause).unwrap().text, "nothing but delay");
    /// assert!(PIPE.under(Peril::Errno).is_err());
    /// assert_eq!(PIPE.silent_about().len(), Facility::Channel.perils().len() - 2);
    /// ```
    pub fn under(&self, peril: Peril) -> Result<Promise, &'static str> {
        let promise = self.promises.iter().find(|promise| promise.peril == peril);
        let exemption = self
            .exemptions
            .iter()
            .find(|exemption| exemption.peril == peril);
        match (promise, exemption) {
            (Some(promise), _) => Ok(*promise),
            (None, Some(exemption)) => Err(exemption.because),
            (None, None) => Err("the contract says nothing about it"),
        }
    }

    /// Returns the perils of its facility about which it says nothing, or more than one
    /// thing; none if it is complete.
    pub fn silent_about(&self) -> Vec<Peril> {
        let said = |peril: &Peril| {
            let promised = self.promises.iter().filter(|p| p.peril == *peril).count();
            let exempt = self.exemptions.iter().filter(|e| e.peril == *peril).count();
            promised + exempt
        };
        let perils = self.facility.perils().iter();
        perils.copied().filter(|peril| said(peril) != 1).collect()
    }
}
