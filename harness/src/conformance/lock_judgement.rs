//! Promises of locks of both kinds, judged by the intervals in which processes certainly
//! held them.
//!
//! A process certainly holds the lock from the answer of the operation that took it to
//! the call of the one that gives it back. A process that died with it counts as the
//! holder until its last sign of life or, if the dead keep the lock, forever.

use super::history::{end, failed, had_death, had_error, last_seen, was_killed};
use crosswire_check::{Check, promise};
use crosswire_contract::Death;
use crosswire_model::{Operation, Run};
use std::sync::Arc;

/// That a process surely had the lock, from and to when.
struct Hold<'a> {
    taking: &'a Operation,
    from: u64,
    to: u64,
    /// Its process died before it gave the lock back.
    orphaned: bool,
}

/// Operations that take the lock.
fn is_taking(operation: &Operation) -> bool {
    matches!(
        operation.name.as_str(),
        "lock" | "try-lock" | "read" | "write"
    )
}

/// Tells whether it took the lock.
fn has_taken(operation: &Operation) -> bool {
    let answered = operation.answered().is_some() && !failed(operation);
    is_taking(operation)
        && answered
        && (operation.name != "try-lock" || operation.answer().is_some())
}

fn holds(run: &Run, death: Death) -> Vec<Hold<'_>> {
    let operations = &run.history.operations;
    let taking = operations.iter().filter(|operation| has_taken(operation));
    taking
        .map(|taking| {
            let from = end(taking);
            let given_back = operations.iter().find(|operation| {
                operation.process == taking.process
                    && operation.name == "unlock"
                    && operation.called > from
            });
            let orphaned = given_back.is_none() && was_killed(run, &taking.process);
            let to = match given_back {
                Some(unlock) => unlock.called,
                None if orphaned && death.keeps() => u64::MAX,
                None => last_seen(run, &taking.process),
            };
            Hold {
                taking,
                from,
                to,
                orphaned,
            }
        })
        .collect()
}

fn may_share(one: &Hold<'_>, other: &Hold<'_>) -> bool {
    one.taking.name == "read" && other.taking.name == "read"
}

/// Checks that no two processes hold the lock at a time, unless both read.
pub(super) fn exclusion(death: Death) -> Arc<dyn Check> {
    promise("mutual-exclusion", move |run| {
        let holds = holds(run, death);
        for one in &holds {
            let inside = |other: &&Hold<'_>| one.from < other.from && other.from <= one.to;
            if let Some(other) = holds.iter().filter(inside).find(|o| !may_share(one, o)) {
                let (first, second) = (&one.taking.process, &other.taking.process);
                return Err(match one.orphaned {
                    true => format!(
                        "{second} got the lock with which {first} had died, though the dead keep \
                         it"
                    ),
                    false => format!("{second} got the lock while {first} had it"),
                });
            }
        }
        Ok(())
    })
}

/// Checks that the next process to take the lock learns that its holder died, and no
/// other process does.
pub(super) fn deaths_are_told(death: Death) -> Arc<dyn Check> {
    promise("deaths-are-told", move |run| {
        let holds = holds(run, death);
        let told = |hold: &&Hold<'_>| hold.taking.answer() == Some(1);
        if let Some(hold) = holds.iter().find(told) {
            let process = &hold.taking.process;
            if death != Death::Told || !had_death(run) {
                return Err(format!(
                    "{process} got the report of a death that did not happen"
                ));
            }
        }
        if death != Death::Told {
            return Ok(());
        }
        for orphan in holds.iter().filter(|hold| hold.orphaned) {
            let next = holds.iter().filter(|hold| hold.from > orphan.from);
            if let Some(next) = next.min_by_key(|hold| hold.from).filter(|n| !told(n)) {
                return Err(format!(
                    "{} got the lock with which {} had died, without a report of the death",
                    next.taking.process, orphan.taking.process
                ));
            }
        }
        Ok(())
    })
}

