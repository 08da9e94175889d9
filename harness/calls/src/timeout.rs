//! Timeouts of calls.

/// The place and form of a call's timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeout {
    /// Milliseconds by value; negative means none.
    Milliseconds(usize),
    /// A pointer to a relative `timespec`.
    Relative(usize),
    /// A pointer to a relative `timeval`.
    RelativeTimeval(usize),
    /// A pointer to an absolute `timespec` on this clock.
    Absolute(usize, libc::c_int),
}

impl Timeout {
    /// The argument that holds it, or leads to it.
    pub fn argument(self) -> usize {
        match self {
            Self::Milliseconds(at) | Self::Relative(at) => at,
            Self::RelativeTimeval(at) | Self::Absolute(at, _) => at,
        }
    }
}
