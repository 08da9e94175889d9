//! Conversion of the arguments and results of operations for the log.

use crosswire_kernel::oplog::Answer;

/// A value that the log can keep: every integer, `bool`, and `()` for none.
///
/// Integers of 64 bits and more are kept modulo 2⁶⁴, as an `i64`.
#[diagnostic::on_unimplemented(
    message = "the log cannot keep a `{Self}`",
    note = "it keeps integers, `bool` and `()`; give it a number that identifies the value"
)]
pub trait LogValue {
    /// Returns the value as the log keeps it.
    fn to_log(&self) -> Option<i64>;
}

/// A result that the log can read: a [`LogValue`], an `Option` of one, or a
/// `Result` of these, whose `Err` says that the operation failed without having
/// had an effect. Implement it for results of your own.
#[diagnostic::on_unimplemented(
    message = "the log cannot read a `{Self}` as the result of an operation",
    note = "it reads `()`, integers, `bool`, `Option` and `Result` of these; implement \
            `LogOutcome`, or note the operation with `Log::begin`"
)]
pub trait LogOutcome {
    /// Returns the outcome that the result stands for.
    fn outcome(&self) -> Logged;
}

/// Meaning of a result for its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logged {
    /// It answered, with a value or without.
    Answered(Option<i64>),
    /// It failed, without having had an effect.
    Failed,
}

impl LogValue for () {
    fn to_log(&self) -> Option<i64> {
        None
    }
}

impl LogOutcome for () {
    fn outcome(&self) -> Logged {
        Logged::Answered(None)
    }
}

macro_rules! values {
    ($($type:ty),*) => {$(
        impl LogValue for $type {
            fn to_log(&self) -> Option<i64> {
                // Wrapping is what the trait promises.
                Some(*self as i64)
            }
        }

        impl LogOutcome for $type {
            fn outcome(&self) -> Logged {
                Logged::Answered(self.to_log())
            }
        }
    )*};
}

values!(
    i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, bool
);

impl<V: LogValue> LogOutcome for Option<V> {
    fn outcome(&self) -> Logged {
        Logged::Answered(self.as_ref().and_then(LogValue::to_log))
    }
}

impl<R: LogOutcome, E> LogOutcome for Result<R, E> {
    fn outcome(&self) -> Logged {
        match self {
            Ok(result) => result.outcome(),
            Err(_) => Logged::Failed,
        }
    }
}

impl From<Logged> for Answer {
    fn from(logged: Logged) -> Answer {
        match logged {
            Logged::Answered(value) => Answer::Answered(value),
            Logged::Failed => Answer::Failed,
        }
    }
}
