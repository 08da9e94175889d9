//! raw_sync's Mutex, in memory that the processes share.
use raw_sync::locks::{LockInit, Mutex};

fn main() {
    let memory = unsafe {
        libc::mmap(std::ptr::null_mut(), 4096, 3, libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0)
    } as *mut u8;
    let data = unsafe { memory.add(2048) };
    let (made, _) = unsafe { Mutex::new(memory, data) }.unwrap();
    driver_locks::main(|work| {
        let (lock, _) = unsafe { Mutex::from_existing(memory, data) }.unwrap();
        let _guard = lock.lock().unwrap();
        work();
    });
    drop(made);
}
