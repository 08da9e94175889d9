//! Channels with one planted bug each: the scenarios must find it, and name it.

use crosswire::conformance::{Trial, channel};
use crosswire::contract::{
    Channel, Contract, Error, Facility, Peril, Promise, Receiver, Sender, Shape, Traits,
};
use crosswire::model::Kind;
use crosswire::{Budget, scenario};
use crosswire_mechanisms::channel::FRAME_BYTES;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{read, write};
use std::cell::RefCell;
use std::io::{PipeReader, PipeWriter};
use std::marker::PhantomData;

/// More than enough for each of these bugs.
const BUDGET: Budget = Budget::runs(300);

/// Bug of a channel.
trait Bug: 'static {
    /// Called in each process that opens an end, with both.
    fn open(_read: &PipeReader, _write: &PipeWriter) {}

    /// True if a receiver keeps the end that only senders need.
    const KEEPS_BOTH: bool = false;

    /// Sends a frame; `held` is one that an earlier call kept back.
    fn send(pipe: &PipeWriter, frame: &[u8], _held: &mut Option<Vec<u8>>) -> Result<(), Errno> {
        write_all(pipe, frame)
    }

    /// Receives a frame; less than one is the end.
    fn recv(pipe: &PipeReader) -> Result<Vec<u8>, Errno> {
        read_all(pipe)
    }
}

