//! Faults that were asked for and never injected, with the reason.

use crate::plan::points::{FaultSpace, Points};
use crosswire_model::{Action, FaultKind};
use serde::{Deserialize, Serialize};

/// A kind of fault that was asked for and never injected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleFault {
    /// The kind, as it was asked for.
    pub fault: FaultKind,
    /// True if it was tried and Linux let nothing happen, as to an `interrupt` of calls that do
    /// not wait, or in a process without a handler, and to pages that are there already: the
    /// program cannot meet it.
    pub cannot_happen: bool,
    /// The reason, in a sentence.
    pub reason: String,
}

/// Returns the kinds that never struck, given the points that the runs have shown.
pub(crate) fn among(
    kinds: &[FaultKind],
    points: &Points,
    planned: u64,
    has_struck: impl Fn(&FaultKind) -> bool,
) -> Vec<IdleFault> {
    let idle = kinds.iter().filter(|kind| !has_struck(kind));
    idle.map(|kind| {
        let possible = FaultSpace::new(std::slice::from_ref(kind), points).len();
        let is_tried = possible > 0 && planned > 0;
        let by_linux = matches!(kind.action, Action::Interrupt | Action::NoMemory);
        let cannot_happen = is_tried && by_linux;
        IdleFault {
            fault: kind.clone(),
            cannot_happen,
            reason: match possible {
                0 => nowhere(kind, points),
                _ if cannot_happen && kind.action == Action::NoMemory => "each page that it \
                    touched was there already, or belongs to no file system"
                    .to_owned(),
                _ if cannot_happen => "Linux did not interrupt any of the calls tried: they did not \
                    wait, or no handler would have run"
                    .to_owned(),
                _ if planned > 0 && kind.action == Action::ReusePid => "no process had been waited \
                    for where one was created, or numbers cannot be chosen, which takes a pid \
                    namespace and CAP_SYS_ADMIN in it"
                    .to_owned(),
                _ if planned == 0 => "no run with a fault was performed".to_owned(),
                _ => format!(
                    "it could strike at {possible} of the points seen, but no run that was to inject \
                     it had one with an effect; more runs may"
                ),
            },
        }
    })
    .collect()
}

/// Says why no point of the program can be struck.
fn nowhere(kind: &FaultKind, points: &Points) -> String {
    let who = match &kind.process {
        Some(process) => format!("`{process}`"),
        None => "the program".to_owned(),
    };
    if let Some(wanted) = kind.points {
        let action = kind.action;
        let (most, calls) = points.seen(kind.process.as_deref(), &wanted);
        return match wanted.nth {
            _ if most == 0 => format!(
                "{who} has no point {wanted}; the calls at its schedule points are {}",
                calls.join(", ")
            ),
            Some(nth) if nth > most => {
                format!("{who} has {most} such points in the runs without faults")
            }
            _ => format!("{action} cannot happen at that call"),
        };
    }
    match kind.action {
        Action::Errno(errno) => {
            format!("{who} makes no call at a schedule point that can fail with {errno}")
        }
        Action::LoseSignal | Action::DelaySignal(_) => format!("{who} gets no signal"),
        Action::Interrupt => {
            format!("{who} neither blocks in a call nor makes one that can be interrupted")
        }
        Action::ShortIo(_) => {
            format!("{who} makes no transfer at a schedule point that can move fewer bytes")
        }
        Action::Full => format!("{who} writes to nothing that can be full"),
        Action::ReusePid => format!("{who} creates no process"),
        Action::NoMemory => format!("{who} makes no access to shared memory"),
        Action::ClockJump(_) => format!("{who} neither reads CLOCK_REALTIME nor waits by it"),
        Action::Kill | Action::Pause(_) => format!("{who} has no schedule point"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn a_fault_without_a_point_says_so() {
        let points = Points::of(&fake::trace(&[("a", "write"), ("a", "getpid")]));
        let kinds: Vec<FaultKind> = ["lose-signal:a", "kill", "short-io", "interrupt"]
            .map(|kind| kind.parse().unwrap())
            .into();
        let idle = among(&kinds, &points, 2, |kind| kind.action == Action::Kill);
        assert_eq!(idle.len(), 3);
        let cannot: Vec<bool> = idle.iter().map(|idle| idle.cannot_happen).collect();
        assert_eq!(cannot, [false, false, true]);
        assert_eq!(idle[0].reason, "`a` gets no signal");
        let reason = |kind: &str| {
            let kinds = [kind.parse().unwrap()];
            among(&kinds, &points, 2, |_| false)[0].reason.clone()
        };
        assert_eq!(
            reason("kill:a@read"),
            "`a` has no point read; the calls at its schedule points are getpid, write"
        );
        assert_eq!(
            reason("kill:a@write#2"),
            "`a` has 1 such points in the runs without faults"
        );
        assert_eq!(
            reason("errno(EIO):a@getpid"),
            "errno(EIO) cannot happen at that call"
        );
        assert!(
            idle[1].reason.starts_with("it could strike at 1 of"),
            "{idle:?}"
        );
    }
}
