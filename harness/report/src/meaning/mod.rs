//! The meaning of a run: its events in words, and the cause of a violation.

pub(crate) mod arguments;
pub(crate) mod arrows;
pub(crate) mod buffered;
pub(crate) mod calls;
pub(crate) mod cause;
pub(crate) mod decode;
pub(crate) mod events;
pub(crate) mod explanation;
pub(crate) mod private;
pub(crate) mod requests;
pub(crate) mod tested;
