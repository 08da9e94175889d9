//! What is known of how processes read clocks, and what they have been lent (`readings`).

/// Stretches without a reading after which no more are lent: each costs two calls of the
/// engine's.
const INTEREST: u32 = 16;

/// How a process reads clocks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Readings {
    /// Readings by calls.
    pub calls: u32,
    /// Stretches for which readings are lent unless there is another.
    pub interest: u32,
}

impl Readings {
    /// It has read a clock.
    pub fn note(&mut self) {
        self.interest = INTEREST;
    }
}

/// Readings that an address space has been lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lent {
    /// So many readings are on its page.
    Readings(u64),
    /// There is no such page.
    Impossible,
}

impl Default for Lent {
    fn default() -> Lent {
        Lent::Readings(0)
    }
}
