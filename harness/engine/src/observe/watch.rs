//! Reads the data behind the pointers of a call, for runs that will be shown to a reader.
//! Reads only memory of tasks that have stopped or sleep, so that a run does not depend
//! on being watched.

use super::passed;
use crate::run::session::Session;
use crosswire_calls::{Arg, Row, is_file_lock_command};
use crosswire_kernel::{Tid, memory};
use crosswire_model::{Bytes, Content, Polled, Seen, SemaphoreOperation, Signal, What};

/// Bytes of each transfer that are kept.
const SHOWN: usize = 128;

/// Elements of an array that are kept.
const ELEMENTS: u64 = 16;

impl Session<'_> {
    /// Returns the data that the call is given which a task is about to make, by argument.
    pub(crate) fn given(&self, index: usize) -> Vec<(u8, Content)> {
        let task = &self.tasks[index];
        let look = CallView {
            tid: task.tid,
            args: task.entering.args,
            moment: Moment::Before,
        };
        look.at(task.entering.row())
    }

    /// Looks at the memory behind the call of the event that was recorded last.
    pub(crate) fn watch(&mut self, index: usize) {
        let Some(event) = self.recorder.events.last() else {
            return;
        };
        let moment = match event.what {
            What::Block { .. } => Moment::Before,
            What::Call { result, .. } => Moment::Whole(result),
            What::Wake { result, .. } => Moment::After(result),
            _ => return,
        };
        let task = &self.tasks[index];
        let look = CallView {
            tid: task.tid,
            args: task.entering.args,
            moment,
        };
        let event = self.recorder.len() - 1;
        let found = look.at(task.entering.row());
        let seen = found.into_iter().map(|(argument, content)| Seen {
            event,
            argument,
            content,
        });
        self.recorder.seen.extend(seen);
    }
}

/// Moment at which a call is observed. Its inputs are there before it; its outputs are
/// there after it, unless it failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    Before,
    After(i64),
    Whole(i64),
}

struct CallView {
    tid: Tid,
    args: [u64; 6],
    moment: Moment,
}

impl CallView {
    fn at(&self, row: &Row) -> Vec<(u8, Content)> {
        let recorded = row.path();
        let mut found = Vec::new();
        for (number, arg) in (0..).zip(row.args) {
            let length = self.args.get(usize::from(number) + 1).copied().unwrap_or(0);
            let one = match arg {
                // The trace holds the other one.
                Arg::Path if recorded != Some(usize::from(number)) => {
                    self.given(number, |at| self.path(at))
                }
                Arg::Bytes => self.given(number, |at| self.bytes(at, length).map(Content::Bytes)),
                Arg::Buffer => self.answered(number, |at, count| {
                    self.bytes(at, count as u64).map(Content::Bytes)
                }),
                Arg::BytesVector => self.given(number, |at| self.vectors(at, length, u64::MAX)),
                Arg::BufferVector => {
                    self.answered(number, |at, count| self.vectors(at, length, count as u64))
                }
                Arg::BytesMessage => {
                    found.extend(self.message_header(u64::MAX, self.is_before()));
                    None
                }
                Arg::BufferMessage => {
                    let answer = self.answer();
                    found.extend(self.message_header(answer.unwrap_or(0) as u64, answer.is_some()));
                    None
                }
                Arg::Pair => self.answered(number, |at, _| self.descriptors(at)),
                Arg::FcntlArgument if is_file_lock_command(self.args[1]) => {
                    self.given(number, |at| self.lock(at))
                }
                Arg::SemaphoreOps => self.given(number, |at| self.semaphores(at)),
                Arg::SystemVMessage => self.given(number, |at| self.message(at, length)),
                Arg::SystemVBuffer => {
                    self.answered(number, |at, count| self.message(at, count as u64))
                }
                Arg::Polled => self
                    .given(number, |at| self.polled(at))
                    .or_else(|| self.answered(number, |at, _| self.polled(at))),
                Arg::Duration => self.given(number, |at| self.time(at)),
                // A second word of futex(2) is one to which waiters are moved.
                Arg::Word if number == 0 => self.given(number, |at| self.word(at)),
                Arg::Status => self
                    .answered(number, |at, pid| (pid > 0).then(|| self.word(at))?)
                    .filter(|_| self.args[usize::from(number)] != 0),
                Arg::SignalSet => self.given(number, |at| self.signals(at)),
                _ => None,
            };
            found.extend(one);
        }
        found
    }

    fn is_before(&self) -> bool {
        !matches!(self.moment, Moment::After(_))
    }

    /// Returns the result of the call, if it did not fail.
    fn answer(&self) -> Option<i64> {
        match self.moment {
            Moment::After(result) | Moment::Whole(result) if result >= 0 => Some(result),
            _ => None,
        }
    }

    /// Returns an argument that the caller has filled in.
    fn given(
        &self,
        argument: u8,
        decode: impl Fn(u64) -> Option<Content>,
    ) -> Option<(u8, Content)> {
        match self.is_before() {
            true => Some((argument, decode(self.args[usize::from(argument)])?)),
            false => None,
        }
    }

