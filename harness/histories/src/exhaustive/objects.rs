//! Definitions of the objects, as plain as possible.

use super::super::signals::{Pending, nothing_pending};
use super::super::{Action, LAST, NO_LENGTH, Op, Operations, REAL_TIME, Specification};
use super::legal::is_legal;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A queue of values.
pub(super) struct Queue;

impl Specification<Op> for Queue {
    type State = VecDeque<i64>;
    type Undo = VecDeque<i64>;

    fn initial(&self) -> VecDeque<i64> {
        VecDeque::new()
    }

    fn perform(&self, queue: &mut VecDeque<i64>, op: &Op) -> Option<VecDeque<i64>> {
        let before = queue.clone();
        let fits = match op.action {
            Action::Send => {
                queue.push_back(op.value);
                true
            }
            _ if op.is_pending() => queue.pop_front().is_some(),
            _ if op.nothing => queue.is_empty(),
            _ => queue.pop_front_if(|first| *first == op.value).is_some(),
        };
        if !fits {
            queue.clone_from(&before);
        }
        fits.then_some(before)
    }

    fn undo(&self, queue: &mut VecDeque<i64>, before: VecDeque<i64>) {
        *queue = before;
    }
}

/// A queue for each sender, of which a receive takes from any. The states are all that
/// there may be.
pub(super) struct Bag<'a> {
    operations: &'a Operations,
    lossy: bool,
}

type Queues = BTreeMap<u32, Vec<i64>>;

impl<'a> Bag<'a> {
    pub(super) fn of(operations: &'a Operations, lossy: bool) -> Bag<'a> {
        Bag { operations, lossy }
    }

    /// Returns the possible states afterwards.
    fn successors(&self, queues: &Queues, op: &Op) -> Vec<Queues> {
        let takes = |queue: u32, place: usize| {
            let mut after = queues.clone();
            let queue = after.get_mut(&queue).expect("a queue");
            let value = queue.remove(place);
            // What was lost before it is gone.
            queue.drain(..place);
            (value, after)
        };
        if op.action == Action::Send {
            let mut after = queues.clone();
            after.entry(op.process).or_default().push(op.value);
            return vec![after];
        }
        if op.nothing && !op.is_pending() {
            let is_empty = queues.values().all(Vec::is_empty);
            return match is_empty || self.lossy {
                true => vec![Queues::new()],
                false => Vec::new(),
            };
        }
        let mut found = Vec::new();
        for (sender, queue) in queues {
            let places = if self.lossy {
                queue.len()
            } else {
                queue.len().min(1)
            };
            for place in 0..places {
                let (value, after) = takes(*sender, place);
                let sent = |s: &&Op| s.action == Action::Send && s.value == value;
                let length = self.operations.list.iter().find(sent).map(|s| s.key);
                let fits = |sent: i64| sent == op.key || sent == NO_LENGTH || op.key == NO_LENGTH;
                if op.is_pending() || value == op.value && length.is_some_and(fits) {
                    found.push(after);
                }
            }
        }
        found
    }
}

impl Specification<Op> for Bag<'_> {
    type State = BTreeSet<Queues>;
    type Undo = BTreeSet<Queues>;

    fn initial(&self) -> BTreeSet<Queues> {
        BTreeSet::from([Queues::new()])
    }

    fn perform(&self, states: &mut BTreeSet<Queues>, op: &Op) -> Option<BTreeSet<Queues>> {
        let after: BTreeSet<Queues> = states
            .iter()
            .flat_map(|queues| self.successors(queues, op))
            .collect();
        (!after.is_empty()).then(|| std::mem::replace(states, after))
    }

    fn undo(&self, states: &mut BTreeSet<Queues>, before: BTreeSet<Queues>) {
        *states = before;
    }
}

/// A stream to which each operation writes one byte or a piece that stays together.
pub(super) struct Bytes<'a> {
    pub(super) operations: &'a Operations,
}

/// Possible contents of the stream, and the length of each write in single bytes.
type Written = (BTreeSet<Vec<u8>>, BTreeMap<i64, i64>);

/// Returns the operations of a stream with every write that may be torn in single bytes,
/// in the order of its bytes. The `value` of such an operation is where its byte is, and
/// where its write begins stands in `process`.
pub(super) fn in_single_bytes(operations: &Operations, atomic: i64) -> Vec<Op> {
    let mut single = Vec::new();
    for op in &operations.list {
        if op.action != Action::Write || op.key <= atomic && !op.is_pending() {
            single.push(*op);
            continue;
        }
        for byte in 0..op.key {
            single.push(Op {
                action: Action::Put,
                process: op.value as u32,
                value: op.value + byte,
                key: byte,
                ..*op
            });
        }
    }
    single
}

