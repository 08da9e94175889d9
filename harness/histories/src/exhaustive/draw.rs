//! Random histories: what an object of the kind would do, at moments that often coincide,
//! and in half of them something wrong.

use super::super::{Action, NEVER, NO_LENGTH, Object, Op, Operations, Settings};
use std::collections::BTreeMap;

/// Random numbers (SplitMix64; Steele, Lea and Flood, OOPSLA 2014).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// Returns a number below this one.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ z >> 31) % end
    }

    /// Returns true once in this number of times.
    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// Moments of a history lie below this one, about.
const SPAN: u64 = 12;

/// Distance between times in half of the histories.
const FAR: u64 = 1_000_000_000;

/// The state of an object of any kind.
#[derive(Default)]
struct World {
    messages: Vec<Op>,
    value: i64,
    map: BTreeMap<i64, i64>,
    holders: Vec<(u32, bool)>,
    bytes: Vec<u8>,
    pending: Vec<i64>,
    sent: i64,
}

/// Returns a history of such an object.
pub(super) fn history(object: Object, settings: &Settings, dice: &mut Dice) -> Operations {
    let mut operations = Operations::default();
    for name in ["a", "b", "c"] {
        operations.process(name);
    }
    let follows = matches!(object, Object::Mutex | Object::RwLock | Object::Stream);
    let count = 2 + dice.below(if object == Object::Stream { 6 } else { 7 });
    let mut free = [dice.below(4), dice.below(4), dice.below(4)];
    for _ in 0..count {
        let process = dice.below(3) as usize;
        let called = match follows {
            true => free[process] + dice.below(3) + u64::from(object == Object::Stream),
            false => dice.below(SPAN),
        };
        let answered = called + dice.below(5);
        free[process] = answered;
        let action = dice.choose(object.actions());
        operations
            .list
            .push(Op::new(process as u32, action).at(called, answered));
    }
    perform(object, settings, &mut operations, dice);
    if !dice.once_in(3) {
        spoil(object, &mut operations, dice);
    }
    if dice.once_in(2) {
        operations.list.sort_by_key(|op| op.called);
    }
    if dice.once_in(2) {
        spread(&mut operations);
    }
    operations
}

/// Moments so far apart that nothing can be kept for each.
fn spread(operations: &mut Operations) {
    for op in &mut operations.list {
        op.called *= FAR;
        if !op.is_pending() {
            op.answered *= FAR;
        }
    }
}

/// Performs the operations, each at a moment within it, and writes down their answers.
fn perform(object: Object, settings: &Settings, operations: &mut Operations, dice: &mut Dice) {
    let mut world = World {
        value: settings.initial,
        sent: settings.initial,
        ..World::default()
    };
    let mut order: Vec<(u64, usize)> = Vec::new();
    for (i, op) in operations.list.iter().enumerate() {
        order.push((op.called + dice.below(op.answered - op.called + 1), i));
    }
    order.sort_unstable();
    let mut ended = [NEVER; 3];
    for (_, i) in order {
        let mut op = operations.list[i];
        let cut_off = dice.once_in(7) && op.action != Action::Crash;
        let has_effect = !cut_off || dice.once_in(2);
        arguments(object, &mut world, &mut op, operations, dice);
        if has_effect && !answer(object, settings, &mut world, &mut op, operations, dice) || cut_off
        {
            op.answered = NEVER;
            op.nothing = false;
        }
        if op.is_pending() {
            ended[op.process as usize] = ended[op.process as usize].min(op.called);
        }
        operations.list[i] = op;
    }
    // Nobody goes on where operations follow each other.
    if matches!(object, Object::Mutex | Object::RwLock | Object::Stream) {
        operations.list.retain(|op| {
            let end = ended[op.process as usize];
            op.called < end || op.is_pending() && op.called == end || op.action == Action::Crash
        });
    }
    if matches!(object, Object::Mutex | Object::RwLock) {
        bury(&ended, operations, dice);
    }
}

