//! Ring buffers in shared memory: for one producer ([`SpscRing`]) and for many
//! ([`MpscRing`]), in a memfd (memfd_create(2)).
//!
//! Messages pass without a system call as long as there is room and there are messages; a
//! process that must wait sleeps on a futex. The order of reads and writes is in
//! [`crate::words`], where loom checks it.
//!
//! Neither side is notified of the death of the other, and shared memory is never
//! repaired: a producer that dies after it has claimed a slot and before it has filled it
//! leaves a gap that blocks all later messages.

use crate::common::{NO_RESOURCES, NO_SIGNAL_LATE, NO_SIGNAL_LOST, NO_TRANSFER};
use crate::sys::futex;
use crate::sys::mapping::{Mapping, Shared};
use crate::words::{Many, One, Queue};
use crosswire::contract::{
    Channel, Contract, Delivery, Error, Facility, MESSAGE_BYTES, Order, PATIENCE, Peril, Promise,
    Receiver, Sender, Shape, Traits, exempt, promise,
};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// Words of a message: its length, and its bytes.
pub(crate) const WORDS: usize = 1 + MESSAGE_BYTES.div_ceil(8);

/// Content of the shared memory.
#[repr(C)]
pub(crate) struct Inside<Q> {
    /// Number of messages sent, modulo 2³²: receivers sleep on it.
    sent: AtomicU32,
    /// Number of messages received: senders sleep on it.
    taken: AtomicU32,
    pub(crate) queue: Q,
}

/// Kind of ring, with its contract.
#[allow(private_bounds)]
pub trait Kind: 'static {
    /// The ring itself.
    #[doc(hidden)]
    type Queue: Queue<WORDS> + Shared;
    /// The most producers.
    const SENDERS: usize;
    /// Contract of the channel.
    const CONTRACT: &'static Contract;
}

/// A ring buffer in memory that is inherited.
#[derive(Debug)]
pub struct Ring<K> {
    memory: Arc<Mapping>,
    kind: PhantomData<K>,
}

/// One end, in one process.
#[derive(Debug)]
pub struct RingEnd<K> {
    memory: Arc<Mapping>,
    kind: PhantomData<K>,
}

/// For one producer and one consumer.
pub type SpscRing = Ring<SingleProducer>;
/// For many producers and one consumer.
pub type MpscRing = Ring<ManyProducers>;

/// See [`SpscRing`].
#[derive(Debug)]
pub enum SingleProducer {}
/// See [`MpscRing`].
#[derive(Debug)]
pub enum ManyProducers {}

impl Kind for SingleProducer {
    type Queue = One<WORDS>;
    const SENDERS: usize = 1;
    const CONTRACT: &'static Contract = &Contract {
        name: "spsc-ring",
        specification: "A queue of messages from one producer to one consumer: first in, first \
                        out.",
        ..COMMON
    };
}

impl Kind for ManyProducers {
    type Queue = Many<WORDS>;
    const SENDERS: usize = usize::MAX;
    const CONTRACT: &'static Contract = &Contract {
        name: "mpsc-ring",
        specification: "A queue of messages from many producers to one consumer: first in, first \
                        out.",
        traits: Traits {
            delivery: Delivery::UnlessSenderDies,
            ..COMMON.traits
        },
        ..COMMON
    };
}

const NAME: &str = "the ring buffer";

impl<K: Kind> Channel for Ring<K> {
    type Sender = RingEnd<K>;
    type Receiver = RingEnd<K>;
    const CONTRACT: &'static Contract = K::CONTRACT;
    const RECEIVERS: usize = 1;
    const SENDERS: usize = K::SENDERS;

    fn create(_: Shape) -> Result<Self, Error> {
        let memory = Mapping::anonymous("crosswire-ring", size_of::<Inside<K::Queue>>())
            .map_err(Error::system("creating", NAME))?;
        Ok(Ring {
            memory: Arc::new(memory),
            kind: PhantomData,
        })
    }

    fn sender(&mut self, _: usize) -> Result<RingEnd<K>, Error> {
        Ok(self.end())
    }

    fn receiver(&mut self) -> Result<RingEnd<K>, Error> {
        Ok(self.end())
    }
}

impl<K: Kind> Ring<K> {
    fn end(&self) -> RingEnd<K> {
        RingEnd {
            memory: self.memory.clone(),
            kind: PhantomData,
        }
    }
}

