//! Channels: messages go in at one kind of end and come out at the other.

mod fifo;
mod frame;
mod message;
mod pipe;
mod posix_queue;
pub(crate) mod ring;
mod stream;
mod sysv_queue;
mod tcp;
mod udp;
mod unix_datagram;
mod unix_seqpacket;
mod unix_stream;

pub use fifo::Fifo;
pub use frame::FRAME_BYTES;
pub use pipe::{Pipe, PipeReceiver, PipeSender};
pub use posix_queue::{PosixQueue, QueueEnd};
pub use ring::{MpscRing, Ring, RingEnd, SpscRing};
pub use sysv_queue::{Direct, Mailbox, SysvQueue, SysvTypedQueue};
pub use tcp::Tcp;
pub use udp::Udp;
pub use unix_datagram::UnixDatagram;
pub use unix_seqpacket::UnixSeqpacket;
pub use unix_stream::UnixStream;