/// Ends in a death some of the processes whose operations were cut off, if drawing them has
/// not.
fn bury(ended: &[u64], operations: &mut Operations, dice: &mut Dice) {
    for (process, end) in ended.iter().enumerate() {
        let process = process as u32;
        let mut own = operations.list.iter().filter(|op| op.process == process);
        if *end != NEVER && dice.once_in(2) && own.all(|op| op.action != Action::Crash) {
            let at = end + dice.below(3);
            let crash = Op::new(process, Action::Crash).at(at, at + dice.below(3));
            operations.list.push(crash);
        }
    }
}

/// Draws the arguments of an operation.
fn arguments(
    object: Object,
    world: &mut World,
    op: &mut Op,
    all: &mut Operations,
    dice: &mut Dice,
) {
    match (object, op.action) {
        (Object::Stream, Action::Write) => {
            op.value = all.bytes.len() as i64;
            op.key = 1 + dice.below(3) as i64;
            for _ in 0..op.key {
                all.bytes.push(dice.choose(b"xy"));
            }
        }
        (Object::PriorityQueue, Action::Send) => op.key = dice.below(3) as i64,
        (Object::Datagram, Action::Send) => op.key = dice.choose(&[NO_LENGTH, NO_LENGTH, 5]),
        (_, Action::Put | Action::Get | Action::Delete) => op.key = dice.below(2) as i64,
        (_, Action::Raise | Action::Handle) => op.key = dice.choose(&[10, 10, 34]),
        _ => {}
    }
    let writes = matches!(
        op.action,
        Action::Send | Action::Write | Action::Put | Action::Raise
    );
    if writes && object != Object::Stream || op.action == Action::Call {
        world.sent += 1;
        op.value = world.sent;
    }
}

/// Performs an operation; false if it has to wait.
fn answer(
    object: Object,
    settings: &Settings,
    world: &mut World,
    op: &mut Op,
    all: &mut Operations,
    dice: &mut Dice,
) -> bool {
    match op.action {
        Action::Send if object == Object::Datagram && settings.lossy && dice.once_in(3) => {}
        Action::Send => world.messages.push(*op),
        Action::Receive => return receive(object, world, op, dice),
        Action::Write if object == Object::Stream => {
            let bytes = all.bytes_of(op).to_vec();
            world.bytes.extend(bytes);
        }
        Action::Read if object == Object::Stream => {
            let count = world.bytes.len().min(1 + dice.below(4) as usize);
            op.nothing = count == 0;
            (op.value, op.key) = (all.bytes.len() as i64, count as i64);
            all.bytes.extend(world.bytes.drain(..count));
        }
        Action::Write => world.value = op.value,
        Action::Read => op.value = world.value,
        Action::Put => {
            world.map.insert(op.key, op.value);
        }
        Action::Delete => {
            world.map.remove(&op.key);
        }
        Action::Get => match world.map.get(&op.key) {
            Some(value) => op.value = *value,
            None => op.nothing = true,
        },
        Action::Post => world.value += 1,
        Action::Wait | Action::TryWait if world.value > 0 => world.value -= 1,
        Action::TryWait => op.nothing = true,
        Action::Wait => return false,
        Action::Call => world.messages.push(*op),
        Action::Execute => {
            let Some(call) = world.messages.pop() else {
                op.value = 1 + dice.below(3) as i64;
                return false;
            };
            op.value = call.value;
        }
        Action::Raise | Action::Handle => return signal(world, op),
        _ => return lock(settings, world, op),
    }
    true
}

fn receive(object: Object, world: &mut World, op: &mut Op, dice: &mut Dice) -> bool {
    let messages = &world.messages;
    let place = match object {
        Object::PriorityQueue => {
            let highest = messages.iter().map(|message| message.key).max();
            messages
                .iter()
                .position(|message| Some(message.key) == highest)
        }
        Object::Datagram if !messages.is_empty() => {
            let sender = dice.choose(messages).process;
            messages
                .iter()
                .position(|message| message.process == sender)
        }
        _ => (!messages.is_empty()).then_some(0),
    };
    let Some(place) = place else {
        op.nothing = true;
        return true;
    };
    let message = world.messages.remove(place);
    op.value = message.value;
    op.key = if object == Object::Datagram {
        message.key
    } else {
        0
    };
    true
}

