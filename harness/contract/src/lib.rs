//! Floor 1: what a means of communication promises, as data, and the traits that
//! say how it is used.
//!
//! A trait a kind: [`Channel`], [`Lock`], [`RwLock`], [`Semaphore`], [`Notifier`],
//! [`SharedCell`], [`Rpc`]. Each implementation has a [`Contract`], which a check
//! and a reader consult alike: operations, sequential specification, capacity, who
//! waits for what, and a promise, or the reason why there is none, for each
//! [`Peril`].
//!
//! Time. Where an implementation cannot learn that nobody is left to wait for, a
//! wait ends after [`PATIENCE`]. Under the engine time is virtual and passes only
//! when nobody can go on, so that such an end says exactly this: nothing would ever
//! have come.

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

/// How long an operation waits for something that nobody would announce.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// What an implementation promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contract {
    /// The mechanism's name, unique among all.
    pub name: &'static str,
    /// Which trait it implements.
    pub facility: Facility,
    /// What it is, and its sequential specification: how it behaves when used by
    /// one process after the other.
    pub specification: &'static str,
    /// What of that the checkers are to hold it to.
    pub traits: Traits,
    /// How much it holds.
    pub capacity: &'static str,
    /// Who waits, and for what.
    pub blocking: &'static str,
    /// Where Linux differs from POSIX; empty if nowhere. What Linux does is what is
    /// tested.
    pub linux: &'static str,
    /// What it promises. Each peril of its facility stands here or among the
    /// exemptions.
    pub promises: &'static [Promise],
    /// Perils that it cannot meet.
    pub exemptions: &'static [Exemption],
}

/// What distinguishes implementations of the same trait. A field that has no
/// meaning for a facility is not looked at.
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
    /// What holds for most: first in, first out; nothing lost; ends are told; what
    /// the dead held is released; nothing merges.
    pub const USUAL: Traits = Traits {
        order: Order::OneQueue,
        delivery: Delivery::Reliable,
        tells_end: true,
        death: Death::Released,
        merges: false,
    };
}

impl Death {
    /// Whether nobody gets any more what a dead process had.
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

/// Which messages arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Each that was acknowledged arrives once.
    Reliable,
    /// Each arrives once or not at all.
    AtMostOnce,
    /// Each that was acknowledged arrives once, unless a sender dies.
    UnlessSenderDies,
}

/// What becomes of what a dead process held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// The kernel gives it back, and nobody is told.
    Released,
    /// The next who takes it is told that its holder died.
    Told,
    /// Nobody gets it any more; whoever waits gives up when [`PATIENCE`] is over.
    Kept,
    /// The same, but who waits may do so for ever, in a loop that knows no time-out.
    KeptAndStuck,
}

/// What a mechanism promises under one peril.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// What goes wrong.
    pub peril: Peril,
    /// What holds nevertheless.
    pub text: &'static str,
    /// The manual page that says so.
    pub source: &'static str,
}

/// A peril that has no meaning for a mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exemption {
    /// Which.
    pub peril: Peril,
    /// Why, in a sentence.
    pub because: &'static str,
}

/// A promise, in short: for the tables of contracts.
pub const fn promise(peril: Peril, text: &'static str, source: &'static str) -> Promise {
    Promise {
        peril,
        text,
        source,
    }
}

/// An exemption, in short.
pub const fn exempt(peril: Peril, because: &'static str) -> Exemption {
    Exemption { peril, because }
}

impl Contract {
    /// What the mechanism promises under this peril.
    ///
    /// # Errors
    /// Why the peril has no meaning for it.
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

    /// The perils of its facility about which it says nothing, or more than one
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