/// Checks that no process is refused or gives up unless the lock is held, or its holder
/// may have died.
pub(super) fn refused_only_while_held(death: Death) -> Arc<dyn Check> {
    promise("refused-only-while-held", move |run| {
        let operations = run.history.operations.iter();
        for refused in operations.filter(|o| is_taking(o) && !has_taken(o)) {
            if refused.answered().is_none() || had_error(run) {
                continue;
            }
            let gave_up = failed(refused);
            let excused = match death {
                Death::Kept | Death::KeptAndStuck => may_be_orphaned(run),
                Death::Told => was_woken_in_vain(run),
                Death::Released => false,
            };
            if gave_up && !excused {
                return Err(format!(
                    "{} gave up waiting although no process had died with the lock",
                    refused.process
                ));
            }
            if !gave_up && !may_be_held(run, refused) {
                return Err(format!(
                    "{} was refused the lock although no process could hold it",
                    refused.process
                ));
            }
        }
        Ok(())
    })
}

/// Tells whether a process was killed while it waited for the lock, and may just have
/// been woken. The kernel passes the wake-up on only while the lock is free; if a third
/// process has taken it in between, nothing shows that others wait (`handle_futex_death`
/// in the kernel's futex code; get_robust_list(2)).
fn was_woken_in_vain(run: &Run) -> bool {
    let mut operations = run.history.operations.iter();
    operations.any(|o| is_taking(o) && o.answered().is_none() && was_killed(run, &o.process))
}

/// Tells whether a process was killed that may have held the lock.
fn may_be_orphaned(run: &Run) -> bool {
    let operations = run.history.operations.iter();
    let killed = operations.filter(|operation| was_killed(run, &operation.process));
    let count = |wanted: fn(&Operation) -> bool| killed.clone().filter(|o| wanted(o)).count();
    let may_have_taken =
        count(|o| is_taking(o) && !failed(o) && (has_taken(o) || o.answered().is_none()));
    let given_back = count(|o| o.name == "unlock" && o.answered().is_some());
    may_have_taken > given_back
}

/// Tells whether another process may have held the lock during this operation: it began
/// to take it before this one answered, and had not given it back when this one was
/// called.
fn may_be_held(run: &Run, refused: &Operation) -> bool {
    let operations = &run.history.operations;
    operations.iter().any(|taking| {
        let is_other = taking.process != refused.process && is_taking(taking);
        let missed = failed(taking) || (taking.answered().is_some() && !has_taken(taking));
        let given_back = operations.iter().find(|o| {
            o.process == taking.process && o.name == "unlock" && o.called > taking.called
        });
        is_other
            && !missed
            && taking.called < end(refused)
            && given_back.is_none_or(|unlock| end(unlock) > refused.called)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::{History, Outcome, TaskId};

    fn op(
        process: &str,
        name: &str,
        called: u64,
        at: Option<u64>,
        value: Option<i64>,
    ) -> Operation {
        Operation {
            task: TaskId(0),
            process: process.to_owned(),
            name: name.to_owned(),
            value: None,
            called,
            outcome: at.map_or(Outcome::Pending, |at| Outcome::Answered { at, value }),
        }
    }

    fn judged(check: &Arc<dyn Check>, operations: Vec<Operation>) -> usize {
        let run = crate::conformance::history::run_of(History { operations });
        check.check(&run).unwrap().len()
    }

    #[test]
    fn two_at_a_time_are_found_and_readers_are_let_be() {
        let exclusive = exclusion(Death::Released);
        let both = |mode: &str| {
            vec![
                op("a", mode, 1, Some(2), Some(0)),
                op("b", mode, 3, Some(4), Some(0)),
                op("a", "unlock", 5, Some(6), None),
                op("b", "unlock", 7, Some(8), None),
            ]
        };
        assert_eq!(judged(&exclusive, both("lock")), 1);
        assert_eq!(judged(&exclusive, both("write")), 1);
        assert_eq!(judged(&exclusive, both("read")), 0);
    }

    #[test]
    fn being_turned_away_from_a_free_lock_is_found() {
        let refused = refused_only_while_held(Death::Released);
        let alone = vec![op("a", "try-lock", 1, Some(2), None)];
        assert_eq!(judged(&refused, alone.clone()), 1);
        let mut held = alone;
        held.push(op("b", "lock", 0, Some(3), Some(0)));
        assert_eq!(judged(&refused, held), 0);
    }
}
