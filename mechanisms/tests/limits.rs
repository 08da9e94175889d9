//! Objects that do not fit, are taken, forbidden or removed in use: an error names the
//! operation and the object, and nothing is left behind.

use crosswire::contract::{
    Channel, Error, Lock, MESSAGE_BYTES, Receiver, Semaphore, Sender, Shape, SharedCell,
};
use crosswire_mechanisms::cell::{MappedFile, PosixSharedMemory};
use crosswire_mechanisms::channel::{
    Direct, Fifo, Mailbox, MpscRing, Pipe, PosixQueue, SpscRing, SysvQueue, SysvTypedQueue, Tcp,
    Udp, UnixDatagram, UnixSeqpacket, UnixStream,
};
use crosswire_mechanisms::lock::{Flock, OfdLock};
use crosswire_mechanisms::semaphore::{NamedSemaphore, SemaphoreSet};
use std::path::Path;
use std::process::Command;

const ALONE: Shape = Shape {
    senders: 1,
    receivers: 1,
    small: false,
};

/// Messages up to the longest are taken and one byte more is refused, by the sending
/// end alone.
fn lengths<C: Channel>() {
    let name = C::CONTRACT.name;
    let mut channel = C::create(ALONE).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut sender = match channel.sender(0) {
        // Its own copy of the other end was the last one.
        Err(Error::Closed { .. }) => return,
        sender => sender.unwrap_or_else(|error| panic!("{name}: {error}")),
    };
    for length in [0, 1, MESSAGE_BYTES] {
        let sent = sender.send(&vec![7; length]);
        // Where the sender was the last to hold the other end, it is told so, which is
        // no matter of length.
        assert!(
            matches!(sent, Ok(()) | Err(Error::Closed { .. })),
            "{name}: {length} bytes: {sent:?}"
        );
    }
    let error = sender.send(&[7; MESSAGE_BYTES + 1]).unwrap_err();
    let Error::TooLong {
        object,
        length,
        most,
    } = &error
    else {
        panic!("{name}: {error}");
    };
    assert_eq!(
        (*length, *most),
        (MESSAGE_BYTES + 1, MESSAGE_BYTES),
        "{name}"
    );
    assert!(
        !object.is_empty() && error.to_string().contains(object.as_str()),
        "{name}"
    );
}

#[test]
fn one_byte_more_than_the_longest_message_is_refused_by_every_channel() {
    lengths::<Pipe>();
    lengths::<Fifo>();
    lengths::<SysvQueue>();
    lengths::<SysvTypedQueue>();
    lengths::<PosixQueue>();
    lengths::<UnixStream>();
    lengths::<UnixDatagram>();
    lengths::<UnixSeqpacket>();
    lengths::<Tcp>();
    lengths::<Udp>();
    lengths::<Direct>();
    lengths::<Mailbox>();
    lengths::<SpscRing>();
    lengths::<MpscRing>();
}

#[test]
fn lengths_come_back_where_one_process_can_have_both_ends() {
    fn both<C: Channel>() {
        let mut channel = C::create(ALONE).unwrap();
        let (mut sender, mut receiver) = (channel.sender(0).unwrap(), channel.receiver().unwrap());
        for length in [0, 1, 8, MESSAGE_BYTES] {
            let message = vec![length as u8; length];
            sender.send(&message).unwrap();
            assert_eq!(
                receiver.recv().unwrap(),
                Some(message),
                "{}",
                C::CONTRACT.name
            );
        }
    }
    both::<SysvQueue>();
    both::<SysvTypedQueue>();
    both::<Mailbox>();
    both::<SpscRing>();
    both::<MpscRing>();
}

/// Names that cannot be: what the error says of each.
fn refuses(create: impl Fn(&str) -> Result<(), Error>, names: &[(&str, &str)]) {
    for (name, reason) in names {
        let error = create(name).expect_err(name);
        let said = error.to_string();
        assert!(said.contains(name) && said.ends_with(reason), "{said}");
    }
}

#[test]
fn names_that_cannot_be() {
    let long = format!("/{}", "x".repeat(300));
    let queue = |name: &str| PosixQueue::create_named(name, 1).map(drop);
    refuses(
        queue,
        &[
            ("/a/b", "EACCES"),
            (&long, "ENAMETOOLONG"),
            ("plain", "a slash"),
        ],
    );
    let semaphore = |name: &str| NamedSemaphore::create_named(name, 1).map(drop);
    // glibc finds it too long before the kernel does, and says so in its own way.
    refuses(semaphore, &[("/a/b", "EINVAL"), (&long, "EINVAL")]);
    let memory = |name: &str| PosixSharedMemory::create_named(name).map(drop);
    refuses(memory, &[("/a/b", "EINVAL")]);
    // Which of the two it is depends on the C library.
    let error = memory(&long).unwrap_err().to_string();
    assert!(
        error.ends_with("EINVAL") || error.ends_with("ENAMETOOLONG"),
        "{error}"
    );
    let socket = |name: &str| UnixDatagram::create_named(name).map(drop);
    let error = socket(&"x".repeat(200)).unwrap_err().to_string();
    assert!(
        error.starts_with("creating the abstract socket x"),
        "{error}"
    );
    let fifo = Fifo::create_at(Path::new("/tmp").join("x".repeat(300))).unwrap_err();
    assert!(fifo.to_string().ends_with("ENAMETOOLONG"), "{fifo}");
    let stream = UnixStream::create_at(Path::new("/tmp").join("x".repeat(200)), 1).unwrap_err();
    assert!(
        stream.to_string().starts_with("creating the socket"),
        "{stream}"
    );
}

