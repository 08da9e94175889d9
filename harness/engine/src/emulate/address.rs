//! Socket addresses in words.

use crosswire_calls::{Arg, Row};
use crosswire_kernel::{Tid, memory};
use std::ffi::OsStr;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Reads the address that a task passes to bind or connect: a path, `@name` for an
/// abstract one, or `ip:port`.
pub(crate) fn read(tid: Tid, address: u64, length: usize) -> Option<String> {
    let mut bytes = [0; 128];
    let length = memory::read(tid, address, &mut bytes[..length.min(128)]).ok()?;
    describe(&bytes[..length])
}

fn describe(bytes: &[u8]) -> Option<String> {
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    match i32::from(u16::from_ne_bytes(*family)) {
        libc::AF_UNIX => Some(match rest.split_first()? {
            // An abstract name (unix(7)) is all of the rest, NULs included.
            (0, name) => format!("@{}", String::from_utf8_lossy(name).trim_end_matches('\0')),
            _ => {
                let end = rest.iter().position(|b| *b == 0).unwrap_or(rest.len());
                String::from_utf8_lossy(&rest[..end]).into_owned()
            }
        }),
        libc::AF_INET => {
            let (port, rest) = rest.split_first_chunk::<2>()?;
            let ip: [u8; 4] = *rest.first_chunk()?;
            Some(format!(
                "{}:{}",
                Ipv4Addr::from(ip),
                u16::from_be_bytes(*port)
            ))
        }
        libc::AF_INET6 => {
            let (port, rest) = rest.split_first_chunk::<2>()?;
            let ip: [u8; 16] = *rest.get(4..)?.first_chunk()?;
            Some(format!(
                "[{}]:{}",
                Ipv6Addr::from(ip),
                u16::from_be_bytes(*port)
            ))
        }
        _ => None,
    }
}

/// Returns the name in the file system that an address has, if it is a path of unix(7).
pub(crate) fn path(tid: Tid, address: u64) -> Option<PathBuf> {
    let mut bytes = [0; 110];
    let length = memory::read(tid, address, &mut bytes).ok()?;
    let (family, name) = bytes[..length].split_first_chunk::<2>()?;
    let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
    let is_path = i32::from(u16::from_ne_bytes(*family)) == libc::AF_UNIX && end > 0;
    is_path.then(|| PathBuf::from(OsStr::from_bytes(&name[..end])))
}

/// Returns a pointer to the address to which a call sends; 0 for none.
pub(crate) fn destination(tid: Tid, row: &Row, args: &[u64; 6]) -> u64 {
    match row.args.get(1) {
        // The first word of struct msghdr (sendmsg(2)).
        Some(Arg::BytesMessage) => memory::read_word(tid, args[1]).unwrap_or(0),
        _ => args[4],
    }
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn names_every_family() {
        assert_eq!(describe(b"\x01\0/tmp/a\0zz").as_deref(), Some("/tmp/a"));
        assert_eq!(describe(b"\x01\0\0abc\0\0").as_deref(), Some("@abc"));
        assert_eq!(
            describe(b"\x02\0\x15\xb3\x7f\0\0\x01").as_deref(),
            Some("127.0.0.1:5555")
        );
        assert_eq!(describe(b"\x01"), None);
    }
}
