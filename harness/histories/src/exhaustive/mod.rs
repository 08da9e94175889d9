//! Every checker against exhaustive search on small random histories.
//!
//! The search tries each order of the operations that respects real time, with each
//! operation that was cut off taking effect at any point after its call or never, and
//! remembers nothing. `CROSSWIRE_SEARCH_CASES` sets how many histories of each kind of
//! object are drawn; the usual number keeps the tests short:
//!
//! ```text
//! CROSSWIRE_SEARCH_CASES=1000000 cargo test --release -p crosswire-histories --lib exhaustive
//! ```

mod by_hand;
mod draw;
mod legal;
mod objects;

use super::{Broken, Checker, Object, Op, Operations, Outcome, Settings};
use super::{Explanation, explain};
use draw::Dice;
use legal::is_legal;
use objects::*;

/// Judges a history by the definition of an object.
fn truth(object: Object, settings: &Settings, operations: &Operations) -> bool {
    let ops = &operations.list;
    match object {
        Object::Fifo => is_legal(&Queue, ops),
        Object::PriorityQueue => is_legal(&super::PriorityQueue::default(), ops),
        Object::Datagram => is_legal(&Bag::of(operations, settings.lossy), ops),
        Object::Stream => {
            let single = in_single_bytes(operations, settings.atomic);
            is_legal(&Bytes { operations }, &single)
        }
        Object::Semaphore => {
            let initial = settings.initial;
            let budget = settings.budget;
            is_legal(&super::Semaphore { initial, budget }, ops)
        }
        Object::Mutex | Object::RwLock => {
            let robust = settings.robust;
            is_legal(
                &super::locks::Lock { robust },
                &super::locks::numbered(operations),
            )
        }
        Object::Register => {
            let initial = settings.initial;
            is_legal(&super::Register { initial }, ops)
        }
        Object::KeyValue => is_legal(&Map, ops),
        Object::Rpc => each_executed_once(ops),
        Object::Signals => signals_are_handled(ops),
        Object::Fairness => unreachable!("it is a count, and has a test of its own"),
    }
}

/// Draws histories of an object until this number could be judged, and compares.
fn compare(object: Object, settings: &Settings, seed: u64) {
    let cases = std::env::var("CROSSWIRE_SEARCH_CASES");
    let cases: u64 = cases.ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let checker = object.checker(settings);
    let mut dice = Dice::new(seed);
    let (mut judged, mut legal) = (0, 0);
    while judged < cases {
        let operations = draw::history(object, settings, &mut dice);
        let Some(agreed) = agreement(object, settings, checker.as_ref(), &operations) else {
            continue;
        };
        if let Err(reason) = agreed {
            let (least, reason) = shrunk(object, settings, checker.as_ref(), operations, reason);
            panic!("{}: {reason}\n{}", object.name(), told(&least));
        }
        judged += 1;
        legal += u64::from(agreed == Ok(true));
    }
    // If either were rare, the comparison would mean little.
    let share = legal as f64 / cases as f64;
    assert!(
        (0.05..0.95).contains(&share),
        "{share} of the histories are legal"
    );
}

/// Tells whether the history is legal, which checker and definition should agree on;
/// `None` if it cannot be judged.
fn agreement(
    object: Object,
    settings: &Settings,
    checker: &dyn Checker,
    operations: &Operations,
) -> Option<Result<bool, String>> {
    if object == Object::Stream && draw::touches(operations) {
        return None;
    }
    let outcome = checker.check(operations).ok()?;
    let legal = truth(object, settings, operations);
    Some(match &outcome {
        Outcome::Ok if legal => Ok(true),
        Outcome::Violation(broken) if !legal => {
            let shown = draw::part(object, operations, &broken.witness);
            let is_shown = shows(object, broken, operations) && truth(object, settings, &shown);
            match is_shown || broken.witness.is_empty() || broken.sentence.is_empty() {
                true => Err(format!("the witness shows nothing: {broken:?}")),
                false => Ok(false),
            }
        }
        outcome => Err(format!("{outcome:?}, but legal is {legal}")),
    })
}

/// Tells whether the witness of a rule alone must be illegal. The witness of a count, or
/// of a search without a result, only shows where to look.
fn shows(object: Object, broken: &Broken, operations: &Operations) -> bool {
    let rule = broken.rule;
    match object {
        Object::Semaphore | Object::Signals | Object::Stream => false,
        Object::PriorityQueue => rule != "loss" && !broken.sentence.contains("cut off"),
        Object::KeyValue => rule == "invention",
        // Which of its holds a reader that has several gives back is not told.
        Object::RwLock if reads_twice(operations) => false,
        Object::Mutex | Object::RwLock => rule != "refusal" && rule != "not-held",
        _ => true,
    }
}

