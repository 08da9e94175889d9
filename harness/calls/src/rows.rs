//! The notation of the table:
//!
//! ```text
//! name (arguments that are shown; further arguments)  what it does, facts;
//! ```

/// Builds rows; see the module's documentation.
macro_rules! rows {
    ($($name:ident ($($shown:ident)* $(; $($hidden:ident)*)?) $does:expr $(, $($fact:ident)+)? ;)*) => {
        &[$(Row {
            number: Sysno::$name as u32,
            name: stringify!($name),
            args: &[$(Arg::$shown,)* $($(Arg::$hidden,)*)?],
            shown: <[&str]>::len(&[$(stringify!($shown)),*]),
            does: $does,
            facts: Facts(0 $($(| crate::Fact::$fact as u32)+)?),
        }),*]
    };
}
pub(crate) use rows;
