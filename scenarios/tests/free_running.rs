//! Histories of real channels that run freely on all CPUs, four senders and four receivers
//! at once: the checkers find nothing wrong with them, and find what is wrong with the
//! same histories after one operation was altered.

use crosswire::check::history::{
    Action, Checker, Datagram, Fifo, Op, Operations, Outcome, PriorityQueue,
};
use crosswire::contract::{Channel, Receiver, Sender, Shape};
use crosswire_mechanisms::channel::SysvQueue;
use std::io::{Read, Write};
use std::os::unix::net::UnixDatagram;
use std::time::Instant;

/// Messages of each sender; each has a send and a receive.
const MESSAGES: i64 = 12_500;

/// Senders, and as many receivers.
const ENDS: usize = 4;

/// Who sends a value, and how urgently.
fn value(sender: usize, number: i64) -> i64 {
    sender as i64 * MESSAGES + number
}

/// A message on its way.
type Message = [u8; 8];

/// Lets senders and receivers loose, and notes what each does and when.
fn history<S, R>(senders: Vec<S>, receivers: Vec<R>) -> Operations
where
    S: FnMut(Message) + Send,
    R: FnMut() -> Message + Send,
{
    let begin = Instant::now();
    let now = || begin.elapsed().as_nanos() as u64;
    let mut operations = Operations::default();
    let numbers: Vec<u32> = (0..2 * ENDS)
        .map(|n| operations.process(&format!("p{n}")))
        .collect();
    let (sent, received) = numbers.split_at(ENDS);
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for ((n, mut send), process) in senders.into_iter().enumerate().zip(sent) {
            threads.push(scope.spawn(move || {
                let timed = |number| {
                    let value = value(n, number);
                    let called = now();
                    send(value.to_le_bytes());
                    Op::new(*process, Action::Send)
                        .value(value)
                        .at(called, now())
                };
                (0..MESSAGES).map(timed).collect::<Vec<Op>>()
            }));
        }
        for (mut receive, process) in receivers.into_iter().zip(received) {
            threads.push(scope.spawn(move || {
                let timed = |_| {
                    let called = now();
                    let message = receive();
                    let answered = now();
                    let value = i64::from_le_bytes(message);
                    Op::new(*process, Action::Receive)
                        .value(value)
                        .at(called, answered)
                };
                (0..MESSAGES).map(timed).collect::<Vec<Op>>()
            }));
        }
        for thread in threads {
            operations
                .list
                .extend(thread.join().expect("nobody panics"));
        }
    });
    operations.list.sort_by_key(|op| op.called);
    operations
}

/// The history is in order, and is not after each of four alterations.
fn judge(checker: &dyn Checker, operations: &Operations) {
    assert_eq!(operations.list.len(), 100_000);
    assert_eq!(
        checker.check(operations),
        Ok(Outcome::Ok),
        "{}",
        checker.name()
    );
    let receives: Vec<usize> = (0..operations.list.len())
        .filter(|i| operations.list[*i].action == Action::Receive)
        .collect();
    let (early, late) = (receives[receives.len() / 4], receives[receives.len() / 2]);

    let altered = |rules: &[&str], alter: &dyn Fn(&mut Vec<Op>)| {
        let mut operations = operations.clone();
        alter(&mut operations.list);
        match checker.check(&operations) {
            Ok(Outcome::Violation(broken)) => {
                assert!(
                    rules.contains(&broken.rule),
                    "{}: {broken:?}",
                    checker.name()
                );
                assert!(broken.witness.len() <= 4, "{broken:?}");
            }
            other => panic!("{}: {other:?}", checker.name()),
        }
    };
    altered(&["invention"], &|ops| ops[early].value = -1);
    altered(&["duplication"], &|ops| ops[late].value = ops[early].value);
    altered(&["order", "invention"], &|ops| {
        (ops[early].value, ops[late].value) = (ops[late].value, ops[early].value);
    });
    altered(&["loss"], &|ops| {
        ops.remove(early);
    });
}

#[test]
fn a_pipe() {
    let (read, write) = std::io::pipe().expect("a pipe");
    let send = |message: Message| (&write).write_all(&message).expect("it can be written");
    let receive = || {
        let mut message = Message::default();
        (&read).read_exact(&mut message).expect("it can be read");
        message
    };
    judge(&Fifo, &history(vec![send; ENDS], vec![receive; ENDS]));
}

#[test]
fn datagrams() {
    let (one, other) = UnixDatagram::pair().expect("a pair of sockets");
    let send = |message: Message| assert_eq!(one.send(&message).expect("it can be sent"), 8);
    let receive = || {
        let mut message = Message::default();
        assert_eq!(other.recv(&mut message).expect("it can be received"), 8);
        message
    };
    let operations = history(vec![send; ENDS], vec![receive; ENDS]);
    judge(&Datagram::default(), &operations);
    judge(&Fifo, &operations);
    // Of one priority, that is the order of a message queue too.
    judge(&PriorityQueue::default(), &operations);
}

#[test]
fn a_system_v_queue() {
    let shape = Shape {
        senders: ENDS,
        receivers: ENDS,
        small: false,
    };
    let mut queue = SysvQueue::create(shape).expect("a queue");
    let senders = (0..ENDS).map(|n| {
        let mut end = queue.sender(n).expect("a sender");
        move |message: Message| end.send(&message).expect("it can be sent")
    });
    let senders = senders.collect();
    let receivers = (0..ENDS).map(|_| {
        let mut end = queue.receiver().expect("a receiver");
        move || {
            let message = end
                .recv()
                .expect("it can be received")
                .expect("not the end");
            Message::try_from(message).expect("eight bytes")
        }
    });
    judge(&Fifo, &history(senders, receivers.collect()));
}