/// Tells whether a process acquires a lock to read more than once.
fn reads_twice(operations: &Operations) -> bool {
    let acquires = |op: &&Op| {
        matches!(
            op.action,
            super::Action::ReadLock | super::Action::TryReadLock
        )
    };
    let mut readers: Vec<u32> = operations
        .list
        .iter()
        .filter(acquires)
        .map(|op| op.process)
        .collect();
    readers.sort_unstable();
    readers.windows(2).any(|pair| pair[0] == pair[1])
}

/// Returns the history with everything taken out that the disagreement does not need.
fn shrunk(
    object: Object,
    settings: &Settings,
    checker: &dyn Checker,
    mut operations: Operations,
    mut reason: String,
) -> (Operations, String) {
    let mut at = 0;
    while at < operations.list.len() {
        let mut fewer = operations.clone();
        fewer.list.remove(at);
        match agreement(object, settings, checker, &fewer) {
            Some(Err(still)) => (operations, reason, at) = (fewer, still, 0),
            _ => at += 1,
        }
    }
    (operations, reason)
}

fn told(operations: &Operations) -> String {
    let all: Vec<usize> = (0..operations.list.len()).collect();
    let lines = super::draw(operations, &all);
    format!("{}\n{:#?}", lines.join("\n"), operations.list)
}

macro_rules! compared {
    ($($name:ident: $object:ident, $settings:expr;)*) => {$(
        #[test]
        fn $name() {
            compare(Object::$object, &$settings, 0x5EED + Object::$object as u64);
        }
    )*};
}

fn usual() -> Settings {
    Settings::default()
}

compared! {
    fifo: Fifo, usual();
    priority_queue: PriorityQueue, usual();
    datagram: Datagram, usual();
    lossy_datagram: Datagram, Settings { lossy: true, ..usual() };
    stream: Stream, Settings { atomic: 2, ..usual() };
    semaphore: Semaphore, Settings { initial: 1, ..usual() };
    mutex: Mutex, usual();
    robust_mutex: Mutex, Settings { robust: true, ..usual() };
    rwlock: RwLock, usual();
    robust_rwlock: RwLock, Settings { robust: true, ..usual() };
    register: Register, usual();
    key_value: KeyValue, usual();
    rpc: Rpc, usual();
    signals: Signals, usual();
}

/// A program that logs both sends and locks has both judged, each by its own checker.
#[test]
fn operations_on_other_objects_are_no_concern() {
    use super::Action::*;
    let rule = |outcome: Result<Outcome, super::Unusable>| match outcome {
        Ok(Outcome::Violation(broken)) => broken.rule,
        Ok(Outcome::Ok) => "ok",
        other => panic!("{other:?}"),
    };
    let others = [
        Send, Receive, Put, Post, TryWait, TryLock, Unlock, Call, Raise, Crash,
    ];
    for object in Object::all().filter(|object| *object != Object::Fairness) {
        let mut dice = Dice::new(0xD1CE);
        let checker = object.checker(&usual());
        for _ in 0..2_000 {
            let mut operations = draw::history(object, &usual(), &mut dice);
            let before = checker.check(&operations);
            if before.is_err() {
                continue;
            }
            let other = operations.process("other");
            let foreign = others.iter().filter(|a| !object.actions().contains(a));
            for (action, at) in foreign.zip((1..).step_by(2)) {
                let op = super::Op::new(other, *action).value(900).key(900);
                operations.list.push(op.at(at, at + 1));
            }
            let name = object.name();
            assert_eq!(rule(checker.check(&operations)), rule(before), "{name}");
        }
    }
}

/// Only different values tell messages, writes and calls apart.
#[test]
fn a_value_that_stands_for_two_operations() {
    use super::Action::*;
    let told_apart_by_value = [
        (Object::Fifo, Send),
        (Object::PriorityQueue, Send),
        (Object::Datagram, Send),
        (Object::Register, Write),
        (Object::KeyValue, Put),
        (Object::Rpc, Call),
    ];
    for (object, action) in told_apart_by_value {
        let mut operations = Operations::default();
        let p = operations.process("p");
        let other = super::Op::new(p, action).value(2).at(1, 2);
        let first = super::Op::new(p, action).value(1).at(3, 4);
        operations.list.extend([other, first, first.at(5, 6)]);
        let refused = object.checker(&usual()).check(&operations).map(|_| ());
        let to_blame = refused.map_err(|unusable| unusable.operation);
        assert_eq!(to_blame, Err(2), "{}", object.name());
    }
}

