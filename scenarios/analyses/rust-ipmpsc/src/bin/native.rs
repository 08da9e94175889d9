//! Kills senders of large messages, each a little later, until one dies with the mutex of the
//! buffer.
use driver_locks::{fork, wait};
use ipmpsc::{Sender, SharedRingBuffer};
use std::thread::sleep;
use std::time::{Duration, Instant};

fn main() {
    let large = vec![7_u8; 4 << 20];
    let mut took = Duration::ZERO;
    for attempt in 0..40 {
        let (path, _buffer) = SharedRingBuffer::create_temp(16 << 20).unwrap();
        let began = Instant::now();
        let sender = fork(|| {
            Sender::new(SharedRingBuffer::open(&path).unwrap()).send(&large).unwrap();
        });
        if attempt == 0 {
            wait(sender);
            took = began.elapsed();
            continue;
        }
        sleep(took * attempt / 40);
        unsafe { libc::kill(sender, libc::SIGKILL) };
        wait(sender);
        let next = fork(|| {
            Sender::new(SharedRingBuffer::open(&path).unwrap()).send(&1_u8).unwrap();
        });
        sleep(Duration::from_secs(2));
        let ended = unsafe { libc::waitpid(next, std::ptr::null_mut(), libc::WNOHANG) };
        if ended == 0 {
            unsafe { libc::kill(next, libc::SIGKILL) };
            println!("the sender after the killed one of attempt {attempt} waits forever");
            return;
        }
    }
    panic!("no sender was left waiting");
}
