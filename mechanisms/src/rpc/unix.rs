//! Remote procedure calls over a Unix stream socket: unix(7).
//!
//! A call must be carried out at most once, although requests and answers are lost with
//! the server that held them. So
//!
//! * each request has an id, and a client without an answer sends the *same* request
//!   again;
//! * a server records that it begins and that it is done ([`journal`](super)), and
//!   answers a known request from there;
//! * a request begun by a server that died is never carried out again: its client
//!   learns that its result is unknown.
//!
//! Standby servers wait for a lock (flock(2)), which the kernel gives back when its
//! holder dies. The holder is the server, and binds the socket anew: the socket file of
//! the dead server is useless.

use super::journal::{Journal, State};
use crate::common::{NO_BUFFER, NO_SIGNAL_LATE, NO_SIGNAL_LOST, own_path, taken};
use crate::lock::{FileLock, Flock};
use crosswire::contract::{
    Client, Contract, Error, Facility, Lock, PATIENCE, Peril, Reply, Rpc, Server, Traits, promise,
};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Interval after which a client looks again for a server.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Bytes of a request: its id, what is asked. And of an answer: what is known, the
/// result.
const FRAME_BYTES: usize = 16;

const DONE: u64 = 1;
const MAYBE_DONE: u64 = 2;

/// A service at a socket in the directory for temporary files, with a journal and a
/// lock beside it.
#[derive(Debug)]
pub struct UnixRpc {
    base: PathBuf,
    /// Its write end is open as long as a client is there.
    lifeline: Option<(PipeReader, PipeWriter)>,
    lock: Option<Flock>,
}

/// Calls the service.
#[derive(Debug)]
pub struct UnixClient {
    socket: PathBuf,
    next_id: u64,
    _lifeline: PipeWriter,
}

/// Has the lock, and so is the server.
#[derive(Debug)]
pub struct UnixServer {
    socket: PathBuf,
    listener: UnixListener,
    journal: Journal,
    lifeline: PipeReader,
    _lock: Flock,
}

fn beside(base: &Path, what: &str) -> PathBuf {
    base.with_extension(what)
}

impl Drop for UnixRpc {
    fn drop(&mut self) {
        for what in ["socket", "journal", "lock"] {
            // Not all of them need have come to be.
            let _ = std::fs::remove_file(beside(&self.base, what));
        }
    }
}

impl Rpc for UnixRpc {
    type Client = UnixClient;
    type Server = UnixServer;
    const CONTRACT: &'static Contract = &CONTRACT;

    fn create(_: usize, _: usize) -> Result<UnixRpc, Error> {
        let base = own_path("rpc");
        let lifeline = pipe().map_err(Error::system("creating", "the clients' lifeline"))?;
        let journal = beside(&base, "journal");
        // What a service of an earlier life did is no concern of this one's.
        File::create(&journal)
            .map_err(Error::system("creating", &journal.display().to_string()))?;
        let lock = FileLock::at(beside(&base, "lock"))?;
        Ok(UnixRpc {
            base,
            lifeline: Some(lifeline),
            lock: Some(lock),
        })
    }

    fn client(&mut self, number: usize) -> Result<UnixClient, Error> {
        let (reader, writer) = self.lifeline.take().ok_or_else(|| taken("the service"))?;
        drop(reader);
        Ok(UnixClient {
            socket: beside(&self.base, "socket"),
            next_id: (number as u64 + 1) << 32,
            _lifeline: writer,
        })
    }

    fn server(&mut self) -> Result<Option<UnixServer>, Error> {
        let (lifeline, writer) = self.lifeline.take().ok_or_else(|| taken("the service"))?;
        drop(writer);
        let mut lock = self.lock.take().ok_or_else(|| taken("the service"))?;
        Lock::attach(&mut lock)?;
        Lock::lock(&mut lock)?;
        let path = beside(&self.base, "journal");
        let object = path.display().to_string();
        let journal = File::options()
            .read(true)
            .append(true)
            .open(&path)
            .and_then(Journal::open)
            .map_err(Error::system("reading", &object))?;
        let socket = beside(&self.base, "socket");
        let object = socket.display().to_string();
        match std::fs::remove_file(&socket) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result.map_err(Error::system("removing", &object))?,
        }
        let listener =
            UnixListener::bind(&socket).map_err(Error::system("listening at", &object))?;
        Ok(Some(UnixServer {
            socket,
            listener,
            journal,
            lifeline,
            _lock: lock,
        }))
    }
}

