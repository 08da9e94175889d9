//! Faults at the point that a process comes to next, for one who chooses them by hand.

use crate::plan::applicability::applies;
use crate::plan::points::count_sites;
use crosswire_model::{Action, Call, Fault, Point, Trace, What};

/// Returns the fault that strikes in the next step of a process, which is about to do `next`
/// after what the trace shows; with `blocked`, once that call has blocked. `None` where the
/// action could not befall that step on a real machine.
///
/// ```
/// use crosswire_explore::fault_at;
/// use crosswire_model::{Trace, What};
/// let read = What::Block { call: "read".parse().unwrap(), args: [0; 6], path: None };
/// let kill = "kill".parse().unwrap();
/// let fault = fault_at(&Trace::default(), "reader", &read, kill, false).unwrap();
/// assert_eq!(fault.to_string(), "kill:reader@read#1");
/// assert!(fault_at(&Trace::default(), "reader", &What::Resume, kill, false).is_none());
/// ```
pub fn fault_at(
    trace: &Trace,
    process: &str,
    next: &What,
    action: Action,
    blocked: bool,
) -> Option<Fault> {
    let call = match next {
        What::Block { call, .. } => Some(*call),
        What::Access(_) => Some(Call::MEMORY),
        What::Signal(_) => None,
        _ => return None,
    };
    let can = match call {
        Some(call) => applies(action, call, blocked),
        None => action.concerns_signals() && !blocked,
    };
    can.then(|| Fault {
        action,
        process: process.to_owned(),
        point: Point {
            call,
            blocked,
            nth: 1 + count_sites(trace, process, call, blocked),
        },
    })
}
