//! Parts of a world: kernel objects, their states, and the cards that show them.

use crosswire_model::{Signal, TaskId};
use std::collections::VecDeque;

/// A kernel object that a run has used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Kind of the object.
    pub kind: Kind,
    /// Name of the object for the reader, such as `pipe 1` or `/tmp/orders`.
    pub name: String,
}

/// Kinds of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A pipe or FIFO.
    Pipe,
    /// A socket that waits for connections, or gets datagrams.
    Socket,
    /// Two sockets that are connected.
    Connection,
    /// A message queue, of System V or POSIX.
    Queue,
    /// A System V semaphore set.
    Semaphores,
    /// A regular file, with its locks; also a name where there is nothing.
    File,
    /// Memory that several processes see.
    SharedMemory,
    /// A word in memory that tasks wait at or race for.
    Word,
    /// A counter behind a descriptor: eventfd, timerfd.
    Counter,
    /// The signals sent to a process.
    Signals,
    /// A process: what it does, and its end.
    Process,
    /// Standard input, output or error.
    Output,
}

impl Kind {
    /// Returns the word for it in pages and exports.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Pipe => "pipe",
            Kind::Socket => "socket",
            Kind::Connection => "connection",
            Kind::Queue => "message queue",
            Kind::Semaphores => "semaphores",
            Kind::File => "file",
            Kind::SharedMemory => "shared memory",
            Kind::Word => "word",
            Kind::Counter => "counter",
            Kind::Signals => "signals",
            Kind::Process => "process",
            Kind::Output => "output",
        }
    }
}

/// Appearance of an object at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Card {
    /// Its state in a few words.
    pub line: String,
    /// Fill level: used amount and capacity.
    pub level: Option<(u64, u64)>,
    /// Further facts, each with its label.
    pub rows: Vec<(&'static str, String)>,
    /// Its first bytes, each with who wrote it last.
    pub cells: Vec<(u8, Option<TaskId>)>,
}

/// A piece of data on its way.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub length: u64,
    pub text: String,
    pub by: TaskId,
    /// Type of a System V message, priority of a POSIX one.
    pub rank: i64,
}

/// Data on its way, first in, first out.
#[derive(Debug, Clone, Default)]
pub(super) struct Stream {
    pub pieces: VecDeque<Piece>,
}

impl Stream {
    pub fn put(&mut self, piece: Piece) {
        if piece.length > 0 {
            self.pieces.push_back(piece);
        }
    }

    /// Takes bytes from the front, however they were put in.
    pub fn take(&mut self, mut count: u64) {
        while let Some(first) = self.pieces.front_mut().filter(|_| count > 0) {
            if first.length > count {
                first.length -= count;
                first.text = unescaped(&first.text)
                    .get(count as usize..)
                    .unwrap_or_default()
                    .escape_ascii()
                    .to_string();
                return;
            }
            count -= first.length;
            self.pieces.pop_front();
        }
    }

    pub fn held(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.length).sum()
    }

    /// Returns the beginning of what is in it.
    pub fn preview(&self) -> String {
        const LONGEST: usize = 48;
        let mut text = String::new();
        for piece in self.pieces.iter().take(8) {
            text += &piece.text;
            if text.len() > LONGEST {
                break;
            }
        }
        let cut = self.held() > unescaped(&text).len() as u64 || text.len() > LONGEST;
        let mut shown: String = text.chars().take(LONGEST).collect();
        if cut {
            shown.push('…');
        }
        shown
    }
}

/// A file lock that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lock {
    /// Locks of different families do not meet (flock(2), fcntl(2)).
    pub is_flock: bool,
    pub owner: Owner,
    pub by: TaskId,
    pub exclusive: bool,
    pub start: i64,
    /// 0 is up to the end.
    pub length: i64,
}

/// To whom a lock belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// An open file description, by its index.
    Open(usize),
    /// A process, by its first task.
    Process(TaskId),
}

/// The state of an object.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// A name behind which nothing is.
    Absent,
    Pipe {
        data: Stream,
        capacity: u64,
    },
    /// A socket that others may connect to: how many do.
    Listening {
        waiting: VecDeque<usize>,
        open: bool,
    },
    /// One stream for each direction, by the side that reads it.
    Connection([Stream; 2]),
    Queue {
        messages: Vec<Piece>,
    },
    Semaphores(Vec<i64>),
    Memory {
        cells: Vec<(u8, Option<TaskId>)>,
        size: Option<u64>,
        locks: Vec<Lock>,
    },
    Word(Option<u64>),
    Counter(u64),
    Signals(Vec<(Signal, TaskId)>),
    Process(String),
}

impl State {
    /// Returns a file or piece of memory of which nothing is known.
    pub fn memory() -> State {
        State::Memory {
            cells: Vec::new(),
            size: None,
            locks: Vec::new(),
        }
    }

    /// Returns the capacity that pipes have unless said otherwise (pipe(7)).
    pub fn pipe() -> State {
        State::Pipe {
            data: Stream::default(),
            capacity: 65_536,
        }
    }
}

/// The bytes that [`u8::escape_ascii`] has written as text.
pub fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next() {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'x') => {
                let digit = |byte: Option<u8>| (byte.unwrap_or(b'0') as char).to_digit(16);
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                (high.unwrap_or(0) * 16 + low.unwrap_or(0)) as u8
            }
            other => other.unwrap_or(b'\\'),
        });
    }
    bytes
}

/// Returns a number with its thousands set apart: `65,536`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_taken_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(unescaped(&bytes.escape_ascii().to_string()), bytes);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(65_536), "65,536");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }

    #[test]
    fn bytes_leave_in_the_order_in_which_they_came() {
        let mut stream = Stream::default();
        for text in ["abc", "de"] {
            stream.put(Piece {
                length: text.len() as u64,
                text: text.to_owned(),
                by: TaskId(0),
                rank: 0,
            });
        }
        stream.take(2);
        assert_eq!((stream.held(), stream.preview()), (3, "cde".to_owned()));
        stream.take(9);
        assert_eq!(stream.held(), 0);
    }
}
