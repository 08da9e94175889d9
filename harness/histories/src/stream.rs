//! A stream of bytes.

use super::search::key;
use super::{Action, BUDGET, Broken, Checker, NEVER, Op, Operations, Outcome, Unusable};
use std::collections::HashSet;

/// A stream of bytes, as pipes and stream sockets are. Operations: `write` and `read`
/// with the bytes that were transferred; a read may find nothing.
///
/// Bytes arrive in the order in which they were written, each once, none before it was
/// written; a read finds nothing only when nothing need be there. A write of at most
/// `atomic` bytes, [`PIPE_BUF`] for a pipe, stays together; the bytes of a longer one may
/// have those of others among them (pipe(7)). A write that was cut off may have been done up to any byte; a
/// read that was cut off may have taken any number of bytes away. Operations of one
/// writer must follow each other.
///
/// Which write a byte comes from is found by trying, with what was tried remembered and
/// within the budget. Where the next bytes of the writers differ, that is one pass.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    /// Bytes that a write may have and stay together.
    pub atomic: i64,
    /// Configurations that may be looked at.
    pub budget: u64,
}

/// Bytes that a pipe writes without others among them (limits.h(0p)).
pub const PIPE_BUF: i64 = 4096;

impl Default for Stream {
    fn default() -> Stream {
        Stream {
            atomic: PIPE_BUF,
            budget: BUDGET,
        }
    }
}

impl Checker for Stream {
    fn name(&self) -> &'static str {
        "stream"
    }

    fn check(&self, operations: &Operations) -> Result<Outcome, Unusable> {
        operations.usable()?;
        let mut search = StreamSearch::of(operations, self.atomic)?;
        Ok(search.run(self.budget))
    }
}

/// Position of reading.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    /// Of each writer: its next write, and how many bytes of it have been read.
    writers: Vec<(u32, u32)>,
    /// Of each reader: its next read.
    readers: Vec<u32>,
    /// The reader whose read is under way, and how many bytes of it have been found.
    reading: Option<(u32, u32)>,
    /// The latest call of all that has been done.
    now: u64,
}

struct StreamSearch<'a> {
    operations: &'a Operations,
    atomic: i64,
    /// The writes of each writer and the reads of each reader, in order.
    writes: Vec<Vec<usize>>,
    reads: Vec<Vec<usize>>,
    seen: HashSet<u128>,
    /// The place from which most reads are done.
    furthest: Option<(u64, Place)>,
}

impl<'a> StreamSearch<'a> {
    fn of(operations: &'a Operations, atomic: i64) -> Result<Self, Unusable> {
        Ok(StreamSearch {
            atomic,
            writes: in_order(operations, Action::Write)?,
            reads: in_order(operations, Action::Read)?,
            operations,
            seen: HashSet::new(),
            furthest: None,
        })
    }

    fn run(&mut self, budget: u64) -> Outcome {
        let mut open = vec![Place {
            writers: vec![(0, 0); self.writes.len()],
            readers: vec![0; self.reads.len()],
            reading: None,
            now: 0,
        }];
        while let Some(place) = open.pop() {
            if self.is_done(&place) {
                return Outcome::Ok;
            }
            if !self.seen.insert(key::of_state(&place)) {
                continue;
            }
            if self.seen.len() as u64 > budget {
                return Outcome::Inconclusive { budget };
            }
            self.remember(&place);
            match place.reading {
                Some((reader, found)) => self.go_on(&place, reader, found, &mut open),
                None => self.begin(&place, &mut open),
            }
        }
        Outcome::Violation(self.stuck())
    }

    /// Tells whether every read that answered has been explained.
    fn is_done(&self, place: &Place) -> bool {
        let answered = |i: &usize| !self.operations.list[*i].is_pending();
        let left =
            |(reads, next): (&Vec<usize>, &u32)| reads[*next as usize..].iter().any(answered);
        place.reading.is_none() && !self.reads.iter().zip(&place.readers).any(left)
    }

