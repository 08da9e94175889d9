//! fd-lock.
use std::fs::File;

fn main() {
    driver_locks::main(|work| {
        let mut lock = fd_lock::RwLock::new(File::create("the.lock").unwrap());
        let _guard = lock.write().unwrap();
        work();
    });
}
