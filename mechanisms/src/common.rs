//! Common parts of many mechanisms.

use crosswire::contract::{Error, Exemption, Peril, exempt};
use std::path::PathBuf;

/// For mechanisms in which no signal takes part.
pub(crate) const NO_SIGNAL_LOST: Exemption = exempt(
    Peril::LoseSignal,
    "no signal is involved: SIGPIPE, if there is one, is ignored, and EPIPE reports the same",
);

/// The same for signals that come late.
pub(crate) const NO_SIGNAL_LATE: Exemption = exempt(
    Peril::DelaySignal,
    "no signal is involved: SIGPIPE, if there is one, is ignored, and EPIPE reports the same",
);

/// For mechanisms that look at no clock.
pub(crate) const NO_CLOCK: Exemption = exempt(
    Peril::ClockJump,
    "no operation reads a clock: waits have no timeout, or a relative one",
);

/// For mechanisms that transfer messages whole or not at all.
pub(crate) const WHOLE: Exemption = exempt(
    Peril::ShortIo,
    "the kernel transfers a message whole or not at all, so no transfer can be partial",
);

/// For mechanisms that transfer nothing.
pub(crate) const NO_TRANSFER: Exemption = exempt(
    Peril::ShortIo,
    "nothing is transferred, so no transfer can be partial",
);

/// For mechanisms without a buffer.
pub(crate) const NO_BUFFER: Exemption = exempt(Peril::Full, "it has no buffer that can be full");

/// For mechanisms whose operations need no resources once it exists.
pub(crate) const NO_RESOURCES: Exemption = exempt(
    Peril::Errno,
    "once it exists, no operation fails for want of descriptors, memory or disk space",
);

/// Returns the error for an end that was opened twice.
pub(crate) fn taken(object: &str) -> Error {
    Error::misuse(object, "this process has already opened an end")
}

/// Returns a name that no other process uses.
pub(crate) fn own_name(kind: &str) -> String {
    format!("crosswire-{kind}-{}", std::process::id())
}

/// Returns a path in the directory for temporary files that no other process uses.
pub(crate) fn own_path(kind: &str) -> PathBuf {
    std::env::temp_dir().join(own_name(kind))
}
