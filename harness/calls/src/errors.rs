//! Errors that the manual page of each call lists.

use std::collections::HashMap;
use std::sync::OnceLock;

/// Names of calls, and the errors in section ERRORS of their pages (man-pages 6.03); for
/// calls whose page refers to another one (pread(2) to read(2)), that one's too; of a page that
/// tells calls apart, as mmap(2) does munmap(2), the call's own. Not futex(2), whose page lists
/// them by operation: libc aborts on those of another one.
static LISTED: &str = include_str!("errors.txt");

/// Tells whether the call's manual page lists the error of this name; of synonyms one name
/// stands for both (`EAGAIN`, `EOPNOTSUPP`, `EDEADLK`).
pub(crate) fn lists(call: &str, error: &str) -> bool {
    static BY_CALL: OnceLock<HashMap<&str, Vec<&str>>> = OnceLock::new();
    let by_call = BY_CALL.get_or_init(|| {
        let lines = LISTED.lines().filter_map(|line| line.split_once(':'));
        lines
            .flat_map(|(calls, errors)| {
                let errors: Vec<&str> = errors.split_whitespace().collect();
                calls
                    .split_whitespace()
                    .map(move |call| (call, errors.clone()))
            })
            .collect()
    });
    by_call
        .get(call)
        .is_some_and(|errors| errors.contains(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_listed_for_calls_that_exist() {
        assert!(lists("kill", "EPERM") && lists("accept4", "ECONNABORTED"));
        assert!(lists("pwrite64", "ENOSPC") && !lists("getpid", "EPERM"));
        assert!(lists("mmap", "EACCES") && !lists("munmap", "EACCES"));
        for line in LISTED.lines() {
            let (calls, _) = line.split_once(':').expect("calls and errors");
            for call in calls.split_whitespace() {
                assert!(crate::rows().any(|row| row.name == call), "{call}");
            }
        }
    }
}
