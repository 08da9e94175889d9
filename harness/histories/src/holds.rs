//! Intervals during which processes held a lock.

use super::{Action, Broken, NEVER, Operations, Unusable};

/// A lock held by a process: surely between the answer to its acquisition and the
/// call of its release, possibly from the call of the one to the answer of the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold {
    /// The operation that acquired it.
    pub(super) acquire: usize,
    /// The operation that gave it back, or the death that did.
    pub(super) release: Option<usize>,
    /// Time from which it was certainly held.
    pub(super) from: u64,
    /// Until when it was surely held.
    pub(super) to: u64,
    /// True if no other process may hold it in the meantime.
    pub(super) exclusive: bool,
    /// The operation whose answer shows that its holder was not dead before.
    pub(super) alive: Option<usize>,
    /// The death that cut off its release: the lock was given back by then or never.
    pub(super) death: Option<usize>,
}

impl Hold {
    /// Returns the longest time during which it may have been held.
    pub(super) fn widest(&self, operations: &Operations) -> (u64, u64) {
        let ops = &operations.list;
        let until = self.release.map_or(NEVER, |release| ops[release].answered);
        (ops[self.acquire].called, until)
    }

    /// Tells whether the hold began and ended at one moment.
    pub(super) fn is_instant(&self) -> bool {
        self.from == self.to
    }
}

/// The holds of a lock.
pub(super) struct Holds {
    /// By beginning, then end.
    pub(super) list: Vec<Hold>,
    /// Attempts that were refused.
    pub(super) refused: Vec<usize>,
    /// True if an acquisition was cut off, and so may have succeeded.
    pub(super) has_pending: bool,
    /// True if a refused attempt touches another operation of its process, so that the
    /// common moment does not belong to the hold that begins or ends there.
    pub(super) has_touching: bool,
}

/// Known state of one process.
#[derive(Clone, Default)]
struct Holder {
    /// Its holds that have not been given back. A reader may have several.
    open: Vec<u32>,
    /// The hold that it was giving back when it was cut off.
    ending: Option<u32>,
    /// Its last operation.
    last: Option<u32>,
}

/// Puts acquisitions and releases together.
///
/// # Errors
/// `Unusable` if operations of one process overlap: it is not known then which hold a
/// release ends. `Broken` if a lock was given back by one who did not hold it.
pub(super) fn holds(
    operations: &Operations,
    robust: bool,
) -> Result<Result<Holds, Broken>, Unusable> {
    let ops = &operations.list;
    let mut order: Vec<u32> = (0..ops.len() as u32).collect();
    if !ops.is_sorted_by_key(|op| (op.called, op.answered)) {
        order.sort_by_key(|i| (ops[*i as usize].called, ops[*i as usize].answered));
    }
    let mut holders = vec![Holder::default(); operations.processes()];
    let mut found = Holds {
        list: Vec::with_capacity(ops.len() / 2),
        refused: Vec::new(),
        has_pending: false,
        has_touching: false,
    };
    for i in order {
        let i = i as usize;
        let op = &ops[i];
        let holder = &mut holders[op.process as usize];
        follows(operations, holder.last, i)?;
        let (mut alive_at, mut alive) = (op.called, None);
        if let Some(before) = holder.last.replace(i as u32) {
            let last = &ops[before as usize];
            if !last.is_pending() && last.answered > alive_at {
                (alive_at, alive) = (last.answered, Some(before as usize));
            }
            found.has_touching |= last.answered == op.called && (last.nothing || op.nothing);
        }
        match op.action {
            Action::Lock | Action::TryLock | Action::ReadLock | Action::TryReadLock => {
                if op.is_pending() {
                    found.has_pending = true;
                } else if op.nothing {
                    found.refused.push(i);
                } else {
                    let hold = Hold {
                        acquire: i,
                        release: None,
                        from: op.answered,
                        to: NEVER,
                        exclusive: matches!(op.action, Action::Lock | Action::TryLock),
                        alive: None,
                        death: None,
                    };
                    let own = holder.open.last().map(|own| found.list[*own as usize]);
                    if let Some(own) = own.filter(|own| own.exclusive || hold.exclusive) {
                        return Ok(Err(both(operations, own, hold)));
                    }
                    holder.open.push(found.list.len() as u32);
                    found.list.push(hold);
                }
            }
            Action::Unlock => match holder.open.pop() {
                Some(hold) => {
                    release(&mut found.list[hold as usize], i, op.called);
                    holder.ending = op.is_pending().then_some(hold);
                }
                None if op.is_pending() => {}
                None => {
                    let who = operations.who(i);
                    let sentence = format!("`{who}` gave the lock back without holding it");
                    return Ok(Err(Broken::new("not-held", [i], sentence)));
                }
            },
            Action::Crash if robust => {
                for hold in holder.open.drain(..) {
                    // A process killed in an operation that answered died after the answer.
                    release(&mut found.list[hold as usize], i, alive_at);
                    found.list[hold as usize].alive = alive;
                }
                // At the latest its death ended the hold that it was giving back.
                if let Some(hold) = holder.ending {
                    found.list[hold as usize].release = Some(i);
                }
            }
            Action::Crash => {
                if let Some(hold) = holder.ending {
                    found.list[hold as usize].death = Some(i);
                }
            }
            _ => {}
        }
    }
    found.list.sort_unstable_by_key(|hold| (hold.from, hold.to));
    Ok(Ok(found))
}

