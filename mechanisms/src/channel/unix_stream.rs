//! Unix stream sockets: unix(7).

use super::stream::{CONNECTIONS, Connections, StreamReceiver, StreamSender};
use crate::common::own_path;
use crosswire::contract::{Channel, Contract, Error, Shape};
use nix::errno::Errno;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream as Stream};
use std::path::{Path, PathBuf};

/// A Unix stream socket in the directory for temporary files: one receiver, who
/// listens, and a connection for each sender.
///
/// The creator connects all senders before it hands the channel over, so that the
/// receiver knows how many there are: a sender that dies early ends its connection
/// rather than being waited for.
#[derive(Debug)]
pub struct UnixStream {
    path: PathBuf,
    connections: Connections<UnixListener>,
}

impl UnixStream {
    /// Creates the socket at `path`. Replaces a socket that a crashed creator left there
    /// and at which no process listens.
    ///
    /// # Errors
    /// If there is something else, or the kernel refuses.
    pub fn create_at(path: PathBuf, senders: usize) -> Result<UnixStream, Error> {
        let object = object(&path);
        let mut bound = UnixListener::bind(&path);
        if is_errno(&bound, Errno::EADDRINUSE) && is_abandoned(&path) {
            std::fs::remove_file(&path).ok();
            bound = UnixListener::bind(&path);
        }
        let listener = bound.map_err(Error::system("creating", &object))?;
        let mut channel = UnixStream {
            path,
            connections: Connections::new(listener),
        };
        for _ in 0..senders {
            let connection =
                Stream::connect(&channel.path).map_err(Error::system("connecting to", &object))?;
            channel.connections.push(connection.into());
        }
        Ok(channel)
    }
}

fn object(path: &Path) -> String {
    format!("the socket {}", path.display())
}

fn is_errno<T>(result: &io::Result<T>, errno: Errno) -> bool {
    result.as_ref().err().and_then(io::Error::raw_os_error) == Some(errno as i32)
}

/// Tells whether this is a socket at which no process listens: connecting then fails
/// (connect(2)).
fn is_abandoned(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|data| data.file_type().is_socket());
    is_socket && is_errno(&Stream::connect(path), Errno::ECONNREFUSED)
}

impl Drop for UnixStream {
    fn drop(&mut self) {
        // A process that removed it before had a reason.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Channel for UnixStream {
    type Sender = StreamSender;
    type Receiver = StreamReceiver;
    const CONTRACT: &'static Contract = &CONTRACT;
    const RECEIVERS: usize = 1;

    fn create(shape: Shape) -> Result<UnixStream, Error> {
        let path = own_path("socket");
        if shape.receivers > 1 {
            return Err(Error::misuse(&object(&path), "a stream has one receiver"));
        }
        let channel = UnixStream::create_at(path, shape.senders)?;
        if shape.small {
            channel.connections.shrink(&object(&channel.path))?;
        }
        Ok(channel)
    }

    fn sender(&mut self, number: usize) -> Result<StreamSender, Error> {
        self.connections.sender(&object(&self.path), number)
    }

    fn receiver(&mut self) -> Result<StreamReceiver, Error> {
        let accept = |listener: &UnixListener| Ok(listener.accept()?.0.into());
        self.connections.receiver(&object(&self.path), accept)
    }
}

const CONTRACT: Contract = Contract {
    name: "unix-stream",
    capacity: "what the sender's buffer holds, 212992 bytes unless changed (socket(7), SO_SNDBUF)",
    ..CONNECTIONS
};

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire::contract::Sender;

    #[test]
    fn an_abandoned_socket_is_replaced_and_one_in_use_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("orders");
        drop(UnixListener::bind(&path).unwrap());
        let first = UnixStream::create_at(path.clone(), 1).unwrap();
        let second = UnixStream::create_at(path.clone(), 1).unwrap_err();
        assert!(
            second.to_string().contains("orders: EADDRINUSE"),
            "{second}"
        );
        drop(first);
        assert!(!path.exists());
    }

    #[test]
    fn a_sender_learns_that_the_receiver_has_gone() {
        let directory = tempfile::tempdir().unwrap();
        let mut channel = UnixStream::create_at(directory.path().join("x"), 1).unwrap();
        let listener = channel.connections.listener().unwrap().try_clone().unwrap();
        let mut sender = channel.sender(0).unwrap();
        sender.send(b"one").unwrap();
        drop(listener);
        let error = sender.send(b"two").unwrap_err();
        assert!(matches!(error, Error::Closed { .. }), "{error}");
    }
}