impl<K: Kind> RingEnd<K> {
    fn inside(&self) -> &Inside<K::Queue> {
        self.memory.get()
    }
}

/// Tries until it succeeds; in between sleeps until `changes` has changed. `None` if
/// nothing happened until the time was over.
fn repeat<T>(changes: &AtomicU32, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        // Read before the attempt: what happens after it changes the word, and then
        // the kernel does not let any process sleep.
        let seen = changes.load(Ordering::Acquire);
        if let Some(value) = attempt() {
            return Some(value);
        }
        let left = PATIENCE.saturating_sub(began.elapsed());
        if left.is_zero() {
            return None;
        }
        // Woken, interrupted, too late, or timed out: look again.
        let _ = futex::wait(changes, seen, left);
    }
}

fn announce(changes: &AtomicU32) {
    changes.fetch_add(1, Ordering::Release);
    futex::wake(changes, i32::MAX);
}

impl<K: Kind> Sender for RingEnd<K> {
    fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        if message.len() > MESSAGE_BYTES {
            return Err(Error::TooLong {
                object: NAME.to_owned(),
                length: message.len(),
                most: MESSAGE_BYTES,
            });
        }
        let mut words = [0; WORDS];
        words[0] = message.len() as u64;
        for (word, part) in words[1..].iter_mut().zip(message.chunks(8)) {
            let mut bytes = [0; 8];
            bytes[..part.len()].copy_from_slice(part);
            *word = u64::from_ne_bytes(bytes);
        }
        let inside = self.inside();
        repeat(&inside.taken, || {
            inside.queue.try_push(&words).then_some(())
        })
        .ok_or_else(|| Error::timed_out("sending into", NAME))?;
        announce(&inside.sent);
        Ok(())
    }
}

impl<K: Kind> Receiver for RingEnd<K> {
    fn recv(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let inside = self.inside();
        let Some(words) = repeat(&inside.sent, || inside.queue.try_pop()) else {
            return Ok(None);
        };
        announce(&inside.taken);
        let bytes: Vec<u8> = words[1..].iter().flat_map(|w| w.to_ne_bytes()).collect();
        let length = usize::try_from(words[0]).ok();
        let message = length.and_then(|length| bytes.get(..length));
        message
            .map(<[u8]>::to_vec)
            .map(Some)
            .ok_or_else(|| Error::Garbled {
                object: NAME.to_owned(),
            })
    }
}

/// Contract parts common to both.
const COMMON: Contract = Contract {
    name: "",
    facility: Facility::Channel,
    specification: "",
    traits: Traits {
        order: Order::OneQueue,
        tells_end: false,
        ..Traits::USUAL
    },
    capacity: "4 messages",
    blocking: "send waits while there is no room, recv while there is no message, or until the \
               timeout",
    linux: "memfds and futexes exist on Linux and a few systems that copied them",
    promises: &[
        promise(
            Peril::None,
            "messages are received once each, whole, in the order of sending; no wake-up is lost",
            "futex(2): FUTEX_WAIT compares and sleeps atomically",
        ),
        promise(
            Peril::KillReceiver,
            "a sender that waits for room is not notified that no receiver is left, and gives up \
             by its own timeout",
            "memfd_create(2): memory does not track its users",
        ),
        SLOW,
        promise(
            Peril::Interrupt,
            "an interrupted wait checks again",
            "futex(2): EINTR, spurious wake-ups",
        ),
        promise(
            Peril::Full,
            "a sender waits while there is no room, and nothing is lost",
            "futex(2)",
        ),
        promise(
            Peril::ClockJump,
            "a relative timeout is neither shortened nor prolonged when CLOCK_REALTIME is set",
            "futex(2): FUTEX_WAIT measures by the monotonic clock",
        ),
        promise(
            Peril::Contend,
            "a sender that finds the slots taken by another waits its turn; nothing is lost",
            "futex(2)",
        ),
    ],
    exemptions: &[
        NO_TRANSFER,
        NO_SIGNAL_LOST,
        NO_SIGNAL_LATE,
        NO_RESOURCES,
        exempt(
            Peril::KillSender,
            "nothing is promised: a sender that dies while it joins, leaves or fills its slot \
             leaves counts and a gap that no process repairs",
        ),
    ],
};

const SLOW: Promise = promise(
    Peril::Pause,
    "a slow process delays others and changes nothing else",
    "futex(2)",
);