fn release(hold: &mut Hold, by: usize, at: u64) {
    hold.release = Some(by);
    hold.to = at;
}

/// Refuses an operation that was called before the last one of its process had
/// answered. A process may die in an operation, and does nothing afterwards.
fn follows(operations: &Operations, last: Option<u32>, next: usize) -> Result<(), Unusable> {
    let Some(last) = last else { return Ok(()) };
    let (last, op) = (operations.list[last as usize], operations.list[next]);
    let who = operations.who(next);
    if last.action == Action::Crash {
        return Err(Unusable::new(
            next,
            format!("`{who}` continues after its death"),
        ));
    }
    if op.action == Action::Crash && !last.is_pending() && last.answered > op.answered {
        let reason = format!(
            "`{who}` is dead before its `{}` answers",
            last.action.name()
        );
        return Err(Unusable::new(next, reason));
    }
    if op.action != Action::Crash && op.called < last.answered {
        return Err(Unusable::new(
            next,
            format!(
                "`{who}` calls this before its `{}` has answered; for locks the operations of a \
                 process must follow each other",
                last.action.name()
            ),
        ));
    }
    Ok(())
}

/// Finds two holds that exclude each other and surely overlap.
///
/// Each hold is taken to be as short as can be. Then they overlap only if they must.
pub(super) fn overlapping(holds: &[Hold]) -> Option<(Hold, Hold)> {
    let (mut longest, mut longest_exclusive): (Option<Hold>, Option<Hold>) = (None, None);
    for hold in holds {
        let other = match hold.exclusive {
            true => longest,
            false => longest_exclusive,
        };
        if let Some(other) = other.filter(|other| hold.from < other.to) {
            return Some((other, *hold));
        }
        if longest.is_none_or(|longest| longest.to < hold.to) {
            longest = Some(*hold);
        }
        if hold.exclusive && longest_exclusive.is_none_or(|longest| longest.to < hold.to) {
            longest_exclusive = Some(*hold);
        }
    }
    None
}

/// Describes two holds that overlap.
pub(super) fn both(operations: &Operations, first: Hold, second: Hold) -> Broken {
    let reading = |hold: Hold| match hold.exclusive {
        true => "",
        false => " for reading",
    };
    let (p, q) = (
        operations.who(first.acquire),
        operations.who(second.acquire),
    );
    let until = match first.to {
        _ if p == q => "had not given it back".to_owned(),
        NEVER => "never gave it back".to_owned(),
        to => format!("kept it at least until {to}"),
    };
    let sentence = format!(
        "`{q}` got the lock{} by {}, but `{p}` had got it{} by {} and {until}",
        reading(second),
        second.from,
        reading(first),
        first.from,
    );
    let mut witness = vec![first.acquire, second.acquire];
    witness.extend(first.release);
    witness.extend(first.alive);
    witness.extend(second.release);
    Broken::new("exclusion", witness, sentence)
}

