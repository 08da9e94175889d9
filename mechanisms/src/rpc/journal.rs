//! Records that a server writes before and after it carries out a request, for the server
//! that takes its place.
//!
//! The order is essential: *begun* is on disk before the request is carried out, and
//! *done* before the client gets the answer. A server that finds *begun* without *done*
//! knows that the outcome is unknown.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// Recorded state of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// A server began to carry it out.
    Begun,
    /// It was carried out, with this result.
    Done(u64),
}

/// A file of records of one size: the request's id, what happened, the result.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    known: HashMap<u64, State>,
}

const RECORD_BYTES: usize = 24;
const BEGUN: u64 = 1;
const DONE: u64 = 2;

impl Journal {
    /// Reads what earlier servers have written down. A record that one of them died in
    /// the midst of writing is cut off: what it would have said has not happened yet.
    pub fn open(mut file: File) -> io::Result<Journal> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut bytes)?;
        let whole = bytes.len() / RECORD_BYTES * RECORD_BYTES;
        if whole < bytes.len() {
            file.set_len(whole as u64)?;
            file.seek(SeekFrom::Start(whole as u64))?;
        }
        let mut known = HashMap::new();
        for record in bytes[..whole].chunks_exact(RECORD_BYTES) {
            let (words, _) = record.as_chunks::<8>();
            let [id, kind, result] = [0, 1, 2].map(|i| u64::from_le_bytes(words[i]));
            let state = match kind {
                BEGUN => State::Begun,
                DONE => State::Done(result),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            };
            known.insert(id, state);
        }
        Ok(Journal { file, known })
    }

    /// Returns the recorded state of a request.
    pub fn state(&self, id: u64) -> Option<State> {
        self.known.get(&id).copied()
    }

    /// Writes down what happened, and returns once it is on disk.
    pub fn note(&mut self, id: u64, state: State) -> io::Result<()> {
        let (kind, result) = match state {
            State::Begun => (BEGUN, 0),
            State::Done(result) => (DONE, result),
        };
        let record = [id, kind, result].map(u64::to_le_bytes).concat();
        self.file.write_all(&record)?;
        self.file.sync_data()?;
        self.known.insert(id, state);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_known_and_half_a_record_is_not() {
        let mut file = tempfile::tempfile().unwrap();
        let mut journal = Journal::open(file.try_clone().unwrap()).unwrap();
        journal.note(1, State::Begun).unwrap();
        journal.note(1, State::Done(7)).unwrap();
        journal.note(2, State::Begun).unwrap();
        file.write_all(&[1; RECORD_BYTES / 2]).unwrap();
        let mut journal = Journal::open(file.try_clone().unwrap()).unwrap();
        assert_eq!(journal.state(1), Some(State::Done(7)));
        assert_eq!(journal.state(2), Some(State::Begun));
        assert_eq!(journal.state(3), None);
        journal.note(3, State::Begun).unwrap();
        let journal = Journal::open(file).unwrap();
        assert_eq!(journal.state(3), Some(State::Begun));
    }
}
