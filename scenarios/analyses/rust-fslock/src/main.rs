//! fslock.
fn main() {
    driver_locks::main(|work| {
        let mut lock = fslock::LockFile::open("the.lock").unwrap();
        lock.lock().unwrap();
        work();
        lock.unlock().unwrap();
    });
}
