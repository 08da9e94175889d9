//! fs4.
use fs4::FileExt;
use std::fs::File;

fn main() {
    driver_locks::main(|work| {
        let file = File::create("the.lock").unwrap();
        FileExt::lock(&file).unwrap();
        work();
        FileExt::unlock(&file).unwrap();
    });
}
