//! Perils: things that can go wrong, and the facilities that they affect.

use std::fmt;

/// The kinds of means, each a trait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Facility {
    /// [`Channel`](super::Channel).
    Channel,
    /// [`Lock`](super::Lock).
    Lock,
    /// [`RwLock`](super::RwLock).
    RwLock,
    /// [`Semaphore`](super::Semaphore).
    Semaphore,
    /// [`Notifier`](super::Notifier).
    Notifier,
    /// [`SharedCell`](super::SharedCell).
    SharedCell,
    /// [`Rpc`](super::Rpc).
    Rpc,
}

/// Things that can go wrong while processes communicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peril {
    /// Only the order of the steps varies.
    None,
    /// A sender is killed.
    KillSender,
    /// A receiver is killed.
    KillReceiver,
    /// A process that takes and gives back a lock or a permit is killed.
    KillHolder,
    /// A process that takes a lock to read is killed.
    KillReader,
    /// A process that writes, or takes a lock to write, is killed.
    KillWriter,
    /// A process that notifies is killed.
    KillNotifier,
    /// A process that waits to be notified is killed.
    KillWaiter,
    /// A client is killed.
    KillClient,
    /// The server is killed, and another takes its place.
    KillServer,
    /// A process gets no turn for a while.
    Pause,
    /// A signal is lost.
    LoseSignal,
    /// A signal comes late.
    DelaySignal,
    /// A blocking call is interrupted.
    Interrupt,
    /// A transfer is cut short.
    ShortIo,
    /// A call fails for want of resources.
    Errno,
    /// There is no room.
    Full,
    /// A stranger takes the lock, the permits or the room, and keeps them a while.
    Contend,
    /// The wall clock is set.
    ClockJump,
}

/// The perils that every facility can meet, after its own.
macro_rules! perils {
    ($($own:ident),*) => {
        &[
            Peril::None,
            $(Peril::$own,)*
            Peril::Pause,
            Peril::LoseSignal,
            Peril::DelaySignal,
            Peril::Interrupt,
            Peril::ShortIo,
            Peril::Errno,
            Peril::Full,
            Peril::Contend,
            Peril::ClockJump,
        ]
    };
}

impl Facility {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Facility; 7] = [
        Facility::Channel,
        Facility::Lock,
        Facility::RwLock,
        Facility::Semaphore,
        Facility::Notifier,
        Facility::SharedCell,
        Facility::Rpc,
    ];

    /// Returns the perils of the facility, in the order in which they are reported.
    pub const fn perils(self) -> &'static [Peril] {
        match self {
            Facility::Channel => perils!(KillSender, KillReceiver),
            Facility::Lock | Facility::Semaphore => perils!(KillHolder),
            Facility::RwLock | Facility::SharedCell => perils!(KillReader, KillWriter),
            Facility::Notifier => perils!(KillNotifier, KillWaiter),
            Facility::Rpc => perils!(KillClient, KillServer),
        }
    }
}

impl fmt::Display for Facility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Facility::Channel => "channel",
            Facility::Lock => "lock",
            Facility::RwLock => "rwlock",
            Facility::Semaphore => "semaphore",
            Facility::Notifier => "notifier",
            Facility::SharedCell => "cell",
            Facility::Rpc => "rpc",
        })
    }
}

impl fmt::Display for Peril {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Peril::None => "none",
            Peril::KillSender => "kill-sender",
            Peril::KillReceiver => "kill-receiver",
            Peril::KillHolder => "kill-holder",
            Peril::KillReader => "kill-reader",
            Peril::KillWriter => "kill-writer",
            Peril::KillNotifier => "kill-notifier",
            Peril::KillWaiter => "kill-waiter",
            Peril::KillClient => "kill-client",
            Peril::KillServer => "kill-server",
            Peril::Pause => "pause",
            Peril::LoseSignal => "lose-signal",
            Peril::DelaySignal => "delay-signal",
            Peril::Interrupt => "interrupt",
            Peril::ShortIo => "short-io",
            Peril::Errno => "errno",
            Peril::Full => "full",
            Peril::Contend => "contend",
            Peril::ClockJump => "clock-jump",
        })
    }
}
