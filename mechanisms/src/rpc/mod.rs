//! Remote procedure calls: a request is carried out by another process, which
//! answers.

mod journal;
mod unix;

pub use unix::{UnixClient, UnixRpc, UnixServer};
