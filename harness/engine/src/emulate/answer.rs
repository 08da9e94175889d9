//! What becomes of the calls that the engine looks at first.

/// The fate of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Emulated {
    /// It is skipped; the program sees this result.
    Answer(i64),
    /// It is a sleep until then.
    Sleep { deadline: u64 },
    /// The kernel performs it.
    Proceed,
}

/// The first call number of the marks that scenarios make; far above every number
/// the kernel knows, so outside the engine they fail with ENOSYS.
pub const MARK: u32 = 0x4352_0000;
