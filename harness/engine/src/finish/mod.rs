//! After the last step: what is left, and what becomes of it.

pub(crate) mod aftermath;
pub(crate) mod hold;
pub(crate) mod ids;
pub(crate) mod ipc;
mod ipc_times;
pub(crate) mod leftovers;
pub(crate) mod outcome;
pub(crate) mod standing;
pub(crate) mod stands;
pub(crate) mod sweep;
pub(crate) mod undone;
