//! Meaning of the argument registers of calls, as far as a reader of a timeline needs it.

use crate::meaning::{decode, requests};
use crosswire_calls::Arg;
use crosswire_model::Signal;

/// Returns whether an argument tells a reader nothing.
pub(crate) fn is_hidden(arg: Arg) -> bool {
    matches!(arg, Arg::Plain | Arg::Hint | Arg::Protection)
}

/// Returns whether an argument is memory that is shown by what it holds.
pub(crate) fn is_memory(arg: Arg) -> bool {
    arg.is_pointer()
        && !matches!(
            arg,
            Arg::Word | Arg::Address | Arg::Hint | Arg::SocketAddress
        )
}

/// An argument by its value alone. Registers are 64 bits wide; most arguments are 32-bit
/// numbers, whose upper half means nothing.
pub(crate) fn in_words(arg: Arg, value: u64) -> String {
    let low = value as u32 as i32;
    match arg {
        Arg::Size => value.to_string(),
        Arg::Bits if value as u32 == 0 => "0".to_owned(),
        Arg::Bits => format!("{:#x}", value as u32),
        Arg::OpenFlags => decode::open_flags(low),
        Arg::DescriptorFlags => decode::descriptor_flags(low),
        Arg::Mode => decode::mode(low),
        Arg::MapFlags => decode::map_flags(low),
        Arg::Family => decode::family(low),
        Arg::SocketType => decode::socket_type(low),
        Arg::Key => decode::key(low),
        Arg::GetFlags => decode::get_flags(low),
        Arg::ControlCommand => decode::control_command(low),
        Arg::Signal => Signal(low).to_string(),
        Arg::Word | Arg::Address if value == 0 => "NULL".to_owned(),
        Arg::Word | Arg::Address => format!("{value:#x}"),
        Arg::FutexOp => decode::futex_operation(low),
        Arg::FlockOp => decode::flock_operation(low),
        Arg::FcntlCommand => decode::fcntl_command(low),
        Arg::EpollOp => decode::epoll_operation(low),
        Arg::Request => requests::named(value as u32),
        _ if arg.is_pointer() => "…".to_owned(),
        _ => low.to_string(),
    }
}