/// Explanation of a refused attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The lock was certainly held at some moment of the attempt.
    Sure,
    /// The lock may have been held.
    Possible,
    /// The lock cannot have been held.
    Impossible,
}

/// Possible explanations of refused attempts. An attempt to read is refused only by
/// exclusive holders.
///
/// Holds that exclude each other have a fixed order, so each may be extended up to the
/// next; the time between two belongs to one or the other, wherever the lock changes
/// hands. Moments at which several holds came and went have no such order.
pub(super) struct Refusals {
    /// Times at which the lock is certainly held, then times at which it may be, each for
    /// exclusive holds and for all: disjoint, in order.
    sure: [Vec<(u64, u64)>; 2],
    possible: [Vec<(u64, u64)>; 2],
}

impl Refusals {
    pub(super) fn of(operations: &Operations, holds: &[Hold]) -> Refusals {
        let wide = widened(operations, holds);
        let of = |exclusive: bool, ranges: &mut dyn Iterator<Item = (u64, u64)>| {
            let chosen = holds.iter().zip(ranges);
            let chosen = chosen.filter(|(hold, _)| hold.exclusive || !exclusive);
            merged(chosen.map(|(_, range)| range).collect())
        };
        let sure = || holds.iter().map(|hold| (hold.from, hold.to));
        Refusals {
            sure: [of(true, &mut sure()), of(false, &mut sure())],
            possible: [
                of(true, &mut wide.iter().copied()),
                of(false, &mut wide.iter().copied()),
            ],
        }
    }

    pub(super) fn of_attempt(&self, to_read: bool, from: u64, to: u64) -> Refusal {
        let which = usize::from(!to_read);
        if touches(&self.sure[which], from, to) {
            Refusal::Sure
        } else if touches(&self.possible[which], from, to) {
            Refusal::Possible
        } else {
            Refusal::Impossible
        }
    }
}

/// Returns each hold as long as those that exclude it let it be.
fn widened(operations: &Operations, holds: &[Hold]) -> Vec<(u64, u64)> {
    let mut wide: Vec<(u64, u64)> = holds.iter().map(|hold| hold.widest(operations)).collect();
    let (mut any, mut exclusive) = (0, 0);
    for (hold, wide) in holds.iter().zip(&mut wide) {
        wide.0 = wide.0.max(if hold.exclusive { any } else { exclusive });
        any = any.max(hold.to);
        if hold.exclusive {
            exclusive = exclusive.max(hold.to);
        }
    }
    let (mut any, mut exclusive) = (NEVER, NEVER);
    for (hold, wide) in holds.iter().zip(&mut wide).rev() {
        let next = if hold.exclusive { any } else { exclusive };
        wide.1 = wide.1.min(next);
        // Somebody got the lock afterwards, so it was given back, and not by the dead.
        if let Some(death) = hold.death.filter(|_| next != NEVER) {
            wide.1 = wide.1.min(operations.list[death].answered);
        }
        any = any.min(hold.from);
        if hold.exclusive {
            exclusive = exclusive.min(hold.from);
        }
    }
    wide
}

fn merged(mut ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// Tells whether a closed range intersects one of these.
fn touches(ranges: &[(u64, u64)], from: u64, to: u64) -> bool {
    let at = ranges.partition_point(|range| range.1 < from);
    ranges.get(at).is_some_and(|range| range.0 <= to)
}

/// Tells whether several holds came and went at the same moment.
pub(super) fn has_ties(holds: &[Hold]) -> bool {
    holds
        .windows(2)
        .any(|pair| pair[0].is_instant() && pair[1].is_instant() && pair[0].from == pair[1].from)
}
