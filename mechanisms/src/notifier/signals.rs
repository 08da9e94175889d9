//! Signals: signal(7), kill(2), sigqueue(3).
//!
//! A standard signal is a flag: sent again before it is received, it merges with
//! itself. A real-time signal is queued, with a value, in the order of sending, as
//! long as the queue has room (RLIMIT_SIGPENDING). The ways to receive them:
//!
//! * by a handler ([`HandledSignal`]), in which hardly anything is permitted
//!   (signal-safety(7)). Between checking whether it has run and going to sleep it may
//!   run unnoticed, unless both are atomic, as in ppoll(2);
//! * by sigwaitinfo(2) ([`WaitedSignal`], [`RealTimeSignal`]), while it is blocked;
//! * by a descriptor ([`SignalfdSignal`], [`RealTimeSignalFd`]), signalfd(2), which
//!   can be polled with others. The signal must be blocked, too.
//!
//! A signal that is blocked, and waited for, is never delivered, so no handler runs,
//! and nothing is interrupted. It must be blocked before another process can send
//! it: the waiter publishes its process id only afterwards.

use super::rendezvous::Rendezvous;
use crate::common::{NO_BUFFER, NO_CLOCK, NO_TRANSFER};
use crate::sys::signal;
use crosswire::contract::{
    Contract, Error, Exemption, Facility, Notifier, PATIENCE, Peril, Promise, Role, Traits, Wakeup,
    exempt, promise,
};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::marker::PhantomData;
use std::mem::offset_of;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

/// Way of sending and receiving a signal.
pub trait Way: 'static {
    /// Returns its number.
    fn number() -> i32;
    /// True if it is queued with a value.
    const QUEUED: bool;
    /// Way of receiving it.
    const BY: By;
    /// Contract of the notifier.
    const CONTRACT: &'static Contract;
}

/// Ways of receiving a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// By a function that runs in the midst of whatever goes on.
    Handler,
    /// By sigtimedwait(2).
    Waiting,
    /// By reading a descriptor.
    Descriptor,
}

/// Notifies by a signal.
#[derive(Debug)]
pub struct SignalNotifier<W> {
    rendezvous: Rendezvous,
    waiter: i32,
    descriptor: Option<OwnedFd>,
    way: PhantomData<W>,
}

/// SIGUSR1, received by a handler.
pub type HandledSignal = SignalNotifier<StandardByHandler>;
/// SIGUSR1, received by sigtimedwait(2).
pub type WaitedSignal = SignalNotifier<StandardByWaiting>;
/// SIGUSR1, received by signalfd(2).
pub type SignalfdSignal = SignalNotifier<StandardByDescriptor>;
/// A real-time signal with values, received by sigtimedwait(2).
pub type RealTimeSignal = SignalNotifier<QueuedByWaiting>;
/// A real-time signal with values, received by signalfd(2).
pub type RealTimeSignalFd = SignalNotifier<QueuedByDescriptor>;

/// See [`HandledSignal`].
#[derive(Debug)]
pub enum StandardByHandler {}
/// See [`WaitedSignal`].
#[derive(Debug)]
pub enum StandardByWaiting {}
/// See [`SignalfdSignal`].
#[derive(Debug)]
pub enum StandardByDescriptor {}
/// See [`RealTimeSignal`].
#[derive(Debug)]
pub enum QueuedByWaiting {}
/// See [`RealTimeSignalFd`].
#[derive(Debug)]
pub enum QueuedByDescriptor {}

const NAME: &str = "the waiter's signal";

impl<W: Way> Notifier for SignalNotifier<W> {
    const CONTRACT: &'static Contract = W::CONTRACT;

    fn create(notifiers: usize) -> Result<Self, Error> {
        Ok(SignalNotifier {
            rendezvous: Rendezvous::new(notifiers)?,
            waiter: 0,
            descriptor: None,
            way: PhantomData,
        })
    }

    fn attach(&mut self, role: Role) -> Result<(), Error> {
        if role == Role::Notifier {
            self.waiter = self.rendezvous.learn()?;
            return Ok(());
        }
        // Blocked before any process can send it; unblocked only by a handler's wait.
        signal::block(W::number(), true).map_err(Error::system("blocking", NAME))?;
        match W::BY {
            By::Handler => {
                signal::handle(W::number()).map_err(Error::system("handling", NAME))?;
            }
            By::Descriptor => {
                let made = signal::descriptor(W::number());
                self.descriptor =
                    Some(made.map_err(Error::system("making a descriptor of", NAME))?);
            }
            By::Waiting => {}
        }
        self.rendezvous.announce()
    }