impl Specification<Op> for Bytes<'_> {
    type State = Written;
    type Undo = Written;

    fn initial(&self) -> Written {
        (BTreeSet::from([Vec::new()]), BTreeMap::new())
    }

    fn perform(&self, state: &mut Written, op: &Op) -> Option<Written> {
        let mut after = (BTreeSet::new(), state.1.clone());
        for content in &state.0 {
            let mut content = content.clone();
            match op.action {
                Action::Write => content.extend(self.operations.bytes_of(op)),
                Action::Put => content.push(self.operations.bytes[op.value as usize]),
                _ if op.is_pending() => {
                    after
                        .0
                        .extend((0..=content.len()).map(|from| content[from..].to_vec()));
                    continue;
                }
                _ if op.nothing && content.is_empty() => {}
                _ if op.nothing => continue,
                _ => match content.strip_prefix(self.operations.bytes_of(op)) {
                    Some(rest) => content = rest.to_vec(),
                    None => continue,
                },
            }
            after.0.insert(content);
        }
        if op.action == Action::Put {
            let done = after.1.entry(i64::from(op.process)).or_default();
            if *done != op.key {
                return None;
            }
            *done += 1;
        }
        (!after.0.is_empty()).then(|| std::mem::replace(state, after))
    }

    fn undo(&self, state: &mut Written, before: Written) {
        *state = before;
    }
}

/// Values under keys.
pub(super) struct Map;

impl Specification<Op> for Map {
    type State = BTreeMap<i64, i64>;
    type Undo = BTreeMap<i64, i64>;

    fn initial(&self) -> BTreeMap<i64, i64> {
        BTreeMap::new()
    }

    fn perform(&self, map: &mut BTreeMap<i64, i64>, op: &Op) -> Option<BTreeMap<i64, i64>> {
        let before = map.clone();
        let fits = match op.action {
            Action::Put => {
                map.insert(op.key, op.value);
                true
            }
            Action::Delete => {
                map.remove(&op.key);
                true
            }
            _ => op.is_pending() || map.get(&op.key).copied() == (!op.nothing).then_some(op.value),
        };
        fits.then_some(before)
    }

    fn undo(&self, map: &mut BTreeMap<i64, i64>, before: BTreeMap<i64, i64>) {
        *map = before;
    }
}

/// Tells whether executions that were cut off can be chosen so that every call is
/// executed during the call: exactly once if it was acknowledged, otherwise at most once.
pub(super) fn each_executed_once(ops: &[Op]) -> bool {
    let executions: Vec<&Op> = ops
        .iter()
        .filter(|op| op.action == Action::Execute)
        .collect();
    let calls: Vec<&Op> = ops.iter().filter(|op| op.action == Action::Call).collect();
    (0..1_u32 << executions.len()).any(|chosen| {
        let is_chosen = |i: usize| chosen & 1 << i != 0;
        let done = || {
            executions
                .iter()
                .enumerate()
                .filter(|(i, _)| is_chosen(*i))
                .map(|(_, e)| e)
        };
        let all_done = executions
            .iter()
            .enumerate()
            .all(|(i, e)| is_chosen(i) || e.is_pending());
        let within = |call: &Op, e: &Op| call.called.max(e.called) <= call.answered.min(e.answered);
        let is_called = |e: &&Op| calls.iter().any(|c| c.value == e.value && within(c, e));
        all_done
            && done().all(is_called)
            && calls.iter().all(|call| {
                let times = done().filter(|e| e.value == call.value).count();
                times == 1 || times == 0 && call.is_pending()
            })
    })
}

/// Tells whether every signal was handled as required.
pub(super) fn signals_are_handled(ops: &[Op]) -> bool {
    let died = ops.iter().any(|op| op.action == Action::Crash);
    let numbers: BTreeSet<i64> = ops
        .iter()
        .filter(|op| op.action != Action::Crash)
        .map(|op| op.key)
        .collect();
    numbers.into_iter().all(|number| {
        let own = ops
            .iter()
            .filter(|op| op.key == number && op.action != Action::Crash);
        let mut own: Vec<Op> = own.copied().collect();
        if number < REAL_TIME {
            own.extend((!died).then(nothing_pending));
            return is_legal(&Pending, &own);
        }
        for op in &mut own {
            op.action = match op.action {
                Action::Raise => Action::Send,
                _ => Action::Receive,
            };
        }
        own.extend((!died).then(|| Op::new(0, Action::Receive).nothing().at(LAST, LAST)));
        is_legal(&Queue, &own)
    })
}
