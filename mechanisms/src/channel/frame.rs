//! Messages on byte streams: frames of one fixed size.
//!
//! A frame is shorter than `PIPE_BUF`, so a pipe takes it whole or not at all; and
//! since all are of one size, several readers of a pipe take whole frames.

use super::message;
use crosswire::contract::{Error, MESSAGE_BYTES};
use nix::errno::Errno;
use std::os::fd::{AsFd, OwnedFd};

/// Bytes of a frame.
pub const FRAME_BYTES: usize = 512;

// The frame's first two bytes hold the length.
const _: () = assert!(MESSAGE_BYTES == FRAME_BYTES - 2);

pub(super) type Frame = [u8; FRAME_BYTES];

/// Returns the frame of a message.
pub(super) fn wrap(object: &str, message: &[u8]) -> Result<Frame, Error> {
    message::fits(object, message)?;
    let length = message.len();
    let mut frame = [0; FRAME_BYTES];
    frame[..2].copy_from_slice(&(length as u16).to_le_bytes());
    frame[2..2 + length].copy_from_slice(message);
    Ok(frame)
}

/// Returns the message in a frame.
pub(super) fn unwrap(frame: &Frame, object: &str) -> Result<Vec<u8>, Error> {
    let length = usize::from(u16::from_le_bytes([frame[0], frame[1]]));
    frame[2..]
        .get(..length)
        .map(<[u8]>::to_vec)
        .ok_or_else(|| Error::Garbled {
            object: object.to_owned(),
        })
}

/// Writes a message to a stream. `write` is how: it may write less than it is
/// given.
pub(super) fn send(
    object: &str,
    message: &[u8],
    mut write: impl FnMut(&[u8]) -> nix::Result<usize>,
) -> Result<(), Error> {
    let frame = wrap(object, message)?;
    let mut rest = &frame[..];
    while !rest.is_empty() {
        match write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(Errno::EINTR) => {}
            // A socket whose peer left without reading everything says
            // ECONNRESET once, then EPIPE.
            Err(Errno::EPIPE | Errno::ECONNRESET) => {
                return Err(Error::Closed {
                    object: object.to_owned(),
                });
            }
            Err(error) => return Err(Error::system("writing to", object)(error)),
        }
    }
    Ok(())
}

/// Reads a message from a stream. `None` at its end.
pub(super) fn recv(object: &str, stream: &OwnedFd) -> Result<Option<Vec<u8>>, Error> {
    let mut frame: Frame = [0; FRAME_BYTES];
    let mut filled = 0;
    while filled < FRAME_BYTES {
        match nix::unistd::read(stream.as_fd(), &mut frame[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => {
                return Err(Error::Torn {
                    object: object.to_owned(),
                });
            }
            Ok(read) => filled += read,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(Error::system("reading from", object)(error)),
        }
    }
    unwrap(&frame, object).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_every_length_come_back() {
        for length in [0, 1, 255, 256, MESSAGE_BYTES] {
            let message = vec![7; length];
            assert_eq!(unwrap(&wrap("x", &message).unwrap(), "x"), Ok(message));
        }
        let length = MESSAGE_BYTES + 1;
        assert_eq!(
            wrap("x", &vec![7; length]),
            Err(Error::TooLong {
                object: "x".to_owned(),
                length,
                most: MESSAGE_BYTES
            })
        );
        assert!(matches!(
            unwrap(&[255; FRAME_BYTES], "x"),
            Err(Error::Garbled { .. })
        ));
    }

    #[test]
    fn a_write_that_is_cut_short_or_interrupted_goes_on() {
        let mut written = Vec::new();
        let mut calls = 0;
        send("x", b"hello", |bytes| {
            calls += 1;
            if calls == 2 {
                return Err(Errno::EINTR);
            }
            let some = bytes.len().min(100);
            written.extend_from_slice(&bytes[..some]);
            Ok(some)
        })
        .unwrap();
        let frame: Frame = written.try_into().unwrap();
        assert_eq!(unwrap(&frame, "x").unwrap(), b"hello");
    }
}
