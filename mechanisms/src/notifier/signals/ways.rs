//! The ways to send and to receive a signal, and what each promises.

use crate::common::{NO_BUFFER, NO_CLOCK, NO_TRANSFER};
use crate::sys::signal;
use crosswire::contract::{Contract, Exemption, Facility, Peril, Promise, Traits, exempt, promise};

/// How a signal is sent and received.
pub trait Way: 'static {
    /// Its number.
    fn number() -> i32;
    /// Whether it is queued with a value.
    const QUEUED: bool;
    /// How it is received.
    const BY: By;
    /// What is promised.
    const CONTRACT: &'static Contract;
}

/// How a signal is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// By a function that runs in the midst of whatever goes on.
    Handler,
    /// By sigtimedwait(2).
    Waiting,
    /// By reading a descriptor.
    Descriptor,
}

/// See [`HandledSignal`](super::HandledSignal).
#[derive(Debug)]
pub enum StandardByHandler {}
/// See [`WaitedSignal`](super::WaitedSignal).
#[derive(Debug)]
pub enum StandardByWaiting {}
/// See [`SignalfdSignal`](super::SignalfdSignal).
#[derive(Debug)]
pub enum StandardByDescriptor {}
/// See [`RealTimeSignal`](super::RealTimeSignal).
#[derive(Debug)]
pub enum QueuedByWaiting {}
/// See [`RealTimeSignalFd`](super::RealTimeSignalFd).
#[derive(Debug)]
pub enum QueuedByDescriptor {}

/// The promises of all: what becomes of a signal, what holds whichever way it takes, and
/// what this way adds.
macro_rules! promises {
    ($what:expr $(, $more:expr)*) => {
        &[$what, DEAD_NOTIFIER, DEAD_WAITER, SLOW, INTERRUPTED, CONTENDED $(, $more)*]
    };
}

/// The exemptions of all, and those of the way.
macro_rules! exemptions {
    ($what:expr $(, $more:expr)*) => {
        &[$what, NO_BUFFER, NO_CLOCK $(, $more)*]
    };
}

impl Way for StandardByHandler {
    fn number() -> i32 {
        libc::SIGUSR1
    }
    const QUEUED: bool = false;
    const BY: By = By::Handler;
    const CONTRACT: &'static Contract = &Contract {
        name: "signal-handler",
        specification: "A flag that the waiter's handler sees: sent again before that, it merges.",
        promises: promises![
            MERGES,
            promise(
                Peril::LoseSignal,
                "a signal that is lost is not sent again; the waiter goes on waiting until its \
                 time is over, and takes no other for it",
                "signal(7)",
            ),
            promise(
                Peril::DelaySignal,
                "a signal that is late wakes the waiter when it comes",
                "signal(7)",
            )
        ],
        exemptions: exemptions![NO_TRANSFER, NOTHING_NEEDED],
        ..FLAG
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
        specification: "A flag that the waiter takes: sent again before that, it merges.",
        ..FLAG
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
        specification: "A flag that the waiter reads: sent again before that, it merges.",
        promises: promises![MERGES, NO_DESCRIPTOR],
        exemptions: WITH_DESCRIPTOR,
        ..FLAG
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
        ..QUEUE
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
        promises: promises![QUEUES, NO_DESCRIPTOR],
        exemptions: WITH_DESCRIPTOR,
        ..QUEUE
    };
}

/// What holds for standard signals, unless a way says otherwise.
const FLAG: Contract = Contract {
    name: "",
    facility: Facility::Notifier,
    specification: "",
    traits: Traits {
        merges: true,
        ..Traits::USUAL
    },
    capacity: "one of each number",
    blocking: "notify never waits; wait waits for the signal, or until the time is over",
    linux: "which of several pending standard signals comes first is not defined; Linux takes the \
            lowest number first, and standard ones before real-time ones",
    promises: promises![MERGES],
    exemptions: exemptions![NO_TRANSFER, NOTHING_NEEDED, NEVER_LOST, NEVER_LATE],
};

/// The same of real-time signals.
const QUEUE: Contract = Contract {
    specification: "A queue of values, first in, first out.",
    traits: Traits::USUAL,
    capacity: "as many as RLIMIT_SIGPENDING permits the user; then EAGAIN",
    promises: promises![QUEUES],
    ..FLAG
};

const WITH_DESCRIPTOR: &[Exemption] = exemptions![
    exempt(
        Peril::ShortIo,
        "a whole record is read, or none: the kernel refuses less (EINVAL)",
    ),
    NEVER_LOST,
    NEVER_LATE
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
    "after a signal was sent, the waiter is woken at least once; several may come as one",
    "signal(7): \"Queueing and delivery semantics for standard signals\"",
);

const QUEUES: Promise = promise(
    Peril::None,
    "the waiter gets every signal once, with its value, in the order of sending",
    "signal(7): \"Real-time signals\"; sigqueue(3)",
);

const DEAD_NOTIFIER: Promise = promise(
    Peril::KillNotifier,
    "what a killed process had sent stays pending; nobody is told of the death",
    "signal(7)",
);

const DEAD_WAITER: Promise = promise(
    Peril::KillWaiter,
    "a signal for a process that is gone is refused (ESRCH), or, as long as its parent has not \
     waited for it, sent in vain",
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
    "one that sends often hides no signal that another sends after it",
    "signal(7)",
);

const NO_DESCRIPTOR: Promise = promise(
    Peril::Errno,
    "a waiter that gets no descriptor says so, and notifiers are told that it has gone",
    "signalfd(2): EMFILE, ENOMEM",
);