/// Operations of one process on locks may touch, but not overlap.
#[test]
fn operations_on_locks_follow_each_other() {
    use super::Action::*;
    let told = |object: Object, acquire, called| {
        let mut operations = Operations::default();
        let p = operations.process("p");
        let acquired = super::Op::new(p, acquire).at(1, 2);
        let released = super::Op::new(p, Unlock).at(called, 3);
        operations.list.extend([acquired, released]);
        let outcome = object.checker(&usual()).check(&operations);
        outcome.map_err(|unusable| unusable.operation)
    };
    for (object, acquire) in [
        (Object::Mutex, Lock),
        (Object::RwLock, Lock),
        (Object::RwLock, ReadLock),
    ] {
        assert_eq!(told(object, acquire, 2), Ok(Outcome::Ok));
        assert_eq!(told(object, acquire, 1), Err(1));
    }
}

/// The search that remembers finds what the one that does not remember finds.
#[test]
fn the_generic_search() {
    let mut dice = Dice::new(99);
    for _ in 0..20_000 {
        let operations = draw::history(Object::PriorityQueue, &usual(), &mut dice);
        let queue = super::PriorityQueue::default();
        let found = explain(&queue, &operations.list, 1_000_000);
        let legal = is_legal(&queue, &operations.list);
        assert_eq!(found == Explanation::Found, legal, "{}", told(&operations));
        let Explanation::None { stuck } = found else {
            continue;
        };
        // Without what was answered from then on, the answers can be explained.
        let at = operations.list[stuck].answered;
        let cut_off = |op: &Op| match op.answered >= at {
            true => op.from(op.called),
            false => *op,
        };
        let before: Vec<Op> = operations.list.iter().map(cut_off).collect();
        assert!(is_legal(&queue, &before), "{}", told(&operations));
    }
}

/// The answer that is to blame is the one that the best of all orders did not get past.
#[test]
fn the_search_blames_what_no_order_gets_past() {
    use super::Action::{Read, Write};
    let ops = [
        Op::new(0, Write).value(1).at(0, 9),
        Op::new(1, Write).value(2).at(0, 9),
        Op::new(2, Read).value(1).at(10, 11),
        Op::new(2, Read).value(2).at(12, 13),
    ];
    let found = explain(&super::Register { initial: 0 }, &ops, 1_000);
    assert_eq!(found, Explanation::None { stuck: 3 });
}

#[test]
fn a_search_ends_with_its_budget() {
    let ops: Vec<Op> = (0..20)
        .map(|i| Op::new(0, super::Action::Write).value(i).at(0, 9))
        .chain([Op::new(1, super::Action::Read).value(77).at(10, 11)])
        .collect();
    let register = super::Register { initial: 0 };
    assert_eq!(explain(&register, &ops, 1000), Explanation::OutOfBudget);
}

/// The queue that is judged while it is used says what the one judged afterwards says of
/// histories without answers "nothing".
#[test]
fn the_streaming_queue() {
    let mut dice = Dice::new(7);
    let cases = std::env::var("CROSSWIRE_SEARCH_CASES");
    let cases: u64 = cases.ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let (mut judged, mut legal) = (0, 0);
    while judged < cases {
        let mut operations = draw::history(Object::Fifo, &usual(), &mut dice);
        operations.list.retain(|op| !op.nothing || op.is_pending());
        let Ok(outcome) = super::Fifo.check(&operations) else {
            continue;
        };
        judged += 1;
        legal += u64::from(outcome == Outcome::Ok);
        let streamed = streamed(&operations.list);
        assert_eq!(
            streamed.is_ok(),
            outcome == Outcome::Ok,
            "{streamed:?} {}",
            told(&operations)
        );
    }
    let share = legal as f64 / cases as f64;
    assert!(
        (0.05..0.95).contains(&share),
        "{share} of the histories are legal"
    );
}

fn streamed(ops: &[Op]) -> Result<(), super::Wrong> {
    let mut moments: Vec<(u64, bool, usize)> = Vec::new();
    for (i, op) in ops.iter().enumerate() {
        moments.push((op.called, false, i));
        if !op.is_pending() {
            moments.push((op.answered, true, i));
        }
    }
    moments.sort_unstable();
    let mut queue = super::FifoStream::new(ops.len());
    for (_, answers, i) in moments {
        let (op, sends) = (&ops[i], ops[i].action == super::Action::Send);
        match (sends, answers) {
            (true, false) => queue.send_called(op.value)?,
            (true, true) => queue.send_answered(op.value),
            (false, false) => queue.receive_called(i),
            (false, true) => queue.receive_answered(i, Some(op.value))?,
        }
    }
    queue.finish()
}
