//! Messages on sockets that keep their boundaries: each goes in and comes out whole, in
//! one call.

use crosswire::contract::{Error, MESSAGE_BYTES};
use nix::errno::Errno;
use std::io;

/// Returns an error for a message that is too long.
pub(super) fn fits(object: &str, message: &[u8]) -> Result<(), Error> {
    match message.len() {
        ..=MESSAGE_BYTES => Ok(()),
        length => Err(Error::TooLong {
            object: object.to_owned(),
            length,
            most: MESSAGE_BYTES,
        }),
    }
}

/// Sends a message. `send` is how; what it says if nobody is left to receive is `gone`.
pub(super) fn send(
    object: &str,
    message: &[u8],
    gone: &[Errno],
    mut send: impl FnMut(&[u8]) -> io::Result<usize>,
) -> Result<(), Error> {
    fits(object, message)?;
    loop {
        match send(message) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_one_of(&error, gone) => {
                return Err(Error::Closed {
                    object: object.to_owned(),
                });
            }
            Err(error) => return Err(Error::system("sending into", object)(error)),
        }
    }
}

/// Receives a message into `room`: its length, or `None` once the time of the socket is
/// over.
pub(super) fn recv(
    object: &str,
    room: &mut [u8],
    mut recv: impl FnMut(&mut [u8]) -> io::Result<usize>,
) -> Result<Option<usize>, Error> {
    loop {
        match recv(room) {
            Ok(length) => return Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(Error::system("receiving from", object)(error)),
        }
    }
}

/// Tells whether an error is one of these.
pub(super) fn is_one_of(error: &io::Error, all: &[Errno]) -> bool {
    all.iter()
        .any(|errno| error.raw_os_error() == Some(*errno as i32))
}
