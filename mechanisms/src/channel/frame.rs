//! Messages on byte streams: frames of one fixed size.
//!
//! A frame is shorter than `PIPE_BUF`, so a pipe takes it whole or not at all; and
//! since all are of one size, several readers of a pipe take whole frames.

use super::ChannelError;
use nix::errno::Errno;
use std::os::fd::{AsFd, OwnedFd};

/// Bytes of a frame.
pub const FRAME_BYTES: usize = 512;

/// Bytes of the longest message. The frame's first two hold the length.
pub const MESSAGE_BYTES: usize = FRAME_BYTES - 2;

pub(super) type Frame = [u8; FRAME_BYTES];

/// The frame of a message.
pub(super) fn wrap(message: &[u8]) -> Result<Frame, ChannelError> {
    let length = message.len();
    if length > MESSAGE_BYTES {
        return Err(ChannelError::TooLong { length });
    }
    let mut frame = [0; FRAME_BYTES];
    frame[..2].copy_from_slice(&(length as u16).to_le_bytes());
    frame[2..2 + length].copy_from_slice(message);
    Ok(frame)
}

/// The message in a frame.
pub(super) fn unwrap(frame: &Frame, object: &str) -> Result<Vec<u8>, ChannelError> {
    let length = usize::from(u16::from_le_bytes([frame[0], frame[1]]));
    frame[2..]
        .get(..length)
        .map(<[u8]>::to_vec)
        .ok_or_else(|| ChannelError::Garbled {
            object: object.to_owned(),
        })
}

/// Writes a message to a stream. `write` is how: it may write less than it is
/// given.
pub(super) fn send(
    object: &str,
    message: &[u8],
    mut write: impl FnMut(&[u8]) -> nix::Result<usize>,
) -> Result<(), ChannelError> {
    let frame = wrap(message)?;
    let mut rest = &frame[..];
    while !rest.is_empty() {
        match write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(Errno::EINTR) => {}
            // A socket whose peer left without reading everything says
            // ECONNRESET once, then EPIPE.
            Err(Errno::EPIPE | Errno::ECONNRESET) => {
                return Err(ChannelError::Closed {
                    object: object.to_owned(),
                });
            }
            Err(error) => return Err(ChannelError::system("writing to", object)(error)),
        }
    }
    Ok(())
}

/// Reads a message from a stream. `None` at its end.
pub(super) fn recv(object: &str, stream: &OwnedFd) -> Result<Option<Vec<u8>>, ChannelError> {
    let mut frame: Frame = [0; FRAME_BYTES];
    let mut filled = 0;
    while filled < FRAME_BYTES {
        match nix::unistd::read(stream.as_fd(), &mut frame[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => {
                return Err(ChannelError::Torn {
                    object: object.to_owned(),
                });
            }
            Ok(read) => filled += read,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(ChannelError::system("reading from", object)(error)),
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
            assert_eq!(unwrap(&wrap(&message).unwrap(), "x"), Ok(message));
        }
        let length = MESSAGE_BYTES + 1;
        assert_eq!(
            wrap(&vec![7; length]),
            Err(ChannelError::TooLong { length })
        );
        assert!(matches!(
            unwrap(&[255; FRAME_BYTES], "x"),
            Err(ChannelError::Garbled { .. })
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