    fn notify(&mut self, value: u32) -> Result<(), Error> {
        let sent = match W::QUEUED {
            true => signal::queue(self.waiter, W::number(), value),
            false => signal::send(self.waiter, W::number()),
        };
        match sent {
            // The process is gone. Had its parent waited for it, the number could
            // belong to another: pidfd_send_signal(2) is for those who cannot know.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Err(Error::Closed {
                object: NAME.to_owned(),
            }),
            result => result.map_err(Error::system("sending", NAME)),
        }
    }

    fn wait(&mut self) -> Result<Option<Wakeup>, Error> {
        let began = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(began.elapsed());
            let woken = match W::BY {
                By::Handler => handled(left),
                By::Waiting => waited::<W>(left),
                By::Descriptor => self.read(left),
            };
            match woken {
                Ok(None) if left.is_zero() => return Ok(None),
                Ok(None) => {}
                Ok(wakeup) => return Ok(wakeup),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::system("waiting for", NAME)(error)),
            }
        }
    }
}

/// Sleeps until the handler has run, unless it has already.
fn handled(left: std::time::Duration) -> io::Result<Option<Wakeup>> {
    let count = signal::take_handled();
    if count > 0 {
        return Ok(Some(Wakeup { count, value: None }));
    }
    match signal::sleep_unblocked(HANDLED, left) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
        result => result?,
    }
    Ok(None)
}

fn waited<W: Way>(left: std::time::Duration) -> io::Result<Option<Wakeup>> {
    match signal::wait(W::number(), left) {
        Ok((value, _)) => Ok(Some(Wakeup {
            count: 1,
            value: W::QUEUED.then_some(value),
        })),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

impl<W: Way> SignalNotifier<W> {
    fn read(&self, left: std::time::Duration) -> io::Result<Option<Wakeup>> {
        let Some(descriptor) = &self.descriptor else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let time = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(
            &mut [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)],
            time,
        ) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(Errno::EINTR) => return Err(io::ErrorKind::Interrupted.into()),
            Err(error) => return Err(error.into()),
        }
        let value = value_of(descriptor)?;
        Ok(Some(Wakeup {
            count: 1,
            value: W::QUEUED.then_some(value),
        }))
    }
}

/// Reads a signal that is pending: its value (signalfd(2)).
fn value_of(descriptor: &OwnedFd) -> io::Result<u32> {
    let mut record = [0; size_of::<libc::signalfd_siginfo>()];
    if nix::unistd::read(descriptor, &mut record)? != record.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let at = offset_of!(libc::signalfd_siginfo, ssi_int);
    let value = [record[at], record[at + 1], record[at + 2], record[at + 3]];
    Ok(u32::from_ne_bytes(value))
}

/// The one that handlers are for.
const HANDLED: i32 = libc::SIGUSR1;

impl Way for StandardByHandler {
    fn number() -> i32 {
        HANDLED
    }
    const QUEUED: bool = false;
    const BY: By = By::Handler;
    const CONTRACT: &'static Contract = &Contract {
        name: "signal-handler",
        specification: "A flag that the waiter's handler sees: if sent again before that, it \
                        merges.",
        promises: &[
            MERGES,
            DEAD_NOTIFIER,
            DEAD_WAITER,
            SLOW,
            INTERRUPTED,
            CONTENDED,
            promise(
                Peril::LoseSignal,
                "a lost signal is not sent again; the waiter keeps waiting until its timeout, and \
                 mistakes no other signal for it",
                "signal(7)",
            ),
            promise(
                Peril::DelaySignal,
                "a late signal wakes the waiter when it arrives",
                "signal(7)",
            ),
        ],
        exemptions: &[NO_TRANSFER, NO_BUFFER, NO_CLOCK, NOTHING_NEEDED],
        ..COMMON
    };
}

impl Way for StandardByWaiting {
    fn number() -> i32 {
        libc::SIGUSR1
    }
    const QUEUED: bool = false;
    const BY: By = By::Waiting;
    const CONTRACT: &'static Contract = &Contract {
        name: "signal-wait",
        specification: "A flag that the waiter takes: if sent again before that, it merges.",
        promises: &[
            MERGES,
            DEAD_NOTIFIER,
            DEAD_WAITER,
            SLOW,
            INTERRUPTED,
            CONTENDED,
        ],
        ..COMMON
    };
}

impl Way for StandardByDescriptor {
    fn number() -> i32 {
        libc::SIGUSR1
    }
    const QUEUED: bool = false;
    const BY: By = By::Descriptor;
    const CONTRACT: &'static Contract = &Contract {
        name: "signalfd",
        specification: "A flag that the waiter reads: if sent again before that, it merges.",
        promises: &[
            MERGES,
            DEAD_NOTIFIER,
            DEAD_WAITER,
            SLOW,
            INTERRUPTED,
            CONTENDED,
            NO_DESCRIPTOR,
        ],
        exemptions: WITH_DESCRIPTOR,
        ..COMMON
    };
}