fn write_all(pipe: &PipeWriter, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match write(pipe, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn read_all(pipe: &PipeReader) -> Result<Vec<u8>, Errno> {
    let mut frame = vec![0; FRAME_BYTES];
    let mut filled = 0;
    while filled < FRAME_BYTES {
        match read(pipe, &mut frame[filled..]) {
            Ok(0) => break,
            Ok(got) => filled += got,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
    frame.truncate(filled);
    Ok(frame)
}

/// No bug at all: what is found in the others is not the test's own doing.
struct Fixed;
impl Bug for Fixed {}

/// Does not wait for room and does not say so.
struct LosesWhenFull;
impl Bug for LosesWhenFull {
    fn open(_: &PipeReader, pipe: &PipeWriter) {
        // Both ends have flags of their own, so receiving still waits.
        fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_WRONLY | OFlag::O_NONBLOCK)).unwrap();
    }

    fn send(pipe: &PipeWriter, frame: &[u8], _: &mut Option<Vec<u8>>) -> Result<(), Errno> {
        match write_all(pipe, frame) {
            Err(Errno::EAGAIN) => Ok(()),
            result => result,
        }
    }
}

/// Sends every second message before the one that came before it.
struct Reorders;
impl Bug for Reorders {
    fn send(pipe: &PipeWriter, frame: &[u8], held: &mut Option<Vec<u8>>) -> Result<(), Errno> {
        match held.take() {
            None => {
                *held = Some(frame.to_vec());
                Ok(())
            }
            Some(before) => {
                write_all(pipe, frame)?;
                write_all(pipe, &before)
            }
        }
    }
}

thread_local! {
    /// The frame that was received last.
    static RECEIVED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Takes what the frame before has left in its buffer for a new one when the wait for that was
/// interrupted. Linux interrupts only who waits (signal(7)): a write finds room at once here.
struct RepeatsWhenInterrupted;
impl Bug for RepeatsWhenInterrupted {
    fn recv(pipe: &PipeReader) -> Result<Vec<u8>, Errno> {
        let mut frame = vec![0; FRAME_BYTES];
        match (read(pipe, &mut frame), RECEIVED.take()) {
            (Err(Errno::EINTR), Some(before)) => return Ok(before),
            (Err(Errno::EINTR), None) => return read_all(pipe),
            (got, _) => frame.truncate(got?),
        }
        RECEIVED.set(Some(frame.clone()));
        Ok(frame)
    }
}

/// Takes what one read brings for a message.
struct IgnoresShortReads;
impl Bug for IgnoresShortReads {
    fn recv(pipe: &PipeReader) -> Result<Vec<u8>, Errno> {
        let mut frame = vec![0; FRAME_BYTES];
        // Whatever is missing stays zero.
        if read(pipe, &mut frame)? == 0 {
            frame.clear();
        }
        Ok(frame)
    }
}

/// A receiver that is itself a possible sender never sees the end.
struct NeverEnds;
impl Bug for NeverEnds {
    const KEEPS_BOTH: bool = true;
}

struct Broken<B> {
    pipe: Option<(PipeReader, PipeWriter)>,
    bug: PhantomData<B>,
}

struct BrokenSender<B> {
    pipe: PipeWriter,
    held: Option<Vec<u8>>,
    bug: PhantomData<B>,
}

struct BrokenReceiver<B> {
    pipe: PipeReader,
    _kept: Option<PipeWriter>,
    bug: PhantomData<B>,
}

/// Promised whatever goes wrong.
const fn promise(peril: Peril) -> Promise {
    Promise {
        peril,
        text: "what a pipe promises",
        source: "pipe(7)",
    }
}

const CONTRACT: Contract = Contract {
    name: "broken",
    facility: Facility::Channel,
    specification: "First in, first out.",
    traits: Traits::USUAL,
    capacity: "some",
    blocking: "send waits for room, recv for a message",
    linux: "",
    promises: &[
        promise(Peril::None),
        promise(Peril::KillReceiver),
        promise(Peril::Interrupt),
        promise(Peril::ShortIo),
        promise(Peril::Full),
    ],
    exemptions: &[],
};

fn refused(source: Errno) -> Error {
    match source {
        Errno::EPIPE => Error::Closed {
            object: "broken".into(),
        },
        _ => Error::system("using", "broken")(source),
    }
}

impl<B: Bug> Channel for Broken<B> {
    type Sender = BrokenSender<B>;
    type Receiver = BrokenReceiver<B>;
    const CONTRACT: &'static Contract = &CONTRACT;
    const RECEIVERS: usize = usize::MAX;

    fn create(shape: Shape) -> Result<Self, Error> {
        let pipe = std::io::pipe().unwrap();
        if shape.small {
            fcntl(&pipe.1, FcntlArg::F_SETPIPE_SZ(1)).map_err(refused)?;
        }
        Ok(Broken {
            pipe: Some(pipe),
            bug: PhantomData,
        })
    }

    fn sender(&mut self, _number: usize) -> Result<BrokenSender<B>, Error> {
        let (read, pipe) = self.pipe.take().unwrap();
        B::open(&read, &pipe);
        Ok(BrokenSender {
            pipe,
            held: None,
            bug: PhantomData,
        })
    }

    fn receiver(&mut self) -> Result<BrokenReceiver<B>, Error> {
        let (pipe, write) = self.pipe.take().unwrap();
        let kept = B::KEEPS_BOTH.then_some(write);
        Ok(BrokenReceiver {
            pipe,
            _kept: kept,
            bug: PhantomData,
        })
    }
}

impl<B: Bug> Sender for BrokenSender<B> {
    fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        let mut frame = vec![0; FRAME_BYTES];
        frame[0] = 1;
        frame[1..=message.len()].copy_from_slice(message);
        B::send(&self.pipe, &frame, &mut self.held).map_err(refused)
    }
}

impl<B: Bug> Receiver for BrokenReceiver<B> {
    fn recv(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let frame = B::recv(&self.pipe).map_err(refused)?;
        // The scenario's messages are all of one length.
        Ok(frame.get(1..401).map(<[u8]>::to_vec))
    }
}

/// The kinds of what the scenario finds in a channel.
fn found<B: Bug>(peril: Peril) -> Vec<Kind> {
    let trial = Trial {
        peril,
        some: 1,
        others: 1,
    };
    let report = channel::<Broken<B>>(scenario!("broken"), trial).try_explore(BUDGET);
    assert_eq!(report.invalid_reason, None);
    report
        .found
        .into_iter()
        .map(|found| found.violation.kind)
        .collect()
}

#[test]
fn a_correct_channel_passes_where_the_others_fail() {
    for peril in [Peril::None, Peril::Interrupt, Peril::ShortIo, Peril::Full] {
        assert_eq!(found::<Fixed>(peril), [], "{peril}");
    }
}

#[test]
fn losing_messages_when_there_is_no_room_is_found() {
    assert_eq!(found::<LosesWhenFull>(Peril::None), []);
    assert!(found::<LosesWhenFull>(Peril::Full).contains(&Kind::Loss));
}

#[test]
fn another_order_is_found() {
    assert!(found::<Reorders>(Peril::None).contains(&Kind::Order));
}

#[test]
fn a_message_sent_twice_is_found_only_under_interrupts() {
    assert_eq!(found::<RepeatsWhenInterrupted>(Peril::None), []);
    let kinds = found::<RepeatsWhenInterrupted>(Peril::Interrupt);
    assert!(kinds.contains(&Kind::Duplication), "{kinds:?}");
}

#[test]
fn half_a_message_is_found_only_under_short_reads() {
    assert_eq!(found::<IgnoresShortReads>(Peril::None), []);
    let kinds = found::<IgnoresShortReads>(Peril::ShortIo);
    assert!(kinds.contains(&Kind::Invention), "{kinds:?}");
}

#[test]
fn waiting_for_an_end_that_never_comes_is_found() {
    assert!(found::<NeverEnds>(Peril::None).contains(&Kind::Deadlock));
}
