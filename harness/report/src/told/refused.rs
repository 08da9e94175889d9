//! Calls that Crosswire does not let programs make. A program that fails for want of one may be
//! in order.

use super::fold::line;
use crate::escape::escape;
use crosswire_model::{Call, Errno, Trace, What};
use std::collections::BTreeSet;

/// Tells which calls were refused in a run, and where first; empty if none was.
pub(crate) fn text(trace: &Trace) -> String {
    let mut text = String::new();
    let mut told = BTreeSet::new();
    for event in &trace.events {
        let What::Call { call, result, .. } = event.what else {
            continue;
        };
        if let Some(error) = refusal(call, result).filter(|_| told.insert(call.0)) {
            let name = escape(&trace.name(event.task));
            line(
                &mut text,
                &format!(
                    "  Crosswire refuses `{call}` to programs ({error}): `{name}` asked for it in \
                     step {}",
                    event.step
                ),
            );
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn refusal(call: Call, result: i64) -> Option<Errno> {
    let error = call.row().refusal()?;
    (result == -i64::from(error)).then_some(Errno(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn each_call_that_was_refused_is_told_once() {
        let mut trace = samples::deadlock().record.trace;
        assert_eq!(text(&trace), "");
        let refused: Call = "userfaultfd".parse().unwrap();
        let mut event = trace.events[0].clone();
        event.what = What::Call {
            call: refused,
            args: [0; 6],
            path: None,
            result: -i64::from(libc::ENOSYS),
        };
        trace.events.extend([event.clone(), event]);
        let told = text(&trace);
        assert_eq!(told.matches("refuses `userfaultfd`").count(), 1, "{told}");
        assert!(told.contains("(ENOSYS)"), "{told}");
    }
}
