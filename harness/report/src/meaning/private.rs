//! Calls that concern their own process only.

use crosswire_calls::{Does, Fact, Mapping};
use crosswire_model::Call;

/// Tells whether a call concerns only its own process, such as those of start-up.
pub(crate) fn is_private(call: Call, args: &[u64; 6], path: Option<&str>) -> bool {
    let row = call.row();
    match row.does {
        Does::Map(Mapping::Map) => args[3] & libc::MAP_SHARED as u64 == 0,
        _ if row.is(Fact::Private) || row.is(Fact::Routine) => true,
        Does::Open | Does::LookUp => {
            path.is_some_and(|path| path.is_empty() || is_start_up_file(path))
        }
        _ => false,
    }
}

/// Whether the coming back of a call is of interest to its process only. What a
/// file was opened for has been said when the call began.
pub(crate) fn is_private_return(call: Call) -> bool {
    is_private(call, &[0; 6], None) || call.row().does == Does::Open
}

/// Libraries, locales and the like.
fn is_start_up_file(path: &str) -> bool {
    ["/etc/", "/lib", "/usr/", "/proc/", "/sys/"]
        .iter()
        .any(|begin| path.starts_with(begin))
}
