//! The loopback network of a new namespace, made so that nothing on it waits for real time.
//!
//! TCP holds a small segment back until the one before is acknowledged (RFC 896), and the
//! receiver delays that by 40 ms or more (tcp(7), `TCP_QUICKACK`). To a run, in which time passes
//! only when no task can run, the bytes would be lost: a reader would time out, or wait for ever.
//! Routes may say that acknowledgements are sent at once; these replace those of loopback, which
//! the kernel makes when the interface is switched on.

use libc::{AF_INET, AF_INET6, c_int};

/// Messages for a socket of `AF_NETLINK`, all in one (rtnetlink(7)). They have no effect for a
/// family of addresses that the machine does not have.
pub const PROMPT_ROUTES: [u8; 252] = Messages::new()
    .route(REPLACES, AF_INET, &NETWORK, 8)
    .route(REPLACES, AF_INET, &HOST, 32)
    // Its priority is one that no new route can have.
    .route(REMOVES, AF_INET6, &HOST_V6, 128)
    .route(ADDS, AF_INET6, &HOST_V6, 128)
    .bytes;

const NETWORK: [u8; 4] = [127, 0, 0, 0];
const HOST: [u8; 4] = [127, 0, 0, 1];
const HOST_V6: [u8; 16] = 1_u128.to_be_bytes();

const REPLACES: (u16, c_int) = (libc::RTM_NEWROUTE, libc::NLM_F_REPLACE);
const ADDS: (u16, c_int) = (libc::RTM_NEWROUTE, libc::NLM_F_CREATE);
const REMOVES: (u16, c_int) = (libc::RTM_DELROUTE, 0);

/// The number of the loopback interface, the first of each namespace.
const LOOPBACK: u32 = 1;

/// The metric of a route that says whether acknowledgements are sent at once
/// (linux/rtnetlink.h).
const RTAX_QUICKACK: u16 = 15;

/// Bytes of the header of an attribute.
const HEADER: usize = 4;

struct Messages {
    bytes: [u8; 252],
    length: usize,
}

impl Messages {
    const fn new() -> Messages {
        Messages {
            bytes: [0; 252],
            length: 0,
        }
    }

    /// Adds a message about the route to addresses of loopback of which so many bits are these.
    const fn route(
        self,
        (kind, flags): (u16, c_int),
        family: c_int,
        address: &[u8],
        bits: u8,
    ) -> Messages {
        let start = self.length;
        let flags = (libc::NLM_F_REQUEST | flags) as u16;
        let mut all = self
            // The length of the message comes last.
            .add(&[0; 4])
            .add(&kind.to_ne_bytes())
            .add(&flags.to_ne_bytes())
            // Neither a number of the message nor one of its sender.
            .add(&[0; 8])
            .add(&[family as u8, bits, 0, 0])
            .add(&[libc::RT_TABLE_LOCAL, libc::RTPROT_KERNEL])
            .add(&[libc::RT_SCOPE_HOST, libc::RTN_LOCAL])
            .add(&[0; 4])
            .attribute(libc::RTA_DST, address)
            .attribute(libc::RTA_OIF, &LOOPBACK.to_ne_bytes());
        if family == AF_INET {
            all = all.attribute(libc::RTA_PREFSRC, &HOST);
        }
        if kind == libc::RTM_NEWROUTE {
            // An attribute that consists of attributes.
            all = all
                .header(libc::RTA_METRICS, HEADER + 4)
                .attribute(RTAX_QUICKACK, &1_u32.to_ne_bytes());
        }
        let length = ((all.length - start) as u32).to_ne_bytes();
        let mut at = 0;
        while at < length.len() {
            all.bytes[start + at] = length[at];
            at += 1;
        }
        all
    }

    const fn attribute(self, kind: u16, value: &[u8]) -> Messages {
        self.header(kind, value.len()).add(value)
    }

    /// The header of an attribute whose value has so many bytes.
    const fn header(self, kind: u16, length: usize) -> Messages {
        let length = (HEADER + length) as u16;
        self.add(&length.to_ne_bytes()).add(&kind.to_ne_bytes())
    }

    const fn add(mut self, bytes: &[u8]) -> Messages {
        let mut at = 0;
        while at < bytes.len() {
            self.bytes[self.length] = bytes[at];
            self.length += 1;
            at += 1;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_follow_each_other_without_a_gap() {
        let mut kinds = Vec::new();
        let mut rest = PROMPT_ROUTES.as_slice();
        while let [a, b, c, d, kind, _, ..] = *rest {
            kinds.push(u16::from(kind));
            rest = &rest[u32::from_ne_bytes([a, b, c, d]) as usize..];
        }
        let (new, removed) = (libc::RTM_NEWROUTE, libc::RTM_DELROUTE);
        assert_eq!(kinds, [new, new, removed, new]);
    }
}
