//! Kills a process that holds the mutex, and sees whether another one gets it in five seconds.
use driver_locks::fork;
use raw_sync::locks::{LockInit, Mutex};
use std::{thread::sleep, time::Duration};

fn main() {
    let memory = unsafe {
        libc::mmap(std::ptr::null_mut(), 4096, 3, libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0)
    } as *mut u8;
    let data = unsafe { memory.add(2048) };
    let _made = unsafe { Mutex::new(memory, data) }.unwrap();
    let take = |hold: u64| {
        let (lock, _) = unsafe { Mutex::from_existing(memory, data) }.unwrap();
        let _guard = lock.lock().unwrap();
        sleep(Duration::from_secs(hold));
    };
    let holder = fork(|| take(1000));
    sleep(Duration::from_secs(1));
    unsafe { libc::kill(holder, libc::SIGKILL) };
    driver_locks::wait(holder);
    let next = fork(|| take(0));
    sleep(Duration::from_secs(5));
    let ended = unsafe { libc::waitpid(next, std::ptr::null_mut(), libc::WNOHANG) };
    unsafe { libc::kill(next, libc::SIGKILL) };
    assert_eq!(ended, 0, "the mutex was taken");
}
