//! What the engine does inside a program: calls that its tasks make for the engine, and
//! code of the engine's in its memory.

pub(crate) mod cut_short;
pub(crate) mod heirs;
pub(crate) mod kill;
pub(crate) mod look_again;
pub(crate) mod one_stop;
pub(crate) mod remote;
pub(crate) mod stubs;
pub(crate) mod vdso;
