//! named-lock.
fn main() {
    driver_locks::main(|work| {
        let lock = named_lock::NamedLock::create("crosswire").unwrap();
        let _guard = lock.lock().unwrap();
        work();
    });
}
