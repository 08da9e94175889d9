//! interprocess: a local socket, two clients and a server.
use driver_locks::{fork, kill, wait};
use interprocess::local_socket::{prelude::*, GenericFilePath, ListenerOptions, Stream};
use std::io::{Read, Write};

fn main() {
    let name = || "the.socket".to_fs_name::<GenericFilePath>().unwrap();
    let listener = ListenerOptions::new().name(name()).create_sync().unwrap();
    let client = |value: u8| {
        let mut stream = Stream::connect(name()).unwrap();
        stream.write_all(&[value, value]).unwrap();
        let mut answer = [0];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer[0], value + 1);
    };
    let first = fork(|| client(10));
    let second = fork(|| client(20));
    let is_killed = std::env::args().nth(1).as_deref() == Some("killed");
    let mut is_served = false;
    for _ in 0..2 {
        if is_killed && is_served {
            break;
        }
        let mut stream = listener.accept().unwrap();
        let mut got = [0; 2];
        if stream.read_exact(&mut got).is_ok() {
            let _ = stream.write_all(&[got[0] + 1]);
            is_served |= got == [20, 20];
        }
    }
    if is_killed {
        kill(first); // It may not have been killed yet, and wait for an answer.
    }
    let end = wait(first);
    assert!(is_killed || end == 0);
    assert_eq!(wait(second), 0);
}