#[test]
fn names_that_are_taken() {
    let name = format!("/crosswire-taken-{}", std::process::id());
    let _queue = PosixQueue::create_named(&name, 1).unwrap();
    let _semaphore = NamedSemaphore::create_named(&name, 1).unwrap();
    let _memory = PosixSharedMemory::create_named(&name).unwrap();
    refuses(
        |name| PosixQueue::create_named(name, 1).map(drop),
        &[(&name, "EEXIST")],
    );
    refuses(
        |name| NamedSemaphore::create_named(name, 1).map(drop),
        &[(&name, "EEXIST")],
    );
    refuses(
        |name| PosixSharedMemory::create_named(name).map(drop),
        &[(&name, "EEXIST")],
    );
}

#[test]
fn a_directory_that_may_not_be_written() {
    // Root may write anywhere, so this asks for a place where nobody may.
    let place = Path::new("/proc/crosswire");
    for error in [
        Fifo::create_at(place.to_owned()).map(drop).unwrap_err(),
        UnixStream::create_at(place.to_owned(), 1)
            .map(drop)
            .unwrap_err(),
        Flock::at(place.to_owned()).map(drop).unwrap_err(),
        MappedFile::open(place).map(drop).unwrap_err(),
    ] {
        assert!(error.to_string().contains("/proc/crosswire"), "{error}");
        assert!(matches!(error, Error::System { .. }), "{error}");
    }
}

#[test]
fn a_set_that_is_removed_in_use() {
    let set = SemaphoreSet::open_or_create(0x676f_6e65, &[0]).unwrap();
    let other = set.clone();
    let waiting = std::thread::spawn(move || other.perform(&[(0, -1)]));
    // Either it waits when the set is removed, or it comes too late: it is told.
    set.remove().unwrap();
    let error = waiting.join().unwrap().unwrap_err();
    assert!(matches!(error, Error::Removed { .. }), "{error}");
    assert!(error.to_string().contains("0x676f6e65"), "{error}");
}

#[test]
fn a_file_that_is_truncated_under_its_mapping() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("value");
    let mut cell = MappedFile::open(&path).unwrap();
    cell.store(&[7; 64]).unwrap();
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(0)
        .unwrap();
    for error in [
        cell.load().map(drop).unwrap_err(),
        cell.store(&[8; 64]).unwrap_err(),
    ] {
        assert_eq!(
            error.to_string(),
            format!("{}: it has been truncated", path.display())
        );
    }
}

#[test]
fn a_semaphore_counts_no_further_than_it_can() {
    let error = NamedSemaphore::create_named("/crosswire-many", u32::MAX).unwrap_err();
    assert!(error.to_string().ends_with("EINVAL"), "{error}");
    let error = crosswire_mechanisms::semaphore::SysvSemaphore::create(40_000).unwrap_err();
    assert!(matches!(error, Error::Misuse { .. }), "{error}");
}

/// Runs this test program again, with room for so few descriptors that the kernel
/// refuses every further one.
#[test]
fn the_limit_of_descriptors() {
    if std::env::var_os("CROSSWIRE_FEW_DESCRIPTORS").is_some() {
        return with_few_descriptors();
    }
    let output = Command::new("sh")
        .args([
            "-c",
            "ulimit -n 16; exec \"$0\" --exact the_limit_of_descriptors --nocapture",
        ])
        .arg(std::env::current_exe().unwrap())
        .env("CROSSWIRE_FEW_DESCRIPTORS", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

fn with_few_descriptors() {
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    fn refused<T>(made: Result<T, Error>) {
        let Err(error) = made else {
            panic!("there was a descriptor left");
        };
        assert!(error.to_string().ends_with("EMFILE"), "{error}");
    }
    refused(Pipe::create(ALONE));
    refused(Fifo::create(ALONE));
    refused(PosixQueue::create(ALONE));
    refused(UnixStream::create(ALONE));
    refused(UnixDatagram::create(ALONE));
    refused(UnixSeqpacket::create(ALONE));
    refused(Tcp::create(ALONE));
    refused(Udp::create(ALONE));
    refused(SpscRing::create(ALONE));
    refused(<Flock as Lock>::create());
    refused(<OfdLock as Lock>::create());
    refused(PosixSharedMemory::create());
    refused(MappedFile::create());
    drop(files);
    // Nothing was left that would be in the way now.
    Fifo::create(ALONE).unwrap();
    PosixQueue::create(ALONE).unwrap();
    UnixStream::create(ALONE).unwrap();
    PosixSharedMemory::create().unwrap();
}