    fn remember(&mut self, place: &Place) {
        let done: u64 = place.readers.iter().map(|next| u64::from(*next)).sum();
        let found = place.reading.map_or(0, |(_, found)| u64::from(found));
        let progress = (done << 32) + found;
        if self
            .furthest
            .as_ref()
            .is_none_or(|(furthest, _)| *furthest < progress)
        {
            self.furthest = Some((progress, place.clone()));
        }
    }

    /// Returns the next operation of each of these, if it has one.
    fn next_of(lists: &[Vec<usize>], next: u32, which: usize) -> Option<&usize> {
        lists[which].get(next as usize)
    }

    /// Begins a read that no other read must precede.
    fn begin(&self, place: &Place, open: &mut Vec<Place>) {
        let ops = &self.operations.list;
        let next = |reader: usize| Self::next_of(&self.reads, place.readers[reader], reader);
        let readers = || (0..self.reads.len()).filter_map(|reader| Some((reader, *next(reader)?)));
        let limit = readers()
            .map(|(_, i)| ops[i].answered)
            .min()
            .unwrap_or(NEVER);
        for (reader, i) in readers() {
            let op = &ops[i];
            let now = place.now.max(op.called);
            if op.called > limit || now > op.answered {
                continue;
            }
            let mut after = place.clone();
            after.now = now;
            if op.is_pending() || !op.nothing {
                after.reading = Some((reader as u32, 0));
                open.push(after);
            } else if self.may_be_empty(&after) {
                after.readers[reader] += 1;
                open.push(after);
            }
        }
    }

    /// Tells whether everything certainly written by now has been read.
    fn may_be_empty(&self, place: &Place) -> bool {
        place
            .writers
            .iter()
            .enumerate()
            .all(|(writer, (next, found))| {
                let Some(i) = Self::next_of(&self.writes, *next, writer) else {
                    return true;
                };
                let op = &self.operations.list[*i];
                op.answered >= place.now && (*found == 0 || self.may_be_torn(op))
            })
    }

    /// Finds the next bytes of a read in a write, or ends a read that has all of them.
    fn go_on(&self, place: &Place, reader: u32, found: u32, open: &mut Vec<Place>) {
        let ops = &self.operations.list;
        let read = &ops[self.reads[reader as usize][place.readers[reader as usize] as usize]];
        let is_over = read.is_pending() || i64::from(found) == read.key;
        if is_over {
            let mut after = place.clone();
            after.readers[reader as usize] += 1;
            after.reading = None;
            open.push(after);
        }
        if is_over && !read.is_pending() {
            return;
        }
        let wanted =
            &self.operations.bytes_of(read)[if read.is_pending() { 0 } else { found as usize }..];
        for writer in self.eligible(place) {
            let (next, taken) = place.writers[writer];
            let write = &ops[self.writes[writer][next as usize]];
            let now = place.now.max(write.called);
            if now > read.answered {
                continue;
            }
            let rest = &self.operations.bytes_of(write)[taken as usize..];
            let length = match read.is_pending() {
                true => 1,
                // What may have other bytes within it is taken one at a time.
                false if self.may_be_torn(write) => usize::from(wanted[0] == rest[0]),
                false => {
                    let length = wanted.len().min(rest.len());
                    if wanted[..length] == rest[..length] {
                        length
                    } else {
                        0
                    }
                }
            };
            if length == 0 {
                continue;
            }
            let mut after = place.clone();
            after.now = now;
            after.reading = Some((
                reader,
                if read.is_pending() {
                    0
                } else {
                    found + length as u32
                },
            ));
            after.writers[writer] = match length == rest.len() {
                true => (next + 1, 0),
                false => (next, taken + length as u32),
            };
            open.push(after);
        }
    }