/// Standard signals are kept as a 0 each, real-time ones with their value.
fn signal(world: &mut World, op: &mut Op) -> bool {
    let is_queued = op.key >= 32;
    match op.action {
        Action::Raise if is_queued => world.pending.push(op.value),
        Action::Raise if !world.pending.contains(&0) => world.pending.push(0),
        Action::Raise => {}
        _ => {
            let fits = |value: &i64| (*value != 0) == is_queued;
            let Some(place) = world.pending.iter().position(fits) else {
                return false;
            };
            op.value = world.pending.remove(place);
        }
    }
    true
}

fn lock(settings: &Settings, world: &mut World, op: &mut Op) -> bool {
    let me = op.process;
    let shares = matches!(op.action, Action::ReadLock | Action::TryReadLock);
    let tries = matches!(op.action, Action::TryLock | Action::TryReadLock);
    match op.action {
        Action::Unlock | Action::Crash => {
            if op.action == Action::Unlock || settings.robust {
                world.holders.retain(|(holder, _)| *holder != me);
            }
            true
        }
        _ if world.holders.is_empty() || shares && world.holders.iter().all(|holder| holder.1) => {
            world.holders.push((me, shares));
            true
        }
        _ => {
            op.nothing = tries;
            tries
        }
    }
}

/// Does something to a history that may make it wrong.
fn spoil(object: Object, operations: &mut Operations, dice: &mut Dice) {
    for _ in 0..1 + dice.below(2) {
        let ops = &mut operations.list;
        if ops.is_empty() {
            return;
        }
        let (i, j) = (
            dice.below(ops.len() as u64) as usize,
            dice.below(ops.len() as u64) as usize,
        );
        match dice.below(7) {
            0 => ops[i].answered = ops[i].answered.min(ops[i].called),
            1 => ops[i].called = ops[i].called.saturating_sub(dice.below(4)),
            2 if !ops[i].is_pending() => {
                let by = dice.below(6);
                ops[i] = ops[i].at(ops[i].called + by, ops[i].answered + by);
            }
            3 if can_refuse(ops[i].action)
                && !matches!(object, Object::Stream | Object::Register) =>
            {
                ops[i].nothing = !ops[i].nothing && !ops[i].is_pending();
            }
            4 if ops[i].action == ops[j].action && answers(ops[i].action) => {
                let (a, b) = (ops[i], ops[j]);
                (ops[i].value, ops[j].value) = (b.value, a.value);
                if object == Object::Stream {
                    (ops[i].key, ops[j].key) = (b.key, a.key);
                }
            }
            5 if answers(ops[i].action) && object != Object::Stream => {
                ops[i].value = dice.below(4) as i64;
            }
            6 if ops.len() > 2 => {
                ops.remove(i);
            }
            _ => {}
        }
    }
}

/// Tells whether the action has an answer.
fn answers(action: Action) -> bool {
    use Action as A;
    matches!(
        action,
        A::Receive
            | A::Read
            | A::Get
            | A::TryWait
            | A::TryLock
            | A::TryReadLock
            | A::Execute
            | A::Handle
    )
}

/// Tells whether the action can find nothing or be refused.
fn can_refuse(action: Action) -> bool {
    answers(action) && !matches!(action, Action::Execute | Action::Handle)
}

/// Tells whether operations of one process touch, so that their order is unknown.
pub(super) fn touches(operations: &Operations) -> bool {
    let ops = &operations.list;
    ops.iter().enumerate().any(|(i, op)| {
        let others = ops.iter().enumerate();
        let own = others.filter(|(j, other)| *j != i && other.process == op.process);
        own.map(|(_, other)| other)
            .any(|other| !op.precedes(other) && !other.precedes(op))
    })
}

/// Some of the operations of a history, with the writes that they read.
pub(super) fn part(object: Object, operations: &Operations, chosen: &[usize]) -> Operations {
    let mut part = operations.clone();
    let ops = &operations.list;
    let is_read = |write: &Op| {
        let reads = |i: &usize| ops[*i].action == Action::Read && ops[*i].value == write.value;
        write.action == Action::Write && chosen.iter().any(reads)
    };
    part.list = (0..ops.len())
        .filter(|i| chosen.contains(i) || object == Object::Register && is_read(&ops[*i]))
        .map(|i| ops[i])
        .collect();
    part
}
