//! Cards that show the states of objects.

use super::Follower;
use super::object::{Card, Lock, Piece, State, grouped};
use crosswire_model::TaskId;

/// Messages that are shown.
const SHOWN: usize = 6;

impl Follower<'_> {
    pub(super) fn draw(&self, object: usize) -> Card {
        let mut card = match &self.states[object] {
            State::Absent => told("does not exist"),
            State::Pipe { data, capacity } => self.pipe(object, data, *capacity),
            State::Listening { waiting, open } => Card {
                rows: vec![(
                    "held by",
                    self.names(&self.descriptors.holders(object, |_| true)),
                )],
                ..told(&match (open, waiting.len()) {
                    (false, _) => "not listening".to_owned(),
                    (true, 0) => "listening".to_owned(),
                    (true, count) => format!("listening, {count} not yet accepted"),
                })
            },
            State::Connection(streams) => {
                let rows = self
                    .streams(streams, object)
                    .into_iter()
                    .map(|(who, stream)| {
                        let text =
                            format!("{} bytes \"{}\"", grouped(stream.held()), stream.preview());
                        ("to read", format!("{who}: {text}"))
                    });
                Card {
                    rows: rows.collect(),
                    ..told("connected")
                }
            }
            State::Queue { messages } => self.queue(messages),
            State::Semaphores(values) => {
                let values: Vec<String> = values.iter().map(i64::to_string).collect();
                told(&format!("value {}", values.join(", ")))
            }
            State::Memory { cells, size, locks } => Card {
                cells: cells.clone(),
                rows: locks
                    .iter()
                    .map(|lock| ("locked", self.lock(lock)))
                    .collect(),
                ..told(&match size {
                    Some(size) => format!("{} bytes", grouped(*size)),
                    None => String::new(),
                })
            },
            State::Word(None) => told(""),
            State::Word(Some(value)) => told(&format!("value {value:#x}")),
            State::Counter(value) => told(&format!("count {value}")),
            State::Signals(pending) if pending.is_empty() => told("none pending"),
            State::Signals(pending) => {
                let all = pending
                    .iter()
                    .map(|(signal, by)| ("pending", format!("{signal} from {}", self.name(*by))));
                Card {
                    rows: all.collect(),
                    ..told(&format!("{} pending", pending.len()))
                }
            }
            State::Process(doing) => told(doing),
        };
        for (task, call, since) in &self.waiters[object] {
            let text = format!("{} in {call} since step {since}", self.name(*task));
            card.rows.push(("waits", text));
        }
        card
    }

    fn pipe(&self, object: usize, data: &super::object::Stream, capacity: u64) -> Card {
        let held = data.held();
        let readers = self.descriptors.holders(object, |open| open.readable);
        let writers = self.descriptors.holders(object, |open| open.writable);
        let mut rows = vec![
            ("readers", self.names(&readers)),
            ("writers", self.names(&writers)),
        ];
        if held > 0 {
            rows.insert(0, ("content", format!("\"{}\"", data.preview())));
        }
        Card {
            line: format!("{} of {} bytes", grouped(held), grouped(capacity)),
            level: Some((held, capacity)),
            rows,
            cells: Vec::new(),
        }
    }

    fn queue(&self, messages: &[Piece]) -> Card {
        let shown = messages.iter().take(SHOWN).map(|message| {
            let by = self.name(message.by);
            let text = format!("\"{}\" from {by}, type {}", message.text, message.rank);
            ("message", text)
        });
        let mut rows: Vec<_> = shown.collect();
        if messages.len() > SHOWN {
            rows.push(("message", format!("… {} more", messages.len() - SHOWN)));
        }
        let line = match messages.len() {
            0 => "empty".to_owned(),
            1 => "1 message".to_owned(),
            count => format!("{count} messages"),
        };
        Card {
            line,
            rows,
            ..Card::default()
        }
    }

    fn lock(&self, lock: &Lock) -> String {
        let how = match (lock.is_flock, lock.exclusive) {
            (true, true) => "LOCK_EX",
            (true, false) => "LOCK_SH",
            (false, true) => "F_WRLCK",
            (false, false) => "F_RDLCK",
        };
        let range = match (lock.start, lock.length) {
            (0, 0) => String::new(),
            (start, 0) => format!(", bytes {start} to the end"),
            (start, length) => format!(", bytes {start} to {}", start + length - 1),
        };
        let by: TaskId = lock.by;
        format!("{how} by {}{range}", self.name(by))
    }
}

fn told(line: &str) -> Card {
    Card {
        line: line.to_owned(),
        ..Card::default()
    }
}
