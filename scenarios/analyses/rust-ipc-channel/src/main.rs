//! ipc-channel.
use driver_locks::{fork, wait};
use ipc_channel::ipc;

fn main() {
    let (sender, receiver) = ipc::channel::<u32>().unwrap();
    let first = fork(|| [10, 11].iter().for_each(|n| sender.send(*n).unwrap()));
    let second = fork(|| [20, 21].iter().for_each(|n| sender.send(*n).unwrap()));
    drop(sender);
    let mut got = Vec::new();
    while let Ok(value) = receiver.recv() {
        got.push(value);
    }
    let place = |value| got.iter().position(|one| *one == value);
    assert!(place(20) < place(21) && place(21).is_some(), "{got:?}");
    if std::env::args().nth(1).as_deref() == Some("killed") {
        assert!(place(11).is_none() || place(10) < place(11), "{got:?}");
        wait(first);
    } else {
        assert!(got.len() == 4 && place(10) < place(11), "{got:?}");
        assert_eq!(wait(first), 0);
    }
    assert_eq!(wait(second), 0);
}
