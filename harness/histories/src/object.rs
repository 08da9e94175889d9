//! The kinds of objects for which there is a checker.

use super::*;

/// Object that a history is judged against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Object {
    /// [`Fifo`].
    Fifo,
    /// [`PriorityQueue`].
    PriorityQueue,
    /// [`Datagram`].
    Datagram,
    /// [`Stream`].
    Stream,
    /// [`Semaphore`].
    Semaphore,
    /// [`Mutex`].
    Mutex,
    /// [`RwLock`].
    RwLock,
    /// [`Register`].
    Register,
    /// [`KeyValue`].
    KeyValue,
    /// [`Rpc`].
    Rpc,
    /// [`Signals`].
    Signals,
    /// [`Fairness`].
    Fairness,
}

/// Settings that distinguish objects of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Initial value of a register, or initial permits of a semaphore.
    pub initial: i64,
    /// True if a lock is given back when its holder dies, as are file locks and robust
    /// mutexes.
    pub robust: bool,
    /// True if datagrams may be lost.
    pub lossy: bool,
    /// Bytes that a write to a stream may have and stay together.
    pub atomic: i64,
    /// Number of times a waiting operation may be overtaken.
    pub bound: u64,
    /// Configurations that a search may look at.
    pub budget: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            initial: 0,
            robust: false,
            lossy: false,
            atomic: PIPE_BUF,
            bound: u64::MAX,
            budget: BUDGET,
        }
    }
}

/// A kind, its name, the actions that it knows, and the settings.
type Row = (
    Object,
    &'static str,
    &'static [Action],
    &'static [&'static str],
);

const KINDS: &[Row] = {
    use Action as A;
    &[
        (Object::Fifo, "fifo", &[A::Send, A::Receive], &[]),
        (
            Object::PriorityQueue,
            "priority-queue",
            &[A::Send, A::Receive],
            &[],
        ),
        (
            Object::Datagram,
            "datagram",
            &[A::Send, A::Receive],
            &["lossy"],
        ),
        (Object::Stream, "stream", &[A::Write, A::Read], &["atomic"]),
        (
            Object::Semaphore,
            "semaphore",
            &[A::Post, A::Wait, A::TryWait],
            &["initial"],
        ),
        (
            Object::Mutex,
            "mutex",
            &[A::Lock, A::TryLock, A::Unlock, A::Crash],
            &["robust"],
        ),
        (
            Object::RwLock,
            "rwlock",
            &[
                A::Lock,
                A::TryLock,
                A::ReadLock,
                A::TryReadLock,
                A::Unlock,
                A::Crash,
            ],
            &["robust"],
        ),
        (
            Object::Register,
            "register",
            &[A::Write, A::Read],
            &["initial"],
        ),
        (Object::KeyValue, "kv", &[A::Put, A::Get, A::Delete], &[]),
        (Object::Rpc, "rpc", &[A::Call, A::Execute], &[]),
        (
            Object::Signals,
            "signals",
            &[A::Raise, A::Handle, A::Crash],
            &[],
        ),
        (
            Object::Fairness,
            "fairness",
            &[
                A::Lock,
                A::ReadLock,
                A::Unlock,
                A::Wait,
                A::Post,
                A::Send,
                A::Receive,
                A::Call,
            ],
            &["bound"],
        ),
    ]
};

impl Object {
    /// Returns all of them, in the order in which they are documented.
    pub fn all() -> impl Iterator<Item = Object> {
        KINDS.iter().map(|row| row.0)
    }

    /// Returns the kind of this name.
    pub fn named(name: &str) -> Option<Object> {
        Object::all().find(|object| object.name() == name)
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Returns the actions of its operations.
    pub fn actions(self) -> &'static [Action] {
        self.row().2
    }

    /// Returns the settings that mean something to it, by name.
    pub fn settings(self) -> &'static [&'static str] {
        self.row().3
    }

    /// Returns its checker.
    pub fn checker(self, settings: &Settings) -> Box<dyn Checker> {
        let &Settings {
            initial,
            robust,
            lossy,
            atomic,
            bound,
            budget,
        } = settings;
        match self {
            Object::Fifo => Box::new(Fifo),
            Object::PriorityQueue => Box::new(PriorityQueue { budget }),
            Object::Datagram => Box::new(Datagram { lossy }),
            Object::Stream => Box::new(Stream { atomic, budget }),
            Object::Semaphore => Box::new(Semaphore { initial, budget }),
            Object::Mutex => Box::new(Mutex { robust, budget }),
            Object::RwLock => Box::new(RwLock { robust, budget }),
            Object::Register => Box::new(Register { initial }),
            Object::KeyValue => Box::new(KeyValue { budget }),
            Object::Rpc => Box::new(Rpc),
            Object::Signals => Box::new(Signals { budget }),
            Object::Fairness => Box::new(Fairness { bound }),
        }
    }

    fn row(self) -> &'static Row {
        let row = KINDS.iter().find(|row| row.0 == self);
        row.expect("every kind has a row")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkers_have_the_names_of_their_objects() {
        for object in Object::all() {
            assert_eq!(object.checker(&Settings::default()).name(), object.name());
            assert_eq!(Object::named(object.name()), Some(object));
        }
    }
}