impl Client for UnixClient {
    fn call(&mut self, request: u64) -> Result<Reply, Error> {
        let object = self.socket.display().to_string();
        let id = self.next_id;
        self.next_id += 1;
        let mut began = Instant::now();
        loop {
            match ask(&self.socket, id, request) {
                Ok(Some(reply)) => return Ok(reply),
                // A server took it and did not answer: another may know.
                Ok(None) => began = Instant::now(),
                Err(error) if !is_absent(&error) => {
                    return Err(Error::system("calling", &object)(error));
                }
                Err(_) if began.elapsed() >= PATIENCE => {
                    return Err(Error::timed_out("calling", &object));
                }
                Err(_) => {}
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

/// Tells whether an error means that no server is running at the moment.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

/// Connects, however often a signal interrupts the wait for room in the server's queue:
/// nothing has been asked by then.
fn connect(socket: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(socket) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Asks once; `None` if the server went away, or was silent, without an answer.
fn ask(socket: &Path, id: u64, request: u64) -> io::Result<Option<Reply>> {
    let mut connection = connect(socket)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let frame = [id, request].map(u64::to_le_bytes).concat();
    let mut answer = [0; FRAME_BYTES];
    let answered = connection
        .write_all(&frame)
        .and_then(|()| connection.read_exact(&mut answer));
    match answered {
        Ok(()) => {}
        Err(error) if is_broken(&error) => return Ok(None),
        Err(error) => return Err(error),
    }
    let (words, _) = answer.as_chunks::<8>();
    Ok(match u64::from_le_bytes(words[0]) {
        DONE => Some(Reply::Done(u64::from_le_bytes(words[1]))),
        MAYBE_DONE => Some(Reply::MaybeDone),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    })
}

/// Tells whether an error means that the other side is gone or silent.
fn is_broken(error: &io::Error) -> bool {
    use io::ErrorKind::*;
    matches!(
        error.kind(),
        BrokenPipe | ConnectionReset | UnexpectedEof | WouldBlock | TimedOut
    )
}

impl Server for UnixServer {
    fn serve(&mut self, execute: &mut dyn FnMut(u64) -> u64) -> Result<(), Error> {
        let object = self.socket.display().to_string();
        while self
            .is_wanted()
            .map_err(Error::system("waiting for clients of", &object))?
        {
            let accepted = self.listener.accept();
            let (mut connection, _) = accepted.map_err(Error::system("accepting at", &object))?;
            self.answer(&mut connection, execute)
                .map_err(Error::system("serving", &object))?;
        }
        Ok(())
    }
}

impl UnixServer {
    /// Waits for a connection; `false` if no client is left to make one.
    fn is_wanted(&self) -> nix::Result<bool> {
        loop {
            let mut asked = [
                PollFd::new(self.listener.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.lifeline.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut asked, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                result => result?,
            };
            if asked[0].any() == Some(true) {
                return Ok(true);
            }
            if asked[1].any() == Some(true) {
                return Ok(false);
            }
        }
    }

    /// Serves one connection. A client that goes away is no error.
    fn answer(
        &mut self,
        connection: &mut UnixStream,
        execute: &mut dyn FnMut(u64) -> u64,
    ) -> io::Result<()> {
        // A client that says nothing must not hold up the others.
        connection.set_read_timeout(Some(PATIENCE))?;
        let mut frame = [0; FRAME_BYTES];
        match connection.read_exact(&mut frame) {
            Err(error) if is_broken(&error) => return Ok(()),
            result => result?,
        }
        let (words, _) = frame.as_chunks::<8>();
        let [id, request] = [0, 1].map(|i| u64::from_le_bytes(words[i]));
        let (known, result) = match self.journal.state(id) {
            Some(State::Done(result)) => (DONE, result),
            Some(State::Begun) => (MAYBE_DONE, 0),
            None => {
                self.journal.note(id, State::Begun)?;
                let result = execute(request);
                self.journal.note(id, State::Done(result))?;
                (DONE, result)
            }
        };
        let answer = [known, result].map(u64::to_le_bytes).concat();
        match connection.write_all(&answer) {
            Err(error) if is_broken(&error) => Ok(()),
            result => result,
        }
    }
}

const CONTRACT: Contract = Contract {
    name: "unix-rpc",
    facility: Facility::Rpc,
    specification: "A call executes its request at most once and returns the result.",
    traits: Traits::USUAL,
    capacity: "one request at a time; as many clients wait as the backlog holds (listen(2), \
               SOMAXCONN)",
    blocking: "call waits for a server and its answer; it gives up after a second without a server",
    linux: "",
    promises: &[
        promise(
            Peril::None,
            "each request is executed once, within its call, and the client gets its result",
            "unix(7): SOCK_STREAM",
        ),
        promise(
            Peril::KillClient,
            "the request of a killed client is executed once or not at all, and the others \
             continue",
            "unix(7); _exit(2): open descriptors are closed",
        ),
        promise(
            Peril::KillServer,
            "no request is executed twice; acknowledged requests were executed; a client whose \
             request the killed server had begun learns that its result is unknown",
            "flock(2): given back at death; fsync(2): written records stay",
        ),
        promise(
            Peril::Pause,
            "a slow process delays others; a client that repeats its request gets the same answer",
            "unix(7)",
        ),
        promise(
            Peril::Interrupt,
            "a call that was interrupted has transferred nothing and can be repeated",
            "signal(7): \"Interruption of system calls and library functions by signal handlers\"",
        ),
        promise(
            Peril::ShortIo,
            "if a read or write transfers only part of a message or record, the next transfers the \
             rest",
            "read(2), write(2): \"RETURN VALUE\"",
        ),
        promise(
            Peril::Errno,
            "a server that cannot accept or write a record reports the error and exits; the next \
             takes its place; no request is executed twice",
            "accept(2): EMFILE; write(2): ENOSPC; fsync(2): ENOSPC",
        ),
        promise(
            Peril::Contend,
            "each call is answered, however often another client calls",
            "listen(2): backlog",
        ),
        promise(
            Peril::ClockJump,
            "the timeout of a client is measured by a clock that cannot be set",
            "clock_gettime(2): CLOCK_MONOTONIC; socket(7): SO_RCVTIMEO is relative",
        ),
    ],
    exemptions: &[NO_BUFFER, NO_SIGNAL_LOST, NO_SIGNAL_LATE],
};
