//! What the integration tests and benchmarks share: programs to test with, the command,
//! engines whose traces can be compared, and the tables of `fixtures`.
//!
//! Nothing here is for users. All of it panics where something is wrong, as tests do.

#![forbid(unsafe_code)]

pub mod browser;
pub mod building;
pub mod command;
pub mod engine;
pub mod machine;
pub mod natively;
pub mod table;

use std::io::Write;

/// Tells whether nothing may be left out: on the machine that decides about a change,
/// a test that cannot run is a failure.
pub fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// Tells whether the test has been started again to perform a scenario of its own, under
/// an engine.
pub fn is_performing() -> bool {
    std::env::var_os("CROSSWIRE_SCENARIO").is_some()
}

/// Says that something is not tested on this machine, and why.
///
/// # Panics
/// With `CI=true`.
pub fn left_out(what: &str, why: &str) {
    assert!(!in_ci(), "{what} must be tested where CI=true, but {why}");
    say(&format!("left out: {what}, because {why}"));
}

/// Writes a line that is seen although the test passes.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A measure of the tests that a variable can set; `usual` without it.
pub fn measure(variable: &str, usual: u64) -> u64 {
    match std::env::var(variable) {
        Ok(value) => value
            .parse()
            .unwrap_or_else(|_| panic!("{variable}={value} is not a number")),
        Err(_) => usual,
    }
}

/// A text that appears nowhere else on the machine.
pub fn marker(purpose: &str) -> String {
    use std::time::{SystemTime, UNIX_EPOCH};
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanoseconds = now.expect("the clock is past 1970").as_nanos();
    format!("cw-{purpose}-{}-{nanoseconds:x}", std::process::id())
}
