//! Operations as the checkers of histories take them: forty bytes each.

use super::Unusable;
use std::collections::HashMap;

/// The latest moment that a history may name.
pub const LAST: u64 = u64::MAX >> 3;

/// Time of an answer that never came.
pub const NEVER: u64 = u64::MAX;

/// One operation of one process, from its call to its answer. Whatever it did, it
/// did at a moment in between.
///
/// Of two operations the first comes before the second if it answered strictly
/// before that was called; operations that touch may be in either order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op {
    /// Time of the call, on any increasing scale, up to [`LAST`].
    pub called: u64,
    /// Time of the answer; [`NEVER`] if it was cut off. It may have had its effect at any
    /// moment after its call, or none.
    pub answered: u64,
    /// The value sent, received, written or read; the identity of a call.
    pub value: i64,
    /// The priority, key, length or number of a signal, for actions that have one.
    pub key: i64,
    /// Process that issued it: an index into the names of [`Operations`].
    pub process: u32,
    /// Action of the operation.
    pub action: Action,
    /// True if it found nothing or was refused.
    pub nothing: bool,
}

/// Actions of operations. Each checker knows some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Puts a message in.
    Send,
    /// Takes a message out, or finds nothing.
    Receive,
    /// Writes bytes, or a register.
    Write,
    /// Reads bytes, or a register.
    Read,
    /// Stores a value under a key.
    Put,
    /// Looks a key up, or finds nothing.
    Get,
    /// Takes a key away.
    Delete,
    /// Raises a semaphore.
    Post,
    /// Lowers a semaphore, waiting until it can.
    Wait,
    /// Lowers a semaphore, or is refused.
    TryWait,
    /// Acquires a lock for itself alone, waiting until it can.
    Lock,
    /// Acquires a lock for itself alone, or is refused.
    TryLock,
    /// Acquires a lock together with other readers, waiting until it can.
    ReadLock,
    /// Acquires a lock together with other readers, or is refused.
    TryReadLock,
    /// Gives a lock back.
    Unlock,
    /// Asks for a service.
    Call,
    /// Performs a service.
    Execute,
    /// Sends a signal.
    Raise,
    /// Runs a signal's handler.
    Handle,
    /// The death of a process, which lies between these two moments.
    Crash,
}

/// Each action and its name.
const NAMES: [(Action, &str); 20] = [
    (Action::Send, "send"),
    (Action::Receive, "recv"),
    (Action::Write, "write"),
    (Action::Read, "read"),
    (Action::Put, "put"),
    (Action::Get, "get"),
    (Action::Delete, "delete"),
    (Action::Post, "post"),
    (Action::Wait, "wait"),
    (Action::TryWait, "trywait"),
    (Action::Lock, "lock"),
    (Action::TryLock, "trylock"),
    (Action::ReadLock, "readlock"),
    (Action::TryReadLock, "tryreadlock"),
    (Action::Unlock, "unlock"),
    (Action::Call, "call"),
    (Action::Execute, "execute"),
    (Action::Raise, "raise"),
    (Action::Handle, "handle"),
    (Action::Crash, "crash"),
];

impl Action {
    /// Returns the action of this name, as histories and logs call it.
    pub fn named(name: &str) -> Option<Action> {
        let named = NAMES.iter().find(|(_, other)| *other == name);
        named.map(|(action, _)| *action)
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }
}

impl Op {
    /// Returns an operation that has no value and was cut off at once; the other methods
    /// say what is different.
    ///
    /// ```
    /// use crosswire_histories::{Action, Op};
    /// let receive = Op::new(0, Action::Receive).value(7).at(3, 5);
    /// assert_eq!((receive.called, receive.answered, receive.value), (3, 5, 7));
    /// ```
    pub fn new(process: u32, action: Action) -> Op {
        Op {
            called: 0,
            answered: NEVER,
            value: 0,
            key: 0,
            process,
            action,
            nothing: false,
        }
    }

    /// With this argument, or this answer.
    pub fn value(self, value: i64) -> Op {
        Op { value, ..self }
    }

