//! What a run has done with sockets.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The time-outs set on one socket, in nanoseconds; 0 is none.
#[derive(Debug, Default)]
pub(crate) struct SocketTimeOuts {
    pub(super) receive: u64,
    pub(super) send: u64,
}

/// The first port for sockets that ask for any: where the kernel's own range begins
/// (ip(7), ip_local_port_range).
const FIRST_PORT: u16 = 32_768;

/// The sockets of a run.
pub(crate) struct Network {
    /// By socket, as `/proc` names it.
    timeouts: HashMap<PathBuf, SocketTimeOuts>,
    is_used: bool,
    lingers: bool,
    /// The next port for a socket that asks for any.
    next_port: u16,
    /// The next name for a Unix socket that asks for any.
    next_name: u32,
}

impl Default for Network {
    fn default() -> Network {
        Network {
            timeouts: HashMap::new(),
            is_used: false,
            lingers: false,
            next_port: FIRST_PORT,
            next_name: 0,
        }
    }
}

impl Network {
    /// A socket of this family is made.
    pub fn note_socket(&mut self, family: libc::c_int) {
        self.is_used |= matches!(family, libc::AF_INET | libc::AF_INET6);
    }

    /// Returns whether there are sockets with ports.
    pub fn is_used(&self) -> bool {
        self.is_used
    }

    /// Closing a socket may wait from now on, if `lingers`.
    pub fn note_linger(&mut self, lingers: bool) {
        self.lingers |= lingers;
    }

    /// Returns whether closing a socket may wait.
    pub fn lingers(&self) -> bool {
        self.lingers
    }

    /// The next port that nobody has.
    pub fn take_port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
        port
    }

    /// The next name, which no socket has been given.
    pub fn take_name(&mut self) -> u32 {
        self.next_name += 1;
        self.next_name
    }

    pub(super) fn has_no_timeouts(&self) -> bool {
        self.timeouts.is_empty()
    }

    pub(super) fn timeouts(&self, socket: &Path) -> Option<&SocketTimeOuts> {
        self.timeouts.get(socket)
    }

    pub(super) fn timeouts_of(&mut self, socket: PathBuf) -> &mut SocketTimeOuts {
        self.timeouts.entry(socket).or_default()
    }
}