    /// Returns an argument that the kernel has filled in.
    fn answered(
        &self,
        argument: u8,
        decode: impl Fn(u64, i64) -> Option<Content>,
    ) -> Option<(u8, Content)> {
        let result = self.answer()?;
        Some((argument, decode(self.args[usize::from(argument)], result)?))
    }

    fn bytes(&self, address: u64, length: u64) -> Option<Bytes> {
        let mut buffer = [0; SHOWN];
        let wanted = length.min(SHOWN as u64) as usize;
        let count = match wanted {
            0 => 0,
            _ => memory::read(self.tid, address, &mut buffer[..wanted]).ok()?,
        };
        Some(Bytes {
            shown: buffer[..count].escape_ascii().to_string(),
            length,
            cut: (count as u64) < length,
        })
    }

    /// Returns the buffers of readv(2) and writev(2) as one.
    fn vectors(&self, address: u64, count: u64, limit: u64) -> Option<Content> {
        let mut all = Bytes {
            shown: String::new(),
            length: 0,
            cut: count > ELEMENTS,
        };
        for vector in 0..count.min(ELEMENTS) {
            let (base, length) = memory::read_pair(self.tid, address + 16 * vector).ok()?;
            let length = (length as u64).min(limit - all.length);
            if all.shown.len() < SHOWN {
                let part = self.bytes(base as u64, length)?;
                all.shown += &part.shown;
                all.cut |= part.cut;
            } else {
                all.cut |= length > 0;
            }
            all.length = all.length.saturating_add(length);
        }
        Some(Content::Bytes(all))
    }

    /// Returns the data of a `struct msghdr`, and descriptors that go with it (unix(7)).
    fn message_header(&self, limit: u64, is_there: bool) -> Vec<(u8, Content)> {
        let word = |offset: u64| memory::read_word(self.tid, self.args[1] + offset).ok();
        let mut found = Vec::new();
        if !is_there {
            return found;
        }
        // Offsets of msg_iov and msg_iovlen.
        if let (Some(vectors), Some(count)) = (word(16), word(24)) {
            found.extend(self.vectors(vectors, count, limit).map(|data| (1, data)));
        }
        let mut passed = passed::descriptors(self.tid, self.args[1]);
        passed.truncate(ELEMENTS as usize);
        if !passed.is_empty() {
            found.push((1, Content::Descriptors(passed)));
        }
        found
    }

    fn message(&self, address: u64, length: u64) -> Option<Content> {
        let kind = memory::read_word(self.tid, address).ok()? as i64;
        let text = self.bytes(address + 8, length)?;
        Some(Content::Message { kind, text })
    }

    fn descriptors(&self, address: u64) -> Option<Content> {
        let pair = memory::read_word(self.tid, address).ok()?;
        let both = vec![pair as i32, (pair >> 32) as i32];
        Some(Content::Descriptors(both))
    }

    fn lock(&self, address: u64) -> Option<Content> {
        let kinds: [u8; 4] = memory::read_exact(self.tid, address).ok()?;
        let (start, length) = memory::read_pair(self.tid, address + 8).ok()?;
        let [a, b, c, d] = kinds;
        Some(Content::Lock {
            kind: i16::from_ne_bytes([a, b]),
            whence: i16::from_ne_bytes([c, d]),
            start,
            length,
        })
    }

    fn semaphores(&self, address: u64) -> Option<Content> {
        let one = |n: u64| {
            let bytes: [u8; 6] = memory::read_exact(self.tid, address + 6 * n).ok()?;
            let [a, b, c, d, e, f] = bytes;
            Some(SemaphoreOperation {
                number: u16::from_ne_bytes([a, b]),
                change: i16::from_ne_bytes([c, d]),
                flags: i16::from_ne_bytes([e, f]),
            })
        };
        let all = (0..self.args[2].min(ELEMENTS)).map(one);
        all.collect::<Option<_>>().map(Content::Semaphores)
    }

    fn polled(&self, address: u64) -> Option<Content> {
        let one = |n: u64| {
            let word = memory::read_word(self.tid, address + 8 * n).ok()?;
            Some(Polled {
                descriptor: word as i32,
                events: (word >> 32) as i16,
                returned: (word >> 48) as i16,
            })
        };
        let all = (0..self.args[1].min(ELEMENTS)).map(one);
        all.collect::<Option<_>>().map(Content::Polled)
    }

    fn time(&self, address: u64) -> Option<Content> {
        let (seconds, nanoseconds) = memory::read_pair(self.tid, address).ok()?;
        let all = (seconds as u64).checked_mul(1_000_000_000)?;
        Some(Content::Time(all.checked_add(nanoseconds as u64)?))
    }

    fn word(&self, address: u64) -> Option<Content> {
        let bytes = memory::read_exact(self.tid, address).ok()?;
        Some(Content::Word(u32::from_ne_bytes(bytes)))
    }

    fn path(&self, address: u64) -> Option<Content> {
        memory::read_string(self.tid, address, 4096).map(Content::Path)
    }

    fn signals(&self, address: u64) -> Option<Content> {
        let set = memory::read_word(self.tid, address).ok()?;
        let members = (1..=64).filter(|signal| set >> (signal - 1) & 1 == 1);
        Some(Content::Signals(members.map(Signal).collect()))
    }
}
