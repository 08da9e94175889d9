//! What a mechanism promises.

use std::fmt;

/// What a mechanism promises, under each peril.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contract {
    /// The mechanism's name.
    pub name: &'static str,
    /// What it is, and its sequential specification: how it behaves when used by
    /// one process after the other.
    pub specification: &'static str,
    /// Whether all messages pass through one queue; else each sender has its own.
    pub one_queue: bool,
    /// How much it holds.
    pub capacity: &'static str,
    /// Who waits, and for what.
    pub blocking: &'static str,
    /// What it promises. Each peril stands here or among the exemptions.
    pub promises: &'static [Promise],
    /// Perils that it cannot meet.
    pub exemptions: &'static [Exemption],
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

/// What can go wrong while processes communicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peril {
    /// Nothing but the order of the steps.
    None,
    /// A sender is killed.
    KillSender,
    /// A receiver is killed.
    KillReceiver,
    /// A process gets no turn for a while.
    Pause,
    /// A signal is lost.
    LoseSignal,
    /// A blocking call is interrupted.
    Interrupt,
    /// A transfer is cut short.
    ShortIo,
    /// A call fails for want of resources.
    Errno,
    /// There is no room.
    Full,
}

impl Peril {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Peril; 9] = [
        Peril::None,
        Peril::KillSender,
        Peril::KillReceiver,
        Peril::Pause,
        Peril::LoseSignal,
        Peril::Interrupt,
        Peril::ShortIo,
        Peril::Errno,
        Peril::Full,
    ];
}

impl fmt::Display for Peril {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Peril::None => "none",
            Peril::KillSender => "kill-sender",
            Peril::KillReceiver => "kill-receiver",
            Peril::Pause => "pause",
            Peril::LoseSignal => "lose-signal",
            Peril::Interrupt => "interrupt",
            Peril::ShortIo => "short-io",
            Peril::Errno => "errno",
            Peril::Full => "full",
        })
    }
}

impl Contract {
    /// What the mechanism promises under this peril.
    ///
    /// # Errors
    /// Why the peril has no meaning for it.
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{Channel, Fifo, Pipe, UnixStream};

    #[test]
    fn every_contract_says_something_about_every_peril_once() {
        for contract in [Pipe::CONTRACT, Fifo::CONTRACT, UnixStream::CONTRACT] {
            for peril in Peril::ALL {
                let promises = contract
                    .promises
                    .iter()
                    .filter(|p| p.peril == peril)
                    .count();
                let exemptions = contract
                    .exemptions
                    .iter()
                    .filter(|e| e.peril == peril)
                    .count();
                assert_eq!(promises + exemptions, 1, "{}: {peril}", contract.name);
            }
        }
    }
}
