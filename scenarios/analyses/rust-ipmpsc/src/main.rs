//! ipmpsc.
use driver_locks::{fork, wait};
use ipmpsc::{Receiver, Sender, SharedRingBuffer};

fn main() {
    let (path, _buffer) = SharedRingBuffer::create_temp(4096).unwrap();
    let send = |values: &[u32]| {
        let sender = Sender::new(SharedRingBuffer::open(&path).unwrap());
        values.iter().for_each(|value| sender.send(value).unwrap());
    };
    let first = fork(|| send(&[10, 11]));
    let second = fork(|| send(&[20, 21]));
    let receiver = Receiver::new(SharedRingBuffer::open(&path).unwrap());
    let is_killed = std::env::args().nth(1).as_deref() == Some("killed");
    let mut got = Vec::new();
    while got.len() < 4 && !(is_killed && got.contains(&21)) {
        got.push(receiver.recv::<u32>().unwrap());
    }
    let place = |value| got.iter().position(|one| *one == value);
    assert!(place(20) < place(21));
    if !is_killed {
        assert!(got.len() == 4 && place(10) < place(11), "{got:?}");
        assert_eq!(wait(first), 0);
    } else {
        wait(first);
    }
    assert_eq!(wait(second), 0);
}
