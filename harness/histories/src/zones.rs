//! Registers to which every value is written once: when it was surely there.

use super::values::{NONE, Values};
use super::{Action, Broken, NEVER, Operations, Unusable};

/// A value and the operations that wrote or read it.
#[derive(Debug, Clone, Copy)]
struct Cluster {
    /// Operation that wrote it; [`NONE`] for the value before all operations.
    write: u32,
    /// The operation that was the first to answer, and when; -1 before all operations.
    first: (i64, u32),
    /// The operation that was the last to be called, and when.
    last: (i64, u32),
}

impl Cluster {
    /// Tells whether the value was certainly there from one moment to another, and not
    /// only at a moment between them.
    fn is_lasting(&self) -> bool {
        self.first.0 < self.last.0
    }
}

/// Tells whether an operation writes.
fn writes(action: Action) -> bool {
    matches!(action, Action::Write | Action::Put | Action::Delete)
}

/// Judges the operations on one register, given by index. A read that answered nothing
/// reads the value before all operations, as does one of `initial`.
///
/// Between the first answer and the last call of the operations with a value it is
/// there all the time, if these are in that order; otherwise a moment suffices. A
/// history is that of a register if and only if no two such times overlap, and none
/// contains all moments of another value (Gibbons and Korach, "Testing Shared
/// Memories", SIAM J. Comput. 1997). A write that was cut off counts if its value was
/// read, and then until then.
///
/// # Errors
/// If a value is written twice.
pub(super) fn judge(
    operations: &Operations,
    own: &[u32],
    initial: Option<i64>,
) -> Result<Option<Broken>, Unusable> {
    let mut zones = match clusters(operations, own, initial)? {
        Ok(clusters) => clusters,
        Err(broken) => return Ok(Some(broken)),
    };
    zones.sort_unstable_by_key(|zone| zone.first.0.min(zone.last.0));
    let lasting: Vec<&Cluster> = zones.iter().filter(|zone| zone.is_lasting()).collect();
    for pair in lasting.windows(2) {
        if pair[1].first.0 < pair[0].last.0 {
            return Ok(Some(entangled(operations, pair[0], pair[1])));
        }
    }
    let mut at = 0;
    for zone in zones.iter().filter(|zone| !zone.is_lasting()) {
        let (from, to) = (zone.last.0, zone.first.0);
        while lasting
            .get(at)
            .is_some_and(|lasting| lasting.last.0 <= from)
        {
            at += 1;
        }
        if let Some(around) = lasting.get(at)
            && around.first.0 < from
            && to < around.last.0
        {
            return Ok(Some(overwritten(operations, around, zone)));
        }
    }
    Ok(None)
}

fn clusters(
    operations: &Operations,
    own: &[u32],
    initial: Option<i64>,
) -> Result<Result<Vec<Cluster>, Broken>, Unusable> {
    let ops = &operations.list;
    let op = |i: &u32| &ops[*i as usize];
    let written = own
        .iter()
        .map(op)
        .filter(|op| writes(op.action) && op.action != Action::Delete);
    let mut index = Values::of(written.map(|op| op.value).chain(initial));
    let mut zones: Vec<Cluster> = Vec::with_capacity(own.len() / 2 + 1);
    // What was there before all operations comes first.
    zones.push(Cluster {
        write: NONE,
        first: (-1, NONE),
        last: (-1, NONE),
    });
    if let Some(initial) = initial {
        index.set(initial, 0);
    }
    for &i in own {
        let op = &ops[i as usize];
        if !writes(op.action) {
            continue;
        }
        // Nothing is read after a deletion here, so it has no value to be known by.
        if op.action != Action::Delete && index.set(op.value, zones.len() as u32) != NONE {
            return Err(Unusable::new(
                i as usize,
                format!(
                    "{} is written a second time, and only different values tell writes apart",
                    op.value
                ),
            ));
        }
        zones.push(Cluster {
            write: i,
            first: (moment(op.answered), i),
            last: (moment(op.called), i),
        });
    }
    for &i in own {
        let op = &ops[i as usize];
        if writes(op.action) || op.is_pending() || op.action == Action::Crash {
            continue;
        }
        let number = if op.nothing { 0 } else { index.get(op.value) };
        let Some(zone) = zones.get_mut(number as usize) else {
            return Ok(Err(never_written(operations, i as usize)));
        };
        if zone.write != NONE && op.answered < ops[zone.write as usize].called {
            return Ok(Err(too_early(operations, i as usize, zone.write as usize)));
        }
        zone.first = zone.first.min((moment(op.answered), i));
        zone.last = zone.last.max((moment(op.called), i));
    }
    zones.retain(|zone| zone.first.0 != moment(NEVER));
    Ok(Ok(zones))
}

/// Returns a moment on a scale that has one before all others.
fn moment(at: u64) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}

/// Describes the value that an operation wrote or read.
fn value(operations: &Operations, i: u32) -> String {
    let op = &operations.list[i as usize];
    match op.nothing || op.action == Action::Delete {
        true => "nothing".to_owned(),
        false => op.value.to_string(),
    }
}

fn never_written(operations: &Operations, read: usize) -> Broken {
    let (who, value) = (operations.who(read), operations.list[read].value);
    let sentence = format!("`{who}` read {value}, which no process wrote");
    Broken::new("invention", [read], sentence)
}

fn too_early(operations: &Operations, read: usize, write: usize) -> Broken {
    let value = operations.list[read].value;
    let (reader, writer) = (operations.who(read), operations.who(write));
    let sentence = format!("`{reader}` read {value} before `{writer}` began to write it");
    Broken::new("invention", [read, write], sentence)
}

/// Finds two values of which each was there before the other was last read.
fn entangled(operations: &Operations, one: &Cluster, other: &Cluster) -> Broken {
    let who = |i: u32| operations.who(i as usize);
    let (a, b) = (
        value(operations, one.last.1),
        value(operations, other.last.1),
    );
    let sentence = format!(
        "`{}` read {a} after {b} had been there, and `{}` read {b} after {a} had been there, but \
         each was there only once",
        who(one.last.1),
        who(other.last.1),
    );
    Broken::new("stale", witness([one, other]), sentence)
}

/// Returns a value that was written over and read nevertheless.
fn overwritten(operations: &Operations, around: &Cluster, within: &Cluster) -> Broken {
    let read = around.last.1;
    let (a, b) = (value(operations, read), value(operations, within.first.1));
    let who = |i: u32| operations.who(i as usize);
    let did = match writes(operations.list[within.last.1 as usize].action) {
        true => "written",
        false => "read",
    };
    let since = match around.first.1 {
        NONE => String::new(),
        _ => format!(", and after {a} had been there"),
    };
    let sentence = format!(
        "`{}` read {a}, although {b} had been {did} by `{}` before that{since}",
        who(read),
        who(within.last.1),
    );
    Broken::new("stale", witness([around, within]), sentence)
}

fn witness(clusters: [&Cluster; 2]) -> Vec<usize> {
    let mut witness: Vec<usize> = clusters
        .iter()
        .flat_map(|cluster| [cluster.first.1, cluster.last.1])
        .filter(|i| *i != NONE)
        .map(|i| i as usize)
        .collect();
    witness.sort_unstable();
    witness.dedup();
    witness
}