    /// With this priority, key or length.
    pub fn key(self, key: i64) -> Op {
        Op { key, ..self }
    }

    /// Marks the operation as one that found nothing, or was refused.
    pub fn nothing(self) -> Op {
        Op {
            nothing: true,
            ..self
        }
    }

    /// Sets the times of its call and of its answer.
    pub fn at(self, called: u64, answered: u64) -> Op {
        Op {
            called,
            answered,
            ..self
        }
    }

    /// Called then, and cut off.
    pub fn from(self, called: u64) -> Op {
        self.at(called, NEVER)
    }

    /// Tells whether it never answered.
    pub fn is_pending(&self) -> bool {
        self.answered == NEVER
    }

    /// Tells whether it had certainly taken place when the other one was called.
    pub fn precedes(&self, other: &Op) -> bool {
        self.answered < other.called
    }
}

/// The operations of a history and the names of their processes.
///
/// ```
/// use crosswire_histories::{Action, Checker, Fifo, Op, Operations, Outcome};
/// let mut operations = Operations::default();
/// let producer = operations.process("producer");
/// let consumer = operations.process("consumer");
/// operations.list.extend([
///     Op::new(producer, Action::Send).value(1).at(1, 2),
///     Op::new(producer, Action::Send).value(2).at(3, 4),
///     Op::new(consumer, Action::Receive).value(2).at(5, 6),
///     Op::new(consumer, Action::Receive).value(1).at(7, 8),
/// ]);
/// let Outcome::Violation(broken) = Fifo.check(&operations)? else { panic!() };
/// assert_eq!(broken.rule, "order");
/// assert_eq!(broken.witness, [0, 1, 2, 3]);
/// # Ok::<(), crosswire_histories::Unusable>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Operations {
    /// In any order; checks are fastest if they are sorted by call.
    pub list: Vec<Op>,
    /// The bytes that writes and reads of a stream name: a `value` is where they
    /// begin here, a `key` how many they are.
    pub bytes: Vec<u8>,
    names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Operations {
    /// Returns the number of the process of this name, which is new or known.
    pub fn process(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// Returns the number of a process that is known.
    pub fn known(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// Returns the number of processes.
    pub fn processes(&self) -> usize {
        self.names.len()
    }

    /// Returns the name of a process; `?` if it is not known.
    pub fn name(&self, process: u32) -> &str {
        self.names.get(process as usize).map_or("?", String::as_str)
    }

    /// Returns the name of the process that issued an operation.
    pub fn who(&self, operation: usize) -> &str {
        self.name(self.list[operation].process)
    }

    /// Refuses histories whose moments make no sense.
    pub(super) fn usable(&self) -> Result<(), Unusable> {
        let wrong = |op: &Op| {
            op.answered < op.called || op.called > LAST || op.answered > LAST && !op.is_pending()
        };
        match self.list.iter().position(wrong) {
            None => Ok(()),
            Some(i) if self.list[i].answered < self.list[i].called => {
                Err(Unusable::new(i, "it answers before it is called"))
            }
            Some(i) => Err(Unusable::new(i, format!("its moments lie beyond {LAST}"))),
        }
    }

    /// Returns the bytes of a write or read.
    pub fn bytes_of(&self, op: &Op) -> &[u8] {
        let from = usize::try_from(op.value).unwrap_or(usize::MAX);
        let to = from.saturating_add(usize::try_from(op.key).unwrap_or(0));
        self.bytes.get(from..to).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_its_name() {
        for (action, name) in NAMES {
            assert_eq!(action.name(), name);
            assert_eq!(Action::named(name), Some(action));
        }
        assert_eq!(Action::named("sent"), None);
    }

    #[test]
    fn what_touches_is_in_no_order() {
        let first = Op::new(0, Action::Post).at(1, 2);
        assert!(!first.precedes(&first.at(2, 3)));
        assert!(first.precedes(&first.at(3, 4)));
        assert!(!first.from(1).precedes(&first.from(9)));
    }
}
