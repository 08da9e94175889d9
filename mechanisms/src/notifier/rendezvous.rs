//! Tells notifiers the process id of the waiter, which is unknown before the waiter
//! exists: it writes its id into a pipe that all have inherited, once it is ready.

use crosswire::contract::Error;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};

/// A pipe that carries one process id to each notifier.
#[derive(Debug)]
pub(super) struct Rendezvous {
    notifiers: usize,
    ends: Option<(PipeReader, PipeWriter)>,
}

const NAME: &str = "the pipe that carries the waiter's process id";

impl Rendezvous {
    pub fn new(notifiers: usize) -> Result<Rendezvous, Error> {
        let ends = pipe().map_err(Error::system("creating", NAME))?;
        Ok(Rendezvous {
            notifiers,
            ends: Some(ends),
        })
    }

    /// Tells all notifiers this process's id.
    pub fn announce(&mut self) -> Result<(), Error> {
        let Some((reader, mut writer)) = self.ends.take() else {
            return Err(crate::common::taken(NAME));
        };
        let id = (std::process::id() as i32).to_ne_bytes();
        // Written at once, so it is there for all or, if this process dies, for none.
        // Kept open for reading, so that no death makes it fail.
        let written = writer.write_all(&id.repeat(self.notifiers));
        drop(reader);
        written.map_err(Error::system("writing to", NAME))
    }

    /// Returns the waiter's process id, once it is ready.
    pub fn learn(&mut self) -> Result<i32, Error> {
        let Some((mut reader, writer)) = self.ends.take() else {
            return Err(crate::common::taken(NAME));
        };
        drop(writer);
        let mut id = [0; 4];
        match reader.read_exact(&mut id) {
            Ok(()) => Ok(i32::from_ne_bytes(id)),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(Error::Closed {
                object: NAME.to_owned(),
            }),
            Err(error) => Err(Error::system("reading from", NAME)(error)),
        }
    }
}