impl Way for QueuedByWaiting {
    fn number() -> i32 {
        signal::real_time(0)
    }
    const QUEUED: bool = true;
    const BY: By = By::Waiting;
    const CONTRACT: &'static Contract = &Contract {
        name: "real-time-signal",
        specification: "A queue of values, first in, first out.",
        traits: Traits::USUAL,
        capacity: "as many as RLIMIT_SIGPENDING allows the user; then EAGAIN",
        promises: &[
            QUEUES,
            DEAD_NOTIFIER,
            DEAD_WAITER,
            SLOW,
            INTERRUPTED,
            CONTENDED,
        ],
        ..COMMON
    };
}

impl Way for QueuedByDescriptor {
    fn number() -> i32 {
        signal::real_time(1)
    }
    const QUEUED: bool = true;
    const BY: By = By::Descriptor;
    const CONTRACT: &'static Contract = &Contract {
        name: "real-time-signalfd",
        specification: "A queue of values, first in, first out.",
        traits: Traits::USUAL,
        capacity: "as many as RLIMIT_SIGPENDING allows the user; then EAGAIN",
        promises: &[
            QUEUES,
            DEAD_NOTIFIER,
            DEAD_WAITER,
            SLOW,
            INTERRUPTED,
            CONTENDED,
            NO_DESCRIPTOR,
        ],
        exemptions: WITH_DESCRIPTOR,
        ..COMMON
    };
}

/// Contract parts common to all of them, unless overridden.
const COMMON: Contract = Contract {
    name: "",
    facility: Facility::Notifier,
    specification: "",
    traits: Traits {
        merges: true,
        ..Traits::USUAL
    },
    capacity: "one of each number",
    blocking: "notify never waits; wait waits for the signal, or until the timeout",
    linux: "which of several pending standard signals comes first is not defined; Linux takes the \
            lowest number first, and standard ones before real-time ones",
    promises: &[],
    exemptions: &[
        NO_TRANSFER,
        NO_BUFFER,
        NO_CLOCK,
        NOTHING_NEEDED,
        NEVER_LOST,
        NEVER_LATE,
    ],
};

const WITH_DESCRIPTOR: &[Exemption] = &[
    exempt(
        Peril::ShortIo,
        "a whole record is read, or none: the kernel refuses smaller reads (EINVAL)",
    ),
    NO_BUFFER,
    NO_CLOCK,
    NEVER_LOST,
    NEVER_LATE,
];

const NOTHING_NEEDED: Exemption = exempt(
    Peril::Errno,
    "a signal needs no descriptor; the limit of queued ones (RLIMIT_SIGPENDING) is the user's own",
);

const NEVER_LOST: Exemption = exempt(
    Peril::LoseSignal,
    "a blocked signal that is waited for is taken, never delivered, so no delivery can be lost",
);

const NEVER_LATE: Exemption = exempt(
    Peril::DelaySignal,
    "a blocked signal that is waited for is taken, never delivered, so no delivery can be late",
);

const MERGES: Promise = promise(
    Peril::None,
    "after a signal was sent, the waiter is woken at least once; several signals may merge into \
     one",
    "signal(7): \"Queueing and delivery semantics for standard signals\"",
);

const QUEUES: Promise = promise(
    Peril::None,
    "the waiter gets every signal once, with its value, in the order of sending",
    "signal(7): \"Real-time signals\"; sigqueue(3)",
);

const DEAD_NOTIFIER: Promise = promise(
    Peril::KillNotifier,
    "the signals of a killed process stay pending; no process is notified of the death",
    "signal(7)",
);

const DEAD_WAITER: Promise = promise(
    Peril::KillWaiter,
    "a signal to a dead process is refused (ESRCH) or, until its parent has waited for it, has no \
     effect",
    "kill(2): \"zombie\"",
);

const SLOW: Promise = promise(
    Peril::Pause,
    "a slow waiter finds the signal pending when it looks",
    "sigpending(2)",
);

const INTERRUPTED: Promise = promise(
    Peril::Interrupt,
    "a wait that another signal interrupted has taken nothing and can be repeated",
    "sigwaitinfo(2), read(2), ppoll(2): EINTR",
);

const CONTENDED: Promise = promise(
    Peril::Contend,
    "a process that sends often hides no signal that another sends later",
    "signal(7)",
);

const NO_DESCRIPTOR: Promise = promise(
    Peril::Errno,
    "a waiter that gets no descriptor reports the error, and notifiers learn that it is gone",
    "signalfd(2): EMFILE, ENOMEM",
);
