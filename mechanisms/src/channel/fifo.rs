//! The FIFO, or named pipe: mkfifo(3), fifo(7).

use super::pipe::{PROMISES, PipeReceiver, PipeSender, shrink};
use crate::common::{NO_CLOCK, NO_SIGNAL_LATE, NO_SIGNAL_LOST, own_path, taken};
use crosswire::contract::{
    Channel, Contract, Error, Facility, Peril, Promise, Shape, Traits, promise,
};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// A FIFO in the directory for temporary files.
///
/// Opening one end of a FIFO waits until another process opens the other end, and waits
/// forever if that process has died. So the creator opens the FIFO for both, which Linux
/// permits without waiting (fifo(7)), and every process keeps that descriptor until it
/// has opened its own end: no process waits, and no process sees the end of the stream
/// while a sender may still come.
#[derive(Debug)]
pub struct Fifo {
    path: PathBuf,
    both: Option<OwnedFd>,
}

impl Fifo {
    /// Creates the FIFO at `path`. Replaces a FIFO that a crashed creator left there and
    /// that no process has open.
    ///
    /// # Errors
    /// If there is something else, or the kernel refuses.
    pub fn create_at(path: PathBuf) -> Result<Fifo, Error> {
        let object = object(&path);
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let mut made = mkfifo(&path, mode);
        if made == Err(Errno::EEXIST) && is_abandoned(&path) {
            fs::remove_file(&path).ok();
            made = mkfifo(&path, mode);
        }
        made.map_err(Error::system("creating", &object))?;
        let mut fifo = Fifo { path, both: None };
        fifo.both = Some(fifo.open(OFlag::O_RDWR)?);
        Ok(fifo)
    }

    fn open(&self, flags: OFlag) -> Result<OwnedFd, Error> {
        loop {
            match open(&self.path, flags | OFlag::O_CLOEXEC, Mode::empty()) {
                Err(Errno::EINTR) => {}
                result => {
                    return result.map_err(Error::system("opening", &object(&self.path)));
                }
            }
        }
    }

    fn end(&mut self, flags: OFlag) -> Result<(String, OwnedFd), Error> {
        let both = self.both.take().ok_or_else(|| taken(&object(&self.path)))?;
        let end = self.open(flags)?;
        drop(both);
        Ok((object(&self.path), end))
    }
}

fn object(path: &Path) -> String {
    format!("the FIFO {}", path.display())
}

/// Tells whether this is a FIFO that no process has open for reading: opening it for
/// writing without waiting then fails (fifo(7)).
fn is_abandoned(path: &Path) -> bool {
    let is_fifo = fs::symlink_metadata(path).is_ok_and(|data| data.file_type().is_fifo());
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    is_fifo && open(path, flags, Mode::empty()).err() == Some(Errno::ENXIO)
}

impl Drop for Fifo {
    fn drop(&mut self) {
        // A process that removed it before had a reason.
        let _ = fs::remove_file(&self.path);
    }
}

impl Channel for Fifo {
    type Sender = PipeSender;
    type Receiver = PipeReceiver;
    const CONTRACT: &'static Contract = &CONTRACT;
    const RECEIVERS: usize = usize::MAX;

    fn create(shape: Shape) -> Result<Fifo, Error> {
        let fifo = Fifo::create_at(own_path("fifo"))?;
        if let Some(both) = fifo.both.as_ref().filter(|_| shape.small) {
            shrink(both, &object(&fifo.path))?;
        }
        Ok(fifo)
    }

    fn sender(&mut self, _number: usize) -> Result<PipeSender, Error> {
        let (object, end) = self.end(OFlag::O_WRONLY)?;
        Ok(PipeSender { object, end })
    }

    fn receiver(&mut self) -> Result<PipeReceiver, Error> {
        let (object, end) = self.end(OFlag::O_RDONLY)?;
        Ok(PipeReceiver { object, end })
    }
}

const CONTRACT: Contract = Contract {
    name: "fifo",
    facility: Facility::Channel,
    specification: "A pipe with a name: a queue of messages, first in, first out.",
    traits: Traits::USUAL,
    capacity: "65536 bytes unless changed; at least one page (pipe(7))",
    blocking: "send waits while there is no room, recv while there is no message and a \
               sender; opening an end waits for the other one (fifo(7))",
    linux: "opening for both reading and writing does not wait, which POSIX leaves undefined",
    promises: &WITH_OPENING,
    exemptions: &[NO_SIGNAL_LOST, NO_SIGNAL_LATE, NO_CLOCK],
};

const WITH_OPENING: [Promise; PROMISES.len() + 1] = {
    let errno = promise(
        Peril::Errno,
        "a process that cannot open its end reports the error; for the others, that end is closed",
        "open(2): EMFILE, ENOMEM",
    );
    let mut all = [errno; PROMISES.len() + 1];
    let mut i = 0;
    while i < PROMISES.len() {
        all[i] = PROMISES[i];
        i += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire::contract::{Receiver, Sender};

    #[test]
    fn an_abandoned_fifo_is_replaced_and_one_in_use_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("orders");
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        let first = Fifo::create_at(path.clone()).unwrap();
        let second = Fifo::create_at(path.clone()).unwrap_err();
        assert!(second.to_string().contains("orders: EEXIST"), "{second}");
        drop(first);
        assert!(!path.exists());
    }

    #[test]
    fn the_stream_ends_when_the_last_sender_has_gone() {
        let directory = tempfile::tempdir().unwrap();
        let mut channel = Fifo::create_at(directory.path().join("x")).unwrap();
        let path = channel.path.clone();
        let other = OwnedFd::from(
            fs::File::options()
                .read(true)
                .write(true)
                .open(&path)
                .unwrap(),
        );
        let mut sender = channel.sender(0).unwrap();
        channel.both = Some(other);
        let mut receiver = channel.receiver().unwrap();
        sender.send(b"one").unwrap();
        drop(sender);
        assert_eq!(receiver.recv().unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(receiver.recv().unwrap(), None);
    }
}