    /// Returns the writers whose bytes may come next.
    fn eligible(&self, place: &Place) -> Vec<usize> {
        let ops = &self.operations.list;
        let next = |writer: usize| {
            let (next, taken) = place.writers[writer];
            Some((ops[*Self::next_of(&self.writes, next, writer)?], taken))
        };
        let writers = || (0..self.writes.len()).filter_map(|w| Some((w, next(w)?)));
        // A write that stays together is read to its end first.
        let begun = writers().find(|(_, (op, taken))| *taken > 0 && !self.may_be_torn(op));
        if let Some((writer, _)) = begun {
            return vec![writer];
        }
        let limit = writers()
            .map(|(_, (op, _))| op.answered)
            .min()
            .unwrap_or(NEVER);
        let may_come = |(_, (op, _)): &(usize, (Op, u32))| op.called <= limit;
        writers()
            .filter(may_come)
            .map(|(writer, _)| writer)
            .collect()
    }

    /// Tells whether the bytes of a write may be split, or end early.
    fn may_be_torn(&self, write: &Op) -> bool {
        write.is_pending() || write.key > self.atomic
    }

    /// Returns the read that cannot be explained.
    fn stuck(&self) -> Broken {
        let (_, place) = self
            .furthest
            .as_ref()
            .expect("the search has begun somewhere");
        let ops = &self.operations.list;
        let next = |reader: usize| Self::next_of(&self.reads, place.readers[reader], reader);
        let reader = place
            .reading
            .map(|(reader, _)| reader as usize)
            .or_else(|| {
                let answers = (0..self.reads.len()).filter(|reader| next(*reader).is_some());
                answers.min_by_key(|reader| next(*reader).map(|i| ops[*i].answered))
            });
        let read = *reader.and_then(next).expect("some read is left");
        let found = place.reading.map_or(0, |(_, found)| found as usize);
        let who = self.operations.who(read);
        let mut witness = vec![read];
        let mut come = Vec::new();
        for writer in self.eligible(place) {
            let (next, taken) = place.writers[writer];
            let write = self.writes[writer][next as usize];
            if ops[write].called > ops[read].answered {
                continue;
            }
            let rest = &self.operations.bytes_of(&ops[write])[taken as usize..];
            come.push(format!(
                "{} of `{}`",
                quoted(rest),
                self.operations.who(write)
            ));
            witness.push(write);
        }
        witness.truncate(4);
        if ops[read].nothing {
            let sentence = match come.as_slice() {
                [] => format!("no order of the reads explains why `{who}` read nothing"),
                come => format!(
                    "`{who}` read nothing, although {} was there",
                    come.join(" and ")
                ),
            };
            return Broken::new("empty", witness, sentence);
        }
        let got = quoted(&self.operations.bytes_of(&ops[read])[found..]);
        let sentence = match come.as_slice() {
            [] => format!("`{who}` read {got}, but nothing more had been written"),
            come => format!(
                "`{who}` read {got}, but next in the stream comes {}",
                come.join(" or ")
            ),
        };
        Broken::new("content", witness, sentence)
    }
}

/// Returns the operations of each process that do this, in order, without those of no
/// bytes.
fn in_order(operations: &Operations, action: Action) -> Result<Vec<Vec<usize>>, Unusable> {
    let ops = &operations.list;
    let mut order: Vec<usize> = (0..ops.len())
        .filter(|i| ops[*i].action == action)
        .collect();
    order.sort_by_key(|i| (ops[*i].called, ops[*i].answered));
    let mut lists: Vec<Vec<usize>> = vec![Vec::new(); operations.processes()];
    for i in order {
        let list = &mut lists[ops[i].process as usize];
        if list
            .last()
            .is_some_and(|last| ops[i].called < ops[*last].answered)
        {
            return Err(Unusable::new(
                i,
                format!(
                    "`{}` calls this before its `{}` before has answered; the order of its bytes \
                     is not known then",
                    operations.who(i),
                    action.name()
                ),
            ));
        }
        if ops[i].key > 0 || ops[i].nothing || action == Action::Read && ops[i].is_pending() {
            list.push(i);
        }
    }
    lists.retain(|list| !list.is_empty());
    Ok(lists)
}

/// Bytes as messages quote them.
fn quoted(bytes: &[u8]) -> String {
    const SHOWN: usize = 24;
    let shown = &bytes[..bytes.len().min(SHOWN)];
    let dots = if shown.len() < bytes.len() { "…" } else { "" };
    format!("\"{}\"{dots}", shown.escape_ascii())
}
